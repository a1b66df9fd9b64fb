//! The pcap format (draft-ietf-opsawg-pcap): one file header, then records.
//!
//! Read are both byte orders, microseconds and nanoseconds, and the records with 8 more bytes in their header that
//! Kuznetsov's patched libpcap wrote (magic `a1b2cd34`). Seconds are unsigned, so time stamps last until 2106.

use std::fmt;

use sluice_core::{CaptureInfo, Interface, Resolution, Section};
use sluice_wire::link::LinkType;

mod records;

pub use records::{Layout, Record, Step, Walker};

/// The length of the file header.
pub const HEADER: usize = 24;

/// The length of a record header as written.
pub const RECORD_HEADER: usize = 16;

/// The longest packet that is believed. Longer than any link layer's or offload engine's (BIG TCP ends at 512 KiB, USB
/// transfers rarely pass a few MiB), yet short enough that a lying header cannot make a reader ask for gigabytes.
pub const MAX_CAPTURED: u32 = 64 << 20;

/// The snapshot length written where none is known: what `tcpdump` writes, and what every reader accepts.
const SNAPLEN: u32 = 262_144;

const FCS_PRESENT: u32 = 0x0400_0000;

/// Why bytes are not a file header that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// There are fewer than [`HEADER`] bytes.
    Short,
    /// They do not begin with a magic number of pcap.
    Magic,
    /// Version 2.3 and later of version 2 are known; before, the lengths stood the other way round.
    Version(u16, u16),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Short => f.write_str("the file header is cut off"),
            Invalid::Magic => f.write_str("there is no pcap magic number"),
            Invalid::Version(major, minor) => {
                write!(f, "version `{major}.{minor}` of the pcap format is not known")
            }
        }
    }
}

impl std::error::Error for Invalid {}

/// The file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What a copy has to repeat.
    pub section: Section,
    /// What every frame begins with.
    pub link: LinkType,
    /// How the records are laid out.
    pub layout: Layout,
}

impl Header {
    /// Reads the header at the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        let bytes: &[u8; HEADER] = bytes.first_chunk().ok_or(Invalid::Short)?;
        let [a, b, c, d, v, w, x, y, ..] = *bytes;
        let layout = Layout::of_magic([a, b, c, d]).ok_or(Invalid::Magic)?;
        let half = |pair: [u8; 2]| {
            if layout.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let version = (half([v, w]), half([x, y]));
        if version.0 != 2 || version.1 < 3 {
            return Err(Invalid::Version(version.0, version.1));
        }
        let link = layout.word(bytes, 20);
        let section = Section {
            big_endian: layout.big_endian,
            resolution: layout.resolution,
            version,
            reserved: [layout.word(bytes, 8), layout.word(bytes, 12)],
            snaplen: layout.word(bytes, 16),
            link_extra: link & 0xffff_0000,
        };
        Ok(Self { section, link: LinkType(link as u16), layout })
    }

    /// The header for a file of packets about which this is known, with the resolution of where they came from unless
    /// another is asked for. Packets from no file get little-endian nanoseconds.
    pub fn of(info: &CaptureInfo, resolution: Option<Resolution>) -> Self {
        let mut section = info.sections.first().copied().unwrap_or(Section {
            big_endian: false,
            resolution: Resolution::Nano,
            version: (2, 4),
            reserved: [0; 2],
            snaplen: SNAPLEN,
            link_extra: 0,
        });
        section.resolution = resolution.unwrap_or(section.resolution);
        Self { section, link: info.link(0), layout: Layout::new(section.big_endian, section.resolution) }
    }

    /// The header as it stands in a file.
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let Section { version: (major, minor), reserved, snaplen, link_extra, .. } = self.section;
        let layout = Layout::new(self.section.big_endian, self.section.resolution);
        let version = if layout.big_endian {
            u32::from(major) << 16 | u32::from(minor)
        } else {
            u32::from(minor) << 16 | u32::from(major)
        };
        let link = link_extra & 0xffff_0000 | u32::from(self.link.0);
        let mut bytes = [0; HEADER];
        let words = [layout.magic(), version, reserved[0], reserved[1], snaplen, link];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&layout.bytes(word));
        }
        bytes
    }

    /// What batches of this file's packets carry.
    pub fn info(&self) -> CaptureInfo {
        let interface = Interface { link: self.link, fcs_len: self.fcs_len(), name: None };
        CaptureInfo { sections: vec![self.section], interfaces: vec![interface] }
    }

    /// Bytes of frame check sequence at the end of every frame, where the header tells: it counts them in pairs.
    fn fcs_len(&self) -> Option<u8> {
        let extra = self.section.link_extra;
        (extra & FCS_PRESENT != 0).then_some((extra >> 28) as u8 * 2)
    }
}

#[cfg(test)]
mod tests;
