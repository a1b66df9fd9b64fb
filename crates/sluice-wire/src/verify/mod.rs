//! Whether a packet's lengths agree with each other and its checksums with its bytes.
//!
//! What counts is the length that the IP header gives: padding and trailers are no part of the packet.

mod lengths;

pub use lengths::LengthError;

use crate::checksum;
use crate::decode::{array, be16, igmp, ipv4, sctp, tcp, udp, udplite};
use crate::decode::{icmpv4, icmpv6, mobility};
use crate::layers::{Layers, Proto, Stop};
use crate::pseudo::{Pseudo, claimed_end};

/// What the capturing kernel said about the upper-layer checksum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Offload {
    /// Nothing.
    #[default]
    None,
    /// It had not been computed yet: the hardware was to do it.
    NotReady,
    /// It had been found right.
    Valid,
}

/// What can be said about one checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It fits the bytes.
    Good,
    /// It does not fit the bytes, or is zero where zero is not allowed.
    Bad,
    /// Bytes that it covers are missing: a fragment, a packet cut by the snap length or left whole by offloading.
    Unverifiable,
    /// It had not been computed when the packet was captured.
    Offloaded,
    /// The packet has none: no such header, a protocol without one, or UDP over IPv4 that does without.
    Absent,
}

/// What was found out about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdicts {
    /// Whether the length fields agree; the first that does not, otherwise.
    pub lengths: Result<(), LengthError>,
    /// The checksum of the IPv4 header.
    pub network: Verdict,
    /// The checksum of the transport header or control message.
    pub transport: Verdict,
}

impl Verdicts {
    /// Whether nothing is known to be wrong.
    pub fn is_acceptable(&self) -> bool {
        self.lengths.is_ok() && self.network != Verdict::Bad && self.transport != Verdict::Bad
    }
}

/// Checks lengths and checksums of the outermost IP packet of `frame`, of which `wire_len` bytes were on the wire.
pub fn check(frame: &[u8], layers: &Layers, wire_len: u32, offload: Offload) -> Verdicts {
    Verdicts {
        lengths: lengths::check(frame, layers, wire_len),
        network: network(frame, layers),
        transport: transport(frame, layers, offload),
    }
}

fn network(frame: &[u8], layers: &Layers) -> Verdict {
    let Some((Proto::Ipv4, at)) = layers.network() else { return Verdict::Absent };
    let length = ipv4::view(frame, at).map_or(0, |header| usize::from(header.get_header_length()) * 4);
    match frame.get(at..at + length) {
        Some(header) if length >= ipv4::LEN => judge(checksum::sum(header)),
        _ => Verdict::Unverifiable,
    }
}

fn judge(sum: u64) -> Verdict {
    if checksum::is_good(sum) { Verdict::Good } else { Verdict::Bad }
}

fn transport(frame: &[u8], layers: &Layers, offload: Offload) -> Verdict {
    let Some((network, _)) = layers.network() else { return Verdict::Absent };
    let Some((proto, at)) = layers.transport() else {
        let is_missing = matches!(layers.stop(), Stop::Fragment | Stop::Truncated | Stop::BadLength);
        return if is_missing { Verdict::Unverifiable } else { Verdict::Absent };
    };
    let stored = checksum_field(proto).map(|offset| at + offset).filter(|at| at + 2 <= layers.l3_end());
    let stored = stored.and_then(|at| be16(frame, at));
    if proto == Proto::Udp && stored == Some(0) {
        // A sender over IPv6 must not leave it out (RFC 8200, 8.1).
        return if network == Proto::Ipv4 { Verdict::Absent } else { Verdict::Bad };
    }
    match offload {
        Offload::NotReady => return Verdict::Offloaded,
        Offload::Valid => return Verdict::Good,
        Offload::None => {}
    }
    if layers.is_fragment() || layers.is_gso() {
        return Verdict::Unverifiable;
    }
    let Some(packet) = frame.get(at..layers.l3_end()) else { return Verdict::Unverifiable };
    if proto == Proto::UdpLite {
        return udplite(frame, layers, packet, stored).unwrap_or(Verdict::Unverifiable);
    }
    if layers.is_cut() {
        return Verdict::Unverifiable;
    }
    let verdict = match proto {
        Proto::Icmpv4 | Proto::Igmp => Some(judge(checksum::sum(packet))),
        Proto::Sctp => sctp(packet),
        Proto::Udp => udp_length(packet).and_then(|length| {
            Some(judge(checksum::sum(packet.get(..length)?) + pseudo(frame, layers, length)?))
        }),
        _ => pseudo(frame, layers, packet.len()).map(|pseudo| judge(checksum::sum(packet) + pseudo)),
    };
    verdict.filter(|_| stored.is_some()).unwrap_or(Verdict::Unverifiable)
}

/// The offset of the (first half of the) checksum in a transport header.
fn checksum_field(proto: Proto) -> Option<usize> {
    match proto {
        Proto::Tcp => Some(tcp::CHECKSUM),
        Proto::Udp => Some(udp::CHECKSUM),
        Proto::UdpLite => Some(udplite::CHECKSUM),
        Proto::Icmpv4 => Some(icmpv4::CHECKSUM),
        Proto::Icmpv6 => Some(icmpv6::CHECKSUM),
        Proto::Igmp => Some(igmp::CHECKSUM),
        Proto::Mobility => Some(mobility::CHECKSUM),
        Proto::Sctp => Some(sctp::CHECKSUM),
        _ => None,
    }
}

fn pseudo(frame: &[u8], layers: &Layers, length: usize) -> Option<u64> {
    let (source, destination) = Pseudo::of(frame, layers)?.addresses(frame)?;
    let protocol = u64::from(layers.ip_protocol()?);
    Some(checksum::sum(source) + checksum::sum(destination) + protocol + length as u64)
}

/// How many bytes a UDP checksum covers; zero in the length field stands for all of a jumbogram.
fn udp_length(packet: &[u8]) -> Option<usize> {
    match usize::from(be16(packet, 4)?) {
        0 => Some(packet.len()),
        length => Some(length).filter(|length| *length >= udp::LEN),
    }
}

fn udplite(frame: &[u8], layers: &Layers, packet: &[u8], stored: Option<u16>) -> Option<Verdict> {
    if stored? == 0 {
        return Some(Verdict::Bad);
    }
    // The pseudo header has the length of the whole packet, of which the coverage may be captured and the rest not.
    let (_, at) = layers.transport()?;
    let whole = claimed_end(frame, layers).checked_sub(at)?;
    let covered = match usize::from(be16(packet, 4)?) {
        0 => whole,
        coverage @ udplite::LEN.. if coverage <= whole => coverage,
        _ => return Some(Verdict::Bad),
    };
    let covered = packet.get(..covered)?;
    Some(judge(checksum::sum(covered) + pseudo(frame, layers, whole)?))
}

fn sctp(packet: &[u8]) -> Option<Verdict> {
    let stored = u32::from_le_bytes(*array(packet, sctp::CHECKSUM)?);
    let (before, after) = (packet.get(..sctp::CHECKSUM)?, packet.get(sctp::LEN..)?);
    let is_good = checksum::crc32c(&[before, &[0; 4], after]) == stored;
    Some(if is_good { Verdict::Good } else { Verdict::Bad })
}

#[cfg(test)]
mod tests;
