//! PPP, RFC 1661 and 1662: address and control (may be left out), protocol (one or two bytes).

use super::{Cursor, Next, Step, ethernet, hdlc, mpls};
use crate::layers::{Proto, Stop};

const ADDRESS: u8 = 0xFF;
const CONTROL: u8 = 0x03;
const PROTOCOL_IPV4: u16 = 0x0021;
const PROTOCOL_IPV6: u16 = 0x0057;
const PROTOCOL_MPLS: u16 = 0x0281;
const PROTOCOL_MPLS_MULTICAST: u16 = 0x0283;

/// The protocol number and the length of the header at `at`.
pub fn view(frame: &[u8], at: usize) -> Option<(u16, usize)> {
    let header = frame.get(at..)?;
    let (skipped, header) = match header {
        [ADDRESS, CONTROL, rest @ ..] => (2, rest),
        _ => (0, header),
    };
    match header {
        // An odd first byte is a protocol number compressed to one byte.
        [low, ..] if low & 1 == 1 => Some((u16::from(*low), skipped + 1)),
        [high, low, ..] => Some((u16::from_be_bytes([*high, *low]), skipped + 2)),
        _ => None,
    }
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    if matches!(cursor.rest(), [hdlc::UNICAST | hdlc::BROADCAST, 0, ..]) {
        return hdlc::decode(cursor);
    }
    let Some((protocol, length)) = view(cursor.frame, cursor.at) else { return Err(cursor.shortage()) };
    cursor.push(Proto::Ppp)?;
    cursor.at += length;
    match protocol {
        PROTOCOL_IPV4 => Ok(Next::EtherType(ethernet::IPV4)),
        PROTOCOL_IPV6 => Ok(Next::EtherType(ethernet::IPV6)),
        PROTOCOL_MPLS => Ok(Next::EtherType(mpls::UNICAST)),
        PROTOCOL_MPLS_MULTICAST => Ok(Next::EtherType(mpls::MULTICAST)),
        _ => Err(Stop::Unsupported),
    }
}
