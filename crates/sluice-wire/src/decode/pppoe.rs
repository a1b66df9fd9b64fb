//! PPP over Ethernet, RFC 2516: version and type, code, session, length; then tags (discovery) or PPP (session).

use super::{Cursor, Next, Step, array};
use crate::layers::{Proto, Stop};

/// The EtherType of the discovery stage.
pub const DISCOVERY: u16 = 0x8863;
/// The EtherType of the session stage.
pub const SESSION: u16 = 0x8864;
/// The length of the header.
pub const LEN: usize = 6;
const VERSION_AND_TYPE: u8 = 0x11;

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What a discovery packet is for; 0 in a session.
    pub code: u8,
    /// The session.
    pub session: u16,
    /// How many bytes follow the header.
    pub length: u16,
}

/// The header at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let [_, code, s, t, k, l] = *array(frame, at)?;
    Some(Header { code, session: u16::from_be_bytes([s, t]), length: u16::from_be_bytes([k, l]) })
}

pub(crate) fn decode(cursor: &mut Cursor<'_>, proto: Proto) -> Step {
    let Some(header) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    let version = cursor.rest().first().copied();
    cursor.push(proto)?;
    cursor.at += LEN;
    if version != Some(VERSION_AND_TYPE) {
        return Err(Stop::Malformed);
    }
    // Short packets are padded.
    cursor.narrow_link(usize::from(header.length))?;
    if proto == Proto::Pppoe { Ok(Next::Ppp) } else { cursor.payload(0) }
}
