//! TCP, RFC 9293, with options.

use pnet_packet::tcp::TcpPacket;

use super::{Cursor, Step};
use crate::layers::{Proto, Stop};

/// The IP protocol number.
pub const NUMBER: u8 = 6;
/// The length of the header without options.
pub const LEN: usize = 20;
/// The offset of the checksum in the header.
pub const CHECKSUM: usize = 16;

/// The header at `at`, if it is there without options.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<TcpPacket<'_>> {
    TcpPacket::new(frame.get(at..)?)
}

#[inline(always)]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push_transport(Proto::Tcp)?;
    let Some(header) = TcpPacket::new(cursor.rest()) else { return cursor.payload(LEN) };
    match usize::from(header.get_data_offset()) * 4 {
        0..LEN => Err(Stop::BadLength),
        length => cursor.payload(length),
    }
}
