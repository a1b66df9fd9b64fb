//! Reading a pcap file or stream: records stay where they were read, so no packet is copied.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use sluice_core::{CaptureInfo, Error, Flags, Frame, Next, Output, PoolBuf, Progress, Slab, Source};
use sluice_pcap::pcap::{HEADER, Header, Invalid, Layout, Step, Walker};
use sluice_pcap::recognise;

use crate::input::{Fill, Input};

/// A capture that is being read.
#[derive(Debug)]
pub(crate) struct Capture {
    input: Input,
    /// The file header as far as it has come, and what it says once it is whole.
    head: PoolBuf,
    header: Option<(Layout, Arc<CaptureInfo>)>,
    announced: bool,
    /// The slab to read into next, which begins with the part of a record that has come already.
    slab: Option<PoolBuf>,
    /// Whether all that was there has been read.
    idle: bool,
    /// Where in the file the next slab begins.
    offset: u64,
    packets: u64,
    latest: i64,
}

impl Capture {
    /// Begins to read a capture. The header of a regular file is checked at once, that of a stream when it comes.
    pub(crate) fn new(input: Input) -> Result<Self, Error> {
        let mut capture = Self {
            input,
            head: PoolBuf::detached(HEADER),
            header: None,
            announced: false,
            slab: None,
            idle: false,
            offset: HEADER as u64,
            packets: 0,
            latest: i64::MIN,
        };
        if capture.input.is_regular() {
            capture.header = capture.read_header()?;
        }
        Ok(capture)
    }

    /// The header, or nothing when it has not come yet.
    fn read_header(&mut self) -> Result<Option<(Layout, Arc<CaptureInfo>)>, Error> {
        if self.input.fill(&mut self.head)? == Fill::Idle {
            return Ok(None);
        }
        match Header::parse(self.head.filled()) {
            Ok(header) => Ok(Some((header.layout, Arc::new(header.info())))),
            Err(_) if let Some(damage) = self.input.damage() => {
                Err(Error::input(format!("{} {damage}", self.input.name())))
            }
            Err(why) => Err(Error::input(refusal(self.input.name(), self.head.filled(), why))),
        }
    }

    fn frame(&mut self, start: usize, time: i64, captured: u32, wire: u32) -> Frame {
        let mut frame = Frame::new(start as u32, captured);
        (frame.ordinal, frame.time, frame.wire) = (self.packets, time, wire);
        frame.flags.set(Flags::TRUNCATED, captured < wire);
        self.packets += 1;
        self.latest = self.latest.max(time);
        frame
    }
}

/// Why a file that begins with these bytes is not read.
fn refusal(name: &str, first: &[u8], why: Invalid) -> String {
    match (recognise(first).refusal(), why) {
        _ if first.is_empty() => format!("{name} is empty, so it is not a capture file"),
        (Some(refusal), _) => format!("{name} is {refusal}"),
        (None, Invalid::Short) => format!("{name} ends in the middle of its file header"),
        (None, why) => format!("{name} cannot be read: {why}"),
    }
}

impl Source for Capture {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        if self.header.is_none() {
            self.header = self.read_header()?;
        }
        let Some((layout, info)) = self.header.clone() else { return Ok(self.input.idle(out.now())) };
        if !self.announced {
            // A capture without packets still has a header, which a copy has to repeat.
            self.announced = true;
            let mut batch = out.packets();
            batch.fill(Slab::EMPTY, Arc::clone(&info));
            out.emit(batch);
        }

        let size = out.pools().slab_size();
        let mut slab = self.slab.take().unwrap_or_else(|| out.pools().slab(size));
        let fill = self.input.fill(&mut slab)?;
        self.idle = fill == Fill::Idle;
        let slab = Arc::new(slab);
        let mut batch = out.packets();
        batch.fill(Slab::Owned(Arc::clone(&slab)), info);
        let mut walker = Walker::new(layout, slab.filled());
        let stopped = loop {
            match walker.step() {
                Step::Record(found) => {
                    batch.push(self.frame(found.start, found.time, found.captured, found.wire))
                }
                other => break other,
            }
        };
        if batch.is_empty() && fill == Fill::Idle {
            drop(batch);
            self.slab = Arc::into_inner(slab);
            return Ok(self.input.idle(out.now()));
        }

        let rest = &slab.filled()[walker.at()..];
        self.offset += walker.at() as u64;
        let name = self.input.name();
        let record = format_args!("record {}, at byte {}", self.packets + 1, self.offset);
        let next = match (stopped, fill) {
            (Step::Invalid(captured), _) => {
                out.lost(format!(
                    "{name} is corrupt: {record}, says that {captured} bytes were captured; nothing behind it was read"
                ));
                Next::End
            }
            (_, Fill::End) => {
                if !self.input.tell_end(out) && !rest.is_empty() {
                    out.lost(format!("{name} ends in the middle of {record}; all before it was read"));
                }
                Next::End
            }
            (Step::NeedMore(wanted), Fill::Full | Fill::Idle) => {
                let mut roomy = out.pools().slab(size.max(wanted));
                roomy.append(rest);
                self.slab = Some(roomy);
                if fill == Fill::Idle { self.input.idle(out.now()) } else { Next::More }
            }
            (Step::Record(_), _) => Next::More,
        };
        // Whoever gets the batch may change its bytes in place only when nobody else holds them.
        drop(slab);
        if !batch.is_empty() {
            out.emit(batch);
            out.watermark(self.latest);
        }
        Ok(next)
    }

    fn stopped(&mut self, out: &mut Output) {
        let begun = self.slab.as_ref().is_some_and(|slab| !slab.filled().is_empty());
        if self.idle && begun && self.input.is_followed() {
            let (name, record) = (self.input.name(), self.packets + 1);
            out.notice(format!("when the run was stopped, {name} ended in the middle of record {record}, at byte {}; all before it was read", self.offset));
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.input.fd()
    }

    fn progress(&self) -> Progress {
        self.input.progress()
    }
}
