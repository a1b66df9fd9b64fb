//! Maps of addresses and ports: what becomes what, as pure functions without memory.

mod cache;
mod keyed;
mod ports;
mod table;

pub use cache::Remembered;
pub use keyed::{Key, Keyed, Method, NotKey};
pub use ports::PortMap;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::addr::{Cidr, mask_v4, mask_v6};
use table::{Network, Table};

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
                (IpAddr::V4(network), IpAddr::V4(target)) => map.v4.push(Network {
                    mask: mask_v4(from.prefix()),
                    network: network.to_bits(),
                    target: target.to_bits(),
                    kept: !mask_v4(to.prefix()),
                }),
                (IpAddr::V6(network), IpAddr::V6(target)) => map.v6.push(Network {
                    mask: mask_v6(from.prefix()),
                    network: network.to_bits(),
                    target: target.to_bits(),
                    kept: !mask_v6(to.prefix()),
                }),
                _ => return Err(MapError::Families(from, to)),
            }
        }
        Ok(map)
    }

    /// This map, with what it does not hold looked up in another one.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.v4.extend(&other.v4);
        self.v6.extend(&other.v6);
        self
    }

    /// What the address becomes, or `None` if no network has it.
    #[inline]
    pub fn get(&self, address: IpAddr) -> Option<IpAddr> {
        match address {
            IpAddr::V4(address) => {
                self.get_v4(address.to_bits()).map(|bits| Ipv4Addr::from_bits(bits).into())
            }
            IpAddr::V6(address) => {
                self.get_v6(address.to_bits()).map(|bits| Ipv6Addr::from_bits(bits).into())
            }
        }
    }

    /// What the IPv4 address of these bits becomes.
    #[inline(always)]
    pub fn get_v4(&self, address: u32) -> Option<u32> {
        self.v4.get(address)
    }

    /// What the IPv6 address of these bits becomes.
    #[inline(always)]
    pub fn get_v6(&self, address: u128) -> Option<u128> {
        self.v6.get(address)
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
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
    fn many_networks_are_found_like_few() {
        let pairs = |count: u32| {
            (0..count).flat_map(|n| {
                let net = |first: u32, bits| {
                    Cidr::containing(Ipv4Addr::from((first << 24) | (n << 16)).into(), bits)
                };
                [(net(10, 16), net(20, 16)), (net(11, 20), net(21, 20)), (net(10, 24), net(30, 24))]
            })
        };
        let (few, many) = (AddressMap::new(pairs(2)).unwrap(), AddressMap::new(pairs(200)).unwrap());
        for n in [0, 1] {
            for text in
                [format!("10.{n}.0.7"), format!("10.{n}.1.7"), format!("11.{n}.15.7"), format!("11.{n}.16.7")]
            {
                assert_eq!(get(&few, &text), get(&many, &text), "{text}");
            }
        }
        assert_eq!(get(&many, "10.199.0.1").as_deref(), Some("30.199.0.1"));
        assert_eq!(get(&many, "10.199.9.1").as_deref(), Some("20.199.9.1"));
        assert_eq!(get(&many, "10.200.0.1"), None);
        let other = map(&[("10.200.0.0/16", "1.1.0.0/16"), ("0.0.0.0/0", "2.0.0.0/8")]).unwrap();
        for map in [few, many] {
            let map = map.or(&other);
            assert_eq!(get(&map, "10.1.9.1").as_deref(), Some("20.1.9.1"));
            assert_eq!(get(&map, "10.200.9.1").as_deref(), Some("1.1.9.1"));
            assert_eq!(get(&map, "9.9.9.9").as_deref(), Some("2.9.9.9"));
        }
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
