//! The IP authentication header, RFC 4302, in IPv4 and IPv6: next header, length, SPI, sequence number, check value.

use super::{Cursor, Next, Step, array};
use crate::layers::{Proto, Stop};

/// The IP protocol number.
pub const NUMBER: u8 = 51;
/// The length of the part before the integrity check value.
pub const LEN: usize = 12;

/// The next header and the length in bytes of the header at `at`.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<(u8, usize)> {
    // The one length field here that counts units of four bytes, less two.
    let [next, length] = *array(frame, at)?;
    Some((next, (usize::from(length) + 2) * 4))
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    let (next, length) = view(cursor.frame, cursor.at).ok_or(Stop::BadLength)?;
    cursor.push(Proto::Ah)?;
    if length < LEN {
        return Err(Stop::BadLength);
    }
    cursor.need(length)?;
    cursor.at += length;
    Ok(Next::Protocol(next))
}
