//! The pcap format (draft-ietf-opsawg-pcap): one file header, then records.
//!
//! Read are both byte orders, microseconds and nanoseconds, and the records with 8 more bytes in their header that
//! Kuznetsov's patched libpcap wrote (magic `a1b2cd34`). Seconds are unsigned, so time stamps last until 2106.

use std::fmt;

use sluice_core::{CaptureInfo, Clock, Interface, PcapHeader, Resolution, Section};
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
    pub header: PcapHeader,
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
        let header = PcapHeader {
            big_endian: layout.big_endian,
            resolution: layout.resolution,
            version,
            reserved: [layout.word(bytes, 8), layout.word(bytes, 12)],
            snaplen: layout.word(bytes, 16),
            link_extra: link & 0xffff_0000,
        };
        Ok(Self { header, link: LinkType(link as u16), layout })
    }

    /// The header for a file of packets about which this is known, with the link type of one of the interfaces and the
    /// resolution of where they came from unless another is asked for. Packets from no file get little-endian
    /// nanoseconds.
    pub fn of(info: &CaptureInfo, interface: u16, resolution: Option<Resolution>) -> Self {
        let about = info.interfaces.get(usize::from(interface));
        let mut header = match &info.section {
            Some(Section::Pcap(header)) => *header,
            section => PcapHeader {
                big_endian: matches!(section, Some(Section::Ng(ng)) if ng.header.big_endian),
                resolution: match about {
                    // What is coarser than a microsecond is told by microseconds.
                    Some(Interface { clock: Clock { resolution: 0..=6, .. }, .. }) => Resolution::Micro,
                    _ => Resolution::Nano,
                },
                version: (2, 4),
                reserved: [0; 2],
                snaplen: about.map(|i| i.snaplen).filter(|len| *len > 0).unwrap_or(SNAPLEN),
                link_extra: about.and_then(|i| i.fcs_len).map_or(0, link_extra),
            },
        };
        header.resolution = resolution.unwrap_or(header.resolution);
        let layout = Layout::new(header.big_endian, header.resolution);
        Self { header, link: info.link(interface), layout }
    }

    /// The header as it stands in a file.
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let PcapHeader { version: (major, minor), reserved, snaplen, link_extra, .. } = self.header;
        let layout = Layout::new(self.header.big_endian, self.header.resolution);
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
        let clock = match self.header.resolution {
            Resolution::Micro => Clock::MICRO,
            Resolution::Nano => Clock::NANO,
        };
        let (snaplen, fcs_len) = (self.header.snaplen, self.fcs_len());
        let interface = Interface { snaplen, clock, fcs_len, ..Interface::of(self.link) };
        CaptureInfo { section: Some(Section::Pcap(self.header)), interfaces: vec![interface] }
    }

    /// Bytes of frame check sequence at the end of every frame, where the header tells: it counts them in pairs.
    fn fcs_len(&self) -> Option<u8> {
        let extra = self.header.link_extra;
        (extra & FCS_PRESENT != 0).then_some((extra >> 28) as u8 * 2)
    }
}

/// The upper bits of the link-type word that tell so many bytes of frame check sequence.
fn link_extra(fcs_len: u8) -> u32 {
    FCS_PRESENT | u32::from(fcs_len / 2) << 28
}

#[cfg(test)]
mod tests;
