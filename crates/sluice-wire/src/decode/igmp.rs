//! IGMP, all versions: type, code, checksum, group.

use super::{Cursor, Step, array};
use crate::layers::Proto;

/// The IP protocol number.
pub const NUMBER: u8 = 2;
/// The length of the header that all versions share.
pub const LEN: usize = 8;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 2;

/// The header at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<&[u8; LEN]> {
    array(frame, at)
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::Igmp)?;
    cursor.payload(LEN)
}
