//! Whether a packet's lengths agree with each other and its checksums with its bytes.
//!
//! What counts is the length that the IP header gives: padding and trailers are no part of the packet.

mod cover;
mod lengths;
mod mend;
mod repair;

pub use lengths::LengthError;
pub use mend::mend;
pub use repair::{Repair, repair};

use crate::decode::{be16, igmp, sctp, tcp, udp, udplite};
use crate::decode::{icmpv4, icmpv6, mobility};
use crate::layers::{Layers, Proto};
use crate::pseudo;

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

impl Offload {
    /// What it says about packets in tunnels: the hardware computes them too, but may have looked at the outside alone.
    fn inside(self) -> Self {
        if self == Self::Valid { Self::None } else { self }
    }
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
    /// The packet has none: no such header, a protocol without one, or UDP that does without where it may.
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
    /// The checksum of the GRE header, which covers what the tunnel carries.
    pub tunnel: Verdict,
}

impl Verdicts {
    /// Whether nothing is known to be wrong.
    pub fn is_acceptable(&self) -> bool {
        self.lengths.is_ok() && ![self.network, self.transport, self.tunnel].contains(&Verdict::Bad)
    }
}

/// Checks lengths and checksums of the outermost IP packet of `frame`, of which `wire_len` bytes were on the wire.
pub fn check(frame: &[u8], layers: &Layers, wire_len: u32, offload: Offload) -> Verdicts {
    check_within(frame, layers, frame.len().max(wire_len as usize), offload)
}

/// The same for that packet and every one that its tunnels carry, outermost first, each with its layers.
pub fn check_all<'a>(
    frame: &'a [u8],
    layers: &Layers,
    wire_len: u32,
    offload: Offload,
) -> impl Iterator<Item = (Layers, Verdicts)> + use<'a> {
    packets(frame, layers, wire_len, offload)
        .map(|(layers, wire, offload)| (layers, check_within(frame, &layers, wire, offload)))
}

/// The outermost packet and those in tunnels, each with the offset up to which it could reach on the wire and with what
/// is known about its upper-layer checksum.
fn packets<'a>(
    frame: &'a [u8],
    layers: &Layers,
    wire_len: u32,
    offload: Offload,
) -> impl Iterator<Item = (Layers, usize, Offload)> + use<'a> {
    let wire = frame.len().max(wire_len as usize);
    std::iter::successors(Some((*layers, wire, offload)), |(outer, wire, offload)| {
        Some((outer.inner(frame)?, claimed_end(frame, outer).min(*wire), offload.inside()))
    })
}

/// Checks a packet that could reach up to the offset `wire` on the wire.
fn check_within(frame: &[u8], layers: &Layers, wire: usize, offload: Offload) -> Verdicts {
    Verdicts {
        lengths: lengths::check(frame, layers, wire),
        network: cover::network(frame, layers).map_or_else(|verdict| verdict, |found| found.verdict(frame)),
        transport: transport(frame, layers, offload),
        tunnel: cover::tunnel(frame, layers).map_or_else(|verdict| verdict, |found| found.verdict(frame)),
    }
}

fn transport(frame: &[u8], layers: &Layers, offload: Offload) -> Verdict {
    let found = cover::transport(frame, layers);
    let has_one = !matches!(found, Err(Verdict::Absent)) && layers.transport().is_some();
    if has_one && udp_zero(frame, layers) {
        // A sender over IPv6 must not leave it out (RFC 8200, 8.1), unless to carry a tunnel (RFC 6935).
        let may = matches!(layers.network(), Some((Proto::Ipv4, _))) || carries_tunnel(layers);
        return if may { Verdict::Absent } else { Verdict::Bad };
    }
    match offload {
        Offload::NotReady if has_one => Verdict::Offloaded,
        Offload::Valid if has_one => Verdict::Good,
        _ => found.map_or_else(|verdict| verdict, |found| found.verdict(frame)),
    }
}

/// Where the outermost IP packet ends by its own account, which may be past what was captured. Without one, where the
/// frame ends.
pub fn claimed_end(frame: &[u8], layers: &Layers) -> usize {
    pseudo::claimed_end(frame, layers)
}

/// Whether this is a UDP datagram that says it has no checksum.
pub fn udp_zero(frame: &[u8], layers: &Layers) -> bool {
    let Some((Proto::Udp, at)) = layers.transport() else { return false };
    let at = at + udp::CHECKSUM;
    at + 2 <= layers.l3_end() && be16(frame, at) == Some(0)
}

/// Whether the payload of the transport header is a tunnel.
fn carries_tunnel(layers: &Layers) -> bool {
    let Some((_, transport)) = layers.transport() else { return false };
    layers.headers().find(|(_, at)| *at > transport).is_some_and(|(proto, _)| proto.is_tunnel())
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

/// Whether the IP packets of this protocol have a checksum of their own.
fn has_checksum(protocol: u8) -> bool {
    [
        tcp::NUMBER,
        udp::NUMBER,
        udplite::NUMBER,
        icmpv4::NUMBER,
        icmpv6::NUMBER,
        igmp::NUMBER,
        mobility::NUMBER,
        sctp::NUMBER,
    ]
    .contains(&protocol)
}

#[cfg(test)]
mod tests;
