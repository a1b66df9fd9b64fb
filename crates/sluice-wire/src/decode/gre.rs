//! Generic routing encapsulation: RFC 2784 with key and sequence number (RFC 2890), the source routes of RFC 1701, and
//! the variant for PPTP (RFC 2637). NVGRE (RFC 7637) is GRE with a key.

use super::{Cursor, Next, Step, array, be16, be32, erspan};
use crate::layers::{Proto, Stop};

/// The IP protocol number.
pub const NUMBER: u8 = 47;
/// The length of the header without optional fields.
pub const LEN: usize = 4;
/// The offset of the checksum, where there is one.
pub const CHECKSUM: usize = 4;
/// The protocol type of PPP.
pub const PPP: u16 = 0x880B;
const HAS_CHECKSUM: u16 = 0x8000;
const HAS_ROUTING: u16 = 0x4000;
const HAS_KEY: u16 = 0x2000;
const HAS_SEQUENCE: u16 = 0x1000;
const HAS_ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 0, or 1 for PPTP.
    pub version: u8,
    /// The EtherType of what is carried.
    pub protocol: u16,
    /// The checksum over the header and everything that it carries.
    pub checksum: Option<u16>,
    /// The key. In version 1 the length of the payload and the call id; in NVGRE the virtual subnet id and the flow id.
    pub key: Option<u32>,
    /// The sequence number.
    pub sequence: Option<u32>,
    /// The acknowledged sequence number of version 1.
    pub acknowledgement: Option<u32>,
    /// The length of the header with all of its fields.
    pub length: usize,
}

/// The header at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let flags = be16(frame, at)?;
    let version = (flags & VERSION) as u8;
    let mut length = LEN;
    let mut word = |present: bool| -> Option<Option<u32>> {
        if !present {
            return Some(None);
        }
        length += 4;
        Some(Some(be32(frame, at + length - 4)?))
    };
    let routing = version == 0 && flags & HAS_ROUTING != 0;
    let checksum = word(version == 0 && flags & (HAS_CHECKSUM | HAS_ROUTING) != 0)?;
    let key = word(flags & HAS_KEY != 0)?;
    let sequence = word(flags & HAS_SEQUENCE != 0)?;
    let acknowledgement = word(version == 1 && flags & HAS_ACKNOWLEDGEMENT != 0)?;
    if routing {
        length = routes_end(frame, at + length)? - at;
    }
    Some(Header {
        version,
        protocol: be16(frame, at + 2)?,
        // With a route but without a checksum the field is there and means nothing.
        checksum: checksum.filter(|_| flags & HAS_CHECKSUM != 0).map(|word| (word >> 16) as u16),
        key,
        sequence,
        acknowledgement,
        length,
    })
}

/// Where the list of source routes that begins at `at` ends: after an entry of family and length zero.
fn routes_end(frame: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let [family_high, family_low, _, length] = *array(frame, at)?;
        at += 4 + usize::from(length);
        if [family_high, family_low, length] == [0; 3] {
            return Some(at);
        }
    }
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    cursor.push(Proto::Gre)?;
    let room = cursor.rest();
    let Some(header) = view(room, 0).filter(|header| header.length <= room.len()) else {
        return Err(cursor.shortage());
    };
    cursor.at += header.length;
    if header.version > 1 {
        return Err(Stop::Unsupported);
    }
    match header.protocol {
        // A PPTP packet without a sequence number carries nothing but an acknowledgement.
        _ if header.version == 1 && header.sequence.is_none() => Err(Stop::Payload),
        PPP => {
            cursor.enter()?;
            Ok(Next::Ppp)
        }
        erspan::TYPE_1_2 | erspan::TYPE_3 => {
            erspan::decode(cursor, header.protocol, header.sequence.is_some())
        }
        // A keepalive carries the packet that is to come back or nothing.
        0 => Err(Stop::Payload),
        protocol => {
            cursor.enter()?;
            Ok(Next::EtherType(protocol))
        }
    }
}
