//! VXLAN, RFC 7348, and its generic protocol extension: flags, network identifier, then a frame.

use super::{Cursor, Next, Step, array, ethernet};
use crate::layers::{Proto, Stop};

/// The UDP port.
pub const PORT: u16 = 4789;
/// The UDP port in use before there was a number, still the default of Linux.
pub const OLD_PORT: u16 = 8472;
/// The UDP port of the generic protocol extension.
pub const GPE_PORT: u16 = 4790;
/// The length of the header.
pub const LEN: usize = 8;
const HAS_IDENTIFIER: u8 = 0x08;
const HAS_GROUP: u8 = 0x80;
const HAS_PROTOCOL: u8 = 0x04;
const VERSION: u8 = 0x30;

/// The network identifier of the header at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<u32> {
    let [_, _, _, _, a, b, c, _] = *array(frame, at)?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// The group policy id of the header at `at`, if it has one.
pub fn group(frame: &[u8], at: usize) -> Option<u16> {
    let [flags, _, high, low] = *array(frame, at)?;
    (flags & HAS_GROUP != 0).then(|| u16::from_be_bytes([high, low]))
}

/// What the header at `at` with the protocol extension says about its content.
pub fn protocol(frame: &[u8], at: usize) -> Option<u8> {
    let [flags, _, _, protocol] = *array(frame, at)?;
    (flags & HAS_PROTOCOL != 0).then_some(protocol)
}

/// Whether a UDP payload may be VXLAN: the one flag that must be set is, and no flag is that nobody has defined.
pub(crate) fn is_plausible(payload: &[u8]) -> bool {
    matches!(payload, [flags, _, _, _, _, _, _, 0, ..] if flags & !HAS_GROUP == HAS_IDENTIFIER)
}

/// Whether a UDP payload may be VXLAN with the protocol extension.
pub(crate) fn is_plausible_gpe(payload: &[u8]) -> bool {
    let Some([flags, 0, 0, protocol, ..]) = payload.first_chunk::<LEN>() else { return false };
    flags & VERSION == 0
        && flags & (HAS_IDENTIFIER | HAS_PROTOCOL) != 0
        && (flags & HAS_PROTOCOL == 0 || (1..=8).contains(protocol))
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.push(Proto::Vxlan)?;
    cursor.at += LEN;
    cursor.enter()?;
    Ok(Next::Ethernet)
}

pub(crate) fn decode_gpe(cursor: &mut Cursor<'_>) -> Step {
    let protocol = protocol(cursor.frame, cursor.at);
    cursor.push(Proto::VxlanGpe)?;
    cursor.at += LEN;
    cursor.enter()?;
    match protocol {
        None | Some(3) => Ok(Next::Ethernet),
        Some(1) => Ok(Next::EtherType(ethernet::IPV4)),
        Some(2) => Ok(Next::EtherType(ethernet::IPV6)),
        _ => Err(Stop::Unsupported),
    }
}
