//! Flows: which packets belong together, whichever way they go.
//!
//! A flow is an unordered pair of endpoints (address and port), a protocol and the VLAN ids. The identifier of an ICMP
//! query stands for both of its ports. An ICMP error belongs to the flow of the packet that it quotes. A fragment other
//! than the first has no ports, so it counts as a flow between the two addresses alone; reassemble first where that
//! matters. What is not IP belongs together by MAC addresses and EtherType.
//!
//! Addresses are those of the IP header, also where a routing header names another final destination. A packet in a
//! tunnel belongs to the flow of the tunnel; that of its own is told by [`Layers::inner`].

pub mod community;

use std::net::IpAddr;

use crate::decode::{self, array, be16, be32, icmpv4, icmpv6};
use crate::layers::{Layers, Proto};

/// One end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port, or what stands for it; 0 where there is none.
    pub port: u16,
}

/// Which of a key's endpoints sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the lower endpoint to the upper one.
    FromLower,
    /// From the upper endpoint to the lower one.
    FromUpper,
}

/// What identifies a flow: equal for both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The lesser endpoint, by address and then port.
    pub lower: Endpoint,
    /// The greater endpoint.
    pub upper: Endpoint,
    /// The IP protocol number.
    pub protocol: u8,
    /// The VLAN ids, 12 bits each, the innermost lowest; of more than four the innermost four. A priority tag (id 0)
    /// on the outside counts as none.
    pub vlans: u64,
}

impl Key {
    /// The key of a flow that had a packet from `source` to `destination`, and who sent that.
    #[inline]
    pub fn new(source: Endpoint, destination: Endpoint, protocol: u8, vlans: u64) -> (Self, Direction) {
        if source <= destination {
            (Self { lower: source, upper: destination, protocol, vlans }, Direction::FromLower)
        } else {
            (Self { lower: destination, upper: source, protocol, vlans }, Direction::FromUpper)
        }
    }

    /// The key of a packet and which endpoint sent it; `None` without an IP header.
    ///
    /// The sender of an ICMP error counts as the endpoint that the quoted packet went to.
    pub fn of(frame: &[u8], layers: &Layers) -> Option<(Self, Direction)> {
        let ends = Ends::of(frame, layers)?;
        let quoted = ends.quoted.as_ref();
        let (source, destination) = quoted.unwrap_or(layers).addresses(frame)?;
        let (from, to) = ends.ports;
        let (source, destination) =
            (Endpoint { address: source, port: from }, Endpoint { address: destination, port: to });
        let (source, destination) =
            if quoted.is_some() { (destination, source) } else { (source, destination) };
        Some(Self::new(source, destination, ends.protocol, vlans(frame, layers)))
    }
}

/// The key of a flow over IPv4 with ports and without VLAN ids, in little room: most flows are such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Compact {
    /// The lesser endpoint: its address, and then its port in the lowest 16 bits.
    pub lower: u64,
    /// The greater endpoint.
    pub upper: u64,
    /// The IP protocol number.
    pub protocol: u8,
}

impl Compact {
    #[inline(always)]
    pub(crate) fn new(source: (u32, u16), destination: (u32, u16), protocol: u8) -> Self {
        let [a, b] = [source, destination].map(|(address, port)| u64::from(address) << 16 | u64::from(port));
        Self { lower: a.min(b), upper: a.max(b), protocol }
    }

    /// The flow of an Ethernet frame whose layers nobody needs; `None` where it takes decoding to know it.
    #[inline]
    pub fn of_frame(frame: &[u8]) -> Option<Self> {
        decode::flow4(frame)
    }

    /// The same of a packet with these layers; `None` where the flow has no compact key.
    #[inline]
    pub fn of(frame: &[u8], layers: &Layers) -> Option<Self> {
        let ((Proto::Ipv4, network), (transport, at)) = (layers.network()?, layers.transport()?) else {
            return None;
        };
        if !transport.has_ports() || layers.find(Proto::Vlan).is_some() {
            return None;
        }
        let (from, to) = decode::ports(frame, at)?;
        let (source, destination) = (be32(frame, network + 12)?, be32(frame, network + 16)?);
        Some(Self::new((source, from), (destination, to), layers.protocol))
    }

    /// Equal to [`Layers::flow_hash`] of its packets.
    #[inline(always)]
    pub fn hash(&self) -> u64 {
        finish(mix(self.lower ^ K[0], self.upper ^ K[1]), self.protocol.into(), 0)
    }
}

/// The ports and the protocol by which a packet counts, and the layers of the quoted packet if it is an ICMP error.
struct Ends {
    quoted: Option<Layers>,
    ports: (u16, u16),
    protocol: u8,
}

impl Ends {
    fn of(frame: &[u8], layers: &Layers) -> Option<Self> {
        let protocol = layers.ip_protocol()?;
        let ports = match layers.transport() {
            Some((Proto::Icmpv4 | Proto::Icmpv6, at)) => {
                return Some(Self::of_icmp(frame, layers, at, protocol));
            }
            Some((proto, at)) if proto.has_ports() => decode::ports(frame, at).unwrap_or_default(),
            _ => (0, 0),
        };
        Some(Self { quoted: None, ports, protocol })
    }

    fn of_icmp(frame: &[u8], layers: &Layers, at: usize, protocol: u8) -> Self {
        if let Some(quoted) = quoted(frame, layers)
            && let Some(inner) = quoted.ip_protocol()
        {
            let ports = match quoted.transport() {
                Some((Proto::Icmpv4 | Proto::Icmpv6, at)) => identifier(frame, at, inner),
                Some((proto, at)) if proto.has_ports() => decode::ports(frame, at).unwrap_or_default(),
                _ => (0, 0),
            };
            return Self { quoted: Some(quoted), ports, protocol: inner };
        }
        Self { quoted: None, ports: identifier(frame, at, protocol), protocol }
    }
}

fn identifier(frame: &[u8], at: usize, protocol: u8) -> (u16, u16) {
    let has = |kind: &u8| match protocol {
        icmpv4::NUMBER => icmpv4::has_identifier(*kind),
        _ => icmpv6::has_identifier(*kind),
    };
    let id = frame.get(at).filter(|kind| has(kind)).and_then(|_| be16(frame, at + 4)).unwrap_or_default();
    (id, id)
}

/// The headers of the packet that an ICMP error quotes, with offsets from the start of `frame`.
///
/// `None` for everything else, and for an error whose quotation does not hold an IP header.
pub fn quoted(frame: &[u8], layers: &Layers) -> Option<Layers> {
    let (proto, at) = layers.transport()?;
    let kind = *frame.get(at)?;
    let is_error = match proto {
        Proto::Icmpv4 => icmpv4::is_error(kind),
        Proto::Icmpv6 => icmpv6::is_error(kind),
        _ => false,
    };
    // A message in a first fragment ends with the fragment, which only cuts the quotation.
    is_error.then(|| decode::quoted(frame, at + icmpv4::LEN, layers.l3_end().min(frame.len()))).flatten()
}

/// The VLAN ids of a packet as its [`Key`] has them.
#[inline(always)]
pub fn vlans(frame: &[u8], layers: &Layers) -> u64 {
    match layers.network {
        // A tag is never the first header, and most frames have none.
        0 | 1 => 0,
        _ => layers.vlan_ids(frame).fold(0, |all, id| ((all << 12) | u64::from(id)) & 0xFFFF_FFFF_FFFF),
    }
}

// Odd constants with about as many ones as zeros, from the fractional part of the square roots of 2, 3, 5 and 7.
const K: [u64; 4] =
    [0x6A09_E667_F3BC_C909, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B, 0xA54F_F53A_5F1D_36F1];

#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline(always)]
fn finish(mixed: u64, protocol: u64, vlans: u64) -> u64 {
    mix(mixed ^ K[2], ((vlans << 16) | protocol) ^ K[3])
}

#[inline(always)]
pub(crate) fn hash_v4(a: (u32, u16), b: (u32, u16), protocol: u8, vlans: u64) -> u64 {
    let Compact { lower, upper, .. } = Compact::new(a, b, protocol);
    finish(mix(lower ^ K[0], upper ^ K[1]), u64::from(protocol), vlans)
}

#[inline(always)]
pub(crate) fn hash_v6(a: (u128, u16), b: (u128, u16), protocol: u8, vlans: u64) -> u64 {
    let (lower, upper) = if a <= b { (a, b) } else { (b, a) };
    let half = |end: (u128, u16), key: u64| mix((end.0 >> 64) as u64 ^ key, (end.0 as u64) ^ K[2]);
    let ports = (u64::from(lower.1) << 16) | u64::from(upper.1);
    let mixed = mix(half(lower, K[0]) ^ ports, half(upper, K[1]) ^ K[3]);
    finish(mixed, u64::from(protocol), vlans)
}

/// The hash of a key: equal to [`Layers::flow_hash`] of its packets, on every machine and in every version.
pub fn hash(key: &Key) -> u64 {
    let Key { lower, upper, protocol, vlans } = *key;
    match (lower.address, upper.address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            hash_v4((a.to_bits(), lower.port), (b.to_bits(), upper.port), protocol, vlans)
        }
        (a, b) => hash_v6((bits(a), lower.port), (bits(b), upper.port), protocol, vlans),
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The flow hash of a frame with the given layers.
#[inline(always)]
pub(crate) fn hash_frame(frame: &[u8], layers: &Layers) -> u64 {
    let vlans = vlans(frame, layers);
    let ports = match layers.transport() {
        Some((Proto::Icmpv4 | Proto::Icmpv6, _)) => return hash_icmp(frame, layers, vlans),
        Some((proto, at)) if proto.has_ports() => decode::ports(frame, at).unwrap_or_default(),
        _ => (0, 0),
    };
    hash_ip(frame, layers, ports, layers.protocol, vlans)
}

#[inline(always)]
fn hash_ip(frame: &[u8], layers: &Layers, (from, to): (u16, u16), protocol: u8, vlans: u64) -> u64 {
    match layers.network() {
        Some((Proto::Ipv4, at)) => {
            let address = |offset| be32(frame, at + offset).unwrap_or_default();
            hash_v4((address(12), from), (address(16), to), protocol, vlans)
        }
        Some((_, at)) => {
            let address = |offset| array(frame, at + offset).map_or(0, |bytes| u128::from_be_bytes(*bytes));
            hash_v6((address(8), from), (address(24), to), protocol, vlans)
        }
        None => hash_link(frame, layers, vlans),
    }
}

#[inline(never)]
fn hash_icmp(frame: &[u8], layers: &Layers, vlans: u64) -> u64 {
    match Ends::of(frame, layers) {
        Some(Ends { quoted, ports, protocol }) => {
            hash_ip(frame, quoted.as_ref().unwrap_or(layers), ports, protocol, vlans)
        }
        None => hash_link(frame, layers, vlans),
    }
}

#[inline(never)]
fn hash_link(frame: &[u8], layers: &Layers, vlans: u64) -> u64 {
    let mac = |at| {
        array(frame, at).map_or(0, |[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]))
    };
    let (a, b) = match layers.find(Proto::Ethernet) {
        Some(at) => (mac(at), mac(at + 6)),
        None => (0, 0),
    };
    finish(mix(a.min(b) ^ K[1], a.max(b) ^ K[0]), u64::from(layers.ethertype), vlans)
}

#[cfg(test)]
mod tests;
