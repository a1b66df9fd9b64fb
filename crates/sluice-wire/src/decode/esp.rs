//! IP encapsulating security payload, RFC 4303: SPI, sequence number; the rest is encrypted.

use super::{Cursor, Step, be32};
use crate::layers::Proto;

/// The IP protocol number.
pub const NUMBER: u8 = 50;
/// The length of the header.
pub const LEN: usize = 8;

/// The security parameters index and the sequence number of the header at `at`.
pub fn view(frame: &[u8], at: usize) -> Option<(u32, u32)> {
    Some((be32(frame, at)?, be32(frame, at + 4)?))
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    cursor.push(Proto::Esp)?;
    cursor.payload(LEN)
}
