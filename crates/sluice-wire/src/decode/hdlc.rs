//! Cisco HDLC: address, control, EtherType.

use super::{Cursor, Next, Step, be16};
use crate::layers::{Proto, Stop};

/// The length of the header.
pub const LEN: usize = 4;
/// The address byte of a unicast frame.
pub const UNICAST: u8 = 0x0F;
/// The address byte of a broadcast frame.
pub const BROADCAST: u8 = 0x8F;

/// The EtherType in the header at `at`.
pub fn view(frame: &[u8], at: usize) -> Option<u16> {
    be16(frame, at.checked_add(2)?)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    let ethertype = view(cursor.frame, cursor.at).ok_or(Stop::BadLength)?;
    cursor.push(Proto::Hdlc)?;
    cursor.at += LEN;
    Ok(Next::EtherType(ethertype))
}
