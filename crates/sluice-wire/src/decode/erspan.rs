//! ERSPAN: mirrored frames in GRE. Type I has no header; II and III begin with a version, a VLAN and a session.

use super::{Cursor, Next, Step, array, be32};
use crate::layers::{Proto, Stop};

/// The protocol type of GRE for types I and II; a sequence number tells II.
pub const TYPE_1_2: u16 = 0x88BE;
/// The protocol type of GRE for type III.
pub const TYPE_3: u16 = 0x22EB;
/// The length of the header of type II.
pub const LEN_2: usize = 8;
/// The length of the header of type III without its optional part.
pub const LEN_3: usize = 12;
const OPTIONAL_LEN: usize = 8;

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 1 for type II, 2 for type III.
    pub version: u8,
    /// The VLAN of the mirrored frame.
    pub vlan: u16,
    /// The class of service of the mirrored frame.
    pub class: u8,
    /// Whether the mirrored frame was cut off.
    pub is_truncated: bool,
    /// The session that mirrors.
    pub session: u16,
    /// The index of the port and direction (type II).
    pub index: Option<u32>,
    /// The time stamp (type III).
    pub timestamp: Option<u32>,
    /// The length of the header.
    pub length: usize,
    carries_ip: bool,
}

/// The header at `at`, if it is all there and of a known version.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let [a, b, c, d] = *array(frame, at)?;
    let version = a >> 4;
    let is_type_3 = version == 2;
    let last = if is_type_3 { be32(frame, at + 8)? } else { 0 };
    let length = match version {
        1 => LEN_2,
        2 if last & 1 != 0 => LEN_3 + OPTIONAL_LEN,
        2 => LEN_3,
        _ => return None,
    };
    let second = be32(frame, at + 4)?;
    Some(Header {
        version,
        vlan: u16::from_be_bytes([a & 0x0F, b]),
        class: c >> 5,
        is_truncated: c & 0x04 != 0,
        session: u16::from_be_bytes([c & 0x03, d]),
        index: (!is_type_3).then_some(second & 0xF_FFFF),
        timestamp: is_type_3.then_some(second),
        length,
        carries_ip: is_type_3 && (last >> 10) & 0x1F == 2,
    })
}

/// What follows a GRE header of one of the protocol types.
pub(crate) fn decode(cursor: &mut Cursor<'_>, protocol: u16, has_sequence: bool) -> Step {
    if protocol == TYPE_1_2 && !has_sequence {
        cursor.enter()?;
        return Ok(Next::Ethernet);
    }
    cursor.need(LEN_2)?;
    cursor.push(Proto::Erspan)?;
    let Some(header) = view(cursor.rest(), 0) else {
        let is_known = matches!(cursor.rest().first().map(|byte| byte >> 4), Some(1 | 2));
        return Err(if is_known { cursor.shortage() } else { Stop::Unsupported });
    };
    cursor.need(header.length)?;
    cursor.at += header.length;
    if header.is_truncated {
        cursor.shorten();
    }
    cursor.enter()?;
    Ok(if header.carries_ip { Next::Ip } else { Next::Ethernet })
}
