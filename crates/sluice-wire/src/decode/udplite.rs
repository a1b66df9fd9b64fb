//! UDP-Lite, RFC 3828: like UDP, with a checksum coverage in place of the length.

use super::{Cursor, Step, array};
use crate::layers::Proto;

/// The IP protocol number.
pub const NUMBER: u8 = 136;
/// The length of the header.
pub const LEN: usize = 8;
/// The offset of the checksum coverage in the header.
pub const COVERAGE: usize = 4;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 6;

/// The header at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<&[u8; LEN]> {
    array(frame, at)
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::UdpLite)?;
    cursor.payload(LEN)
}
