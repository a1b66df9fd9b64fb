//! Geneve, RFC 8926: version, length of the options, EtherType, network identifier, options.

use super::{Cursor, Next, Step, array, be16, ethernet};
use crate::layers::Proto;

/// The UDP port.
pub const PORT: u16 = 6081;
/// The length of the header without options.
pub const LEN: usize = 8;
const VERSION: u8 = 0xC0;
const OPTIONS: u8 = 0x3F;
const RESERVED: u8 = 0x3F;

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The EtherType of what is carried.
    pub protocol: u16,
    /// The virtual network.
    pub vni: u32,
    /// Whether it is a control packet.
    pub is_control: bool,
    /// Whether there are options that must be understood.
    pub is_critical: bool,
    /// The length with options.
    pub length: usize,
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneveOption<'a> {
    /// Who defined it.
    pub class: u16,
    /// What it is, with the bit that says whether it must be understood.
    pub kind: u8,
    /// Its data.
    pub data: &'a [u8],
}

/// The fixed part at `at`, if it is all there.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let [first, flags, high, low, a, b, c, _] = *array(frame, at)?;
    Some(Header {
        protocol: u16::from_be_bytes([high, low]),
        vni: u32::from_be_bytes([0, a, b, c]),
        is_control: flags & 0x80 != 0,
        is_critical: flags & 0x40 != 0,
        length: LEN + usize::from(first & OPTIONS) * 4,
    })
}

/// The options of the header at `at`, as far as they are there.
pub fn options(frame: &[u8], at: usize) -> impl Iterator<Item = GeneveOption<'_>> + Clone {
    let length = view(frame, at).map_or(0, |header| header.length);
    let mut rest = frame.get(at + LEN..at + length).unwrap_or_default();
    std::iter::from_fn(move || {
        let [_, _, kind, words] = *rest.first_chunk()?;
        let (option, others) = rest.split_at_checked(4 + usize::from(words & 0x1F) * 4)?;
        rest = others;
        Some(GeneveOption { class: be16(option, 0)?, kind, data: option.get(4..)? })
    })
}

/// Whether a UDP payload may be Geneve: the one version there is, nothing in the reserved bits, a proper EtherType.
pub(crate) fn is_plausible(payload: &[u8]) -> bool {
    let Some([first, flags, _, _, _, _, _, reserved]) = payload.first_chunk() else { return false };
    first & VERSION == 0
        && flags & RESERVED == 0
        && *reserved == 0
        && view(payload, 0).is_some_and(|header| header.protocol >= ethernet::MIN_ETHERTYPE)
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    let Some(header) = view(cursor.rest(), 0) else { return Err(cursor.shortage()) };
    cursor.push(Proto::Geneve)?;
    cursor.need(header.length)?;
    cursor.at += header.length;
    cursor.enter()?;
    Ok(Next::EtherType(header.protocol))
}
