//! Whether the length fields of a packet agree with each other and with the frame.

use std::fmt;

use crate::decode::{be16, ipv4, ipv6, sctp, tcp, udp, udplite};
use crate::layers::{Layers, Proto, Stop};
use crate::pseudo::claimed_end;

/// A length field that cannot be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LengthError {
    /// The length of an IEEE 802.3 frame longer than what was on the wire.
    FrameLength {
        /// What the field says.
        claimed: usize,
        /// How many bytes the wire had for it.
        available: usize,
    },
    /// An IPv4 header shorter than 20 bytes or longer than its packet, in bytes.
    HeaderLength(usize),
    /// An IPv4 total length shorter than the header or longer than what was on the wire.
    TotalLength {
        /// What the field says.
        claimed: usize,
        /// How many bytes the wire had for it.
        available: usize,
    },
    /// An IPv6 payload length longer than what was on the wire.
    PayloadLength {
        /// What the field says.
        claimed: usize,
        /// How many bytes the wire had for it.
        available: usize,
    },
    /// A UDP length shorter than its header or longer than the packet.
    UdpLength {
        /// What the field says.
        claimed: usize,
        /// How many bytes the IP packet has for it.
        available: usize,
    },
    /// A UDP-Lite coverage shorter than the header or longer than the packet.
    Coverage {
        /// What the field says.
        claimed: usize,
        /// How many bytes the IP packet has for it.
        available: usize,
    },
    /// A TCP header shorter than 20 bytes or longer than the packet.
    DataOffset {
        /// What the field says, in bytes.
        claimed: usize,
        /// How many bytes the IP packet has for it.
        available: usize,
    },
    /// Some header that does not fit into what contains it.
    Header,
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, claimed, available) = match self {
            Self::HeaderLength(claimed) => return write!(f, "impossible IPv4 header length {claimed}"),
            Self::Header => return f.write_str("a header does not fit into what contains it"),
            Self::FrameLength { claimed, available } => ("802.3 frame length", claimed, available),
            Self::TotalLength { claimed, available } => ("IPv4 total length", claimed, available),
            Self::PayloadLength { claimed, available } => ("IPv6 payload length", claimed, available),
            Self::UdpLength { claimed, available } => ("UDP length", claimed, available),
            Self::Coverage { claimed, available } => ("UDP-Lite checksum coverage", claimed, available),
            Self::DataOffset { claimed, available } => ("TCP header length", claimed, available),
        };
        write!(f, "impossible {field} {claimed} with {available} bytes there")
    }
}

impl std::error::Error for LengthError {}

/// Checks a packet that could reach up to the offset `wire` on the wire.
pub(super) fn check(frame: &[u8], layers: &Layers, wire: usize) -> Result<(), LengthError> {
    check_llc(frame, layers, wire)?;
    match layers.network() {
        Some((Proto::Ipv4, at)) => check_v4(frame, layers, at, wire.saturating_sub(at))?,
        Some((_, at)) => {
            let start = at + ipv6::LEN;
            let claimed = claimed_end(frame, layers).saturating_sub(start);
            let available = wire.saturating_sub(start);
            if claimed > available {
                return Err(LengthError::PayloadLength { claimed, available });
            }
        }
        None => {}
    }
    if let Some((proto, at)) = layers.transport() {
        check_transport(frame, layers, proto, at)?;
    }
    if layers.stop() == Stop::BadLength { Err(LengthError::Header) } else { Ok(()) }
}

/// The length that stands in the place of an EtherType: padding may follow, but what it counts must be there.
fn check_llc(frame: &[u8], layers: &Layers, wire: usize) -> Result<(), LengthError> {
    let mut last = None;
    for header in layers.own() {
        match (last, header) {
            (Some(Proto::Ethernet | Proto::Vlan), (Proto::Llc, at)) => {
                let claimed = at.checked_sub(2).and_then(|field| be16(frame, field)).map_or(0, usize::from);
                let available = wire.saturating_sub(at);
                if claimed > available {
                    return Err(LengthError::FrameLength { claimed, available });
                }
            }
            (_, (proto, _)) if !proto.is_link() => break,
            _ => {}
        }
        last = Some(header.0);
    }
    Ok(())
}

fn check_v4(frame: &[u8], layers: &Layers, at: usize, available: usize) -> Result<(), LengthError> {
    let Some(header) = ipv4::view(frame, at) else { return Ok(()) };
    let length = usize::from(header.get_header_length()) * 4;
    let claimed = usize::from(header.get_total_length());
    if length < ipv4::LEN || length > available {
        Err(LengthError::HeaderLength(length))
    } else if (claimed < length && !layers.is_gso()) || claimed > available {
        Err(LengthError::TotalLength { claimed, available })
    } else {
        Ok(())
    }
}

fn check_transport(frame: &[u8], layers: &Layers, proto: Proto, at: usize) -> Result<(), LengthError> {
    // Of a first fragment only the header can be checked, and only as far as the fragment goes.
    let available = claimed_end(frame, layers).saturating_sub(at);
    let packet = frame.get(at..layers.l3_end()).unwrap_or_default();
    let is_whole = !layers.is_fragment();
    match proto {
        Proto::Tcp => {
            let Some(claimed) = packet.get(12).map(|byte| usize::from(byte >> 4) * 4) else { return Ok(()) };
            if claimed < tcp::LEN || (claimed > available && is_whole) {
                return Err(LengthError::DataOffset { claimed, available });
            }
        }
        Proto::Udp => {
            let Some(claimed) = be16(packet, 4).map(usize::from) else { return Ok(()) };
            let is_jumbo = claimed == 0 && (layers.is_gso() || available > usize::from(u16::MAX));
            if (claimed < udp::LEN && !is_jumbo) || (claimed > available && is_whole) {
                return Err(LengthError::UdpLength { claimed, available });
            }
        }
        Proto::UdpLite => {
            let Some(claimed) = be16(packet, 4).map(usize::from) else { return Ok(()) };
            if (1..udplite::LEN).contains(&claimed) || (claimed > available && is_whole) {
                return Err(LengthError::Coverage { claimed, available });
            }
        }
        Proto::Sctp if available < sctp::LEN && is_whole => return Err(LengthError::Header),
        _ => {}
    }
    Ok(())
}
