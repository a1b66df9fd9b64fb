//! Teredo, RFC 4380: IPv6 over UDP, with an authentication and an origin indication before it where they are needed.

use super::{Cursor, Next, Step, array, be16, ethernet, ipv6};
use crate::layers::Proto;

/// The UDP port of servers.
pub const PORT: u16 = 3544;
const AUTHENTICATION: [u8; 2] = [0, 1];
const ORIGIN: [u8; 2] = [0, 0];
const ORIGIN_LEN: usize = 8;
/// Without client identifier and authentication value: their lengths before, nonce and confirmation after them.
const AUTHENTICATION_LEN: usize = 13;

/// What stands before the IPv6 packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Whether there is an authentication indication.
    pub is_authenticated: bool,
    /// The port and the address that the server saw the packet come from.
    pub origin: Option<(u16, [u8; 4])>,
    /// The length of all of it.
    pub length: usize,
}

/// The indications at `at`, if they are all there.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let mut header = Header::default();
    if array(frame, at) == Some(&AUTHENTICATION) {
        let [id, value] = *array(frame, at + 2)?;
        header.is_authenticated = true;
        header.length = AUTHENTICATION_LEN + usize::from(id) + usize::from(value);
    }
    if array(frame, at + header.length) == Some(&ORIGIN) {
        // Port and address are written inverted, so that no address translator on the way mistakes them for its own.
        let port = !be16(frame, at + header.length + 2)?;
        let address: &[u8; 4] = array(frame, at + header.length + 4)?;
        header.origin = Some((port, address.map(|byte| !byte)));
        header.length += ORIGIN_LEN;
    }
    (at + header.length <= frame.len()).then_some(header)
}

/// Whether a UDP payload of `length` bytes may be Teredo: an IPv6 packet that fits follows.
pub(crate) fn is_plausible(payload: &[u8], length: usize) -> bool {
    let Some(at) = view(payload, 0).map(|header| header.length) else { return false };
    let claimed = be16(payload, at + 4).map(|claimed| at + ipv6::LEN + usize::from(claimed));
    payload.get(at).is_some_and(|byte| byte >> 4 == 6) && claimed.is_some_and(|end| end <= length)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    cursor.push(Proto::Teredo)?;
    cursor.at += header.length;
    cursor.enter()?;
    Ok(Next::EtherType(ethernet::IPV6))
}
