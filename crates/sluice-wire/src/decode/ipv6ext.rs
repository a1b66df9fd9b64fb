//! IPv6 extension headers, RFC 8200: next header, length in units of eight bytes, then what the kind defines.

use super::{Cursor, Next, Step, array, be16, be32};
use crate::layers::{Proto, Stop, flag};

/// Hop-by-hop options.
pub const HOP_BY_HOP: u8 = 0;
/// Routing header.
pub const ROUTING: u8 = 43;
/// Fragment header.
pub const FRAGMENT: u8 = 44;
/// Nothing follows.
pub const NO_NEXT: u8 = 59;
/// Destination options.
pub const DEST_OPTS: u8 = 60;
/// Host identity protocol.
pub const HIP: u8 = 139;
/// Shim6.
pub const SHIM6: u8 = 140;
/// The length of a fragment header, and the least of any other.
pub const LEN: usize = 8;
const OPTION_JUMBO: u8 = 0xC2;
const OPTION_HOME_ADDRESS: u8 = 0xC9;

/// The next header and the length in bytes of the extension header at `at`, of a kind other than a fragment header.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<(u8, usize)> {
    let [next, length] = *array(frame, at)?;
    Some((next, (usize::from(length) + 1) * 8))
}

/// The next header, the offset in bytes, whether more follow and the identification of the fragment header at `at`.
pub fn fragment(frame: &[u8], at: usize) -> Option<(u8, u16, bool, u32)> {
    let next = *frame.get(at)?;
    let word = be16(frame, at.checked_add(2)?)?;
    Some((next, word & !7, word & 1 == 1, be32(frame, at.checked_add(4)?)?))
}

/// The offset and length of the data of the first option of the given kind in the options header at `at`.
pub(crate) fn option(frame: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let (_, length) = view(frame, at)?;
    let header = frame.get(..at.checked_add(length)?)?;
    let mut at = at + 2;
    loop {
        match *header.get(at)? {
            // Pad1 is the one option without a length.
            0 => at += 1,
            found => {
                let length = usize::from(*header.get(at + 1)?);
                if found == kind {
                    return (at + 2 + length <= header.len()).then_some((at + 2, length));
                }
                at += 2 + length;
            }
        }
    }
}

/// The payload length in the jumbo option of the hop-by-hop header at `at`.
pub(crate) fn jumbo_length(frame: &[u8], at: usize) -> Option<usize> {
    match option(frame, at, OPTION_JUMBO)? {
        (data, 4) => be32(frame, data).map(|length| length as usize),
        _ => None,
    }
}

/// The offset of the home address in the destination options at `at`: the packet's true source (RFC 6275).
pub(crate) fn home_address(frame: &[u8], at: usize) -> Option<usize> {
    match option(frame, at, OPTION_HOME_ADDRESS)? {
        (data, 16) => Some(data),
        _ => None,
    }
}

/// The addresses in a routing header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// The offset of the first address; the others follow.
    pub first: usize,
    pub count: usize,
    /// The offset of the final destination, if the packet has not reached it yet.
    pub last: Option<usize>,
}

/// The addresses in the routing header at `at`, for the types that store them whole: 0, 2 and 4.
pub(crate) fn route(frame: &[u8], at: usize) -> Option<Route> {
    let (_, length) = view(frame, at)?;
    let header = frame.get(at..at.checked_add(length)?)?;
    let [kind, left] = *array(header, 2)?;
    let first = at + LEN;
    let room = (length - LEN) / 16;
    // Segment routing (RFC 8754) says how many there are, as TLVs may follow, and lists them backwards.
    let (count, last) = match kind {
        0 | 2 => (room, room.checked_sub(1)),
        4 => (room.min(usize::from(*header.get(4)?) + 1), Some(0)),
        _ => return None,
    };
    let last = last.filter(|_| left > 0 && count > 0).map(|index| first + 16 * index);
    Some(Route { first, count, last })
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>, number: u8) -> Step {
    let proto = match number {
        HOP_BY_HOP => Proto::Ipv6HopByHop,
        ROUTING => Proto::Ipv6Routing,
        FRAGMENT => return decode_fragment(cursor),
        DEST_OPTS => Proto::Ipv6DestOpts,
        HIP | SHIM6 => Proto::Ipv6Extension,
        NO_NEXT => return Err(Stop::Payload),
        _ => return Err(Stop::Unsupported),
    };
    cursor.need(LEN)?;
    let (next, length) = view(cursor.frame, cursor.at).ok_or(Stop::BadLength)?;
    cursor.push(proto)?;
    cursor.need(length)?;
    cursor.at += length;
    Ok(Next::Protocol(next))
}

fn decode_fragment(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    let (next, offset, more, _) = fragment(cursor.frame, cursor.at).ok_or(Stop::BadLength)?;
    cursor.push(Proto::Ipv6Fragment)?;
    cursor.at += LEN;
    // An atomic fragment (RFC 6946) is a whole packet.
    if offset != 0 || more {
        cursor.layers.flags |= flag::FRAGMENT;
    }
    if offset != 0 {
        cursor.layers.protocol = next;
        cursor.layers.flags |= flag::LATER;
        return Err(Stop::Fragment);
    }
    Ok(Next::Protocol(next))
}
