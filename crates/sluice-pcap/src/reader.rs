//! Reading a capture of any format: from bytes in memory into batches that point at them.

use std::fmt;
use std::sync::Arc;

use sluice_core::{CaptureInfo, Flags, Frame, PacketBatch};

use crate::pcap::{self, HEADER, Header, Layout, MAX_CAPTURED, Step};
use crate::{Format, pcapng, recognise};

/// Why bytes are not the start of a capture that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There are none.
    Empty,
    /// They have this format, which is not read.
    Format(Format),
    /// They end before it is clear what they are.
    Short,
    /// They begin as a pcap file does, and go on differently.
    Pcap(pcap::Invalid),
    /// They begin as a pcapng file does, and go on differently.
    Pcapng,
}

impl fmt::Display for Refusal {
    /// The rest of a sentence that begins with the name of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Empty => f.write_str("is empty, so it is not a capture file"),
            Refusal::Format(format) => {
                write!(f, "is {}", format.refusal().unwrap_or("of a format that is read elsewhere"))
            }
            Refusal::Short => f.write_str("ends in the middle of its file header"),
            Refusal::Pcap(why) => write!(f, "cannot be read: {why}"),
            Refusal::Pcapng => f.write_str("cannot be read: there is no byte-order magic of pcapng"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a [`Reader`] stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// What comes next is not whole: at least so many bytes are wanted from there on.
    NeedMore(usize),
    /// What comes next belongs to another [`info`](Reader::info), so it goes into another batch.
    Changed,
    /// What was just passed over is lost, and this is to be told about it: the rest of a sentence that begins with the
    /// name of the file. Reading goes on.
    Lost(String),
    /// What comes next cannot be true, and this is why: the rest of a sentence that names it. Nothing behind it can be
    /// read.
    Invalid(Flaw),
}

/// What is wrong with a record or block, as the rest of a sentence that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// So many bytes were captured, more than is believed.
    Captured(u32),
    /// It is a block with this flaw.
    Block(pcapng::Flaw),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Captured(captured) => write!(f, "says that {captured} bytes were captured"),
            Flaw::Block(flaw) => flaw.fmt(f),
        }
    }
}

/// A capture that is being read, whatever its format: what it said so far. The bytes are the caller's.
#[derive(Debug)]
pub struct Reader {
    kind: Kind,
    /// What a batch of the next packets carries.
    info: Arc<CaptureInfo>,
    /// Packets so far.
    packets: u64,
    latest: i64,
}

#[derive(Debug)]
enum Kind {
    Pcap { layout: Layout },
    Pcapng(pcapng::Reader),
}

impl Reader {
    /// How many bytes [`begin`](Self::begin) wants; no capture has fewer.
    pub const HEAD: usize = HEADER;

    /// Begins with the first [`HEAD`](Self::HEAD) bytes, or all there are; also tells how many of them are done with.
    pub fn begin(head: &[u8]) -> Result<(Self, usize), Refusal> {
        let (kind, info, done) = match recognise(head) {
            _ if head.is_empty() => return Err(Refusal::Empty),
            Format::Pcap => {
                let header = Header::parse(head).map_err(|why| match why {
                    pcap::Invalid::Short => Refusal::Short,
                    why => Refusal::Pcap(why),
                })?;
                (Kind::Pcap { layout: header.layout }, header.info(), HEADER)
            }
            Format::Pcapng => {
                let reader = pcapng::Reader::begin(head)?;
                (Kind::Pcapng(reader), CaptureInfo::default(), 0)
            }
            other => return Err(Refusal::Format(other)),
        };
        Ok((Self { kind, info: Arc::new(info), packets: 0, latest: i64::MIN }, done))
    }

    /// What is known about the packets that come next.
    pub fn info(&self) -> &Arc<CaptureInfo> {
        &self.info
    }

    /// How many bytes have to be free before those that [`read`](Self::read) begins with, since the
    /// [`HEADROOM`](sluice_core::HEADROOM) of the first packet may begin there.
    pub fn margin(&self) -> usize {
        match self.kind {
            Kind::Pcap { .. } => 0,
            Kind::Pcapng(_) => pcapng::MARGIN,
        }
    }

    /// How many packets were read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// The largest time (ns since the epoch) so far.
    pub fn latest(&self) -> i64 {
        self.latest
    }

    /// What comes next, as a message names it: "record 3".
    pub fn position(&self) -> String {
        match &self.kind {
            Kind::Pcap { .. } => format!("record {}", self.packets + 1),
            Kind::Pcapng(reader) => format!("block {}", reader.blocks() + 1),
        }
    }

    /// Reads on at `at`, which is moved behind what was read. The packets go into `batch`, which has been filled with
    /// `bytes` and the present [`info`](Self::info).
    pub fn read(&mut self, bytes: &[u8], at: &mut usize, batch: &mut PacketBatch) -> Stop {
        let (mut packets, mut latest) = (self.packets, self.latest);
        let mut number = |mut frame: Frame| {
            (frame.ordinal, latest) = (packets, latest.max(frame.time));
            frame.flags.set(Flags::TRUNCATED, frame.captured() < frame.wire);
            packets += 1;
            frame
        };
        let stop = match &mut self.kind {
            Kind::Pcap { layout } => {
                let fcs_len = self.info.interfaces.first().and_then(|i| i.fcs_len).unwrap_or_default();
                let base = *at;
                let mut walker = pcap::Walker::new(*layout, bytes.get(base..).unwrap_or_default());
                loop {
                    match walker.step() {
                        Step::Record(found) => {
                            let mut frame = Frame::new((base + found.start) as u32, found.captured);
                            (frame.time, frame.wire, frame.fcs_len) = (found.time, found.wire, fcs_len);
                            batch.push(number(frame));
                            *at = base + walker.at();
                        }
                        Step::NeedMore(wanted) => break Stop::NeedMore(wanted),
                        Step::Invalid(captured) => break Stop::Invalid(Flaw::Captured(captured)),
                    }
                }
            }
            Kind::Pcapng(reader) => reader.read(bytes, at, &mut self.info, batch, &mut number),
        };
        (self.packets, self.latest) = (packets, latest);
        stop
    }
}

/// The longest thing that is read in one piece: a packet or block that claims to be longer is not believed.
pub const LONGEST: usize = MAX_CAPTURED as usize + 4096;
