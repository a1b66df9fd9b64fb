//! Cisco FabricPath: forwarding tag and time to live, between two Ethernet headers.

use super::{Cursor, Next, Step, be16};
use crate::layers::Proto;

/// The EtherType.
pub const ETHERTYPE: u16 = 0x8903;
/// The length of the header.
pub const LEN: usize = 2;

/// The forwarding tag and the time to live of the header at `at`.
pub fn view(frame: &[u8], at: usize) -> Option<(u16, u8)> {
    let word = be16(frame, at)?;
    Some((word >> 6, word as u8 & 0x3F))
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    cursor.push(Proto::FabricPath)?;
    cursor.at += LEN;
    Ok(Next::Ethernet)
}
