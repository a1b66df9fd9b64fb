//! Linux cooked capture, version 2: protocol, interface index, ARPHRD type, packet type, address.

use pnet_packet::sll2::SLL2Packet;

use super::{Cursor, Step, sll};
use crate::layers::Proto;

/// The length of the header.
pub const LEN: usize = 20;

/// The header at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<SLL2Packet<'_>> {
    // The view itself would be content without the address.
    SLL2Packet::new(frame.get(at..).filter(|header| header.len() >= LEN)?)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    cursor.push(Proto::Sll2)?;
    cursor.at += LEN;
    sll::next(header.get_arphrd_type(), header.get_protocol_type().0)
}
