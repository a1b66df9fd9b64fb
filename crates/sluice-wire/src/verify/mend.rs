//! What wrong length fields should say.

use super::{LengthError, Offload, lengths, packets};
use crate::decode::{ipv4, ipv6, udp, udplite};
use crate::layers::{Layers, Proto};

/// The offset of the first wrong length field of a frame, or of the packets in its tunnels, and what it should say.
///
/// Once it is written, the headers have to be found again before the next one is looked for. A field may say at most
/// what was on the wire, so a packet that the capture cut off keeps its lengths. One that says less is right: padding may
/// follow. A zero that offloading left in the place of a length is wrong if the length fits. The lengths of IPv4 and TCP
/// headers stay as they are, since nothing tells what they should be.
pub fn mend(frame: &[u8], layers: &Layers, wire_len: u32) -> Option<(usize, u16)> {
    packets(frame, layers, wire_len, Offload::None)
        .find_map(|(packet, wire, _)| {
            let zero = offloaded(&packet, wire).map(Some);
            zero.or_else(|| lengths::check(frame, &packet, wire).err().map(|error| field(&packet, error)))
        })
        .flatten()
}

/// The length field that says zero because offloading left the packet whole, and what it should say.
fn offloaded(layers: &Layers, wire: usize) -> Option<(usize, u16)> {
    let (proto, at) = layers.network().filter(|_| layers.is_gso())?;
    let (field, from) = if proto == Proto::Ipv4 { (at + 2, at) } else { (at + 4, at + ipv6::LEN) };
    Some((field, u16::try_from(wire.checked_sub(from)?).ok().filter(|length| *length > 0)?))
}

/// Where the field is, and what it should say; nothing where nothing would be right.
fn field(layers: &Layers, error: LengthError) -> Option<(usize, u16)> {
    let network = layers.network().map(|(_, at)| at);
    let transport = layers.transport().map(|(_, at)| at);
    let (at, length, least) = match error {
        LengthError::FrameLength { available, .. } => {
            (layers.find(Proto::Llc)?.checked_sub(2)?, available, 0)
        }
        LengthError::TotalLength { available, .. } => (network? + 2, available, ipv4::LEN),
        LengthError::PayloadLength { available, .. } => (network? + 4, available, 0),
        LengthError::UdpLength { available, .. } => (transport? + 4, available, udp::LEN),
        // Zero stands for all of the packet.
        LengthError::Coverage { .. } => (transport? + udplite::COVERAGE, 0, 0),
        LengthError::HeaderLength(_) | LengthError::DataOffset { .. } | LengthError::Header => return None,
    };
    Some((at, u16::try_from(length).ok().filter(|length| usize::from(*length) >= least)?))
}
