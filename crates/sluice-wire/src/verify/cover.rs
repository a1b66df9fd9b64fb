//! What the checksums of a packet cover, and where they stand.
//!
//! Each function gives the checksum found, or the verdict where there is none or its bytes are not all there.

use super::{Verdict, checksum_field, has_checksum};
use crate::checksum;
use crate::decode::{array, be16, gre, ipv4, sctp, udp, udplite};
use crate::layers::{Layers, Proto};
use crate::pseudo::{Pseudo, claimed_end};

/// A checksum whose bytes are all there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Covered {
    /// One's complement: the sum over everything covered, the checksum at `at` included.
    Sum { at: usize, sum: u64, proto: Proto },
    /// The CRC32c of SCTP at `at`: what it should be.
    Crc { at: usize, computed: u32 },
}

impl Covered {
    /// Whether the checksum is right.
    pub fn verdict(self, frame: &[u8]) -> Verdict {
        let is_good = match self {
            // A zero says that there is no checksum, which UDP-Lite does not have.
            Self::Sum { at, proto: Proto::UdpLite, .. } if be16(frame, at) == Some(0) => false,
            Self::Sum { sum, .. } => checksum::is_good(sum),
            Self::Crc { at, computed } => array(frame, at) == Some(&computed.to_le_bytes()),
        };
        if is_good { Verdict::Good } else { Verdict::Bad }
    }

    /// Writes the right checksum.
    pub fn write(self, frame: &mut [u8]) {
        match self {
            Self::Sum { at, sum, proto } => {
                let Some(stored) = be16(frame, at) else { return };
                // Adding the complement takes the old one out of the sum.
                let new = checksum::finish(sum + u64::from(!stored));
                let new = match proto {
                    Proto::Udp | Proto::UdpLite => checksum::nonzero(new),
                    _ => new,
                };
                put(frame, at, new.to_be_bytes());
            }
            Self::Crc { at, computed } => put(frame, at, computed.to_le_bytes()),
        }
    }
}

fn put<const N: usize>(frame: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(field) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = bytes;
    }
}

/// The checksum of the IPv4 header.
pub(super) fn network(frame: &[u8], layers: &Layers) -> Result<Covered, Verdict> {
    let Some((Proto::Ipv4, at)) = layers.network() else { return Err(Verdict::Absent) };
    let length = ipv4::view(frame, at).map_or(0, |header| usize::from(header.get_header_length()) * 4);
    match frame.get(at..at + length) {
        Some(header) if length >= ipv4::LEN => {
            Ok(Covered::Sum { at: at + ipv4::CHECKSUM, sum: checksum::sum(header), proto: Proto::Ipv4 })
        }
        _ => Err(Verdict::Unverifiable),
    }
}

/// The checksum of the transport header or control message.
pub(super) fn transport(frame: &[u8], layers: &Layers) -> Result<Covered, Verdict> {
    let Some((proto, start)) = layers.transport() else {
        // A later fragment, or a header that was not captured.
        let is_missing = layers.ip_protocol().is_some_and(has_checksum);
        return Err(if is_missing { Verdict::Unverifiable } else { Verdict::Absent });
    };
    let field = checksum_field(proto).ok_or(Verdict::Absent)?;
    if layers.is_fragment() || layers.is_gso() || start + field + 2 > layers.l3_end() {
        return Err(Verdict::Unverifiable);
    }
    let packet = frame.get(start..layers.l3_end()).ok_or(Verdict::Unverifiable)?;
    if proto == Proto::UdpLite {
        return udplite(frame, layers, start, packet);
    }
    if layers.is_cut() {
        return Err(Verdict::Unverifiable);
    }
    let at = start + field;
    let sum = match proto {
        Proto::Icmpv4 | Proto::Igmp => Some(checksum::sum(packet)),
        Proto::Sctp => return sctp(packet, at).ok_or(Verdict::Unverifiable),
        Proto::Udp => udp_length(packet)
            .and_then(|length| Some(checksum::sum(packet.get(..length)?) + pseudo(frame, layers, length)?)),
        _ => pseudo(frame, layers, packet.len()).map(|pseudo| checksum::sum(packet) + pseudo),
    };
    sum.map(|sum| Covered::Sum { at, sum, proto }).ok_or(Verdict::Unverifiable)
}

/// The checksum of the GRE header that the packet carries.
pub(super) fn tunnel(frame: &[u8], layers: &Layers) -> Result<Covered, Verdict> {
    if layers.ip_protocol() != Some(gre::NUMBER) {
        return Err(Verdict::Absent);
    }
    let start = layers.find(Proto::Gre).ok_or(Verdict::Unverifiable)?;
    let packet = frame.get(start..layers.l3_end()).ok_or(Verdict::Unverifiable)?;
    let header = gre::view(packet, 0).ok_or(Verdict::Unverifiable)?;
    if header.checksum.is_none() {
        return Err(Verdict::Absent);
    }
    if layers.is_fragment() || layers.is_gso() || layers.is_cut() {
        return Err(Verdict::Unverifiable);
    }
    Ok(Covered::Sum { at: start + gre::CHECKSUM, sum: checksum::sum(packet), proto: Proto::Gre })
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

fn udplite(frame: &[u8], layers: &Layers, start: usize, packet: &[u8]) -> Result<Covered, Verdict> {
    // The pseudo header has the length of the whole packet, of which the coverage may be captured and the rest not.
    let whole = claimed_end(frame, layers).checked_sub(start).ok_or(Verdict::Unverifiable)?;
    let covered = match be16(packet, 4).map(usize::from) {
        Some(0) => whole,
        Some(coverage @ udplite::LEN..) if coverage <= whole => coverage,
        Some(_) => return Err(Verdict::Bad),
        None => return Err(Verdict::Unverifiable),
    };
    let covered = packet.get(..covered).ok_or(Verdict::Unverifiable)?;
    let pseudo = pseudo(frame, layers, whole).ok_or(Verdict::Unverifiable)?;
    let sum = checksum::sum(covered) + pseudo;
    Ok(Covered::Sum { at: start + udplite::CHECKSUM, sum, proto: Proto::UdpLite })
}

fn sctp(packet: &[u8], at: usize) -> Option<Covered> {
    let (before, after) = (packet.get(..sctp::CHECKSUM)?, packet.get(sctp::LEN..)?);
    Some(Covered::Crc { at, computed: checksum::crc32c(&[before, &[0; 4], after]) })
}
