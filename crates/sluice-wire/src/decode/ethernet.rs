//! Ethernet II and IEEE 802.3: destination, source, EtherType or length.

use pnet_packet::ethernet::EthernetPacket;

use super::{Cursor, Next, Step};
use crate::layers::Proto;

/// The IP protocol number of frames straight in IP, as segment routing has them (RFC 8986).
pub const NUMBER: u8 = 143;
/// The length of the header.
pub const LEN: usize = 14;
/// The smallest EtherType; a smaller number is the length of an LLC frame.
pub const MIN_ETHERTYPE: u16 = 0x0600;
/// The EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// The EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// The EtherType of IPv6.
pub const IPV6: u16 = 0x86DD;
/// The EtherType of an Ethernet frame inside of something else (transparent Ethernet bridging).
pub const BRIDGED: u16 = 0x6558;

/// The header at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<EthernetPacket<'_>> {
    EthernetPacket::new(frame.get(at..)?)
}

#[inline(always)]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = EthernetPacket::new(cursor.rest()) else { return Err(cursor.shortage()) };
    cursor.push(Proto::Ethernet)?;
    cursor.at += LEN;
    Ok(type_or_length(header.get_ethertype().0))
}

/// What a field says that is an EtherType or a length.
#[inline(always)]
pub(crate) fn type_or_length(number: u16) -> Next {
    if number < MIN_ETHERTYPE { Next::Llc } else { Next::EtherType(number) }
}
