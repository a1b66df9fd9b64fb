//! ICMPv6, RFC 4443, and neighbour discovery, RFC 4861.

use pnet_packet::icmpv6::Icmpv6Packet;

use super::{Cursor, Step};
use crate::layers::Proto;

/// The IP protocol number.
pub const NUMBER: u8 = 58;
/// The length of the header, with the four bytes whose meaning the type defines.
pub const LEN: usize = 8;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 2;

/// The header at `at`, if its first four bytes are there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<Icmpv6Packet<'_>> {
    Icmpv6Packet::new(frame.get(at..)?)
}

/// Whether messages of this type quote the packet that caused them.
#[inline]
pub fn is_error(kind: u8) -> bool {
    matches!(kind, 1..=4)
}

/// Whether messages of this type carry an identifier that stays the same from question to answer.
#[inline]
pub fn has_identifier(kind: u8) -> bool {
    matches!(kind, 128 | 129)
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::Icmpv6)?;
    cursor.payload(LEN)
}
