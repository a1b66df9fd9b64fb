//! The packet that fragments make.

use sluice_core::{Layers, Reason};
use sluice_wire::checksum;
use sluice_wire::decode::{ipv4, ipv6, ipv6ext, pppoe};
use sluice_wire::layers::Proto;

use super::datagram::{Datagram, Piece};
use super::fragment::LONGEST;
use super::overlap::Stretch;
use super::{MALFORMED, TOO_LONG};

/// The length of the check sequence of Ethernet.
pub(super) const FCS: u8 = 4;

/// Puts the frame with the whole packet into `frame`: the headers are those of the fragment that the first bytes are from.
pub(super) fn assemble(
    datagram: &Datagram,
    stretches: &[Stretch],
    frame: &mut Vec<u8>,
) -> Result<(), &'static Reason> {
    frame.clear();
    let piece = |stretch: &Stretch| datagram.pieces.get(stretch.number as usize);
    let first = stretches.first().and_then(piece).ok_or(&MALFORMED)?;
    let last = datagram.pieces.last().ok_or(&MALFORMED)?;
    head(first, last, frame).ok_or(&MALFORMED)?;
    let headers = frame.len();
    for stretch in stretches {
        let from = piece(stretch).ok_or(&MALFORMED)?;
        let start = stretch.range.start.saturating_sub(from.part.offset) as usize;
        let bytes = from.part.bytes(&from.bytes);
        frame.extend_from_slice(bytes.get(start..start + stretch.range.len()).ok_or(&MALFORMED)?);
    }
    // What says that this is a fragment is gone, or goes now, so that the headers are found for their lengths.
    let layers = Layers::decode_to(last.link, &frame[..headers], last.frame.wire, 0);
    lengths(frame, &layers)?;
    if last.frame.fcs_len == FCS {
        let sum = checksum::crc32(frame);
        frame.extend_from_slice(&sum.to_le_bytes());
    }
    Ok(())
}

/// The headers: the link layer of the first fragment, unless the one in whose place the packet leaves has another kind.
fn head(first: &Piece, last: &Piece, frame: &mut Vec<u8>) -> Option<()> {
    let layers = |piece: &Piece| Layers::decode_to(piece.link, &piece.bytes, piece.frame.wire, 0);
    let (found, other) = (layers(first), layers(last));
    let (proto, at) = found.network()?;
    let (link, link_len) = match first.link == last.link {
        true => (first, at),
        false => (last, other.network()?.1),
    };
    frame.extend_from_slice(link.bytes.get(..link_len)?);
    if proto == Proto::Ipv4 {
        frame.extend_from_slice(first.bytes.get(at..first.part.from as usize)?);
        let field: &mut [u8; 2] = frame.get_mut(link_len + 6..)?.first_chunk_mut()?;
        let word = u16::from_be_bytes(*field) & !(ipv4::MORE_FRAGMENTS | ipv4::FRAGMENT_OFFSET);
        *field = word.to_be_bytes();
        return Some(());
    }
    let fragment = found.find(Proto::Ipv6Fragment)?;
    let before = found.own().take_while(|(_, found)| *found < fragment).last()?;
    let next = if before.1 == at { at + 6 } else { before.1 };
    frame.extend_from_slice(first.bytes.get(at..fragment)?);
    let (protocol, ..) = ipv6ext::fragment(&first.bytes, fragment)?;
    *frame.get_mut(link_len + (next - at))? = protocol;
    Some(())
}

/// Writes every length that covers the packet, and the checksum of an IPv4 header.
fn lengths(frame: &mut [u8], layers: &Layers) -> Result<(), &'static Reason> {
    let (proto, at) = layers.network().ok_or(&MALFORMED)?;
    let all = frame.len();
    let mut last = None;
    for (found, place) in layers.own().take_while(|(_, place)| *place < at) {
        match found {
            Proto::Pppoe => set(frame, place + 4, all - place - pppoe::LEN)?,
            // A length stands in the place of an EtherType; from 1,536 on it would be one.
            Proto::Llc if matches!(last, Some(Proto::Ethernet | Proto::Vlan)) => {
                let length = Some(all - place).filter(|length| *length <= 1500).ok_or(&TOO_LONG)?;
                set(frame, place - 2, length)?;
            }
            _ => {}
        }
        last = Some(found);
    }
    if proto != Proto::Ipv4 {
        return set(frame, at + 4, all - at - ipv6::LEN);
    }
    set(frame, at + 2, all - at)?;
    set(frame, at + ipv4::CHECKSUM, 0)?;
    let length = ipv4::view(frame, at).map_or(0, |header| usize::from(header.get_header_length()) * 4);
    let sum = checksum::finish(checksum::sum(frame.get(at..at + length).ok_or(&MALFORMED)?));
    set(frame, at + ipv4::CHECKSUM, usize::from(sum))
}

fn set(frame: &mut [u8], at: usize, value: usize) -> Result<(), &'static Reason> {
    let value = u16::try_from(value).ok().filter(|value| u32::from(*value) <= LONGEST).ok_or(&TOO_LONG)?;
    let field = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut()).ok_or(&MALFORMED)?;
    *field = value.to_be_bytes();
    Ok(())
}
