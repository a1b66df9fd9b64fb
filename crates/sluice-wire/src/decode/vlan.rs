//! VLAN tags, IEEE 802.1Q and 802.1ad: priority, drop eligibility, id; then the EtherType of what follows.

use pnet_packet::vlan::VlanPacket;

use super::{Cursor, Step, ethernet};
use crate::layers::Proto;

/// The length of the tag without its TPID, with the EtherType that follows.
pub const LEN: usize = 4;
/// The tag protocol identifiers: 802.1Q, 802.1ad, and those in use before the latter.
pub const TPIDS: [u16; 5] = [0x8100, 0x88A8, 0x9100, 0x9200, 0x9300];

/// Whether an EtherType announces a tag.
#[inline]
pub fn is_tag(ethertype: u16) -> bool {
    TPIDS.contains(&ethertype)
}

/// The tag at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<VlanPacket<'_>> {
    VlanPacket::new(frame.get(at..)?)
}

#[inline]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(tag) = VlanPacket::new(cursor.rest()) else { return Err(cursor.shortage()) };
    cursor.push(Proto::Vlan)?;
    cursor.at += LEN;
    Ok(ethernet::type_or_length(tag.get_ethertype().0))
}
