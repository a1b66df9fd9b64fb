//! Linux cooked capture, version 1: packet type, ARPHRD type, address, protocol.

use pnet_packet::sll::SLLPacket;

use super::{Cursor, Next, Step, ethernet};
use crate::layers::{Proto, Stop};

/// The length of the header.
pub const LEN: usize = 16;
/// The ARPHRD type of netlink messages, whose protocol field is not an EtherType.
pub const ARPHRD_NETLINK: u16 = 824;
const LINUX_LLC: u16 = 4;

/// The header at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<SLLPacket<'_>> {
    // The view itself would be content without the address.
    SLLPacket::new(frame.get(at..).filter(|header| header.len() >= LEN)?)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    cursor.push(Proto::Sll)?;
    cursor.at += LEN;
    next(header.get_link_layer_address_type(), header.get_protocol().0)
}

/// What a cooked header's protocol field announces.
pub(crate) fn next(arphrd: u16, protocol: u16) -> Step {
    match protocol {
        _ if arphrd == ARPHRD_NETLINK => Err(Stop::Unsupported),
        LINUX_LLC => Ok(Next::Llc),
        0..ethernet::MIN_ETHERTYPE => Err(Stop::Unsupported),
        _ => Ok(Next::EtherType(protocol)),
    }
}
