//! Checksums computed anew.

use super::sums::write;
use crate::checksum;
use crate::decode::{be16, gre, icmpv4, icmpv6, igmp, ipv4, mobility, sctp, tcp, udp, udplite};
use crate::layers::{Layers, Proto};
use crate::pseudo::{Pseudo, claimed_end};

/// Computes the checksums of an IP packet anew, those of packets in its tunnels first.
///
/// Only those are touched whose bytes are all there, so not those of fragments and of packets that the capture cut off.
/// UDP without a checksum stays without, but over IPv6 only around a tunnel (RFC 6935). What an ICMP error quotes is
/// data to this.
pub fn recompute(frame: &mut [u8], layers: &Layers) {
    settle(frame, layers, false);
}

/// Computes the checksums anew, or makes them wrong: each, as far as it is there, by one.
pub(super) fn settle(frame: &mut [u8], layers: &Layers, is_wrong: bool) {
    let Some((network, at)) = layers.network() else { return };
    let inner = layers.inner(frame);
    if let Some(inner) = &inner {
        settle(frame, inner, is_wrong);
    }
    for sum in [upper(frame, layers, inner.is_some()), encapsulation(frame, layers)].into_iter().flatten() {
        sum.put(frame, is_wrong);
    }
    if let Some(sum) = header(frame, at).filter(|_| network == Proto::Ipv4) {
        sum.put(frame, is_wrong);
    }
}

/// A checksum field and the value that it should have.
enum Sum {
    Internet {
        at: usize,
        right: u16,
        zero_is_none: bool,
    },
    /// The CRC32c of SCTP.
    Crc {
        at: usize,
        right: u32,
    },
}

impl Sum {
    fn put(self, frame: &mut [u8], is_wrong: bool) {
        let _ = match self {
            Self::Internet { at, right, zero_is_none } => {
                let right = if zero_is_none { checksum::nonzero(right) } else { right };
                let value = if is_wrong { wrong(right) } else { right };
                write(frame, at, value.to_be_bytes())
            }
            Self::Crc { at, right } => write(frame, at, (right ^ u32::from(is_wrong)).to_le_bytes()),
        };
    }
}

/// A value that is neither equal to a checksum, nor the other way to write it, nor zero.
fn wrong(right: u16) -> u16 {
    if right >= 0xFFFE { 1 } else { right + 1 }
}

fn header(frame: &[u8], at: usize) -> Option<Sum> {
    let length = usize::from(frame.get(at)? & 0x0F) * 4;
    let header = frame.get(at..at + length).filter(|_| length >= ipv4::LEN)?;
    Some(Sum::Internet { at: at + 10, right: around(header, 10, 0), zero_is_none: false })
}

/// The checksum of `bytes`, which stands at an even offset in them, with what comes from a pseudo header.
fn around(bytes: &[u8], field: usize, pseudo: u64) -> u16 {
    let (before, after) = (bytes.get(..field), bytes.get(field + 2..));
    checksum::finish(
        checksum::sum(before.unwrap_or_default()) + checksum::sum(after.unwrap_or_default()) + pseudo,
    )
}

fn upper(frame: &[u8], layers: &Layers, is_tunnel: bool) -> Option<Sum> {
    let (proto, at) = layers.transport()?;
    let packet = frame.get(at..layers.l3_end())?;
    // The coverage of UDP-Lite may be there when the rest is not.
    if layers.is_fragment() || layers.is_gso() || (layers.is_cut() && proto != Proto::UdpLite) {
        return None;
    }
    let is_v4 = layers.network()?.0 == Proto::Ipv4;
    let (field, covered, length, zero_is_none) = match proto {
        Proto::Tcp => (tcp::CHECKSUM, packet, packet.len(), false),
        Proto::Udp => {
            let is_none = be16(packet, udp::CHECKSUM)? == 0 && (is_v4 || is_tunnel);
            let length = match usize::from(be16(packet, 4)?) {
                0 => packet.len(),
                length => length,
            };
            let covered = packet.get(..length).filter(|_| !is_none && length >= udp::LEN)?;
            (udp::CHECKSUM, covered, length, true)
        }
        Proto::UdpLite => {
            let whole = claimed_end(frame, layers).checked_sub(at)?;
            let coverage = match usize::from(be16(packet, 4)?) {
                0 => whole,
                coverage => coverage,
            };
            let covered = packet.get(..coverage).filter(|_| coverage >= udplite::LEN)?;
            (udplite::CHECKSUM, covered, whole, true)
        }
        Proto::Icmpv4 => (icmpv4::CHECKSUM, packet, packet.len(), false),
        Proto::Icmpv6 => (icmpv6::CHECKSUM, packet, packet.len(), false),
        Proto::Igmp => (igmp::CHECKSUM, packet, packet.len(), false),
        Proto::Mobility => (mobility::CHECKSUM, packet, packet.len(), false),
        Proto::Sctp => {
            let field = sctp::CHECKSUM;
            let (before, after) = (packet.get(..field)?, packet.get(field + 4..)?);
            return Some(Sum::Crc { at: at + field, right: checksum::crc32c(&[before, &[0; 4], after]) });
        }
        _ => return None,
    };
    be16(covered, field)?;
    let pseudo = match proto {
        Proto::Icmpv4 | Proto::Igmp => 0,
        _ => pseudo(frame, layers, length)?,
    };
    Some(Sum::Internet { at: at + field, right: around(covered, field, pseudo), zero_is_none })
}

/// The checksum of GRE.
fn encapsulation(frame: &[u8], layers: &Layers) -> Option<Sum> {
    if layers.transport().is_some() || layers.is_fragment() || layers.is_gso() || layers.is_cut() {
        return None;
    }
    let at = layers.find(Proto::Gre)?;
    gre::view(frame, at)?.checksum?;
    let packet = frame.get(at..layers.l3_end())?;
    Some(Sum::Internet {
        at: at + gre::CHECKSUM,
        right: around(packet, gre::CHECKSUM, 0),
        zero_is_none: false,
    })
}

fn pseudo(frame: &[u8], layers: &Layers, length: usize) -> Option<u64> {
    let (source, destination) = Pseudo::of(frame, layers)?.addresses(frame)?;
    let protocol = u64::from(layers.ip_protocol()?);
    // A length beyond 16 bits is two words.
    let length = (length as u64 >> 16) + (length as u64 & 0xFFFF);
    Some(checksum::sum(source) + checksum::sum(destination) + protocol + length)
}
