//! Writing captures of any format: from batches to bytes, file after file.

use std::ops::Range;
use std::sync::Arc;

use sluice_core::{HEADROOM, PacketBatch, Pools, Resolution, Section};
use sluice_wire::link::LinkType;

use crate::Format;
use crate::pcap::Header;

/// What a [`Writer`] took out of a batch, since its files cannot hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// Packets of another link type than the file's.
    pub other_link: usize,
    /// The link types of one of those and of the file.
    pub links: Option<(LinkType, LinkType)>,
    /// Packets whose time the file cannot tell.
    pub out_of_range: usize,
}

/// Makes capture files of batches. It is told about each batch with [`admit`](Self::admit) before it
/// [`write`](Self::write)s the packets of it, all at once or range by range, and it can [`restart`](Self::restart) at any
/// packet: what it writes next then begins a file that stands on its own.
#[derive(Debug)]
pub struct Writer {
    format: Option<Format>,
    fallback: Format,
    resolution: Option<Resolution>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is known yet.
    Open,
    Pcap {
        header: Header,
        due: bool,
    },
}

impl Writer {
    /// For files of this format, or else of that of the first packets, or else, where those are from no file, of
    /// `fallback`. Times have the resolution of where the first packets came from unless another is asked for.
    pub fn new(format: Option<Format>, fallback: Format, resolution: Option<Resolution>) -> Self {
        Self { format, fallback, resolution, state: State::Open }
    }

    /// Takes out of a batch what the file cannot hold, and gets ready to write the rest.
    pub fn admit(&mut self, batch: &mut PacketBatch) -> Misfits {
        let info = Arc::clone(batch.info());
        if let State::Open = self.state {
            let interface = match (batch.frames().first(), &info.section) {
                (Some(first), _) => first.interface,
                // A capture without packets still has a header, which a copy has to repeat.
                (None, Some(Section::Pcap(_))) => 0,
                (None, _) => return Misfits::default(),
            };
            let header = Header::of(&info, interface, self.resolution);
            self.state = State::Pcap { header, due: true };
        }
        let State::Pcap { header, .. } = &self.state else { return Misfits::default() };
        let mut misfits = Misfits::default();
        let other = |interface| Some(info.link(interface)).filter(|link| *link != header.link);
        if let Some(link) = (0..info.interfaces.len().max(1) as u16).find_map(other) {
            misfits.other_link = batch.retain(|_, frame| other(frame.interface).is_none());
            misfits.links = Some((link, header.link));
        }
        if batch.frames().iter().any(|frame| !header.layout.tells(frame.time)) {
            misfits.out_of_range = batch.retain(|_, frame| header.layout.tells(frame.time));
        }
        misfits
    }

    /// How many bytes [`write`](Self::write) makes of the packet at this place of the batch last admitted, and of what
    /// stands before it.
    pub fn size(&self, batch: &PacketBatch, at: usize) -> usize {
        batch.frames().get(at).map_or(0, |frame| HEADROOM + frame.captured() as usize)
    }

    /// How many bytes the beginning of the next file takes, if one is due.
    pub fn head_size(&self) -> usize {
        if let State::Pcap { due: true, .. } = &self.state { crate::pcap::HEADER } else { 0 }
    }

    /// Writes these packets of the batch last admitted, after the beginning of the file where that is due.
    pub fn write<E>(
        &mut self,
        batch: &mut PacketBatch,
        range: Range<usize>,
        pools: &Pools,
        mut emit: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let State::Pcap { header, due } = &mut self.state else { return Ok(()) };
        if std::mem::take(due) {
            emit(&header.to_bytes())?;
        }
        batch.runs(
            range,
            pools,
            |frame, room| header.layout.write(room, frame.time, frame.captured(), frame.wire),
            emit,
        )
    }

    /// Makes the next packet begin a new file.
    pub fn restart(&mut self) {
        if let State::Pcap { due, .. } = &mut self.state {
            *due = true;
        }
    }

    /// Writes the beginning of a file that has got nothing.
    pub fn finish<E>(&mut self, mut emit: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if let State::Open = self.state {
            let info = sluice_core::CaptureInfo::of(LinkType::ETHERNET);
            let header = Header::of(&info, 0, self.resolution);
            self.state = State::Pcap { header, due: true };
        }
        let State::Pcap { header, due } = &mut self.state else { return Ok(()) };
        if std::mem::take(due) { emit(&header.to_bytes()) } else { Ok(()) }
    }
}
