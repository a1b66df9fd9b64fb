//! Writing captures of any format: from batches to bytes, file after file.

use std::ops::Range;
use std::sync::Arc;

use sluice_core::{CaptureInfo, HEADROOM, PacketBatch, Pools, Resolution, Section};
use sluice_wire::link::LinkType;

use crate::pcap::{HEADER, Header};
use crate::{Format, pcapng};

/// What a [`Writer`] took out of a batch, since its files cannot hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// Packets of another link type than the file's.
    pub other_link: usize,
    /// The link types of one of those and of the file.
    pub links: Option<(LinkType, LinkType)>,
    /// Packets whose time the file cannot tell.
    pub out_of_range: usize,
    /// Why something besides packets is left out, if anything is.
    pub left_out: Option<&'static str>,
}

/// Why blocks and options do not go into a pcap file.
const PACKETS_ALONE: &str =
    "a pcap file holds packets alone, without names, secrets, statistics and comments";

/// Makes capture files of batches. It is told about each batch with [`admit`](Self::admit) before it
/// [`write`](Self::write)s the packets of it, all at once or range by range, and it can [`restart`](Self::restart) at any
/// packet: what it writes next then begins a file that stands on its own.
#[derive(Debug)]
pub struct Writer {
    format: Option<Format>,
    resolution: Option<Resolution>,
    mends: bool,
    state: State,
}

/// What stands in a file and turned out wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mend {
    /// Where in the file.
    pub place: u64,
    /// What has to stand there.
    pub bytes: [u8; 8],
}

#[derive(Debug)]
enum State {
    /// Nothing is known yet.
    Open,
    Pcap {
        header: Header,
        /// Whether the header is to be written before anything else.
        due: bool,
    },
    Pcapng(Box<pcapng::Writer>),
}

impl Writer {
    /// For files of this format, pcap or pcapng, or else of that of the first packets; pcap where those are from no file.
    /// Times have the resolution of where the first packets came from unless another is asked for.
    pub fn new(format: Option<Format>, resolution: Option<Resolution>) -> Self {
        Self { format, resolution, mends: false, state: State::Open }
    }

    /// The same, for a file that can be written to at any place: [`mend`](Self::mend) is then asked after each
    /// [`admit`](Self::admit) and at the end. Such a file repeats what a section header told about the length of its
    /// section as long as it is true; any other says that it is not known.
    pub fn mending(mut self) -> Self {
        self.mends = true;
        self
    }

    /// What is to be changed in the file, if anything is.
    pub fn mend(&mut self) -> Option<Mend> {
        if let State::Pcapng(writer) = &mut self.state { writer.mend() } else { None }
    }

    /// Takes out of a batch what the file cannot hold, and gets ready to write the rest.
    pub fn admit(&mut self, batch: &mut PacketBatch) -> Misfits {
        if let State::Open = self.state {
            self.open(batch);
        }
        match &mut self.state {
            State::Open => Misfits::default(),
            State::Pcap { header, .. } => admit_to_pcap(header, batch),
            State::Pcapng(writer) => writer.admit(batch),
        }
    }

    /// Decides what the file is, if that can be told from this batch.
    fn open(&mut self, batch: &PacketBatch) {
        let info = batch.info();
        let format = self.format.or(match &info.section {
            Some(Section::Ng(_)) => Some(Format::Pcapng),
            Some(Section::Pcap(_)) => Some(Format::Pcap),
            None => None,
        });
        let interface = match (batch.frames().first(), &info.section) {
            (Some(first), _) => first.interface,
            // A capture without packets still has a header, which a copy has to repeat.
            (None, Some(Section::Pcap(_))) => 0,
            (None, Some(Section::Ng(_))) if format == Some(Format::Pcapng) => 0,
            (None, _) => return,
        };
        self.state = match format {
            Some(Format::Pcapng) => State::Pcapng(Box::new(pcapng::Writer::new(self.resolution, self.mends))),
            _ => State::Pcap { header: Header::of(info, interface, self.resolution), due: true },
        };
    }

    /// How many bytes [`write`](Self::write) makes of the packet at this place of the batch last admitted, and of what
    /// stands before it.
    pub fn size(&self, batch: &PacketBatch, at: usize) -> usize {
        match &self.state {
            State::Pcapng(writer) => writer.size(batch, at),
            _ => batch.frames().get(at).map_or(0, |frame| HEADROOM + frame.captured() as usize),
        }
    }

    /// How many bytes the beginning of the next file takes, if one is due.
    pub fn head_size(&self) -> usize {
        match &self.state {
            State::Pcap { due: true, .. } => HEADER,
            State::Pcapng(writer) => writer.head_size(),
            _ => 0,
        }
    }

    /// Writes these packets of the batch last admitted, after the beginning of the file where that is due. What stands
    /// before a packet is written with it, what stands behind the last one with the range that ends there.
    pub fn write<E>(
        &mut self,
        batch: &mut PacketBatch,
        range: Range<usize>,
        pools: &Pools,
        mut emit: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (header, due) = match &mut self.state {
            State::Open => return Ok(()),
            State::Pcapng(writer) => return writer.write(batch, range, emit),
            State::Pcap { header, due } => (header, due),
        };
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
        match &mut self.state {
            State::Open => {}
            State::Pcap { due, .. } => *due = true,
            State::Pcapng(writer) => writer.restart(),
        }
    }

    /// Writes the beginning of a file that has got nothing.
    pub fn finish<E>(&mut self, mut emit: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        match &mut self.state {
            State::Open if self.format == Some(Format::Pcapng) => {
                pcapng::Writer::new(self.resolution, false).finish(emit)
            }
            State::Open => {
                emit(&Header::of(&CaptureInfo::of(LinkType::ETHERNET), 0, self.resolution).to_bytes())
            }
            State::Pcap { header, due: true } => emit(&header.to_bytes()),
            State::Pcap { .. } => Ok(()),
            State::Pcapng(writer) => writer.finish(emit),
        }
    }
}

fn admit_to_pcap(header: &Header, batch: &mut PacketBatch) -> Misfits {
    let info = Arc::clone(batch.info());
    let mut misfits = Misfits::default();
    if !batch.extras().is_empty() {
        misfits.left_out = Some(PACKETS_ALONE);
    }
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
