//! What identifies a flow, in 48 bytes.

use std::net::{IpAddr, Ipv6Addr};

use sluice_core::Layers;
use sluice_wire::flow::Endpoint;
use sluice_wire::layers::Proto;

/// What identifies a flow: equal for both directions.
///
/// It has what [`sluice_wire::flow::Key`] has and more: whether the packet was in a tunnel and in which network, and what
/// kind of ICMP message it is. Packets of one key have one flow hash, so they are in one shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Key([u64; 6]);

impl PartialEq for Key {
    /// Compares all words without a branch or a call, which costs less than to stop early: most keys that are compared are equal.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl Eq for Key {}

/// The part of a key that is the same for both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Common {
    /// The IP protocol number.
    pub protocol: u8,
    /// The VLAN ids, 12 bits each, the innermost lowest.
    pub vlans: u64,
    /// In how many tunnels the packet was, and the 24-bit number of the virtual network that the last of them names.
    pub depth: u8,
    pub network: u32,
    /// The type of an ICMP message, or of the one that asks for such an answer.
    pub kind: u8,
    pub v6: bool,
}

/// An address as two words, and a port.
pub(super) type End = ([u64; 2], u16);

impl Key {
    /// The key of a packet from `source` to `destination`, and whether its sender is the lower of both.
    #[inline]
    pub fn new(source: End, destination: End, common: Common) -> (Self, bool) {
        let forward = source <= destination;
        let (lower, upper) = if forward { (source, destination) } else { (destination, source) };
        let ports = (u64::from(lower.1) << 48) | (u64::from(upper.1) << 32);
        let network = u64::from(common.network & 0x00FF_FFFF) << 8;
        let last = (common.vlans << 16)
            | (u64::from(common.protocol) << 8)
            | (u64::from(common.depth & 0x0F) << 4)
            | u64::from(common.v6);
        let ([a, b], [c, d]) = (lower.0, upper.0);
        (Self([a, b, c, d, ports | network | u64::from(common.kind), last]), forward)
    }

    /// The key of which these are the words.
    pub fn of_words(words: [u64; 6]) -> Self {
        Self(words)
    }

    /// The words of which it consists.
    #[inline]
    pub fn words(&self) -> &[u64; 6] {
        &self.0
    }

    /// The lower and the upper end. For ICMP the port is the identifier, or else the code.
    pub fn ends(&self) -> [Endpoint; 2] {
        let [a, b, c, d, ports, _] = self.0;
        let address = |high: u64, low: u64| {
            let bits = (u128::from(high) << 64) | u128::from(low);
            if self.is_v6() {
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            } else {
                IpAddr::from((low as u32).to_be_bytes())
            }
        };
        [
            Endpoint { address: address(a, b), port: (ports >> 48) as u16 },
            Endpoint { address: address(c, d), port: (ports >> 32) as u16 },
        ]
    }

    pub fn protocol(&self) -> u8 {
        (self.0[5] >> 8) as u8
    }

    pub fn kind(&self) -> u8 {
        self.0[4] as u8
    }

    pub fn depth(&self) -> u8 {
        ((self.0[5] >> 4) & 0x0F) as u8
    }

    pub fn is_v6(&self) -> bool {
        self.0[5] & 1 == 1
    }

    /// The VLAN ids, outermost first.
    pub fn vlans(&self) -> impl Iterator<Item = u16> {
        let vlans = self.0[5] >> 16;
        (0..4).rev().map(move |at| ((vlans >> (12 * at)) & 0xFFF) as u16).skip_while(|id| *id == 0)
    }
}

/// The addresses of the IP header of `layers` as words, and whether they are IPv6.
#[inline]
pub(super) fn addresses(data: &[u8], layers: &Layers) -> Option<([u64; 2], [u64; 2], bool)> {
    let (proto, at) = layers.network()?;
    let word = |at: usize| data.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    match proto {
        Proto::Ipv4 => {
            let both = word(at + 12)?;
            Some(([0, both >> 32], [0, both & 0xFFFF_FFFF], false))
        }
        _ => Some(([word(at + 8)?, word(at + 16)?], [word(at + 24)?, word(at + 32)?], true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_what_went_in() {
        let v4 = |a: [u8; 4]| [0, u64::from(u32::from_be_bytes(a))];
        let common =
            Common { protocol: 17, vlans: (7 << 12) | 9, depth: 3, network: 0x00AB_CDEF, kind: 8, v6: false };
        let (a, b) = ((v4([10, 0, 0, 9]), 53), (v4([10, 0, 0, 1]), 4000));
        let (key, forward) = Key::new(a, b, common);
        assert!(!forward);
        assert_eq!(Key::new(b, a, common), (key, true));
        let [lower, upper] = key.ends();
        assert_eq!((lower.address.to_string(), lower.port), ("10.0.0.1".into(), 4000));
        assert_eq!((upper.address.to_string(), upper.port), ("10.0.0.9".into(), 53));
        assert_eq!((key.protocol(), key.kind(), key.depth(), key.is_v6()), (17, 8, 3, false));
        assert_eq!(key.vlans().collect::<Vec<_>>(), [7, 9]);
        let (other, _) = Key::new(a, b, Common { network: 1, ..common });
        assert_ne!(other, key);
        assert_ne!(Key::new(a, b, Common { v6: true, ..common }).0, key);
    }
}
