//! What is known about the packets of several captures together.

use std::sync::Arc;

use sluice_core::{
    CaptureInfo, Error, Interface, NgSection, Origin, PcapHeader, RawBlock, Resolution, Section,
};

/// Where the length of a section stands in its header, which says that it is not known when all bits are set.
const SECTION_LENGTH: std::ops::Range<usize> = 16..24;

/// Captures that are read as one, with the interfaces of all. An interface that several describe alike is one. Interfaces
/// are added and never go.
///
/// Sections of one byte order have one union, for options and blocks are in that order. Packets from pcap files, which have
/// none of those, go with any.
#[derive(Debug)]
pub(super) struct Union {
    pub(super) info: Arc<CaptureInfo>,
}

/// Where the packets of one capture went.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// What the capture said last.
    info: Option<Arc<CaptureInfo>>,
    /// The number of its union.
    pub(super) union: usize,
    /// For each of its interfaces the number of that in the union.
    interfaces: Vec<u16>,
}

impl Place {
    /// Whether this was adopted last.
    pub(super) fn knows(&self, info: &Arc<CaptureInfo>) -> bool {
        self.info.as_ref().is_some_and(|known| Arc::ptr_eq(known, info))
    }

    /// The number of an interface in the union.
    pub(super) fn interface(&self, number: u16) -> u16 {
        self.interfaces.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// Whether numbers of this section are written with the most significant byte first; nothing for a pcap file.
pub(super) fn order(info: &CaptureInfo) -> Option<bool> {
    match &info.section {
        Some(Section::Ng(section)) => Some(section.header.big_endian),
        _ => None,
    }
}

impl Union {
    /// Of nothing so far, as a section like the first of these that is of a pcapng file, or else as a pcap file.
    fn of(infos: &[&CaptureInfo]) -> Self {
        let ng = infos.iter().find_map(|info| match &info.section {
            Some(Section::Ng(section)) => Some(section_like(section)),
            _ => None,
        });
        let section = ng.or_else(|| pcap_for(infos).map(Section::Pcap));
        Self { info: Arc::new(CaptureInfo { section, interfaces: Vec::new() }) }
    }
}

/// Takes in what a capture says about its next packets. `all` is what every capture has said last, this one included.
pub(super) fn adopt(
    unions: &mut Vec<Union>,
    place: &mut Place,
    info: &Arc<CaptureInfo>,
    all: &[&CaptureInfo],
) -> Result<(), Error> {
    let same = place.info.as_ref().is_some_and(|known| known.section == info.section);
    if !same {
        let order = order(info);
        let fits = |union: &Union| order.is_none() || self::order(&union.info) == order;
        let found = unions.iter().position(fits);
        place.union = found.unwrap_or_else(|| {
            let like = if order.is_some() { &[&**info][..] } else { all };
            unions.push(Union::of(like));
            unions.len() - 1
        });
        place.interfaces.clear();
    }
    place.info = Some(Arc::clone(info));
    let new = info.interfaces.get(place.interfaces.len()..).unwrap_or_default();
    let Some(union) = unions.get_mut(place.union).filter(|_| !new.is_empty()) else { return Ok(()) };
    let mut interfaces: Vec<Interface> = union.info.interfaces.clone();
    for interface in new {
        let same = |number: &usize| interfaces.get(*number) == Some(interface);
        let free = |number: &usize| !place.interfaces.iter().any(|taken| usize::from(*taken) == *number);
        let number = (0..interfaces.len()).find(|number| same(number) && free(number));
        let number = number.unwrap_or_else(|| {
            interfaces.push(interface.clone());
            interfaces.len() - 1
        });
        let number = u16::try_from(number);
        place
            .interfaces
            .push(number.map_err(|_| Error::input("all captures together have too many interfaces"))?);
    }
    union.info = Arc::new(CaptureInfo { section: union.info.section.clone(), interfaces });
    Ok(())
}

/// A section that begins as this one does, and whose length is not known.
fn section_like(section: &NgSection) -> Section {
    let mut bytes = section.header.bytes.clone();
    if let Some(length) = bytes.get_mut(SECTION_LENGTH) {
        length.fill(0xff);
    }
    let header = RawBlock { big_endian: section.header.big_endian, bytes };
    Section::Ng(Arc::new(NgSection { origin: Origin::default(), number: 0, header }))
}

/// The header of a file that holds the packets of all of these pcap files: written as the first one is, and as precise
/// as the most precise one.
fn pcap_for(infos: &[&CaptureInfo]) -> Option<PcapHeader> {
    let headers = infos.iter().filter_map(|info| match &info.section {
        Some(Section::Pcap(header)) => Some(*header),
        _ => None,
    });
    headers.reduce(|all, one| PcapHeader {
        resolution: if one.resolution == Resolution::Nano { one.resolution } else { all.resolution },
        // No limit is more than any.
        snaplen: if all.snaplen == 0 || one.snaplen == 0 { 0 } else { all.snaplen.max(one.snaplen) },
        link_extra: if all.link_extra == one.link_extra { all.link_extra } else { 0 },
        ..all
    })
}
