//! IPv6, RFC 8200: the fixed header. Extension headers are in [`ipv6ext`].

use pnet_packet::ipv6::Ipv6Packet;

use super::{Cursor, Next, Step, ipv6ext};
use crate::layers::{Proto, Stop, flag};

/// The length of the fixed header.
pub const LEN: usize = 40;

/// The header at `at`, if it is all there.
#[inline]
pub fn view(frame: &[u8], at: usize) -> Option<Ipv6Packet<'_>> {
    Ipv6Packet::new(frame.get(at..)?)
}

#[inline(always)]
pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = Ipv6Packet::new(cursor.rest()) else { return Err(cursor.shortage()) };
    if header.get_version() != 6 {
        return Err(Stop::Malformed);
    }
    cursor.push_network(Proto::Ipv6)?;
    let next = header.get_next_header().0;
    cursor.layers.protocol = next;
    cursor.at += LEN;
    match usize::from(header.get_payload_length()) {
        0 => zero_length(cursor, next),
        length => cursor.narrow(cursor.at + length),
    }
    Ok(Next::Protocol(next))
}

/// A payload length of zero: a jumbogram, nothing at all, or a packet left whole by offloading.
fn zero_length(cursor: &mut Cursor<'_>, next: u8) {
    let jumbo =
        (next == ipv6ext::HOP_BY_HOP).then(|| ipv6ext::jumbo_length(cursor.frame, cursor.at)).flatten();
    match jumbo {
        Some(length) => cursor.narrow(cursor.at.saturating_add(length)),
        None if next == ipv6ext::NO_NEXT => cursor.narrow(cursor.at),
        None => cursor.layers.flags |= flag::GSO,
    }
}
