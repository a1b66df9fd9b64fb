//! The IPv6 mobility header, RFC 6275: an extension header by its shape, a transport by its checksum.

use super::{Cursor, Step, array, ipv6ext};
use crate::layers::Proto;

/// The IP protocol number.
pub const NUMBER: u8 = 135;
/// The length of the header without the message.
pub const LEN: usize = 6;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 4;

/// The header at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<&[u8; LEN]> {
    array(frame, at)
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::Mobility)?;
    match ipv6ext::view(cursor.frame, cursor.at) {
        Some((_, length)) => cursor.payload(length),
        None => Err(cursor.shortage()),
    }
}
