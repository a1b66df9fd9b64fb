//! Ethernet in IP, RFC 3378: a version and reserved bits, then a frame.

use super::{Cursor, Next, Step, be16};
use crate::layers::{Proto, Stop};

/// The IP protocol number.
pub const NUMBER: u8 = 97;
/// The length of the header.
pub const LEN: usize = 2;
const VERSION: u16 = 3;

/// The version in the header at `at`.
pub fn view(frame: &[u8], at: usize) -> Option<u16> {
    be16(frame, at).map(|word| word >> 12)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(version) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    cursor.push(Proto::EtherIp)?;
    cursor.at += LEN;
    if version != VERSION {
        return Err(Stop::Unsupported);
    }
    cursor.enter()?;
    Ok(Next::Ethernet)
}
