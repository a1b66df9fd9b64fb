//! What a fragment says about itself.

use std::net::IpAddr;
use std::ops::Range;

use sluice_core::{Layers, Reason};
use sluice_wire::decode::{icmpv6, ipv4, ipv6ext, sctp, tcp, udp};
use sluice_wire::flow::vlans;
use sluice_wire::layers::{Proto, Stop};

use super::{CUT, MALFORMED, TINY, TOO_LONG};

/// The longest datagram.
pub(super) const LONGEST: u32 = 65_535;

/// What fragments of one datagram agree in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub id: u32,
    /// Of IPv4; 0 of IPv6, where only the first fragment tells it.
    pub protocol: u8,
    pub vlans: u64,
}

impl Key {
    /// The hash by which fragments with this key go to shards.
    pub fn shard_hash(&self) -> u64 {
        sluice_core::Key::of_datagram(self.source, self.destination, self.id)
    }
}

/// Where in its datagram a fragment belongs, and where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Offset of its first byte in the datagram, behind the headers that every fragment has.
    pub offset: u32,
    /// How many bytes it has.
    pub len: u32,
    /// Where they begin in the frame.
    pub from: u32,
    /// Whether more come behind them.
    pub more: bool,
}

impl Part {
    pub fn range(&self) -> Range<u32> {
        self.offset..self.offset + self.len
    }

    pub fn bytes<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.from as usize..(self.from + self.len) as usize).unwrap_or_default()
    }
}

/// The key of a fragment; nothing where its headers are not there.
pub(super) fn key(data: &[u8], layers: &Layers) -> Option<Key> {
    let (source, destination) = layers.addresses(data)?;
    let (id, protocol) = match layers.network()? {
        (Proto::Ipv4, at) => {
            let header = ipv4::view(data, at)?;
            (u32::from(header.get_identification()), header.get_next_level_protocol().0)
        }
        _ => (ipv6ext::fragment(data, layers.find(Proto::Ipv6Fragment)?)?.3, 0),
    };
    Some(Key { source, destination, id, protocol, vlans: vlans(data, layers) })
}

/// What a fragment says, or why its whole datagram is lost with it.
pub(super) fn part(data: &[u8], layers: &Layers) -> Result<Part, &'static Reason> {
    if layers.is_cut() {
        return Err(&CUT);
    }
    let (headers, offset, more) = headers(data, layers).ok_or(&MALFORMED)?;
    let len = layers.l3_end().checked_sub(headers.end).filter(|len| *len > 0).ok_or(&MALFORMED)? as u32;
    // Left whole by offloading, it does not tell where it ends; an atomic fragment header may stand before a real one.
    if layers.is_gso() || (more && !len.is_multiple_of(8)) || (offset == 0 && !more) {
        return Err(&MALFORMED);
    }
    let repeated = (headers.len() as u32).saturating_sub(headers_not_counted(layers));
    if offset + len + repeated > LONGEST {
        return Err(&TOO_LONG);
    }
    let part = Part { offset, len, from: headers.end as u32, more };
    if offset == 0 && is_tiny(layers) {
        return Err(&TINY);
    }
    Ok(part)
}

/// Bytes of the headers that are not in the length of a whole packet: all of IPv4 is, the fixed header of IPv6 and its
/// fragment header are not.
fn headers_not_counted(layers: &Layers) -> u32 {
    match layers.network() {
        Some((Proto::Ipv4, _)) => 0,
        _ => 40 + 8,
    }
}

/// Where the headers are that every fragment has, its offset in the datagram and whether more follow.
fn headers(data: &[u8], layers: &Layers) -> Option<(Range<usize>, u32, bool)> {
    match layers.network()? {
        (Proto::Ipv4, at) => {
            let word = ipv4::fragment(data, at)?;
            let length = usize::from(ipv4::view(data, at)?.get_header_length()) * 4;
            let offset = u32::from(word & ipv4::FRAGMENT_OFFSET) * 8;
            Some((at..at + length, offset, word & ipv4::MORE_FRAGMENTS != 0))
        }
        (_, network) => {
            let at = layers.find(Proto::Ipv6Fragment)?;
            let (_, offset, more, _) = ipv6ext::fragment(data, at)?;
            Some((network..at + ipv6ext::LEN, u32::from(offset), more))
        }
    }
}

/// Whether a first fragment of IPv6 ends before its headers do.
fn is_tiny(layers: &Layers) -> bool {
    let Some((Proto::Ipv6, _)) = layers.network() else { return false };
    let least = |proto| match proto {
        Proto::Tcp => tcp::LEN,
        Proto::Udp | Proto::UdpLite => udp::LEN,
        Proto::Sctp => sctp::LEN,
        Proto::Icmpv6 => icmpv6::LEN,
        _ => 0,
    };
    match layers.transport() {
        Some((proto, at)) => layers.l3_end() < at + least(proto),
        None => matches!(layers.stop(), Stop::Truncated | Stop::BadLength),
    }
}
