//! SCTP, RFC 9260: ports, verification tag, CRC32c; chunks follow.

use super::{Cursor, Step, array};
use crate::layers::Proto;

/// The IP protocol number.
pub const NUMBER: u8 = 132;
/// The length of the header.
pub const LEN: usize = 12;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 8;

/// The header at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<&[u8; LEN]> {
    array(frame, at)
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::Sctp)?;
    cursor.payload(LEN)
}
