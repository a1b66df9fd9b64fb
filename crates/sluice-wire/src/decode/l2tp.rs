//! L2TP version 2, RFC 2661: flags, tunnel and session, optional fields; then PPP, or the attributes of a control message.

use super::{Cursor, Next, Step, be16};
use crate::layers::{Proto, Stop};

/// The UDP port.
pub const PORT: u16 = 1701;
const IS_CONTROL: u16 = 0x8000;
const HAS_LENGTH: u16 = 0x4000;
const HAS_SEQUENCE: u16 = 0x0800;
const HAS_OFFSET: u16 = 0x0200;
const RESERVED: u16 = 0x34F0;
const VERSION: u16 = 0x000F;

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether it is a control message.
    pub is_control: bool,
    /// The length of the message with its header, if it is told.
    pub claimed: Option<u16>,
    /// The tunnel.
    pub tunnel: u16,
    /// The session in the tunnel.
    pub session: u16,
    /// The sequence number and the next one expected.
    pub sequence: Option<(u16, u16)>,
    /// The length of the header.
    pub length: usize,
}

/// The header at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let flags = be16(frame, at)?;
    let mut length = 2;
    let mut next = || {
        length += 2;
        be16(frame, at + length - 2)
    };
    let claimed = if flags & HAS_LENGTH == 0 { None } else { Some(next()?) };
    let (tunnel, session) = (next()?, next()?);
    let sequence = if flags & HAS_SEQUENCE == 0 { None } else { Some((next()?, next()?)) };
    let padding = if flags & HAS_OFFSET == 0 { 0 } else { next()? };
    length += usize::from(padding);
    Some(Header { is_control: flags & IS_CONTROL != 0, claimed, tunnel, session, sequence, length })
}

/// Whether a UDP payload of `length` bytes may be L2TP of this version.
pub(crate) fn is_plausible(payload: &[u8], length: usize) -> bool {
    let Some(flags) = be16(payload, 0) else { return false };
    let is_version_2 = flags & (VERSION | RESERVED) == 2;
    let is_control = flags & IS_CONTROL != 0;
    let fits = view(payload, 0).is_some_and(|header| {
        header.claimed.is_none_or(|claimed| (header.length..=length).contains(&usize::from(claimed)))
    });
    is_version_2 && fits && (!is_control || flags & (HAS_LENGTH | HAS_SEQUENCE) == HAS_LENGTH | HAS_SEQUENCE)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    cursor.push(Proto::L2tp)?;
    cursor.need(header.length)?;
    if let Some(claimed) = header.claimed {
        cursor.carry(cursor.at + usize::from(claimed));
    }
    cursor.at += header.length;
    if header.is_control || cursor.rest().is_empty() {
        return Err(Stop::Payload);
    }
    cursor.enter()?;
    Ok(Next::Ppp)
}
