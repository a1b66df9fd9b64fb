//! UDP, RFC 768.

use pnet_packet::udp::UdpPacket;

use super::{Cursor, Step, tunnel};
use crate::layers::{Proto, Stop};

/// The IP protocol number.
pub const NUMBER: u8 = 17;
/// The length of the header.
pub const LEN: usize = 8;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 6;

/// The header at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<UdpPacket<'_>> {
    UdpPacket::new(frame.get(at..)?)
}

#[inline(always)]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::Udp)?;
    let Some(header) = UdpPacket::new(cursor.rest()) else { return cursor.payload(LEN) };
    let room = cursor.rest().len();
    match usize::from(header.get_length()) {
        // Zero stands for the length of the whole packet in jumbograms (RFC 2675) and offloaded ones.
        1..LEN => Err(Stop::BadLength),
        length if length > room && !cursor.cut && !cursor.layers.is_fragment() => Err(Stop::BadLength),
        length => match tunnel::of_ports(header.get_source(), header.get_destination()) {
            Some(tunnel) => tunnel.decode(cursor, length),
            None => cursor.payload(LEN),
        },
    }
}
