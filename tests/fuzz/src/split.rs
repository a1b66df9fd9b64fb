//! What the targets with a text take their input for: the text, a zero, the link type, and a packet.

use sluice_wire::link::LinkType;

pub struct Parts<'a> {
    pub text: &'a str,
    pub link: LinkType,
    pub frame: &'a [u8],
}

/// The link types whose headers are read.
const LINKS: [u16; 19] =
    [1, 0, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 117, 123, 127, 163, 228, 229, 276];

pub fn parts(data: &[u8]) -> Option<Parts<'_>> {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (text, rest) = data.split_at(end);
    let link = usize::from(rest.get(1).copied().unwrap_or_default());
    Some(Parts {
        text: std::str::from_utf8(text).ok()?,
        link: LinkType(LINKS[link % LINKS.len()]),
        frame: rest.get(2..).unwrap_or_default(),
    })
}
