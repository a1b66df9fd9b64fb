//! IPv4, RFC 791, with options and fragments.

use pnet_packet::ipv4::Ipv4Packet;

use super::{Cursor, Next, Step, be16};
use crate::layers::{Proto, Stop, flag};

/// The length of the header without options.
pub const LEN: usize = 20;
/// The offset of the header checksum.
pub const CHECKSUM: usize = 10;
/// More fragments follow.
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// Must not be fragmented.
pub const DONT_FRAGMENT: u16 = 0x4000;
/// The mask of the fragment offset, in units of eight bytes.
pub const FRAGMENT_OFFSET: u16 = 0x1FFF;

/// The header at `at`, if its fixed part is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<Ipv4Packet<'_>> {
    Ipv4Packet::new(frame.get(at..)?)
}

/// Flags and fragment offset of the header at `at`, as one word.
#[inline]
pub fn fragment(frame: &[u8], at: usize) -> Option<u16> {
    be16(frame, at.checked_add(6)?)
}

#[inline(always)]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = Ipv4Packet::new(cursor.rest()) else { return Err(cursor.shortage()) };
    if header.get_version() != 4 {
        return Err(Stop::Malformed);
    }
    cursor.push_network(Proto::Ipv4)?;
    cursor.layers.protocol = header.get_next_level_protocol().0;
    let length = usize::from(header.get_header_length()) * 4;
    if length < LEN {
        return Err(Stop::BadLength);
    }
    match usize::from(header.get_total_length()) {
        0 => cursor.layers.flags |= flag::GSO,
        total if total < length => return Err(Stop::BadLength),
        total => cursor.narrow(cursor.at + total),
    }
    let fragment = fragment(cursor.frame, cursor.at).unwrap_or_default() & (MORE_FRAGMENTS | FRAGMENT_OFFSET);
    cursor.need(length)?;
    cursor.at += length;
    if fragment != 0 {
        cursor.layers.flags |= flag::FRAGMENT;
        if fragment & FRAGMENT_OFFSET != 0 {
            cursor.layers.flags |= flag::LATER;
            return Err(Stop::Fragment);
        }
    }
    Ok(Next::Protocol(cursor.layers.protocol))
}
