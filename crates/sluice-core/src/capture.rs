//! What a capture file or interface says about all of its packets.

use sluice_wire::link::LinkType;

/// How the file wrote time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The file header of the pcap file that packets came from (draft-ietf-opsawg-pcap): what a copy has to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
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

/// An interface that packets were captured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What a frame begins with.
    pub link: LinkType,
    /// Bytes of frame check sequence at the end of every frame, where the file tells.
    pub fcs_len: Option<u8>,
    /// Its name, where known.
    pub name: Option<String>,
}

/// Shared by all batches of one source until something about it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureInfo {
    /// The file's sections in order; a pcap file has one, a live source or a generator none.
    pub sections: Vec<Section>,
    /// Indexed by a frame's `interface`.
    pub interfaces: Vec<Interface>,
}

impl CaptureInfo {
    /// One interface of this link type, from no file.
    pub fn of(link: LinkType) -> Self {
        Self { sections: Vec::new(), interfaces: vec![Interface { link, fcs_len: None, name: None }] }
    }

    /// The link type of an interface; Ethernet where it is unknown.
    pub fn link(&self, interface: u16) -> LinkType {
        self.interfaces.get(usize::from(interface)).map_or(LinkType::ETHERNET, |i| i.link)
    }
}
