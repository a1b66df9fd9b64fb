//! ICMP, RFC 792.

use pnet_packet::icmp::IcmpPacket;

use super::{Cursor, Step};
use crate::layers::Proto;

/// The IP protocol number.
pub const NUMBER: u8 = 1;
/// The length of the header, with the four bytes whose meaning the type defines.
pub const LEN: usize = 8;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 2;

/// The header at `at`, if its first four bytes are there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<IcmpPacket<'_>> {
    IcmpPacket::new(frame.get(at..)?)
}

/// Whether messages of this type quote the packet that caused them.
#[inline]
pub fn is_error(kind: u8) -> bool {
    matches!(kind, 3 | 4 | 5 | 11 | 12)
}

/// Whether messages of this type carry an identifier that stays the same from question to answer.
#[inline]
pub fn has_identifier(kind: u8) -> bool {
    matches!(kind, 0 | 8 | 13..=18)
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::Icmpv4)?;
    cursor.payload(LEN)
}
