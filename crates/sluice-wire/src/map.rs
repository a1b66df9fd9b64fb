//! Maps of addresses and ports: what becomes what, as pure functions without memory.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{BitAnd, BitOr};

use crate::addr::{Cidr, mask_v4, mask_v6};

/// Why a map could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapError {
    /// IPv4 cannot become IPv6 or the reverse.
    Families(Cidr, Cidr),
    /// The network is mapped twice.
    Twice(Cidr),
    /// Not a port, a range, or a list of those.
    NotPorts(String),
    /// The range ends before it starts.
    Backwards(String),
    /// The port is mapped twice.
    PortTwice(u16),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Families(from, to) => {
                write!(f, "`{from}` cannot become `{to}`: one is IPv4 and the other IPv6")
            }
            Self::Twice(from) => write!(f, "`{from}` is mapped twice"),
            Self::NotPorts(text) => {
                write!(f, "`{text}` is not a port, a range such as `8000-8999`, or a list of those")
            }
            Self::Backwards(text) => write!(f, "`{text}` ends before it starts"),
            Self::PortTwice(port) => write!(f, "port `{port}` is mapped twice"),
        }
    }
}

impl std::error::Error for MapError {}

/// Maps addresses by network; of several networks that have an address the longest prefix counts.
///
/// The bits of the target's prefix replace those of the address, and every bit after them is kept. So networks of equal
/// size map one to one; into a longer prefix several addresses may fall together (10.0.0.0/8 into 172.16.0.0/12 loses
/// four bits); into a shorter one the address keeps the end of its own network part.
#[derive(Debug, Clone, Default)]
pub struct AddressMap {
    v4: Table<u32>,
    v6: Table<u128>,
}

impl AddressMap {
    /// The map of the given pairs (from, to), in any order.
    ///
    /// # Errors
    /// If a pair mixes families, or a network stands in two pairs.
    pub fn new(pairs: impl IntoIterator<Item = (Cidr, Cidr)>) -> Result<Self, MapError> {
        let mut map = Self::default();
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by_key(|(from, _)| (std::cmp::Reverse(from.prefix()), *from));
        if let Some(((from, _), _)) = pairs.iter().zip(pairs.iter().skip(1)).find(|(a, b)| a.0 == b.0) {
            return Err(MapError::Twice(*from));
        }
        for (from, to) in pairs {
            match (from.address(), to.address()) {
                (IpAddr::V4(network), IpAddr::V4(target)) => {
                    let keep = !mask_v4(to.prefix());
                    map.v4.push(mask_v4(from.prefix()), network.to_bits(), target.to_bits(), keep);
                }
                (IpAddr::V6(network), IpAddr::V6(target)) => {
                    let keep = !mask_v6(to.prefix());
                    map.v6.push(mask_v6(from.prefix()), network.to_bits(), target.to_bits(), keep);
                }
                _ => return Err(MapError::Families(from, to)),
            }
        }
        Ok(map)
    }

    /// What the address becomes, or `None` if no network has it.
    #[inline]
    pub fn get(&self, address: IpAddr) -> Option<IpAddr> {
        match address {
            IpAddr::V4(address) => {
                self.v4.get(address.to_bits()).map(|bits| Ipv4Addr::from_bits(bits).into())
            }
            IpAddr::V6(address) => {
                self.v6.get(address.to_bits()).map(|bits| Ipv6Addr::from_bits(bits).into())
            }
        }
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.v4.groups.is_empty() && self.v6.groups.is_empty()
    }
}

/// The networks of one family, grouped by prefix length, longest first, each group sorted.
#[derive(Debug, Clone, Default)]
struct Table<B> {
    groups: Vec<Group<B>>,
}

#[derive(Debug, Clone)]
struct Group<B> {
    mask: B,
    networks: Vec<B>,
    /// For each network the target and the mask of the bits kept.
    targets: Vec<(B, B)>,
}

impl<B: Copy + Ord + BitAnd<Output = B> + BitOr<Output = B>> Table<B> {
    /// Adds a network; they must come longest prefix first, then in order.
    fn push(&mut self, mask: B, network: B, target: B, keep: B) {
        match self.groups.last_mut() {
            Some(group) if group.mask == mask => {
                group.networks.push(network);
                group.targets.push((target, keep));
            }
            _ => self.groups.push(Group { mask, networks: vec![network], targets: vec![(target, keep)] }),
        }
    }

    #[inline]
    fn get(&self, address: B) -> Option<B> {
        self.groups.iter().find_map(|group| {
            let index = group.networks.binary_search(&(address & group.mask)).ok()?;
            let (target, keep) = *group.targets.get(index)?;
            Some(target | (address & keep))
        })
    }
}

/// Maps ports by ranges that do not overlap.
#[derive(Debug, Clone, Default)]
pub struct PortMap {
    /// First and last port and what they become, sorted.
    ranges: Vec<(u16, u16, u16)>,
}

impl PortMap {
    /// The map of entries like (`8000-8999`, 80) or (`80,443`, 8080).
    ///
    /// # Errors
    /// If a text is not a list of ports and ranges, or a port stands in two of them.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = (S, u16)>) -> Result<Self, MapError> {
        let mut ranges = Vec::new();
        for (ports, target) in entries {
            for part in ports.as_ref().split(',') {
                let (first, last) = range(part.trim())?;
                ranges.push((first, last, target));
            }
        }
        ranges.sort_unstable();
        match ranges.iter().zip(ranges.iter().skip(1)).find(|(a, b)| b.0 <= a.1) {
            Some((_, twice)) => Err(MapError::PortTwice(twice.0)),
            None => Ok(Self { ranges }),
        }
    }

    /// What the port becomes, or `None` if it is not mapped.
    #[inline]
    pub fn get(&self, port: u16) -> Option<u16> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= port);
        let (_, last, target) = *self.ranges.get(after.checked_sub(1)?)?;
        (port <= last).then_some(target)
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

fn range(text: &str) -> Result<(u16, u16), MapError> {
    let port = |digits: &str| {
        let digits = digits.trim();
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number).ok_or_else(|| MapError::NotPorts(text.into()))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if first <= last { Ok((first, last)) } else { Err(MapError::Backwards(text.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Result<AddressMap, MapError> {
        AddressMap::new(pairs.iter().map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap())))
    }

    fn get(map: &AddressMap, address: &str) -> Option<String> {
        map.get(address.parse().unwrap()).map(|address| address.to_string())
    }

    #[test]
    fn every_bit_after_the_targets_prefix_is_kept() {
        let equal = map(&[("10.0.0.0/8", "11.0.0.0/8"), ("fd00::/16", "2001::/16")]).unwrap();
        assert_eq!(get(&equal, "10.1.2.3").as_deref(), Some("11.1.2.3"));
        assert_eq!(get(&equal, "fd00:1::2").as_deref(), Some("2001:1::2"));
        assert_eq!(get(&equal, "12.1.2.3"), None);
        let longer = map(&[("10.0.0.0/8", "172.16.0.0/12")]).unwrap();
        assert_eq!(get(&longer, "10.255.2.3").as_deref(), Some("172.31.2.3"));
        let shorter = map(&[("192.168.1.0/24", "10.0.0.0/8")]).unwrap();
        assert_eq!(get(&shorter, "192.168.1.5").as_deref(), Some("10.168.1.5"));
    }

    #[test]
    fn the_longest_prefix_wins_in_any_order() {
        let map =
            map(&[("0.0.0.0/0", "1.0.0.0/8"), ("10.1.2.3/32", "9.9.9.9/32"), ("10.0.0.0/8", "2.0.0.0/8")]);
        let map = map.unwrap();
        assert_eq!(get(&map, "10.1.2.3").as_deref(), Some("9.9.9.9"));
        assert_eq!(get(&map, "10.1.2.4").as_deref(), Some("2.1.2.4"));
        assert_eq!(get(&map, "99.1.2.4").as_deref(), Some("1.1.2.4"));
    }

    #[test]
    fn impossible_pairs_are_refused() {
        assert_eq!(
            map(&[("10.0.0.0/8", "fd00::/8")]).unwrap_err().to_string(),
            "`10.0.0.0/8` cannot become `fd00::/8`: one is IPv4 and the other IPv6"
        );
        let twice = map(&[("10.0.0.0/8", "1.0.0.0/8"), ("::/0", "::/0"), ("10.0.0.0/8", "2.0.0.0/8")]);
        assert_eq!(twice.unwrap_err().to_string(), "`10.0.0.0/8` is mapped twice");
    }

    #[test]
    fn ports_go_by_lists_and_ranges() {
        let map = PortMap::new([("8000-8999", 80), ("80, 443", 8080), ("65535", 1)]).unwrap();
        for (port, target) in [(8000, 80), (8999, 80), (80, 8080), (443, 8080), (65535, 1)] {
            assert_eq!(map.get(port), Some(target), "{port}");
        }
        for port in [0, 79, 81, 7999, 9000, 65534] {
            assert_eq!(map.get(port), None, "{port}");
        }
        for (text, error) in [
            ("http", "`http` is not a port, a range such as `8000-8999`, or a list of those"),
            ("+80", "`+80` is not a port, a range such as `8000-8999`, or a list of those"),
            ("65536", "`65536` is not a port, a range such as `8000-8999`, or a list of those"),
            ("9-8", "`9-8` ends before it starts"),
            ("1-9,5", "port `5` is mapped twice"),
        ] {
            assert_eq!(PortMap::new([(text, 1)]).unwrap_err().to_string(), error);
        }
    }
}
