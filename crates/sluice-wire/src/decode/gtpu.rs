//! GTP-U version 1, 3GPP TS 29.281: type, length, tunnel; sequence number and extension headers; then an IP packet.

use super::{Cursor, Next, Step, array, be16, be32};
use crate::layers::{Proto, Stop};

/// The UDP port.
pub const PORT: u16 = 2152;
/// The length of the header without optional fields.
pub const LEN: usize = 8;
/// The type of messages that carry a packet.
pub const G_PDU: u8 = 255;
const VERSION_AND_TYPE: u8 = 0xF8;
const VERSION_1: u8 = 0x30;
const HAS_EXTENSIONS: u8 = 0x04;
const HAS_SEQUENCE: u8 = 0x02;
const HAS_OPTIONAL: u8 = 0x07;
const OPTIONAL_LEN: usize = 4;

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The message type.
    pub kind: u8,
    /// How many bytes follow the first eight.
    pub length: u16,
    /// The tunnel endpoint.
    pub teid: u32,
    /// The sequence number.
    pub sequence: Option<u16>,
    has_optional: bool,
    has_extensions: bool,
}

/// The fields of the header at `at`, if they are all there.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let [flags, kind] = *array(frame, at)?;
    let sequence = if flags & HAS_SEQUENCE == 0 { None } else { Some(be16(frame, at + LEN)?) };
    Some(Header {
        kind,
        length: be16(frame, at + 2)?,
        teid: be32(frame, at + 4)?,
        sequence,
        has_optional: flags & HAS_OPTIONAL != 0,
        has_extensions: flags & HAS_EXTENSIONS != 0,
    })
}

/// The types of the extension headers of the header at `at` with their offsets, as far as they are there.
pub fn extensions(frame: &[u8], at: usize) -> impl Iterator<Item = (u8, usize)> + Clone + '_ {
    let has_any = frame.get(at).is_some_and(|flags| flags & HAS_EXTENSIONS != 0);
    let mut place = at + LEN + OPTIONAL_LEN;
    let mut kind = frame.get(place - 1).copied().filter(|_| has_any).unwrap_or(0);
    std::iter::from_fn(move || {
        let (found, begin) = (kind, place);
        let length = usize::from(*frame.get(begin).filter(|length| found != 0 && **length != 0)?) * 4;
        kind = *frame.get(begin + length - 1)?;
        place += length;
        Some((found, begin))
    })
}

/// Whether a UDP payload of `length` bytes may be GTP-U of this version.
pub(crate) fn is_plausible(payload: &[u8], length: usize) -> bool {
    payload.len() >= LEN
        && payload.first().is_some_and(|flags| flags & VERSION_AND_TYPE == VERSION_1)
        && be16(payload, 2).is_some_and(|claimed| LEN + usize::from(claimed) <= length)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    cursor.push(Proto::GtpU)?;
    cursor.at += LEN;
    cursor.carry(cursor.at + usize::from(header.length));
    if header.has_optional {
        cursor.need(OPTIONAL_LEN)?;
        cursor.at += OPTIONAL_LEN;
    }
    if header.has_extensions {
        skip_extensions(cursor)?;
    }
    if header.kind != G_PDU {
        return Err(Stop::Payload);
    }
    cursor.enter()?;
    match cursor.rest().first().map(|byte| byte >> 4) {
        Some(4 | 6) => Ok(Next::Ip),
        Some(_) => Err(Stop::Unsupported),
        None => Err(Stop::Payload),
    }
}

/// Each header ends with the type of the next one, as do the optional fields.
fn skip_extensions(cursor: &mut Cursor<'_>) -> Result<(), Stop> {
    while cursor.frame.get(cursor.at - 1).is_some_and(|kind| *kind != 0) {
        let Some(units) = cursor.rest().first() else { return Err(cursor.shortage()) };
        if *units == 0 {
            return Err(Stop::BadLength);
        }
        let length = usize::from(*units) * 4;
        cursor.need(length)?;
        cursor.at += length;
    }
    Ok(())
}
