//! What a capture file or interface says about all of its packets.

use std::sync::Arc;

use sluice_wire::link::LinkType;

/// How a pcap file writes time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The file header of the pcap file that packets came from (draft-ietf-opsawg-pcap): what a copy has to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcapHeader {
    /// Whether numbers are written with the most significant byte first.
    pub big_endian: bool,
    /// How time stamps are written.
    pub resolution: Resolution,
    /// Major and minor version.
    pub version: (u16, u16),
    /// The two words between version and snapshot length, formerly time zone and accuracy.
    pub reserved: [u32; 2],
    /// The snapshot length as written; 0 means no limit was told.
    pub snaplen: u32,
    /// The upper bits of the link-type word (FCS length and its flag), as written.
    pub link_extra: u32,
}

/// A block of a pcapng file (draft-ietf-opsawg-pcapng), as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBlock {
    /// Whether its numbers are written with the most significant byte first.
    pub big_endian: bool,
    /// All of it, from its type to its repeated length.
    pub bytes: Box<[u8]>,
}

/// Tells the files that packets come from apart: it equals its own clones and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Origin(Arc<()>);

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Origin {}

/// A section of a pcapng file: what a copy has to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NgSection {
    /// The file that it is in.
    pub origin: Origin,
    /// Its number in that file, from 0.
    pub number: u32,
    /// The block that it begins with.
    pub header: RawBlock,
}

/// The file, or the part of one, that packets came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// All of a pcap file.
    Pcap(PcapHeader),
    /// A section of a pcapng file.
    Ng(Arc<NgSection>),
}

/// How an interface of a pcapng file tells the time: in units since a time that may differ from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The unit as `if_tsresol` says it: 10 to the power of minus this many seconds, or 2 to that power when the highest
    /// bit is set.
    pub resolution: u8,
    /// Seconds to add to every time.
    pub offset: i64,
}

impl Clock {
    /// Microseconds since the epoch: what is meant where a file says nothing.
    pub const MICRO: Clock = Clock { resolution: 6, offset: 0 };
    /// Nanoseconds since the epoch.
    pub const NANO: Clock = Clock { resolution: 9, offset: 0 };
}

/// An interface that packets were captured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What a frame begins with.
    pub link: LinkType,
    /// The most bytes of a packet that were captured; 0 means no limit was told.
    pub snaplen: u32,
    /// How its time stamps are written.
    pub clock: Clock,
    /// Bytes of frame check sequence at the end of every frame, where the file tells.
    pub fcs_len: Option<u8>,
    /// Its name, where known.
    pub name: Option<String>,
    /// How a pcapng file describes it.
    pub block: Option<Arc<RawBlock>>,
}

impl Interface {
    /// One about which nothing but its link type is known.
    pub fn of(link: LinkType) -> Self {
        Self { link, snaplen: 0, clock: Clock::NANO, fcs_len: None, name: None, block: None }
    }
}

/// Shared by all batches of one source until something about it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureInfo {
    /// Where the packets came from, and with that what the [`HEADROOM`](crate::HEADROOM) before them says: the last 16
    /// bytes of a record or block header in this format. Nothing where they come from no file; the headroom then means
    /// nothing.
    pub section: Option<Section>,
    /// Indexed by a frame's `interface`.
    pub interfaces: Vec<Interface>,
}

impl CaptureInfo {
    /// One interface of this link type, from no file.
    pub fn of(link: LinkType) -> Self {
        Self { section: None, interfaces: vec![Interface::of(link)] }
    }

    /// Raises every snapshot length by `more` bytes, for packets that grow: readers cut what is longer than they were told.
    pub fn raise_snaplen(&mut self, more: u32) {
        self.change_snaplen(|snaplen| snaplen.saturating_add(more));
    }

    /// Raises every snapshot length to `least` bytes where it is less.
    pub fn widen_snaplen(&mut self, least: u32) {
        self.change_snaplen(|snaplen| snaplen.max(least));
    }

    fn change_snaplen(&mut self, change: impl Fn(u32) -> u32) {
        let header = match &mut self.section {
            Some(Section::Pcap(header)) => Some(&mut header.snaplen),
            _ => None,
        };
        for snaplen in
            self.interfaces.iter_mut().map(|i| &mut i.snaplen).chain(header).filter(|len| **len > 0)
        {
            *snaplen = change(*snaplen);
        }
    }

    /// Forgets that frames end with a check sequence.
    pub fn forget_fcs(&mut self) {
        if let Some(Section::Pcap(header)) = &mut self.section {
            // The upper bits of the link-type word say nothing else.
            header.link_extra = 0;
        }
        self.interfaces.iter_mut().for_each(|interface| interface.fcs_len = None);
    }

    /// The link type of an interface; Ethernet where it is unknown.
    pub fn link(&self, interface: u16) -> LinkType {
        self.interfaces.get(usize::from(interface)).map_or(LinkType::ETHERNET, |i| i.link)
    }
}
