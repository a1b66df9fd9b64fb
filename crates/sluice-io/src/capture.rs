//! Reading a capture file or stream: packets stay where they were read, so none is copied.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use sluice_core::{CaptureInfo, Error, Next, Output, PacketBatch, PoolBuf, Progress, Slab, Source};
use sluice_pcap::{Reader, Stop};

use crate::input::{Fill, Input};

/// A capture that is being read.
#[derive(Debug)]
pub(crate) struct Capture {
    input: Input,
    /// The start of the file as far as it has come, and what it says once there is enough of it.
    head: PoolBuf,
    reader: Option<Reader>,
    /// What was told about the packets last.
    told: Option<Arc<CaptureInfo>>,
    /// The slab to read into next, which begins with what was not whole before.
    slab: Option<PoolBuf>,
    /// Whether all that was there has been read.
    idle: bool,
    /// A slab that was read only to some place, for what comes there goes into another batch.
    half: Option<(Arc<PoolBuf>, usize, Fill)>,
    /// How much of the file was read and is done with.
    offset: u64,
}

impl Capture {
    /// Begins to read a capture. The start of a regular file is checked at once, that of a stream when it comes.
    pub(crate) fn new(input: Input) -> Result<Self, Error> {
        let mut capture = Self {
            input,
            head: PoolBuf::detached(Reader::HEAD),
            reader: None,
            told: None,
            slab: None,
            idle: false,
            half: None,
            offset: 0,
        };
        if capture.input.is_regular() {
            capture.begin()?;
        }
        Ok(capture)
    }

    /// Whether it is a regular file.
    pub(crate) fn is_regular(&self) -> bool {
        self.input.is_regular()
    }

    /// Reads the start of the file; does nothing while it has not come yet.
    fn begin(&mut self) -> Result<(), Error> {
        if self.input.fill(&mut self.head)? == Fill::Idle {
            return Ok(());
        }
        let refused = |why| match self.input.damage() {
            Some(damage) => Error::input(format!("{} {damage}", self.input.name())),
            None => Error::input(format!("{} {why}", self.input.name())),
        };
        let (reader, done) = Reader::begin(self.head.filled()).map_err(refused)?;
        self.offset = done as u64;
        self.reader = Some(reader);
        Ok(())
    }

    /// A slab to read into: the margin that the reader wants, what is left over, and room for at least `wanted` bytes.
    fn slab(&self, left: &[u8], margin: usize, wanted: usize, out: &Output) -> PoolBuf {
        let mut slab = out.pools().slab(out.pools().slab_size().max(margin + wanted));
        slab.append(&[0; 16][..margin]);
        slab.append(left);
        slab
    }
}

impl Source for Capture {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        if self.reader.is_none() {
            self.begin()?;
        }
        let Some(mut reader) = self.reader.take() else { return Ok(self.input.idle(out.now())) };
        let next = self.read(&mut reader, out);
        self.reader = Some(reader);
        next
    }

    fn stop(&mut self, out: &mut Output) -> Result<Next, Error> {
        let followed = self.reader.as_ref().filter(|_| self.idle && self.input.is_followed());
        if let Some(reader) = followed
            && self.slab.as_ref().is_some_and(|slab| slab.filled().len() > reader.margin())
        {
            let (name, place) = (self.input.name(), reader.position());
            out.notice(format!("when the run was stopped, {name} ended in the middle of {place}, at byte {}; all before it was read", self.offset));
        }
        Ok(Next::End)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.input.fd()
    }

    fn progress(&self) -> Progress {
        self.input.progress()
    }
}

impl Capture {
    fn read(&mut self, reader: &mut Reader, out: &mut Output) -> Result<Next, Error> {
        let info = reader.info();
        if info.section.is_some() && !self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, info)) {
            // A section without packets still has a header, which a copy has to repeat.
            self.told = Some(Arc::clone(info));
            out.emit(batch(&Slab::EMPTY, reader, out));
        }
        let margin = reader.margin();
        let (slab, start, fill) = match self.half.take() {
            Some(half) => half,
            None => {
                let left = self.head.filled().get(self.offset as usize..).unwrap_or_default();
                let mut slab = self.slab.take().unwrap_or_else(|| self.slab(left, margin, 0, out));
                let fill = self.input.fill(&mut slab)?;
                (Arc::new(slab), margin, fill)
            }
        };
        self.idle = fill == Fill::Idle;
        let mut at = start;
        let mut batch = batch(&Slab::Owned(Arc::clone(&slab)), reader, out);
        let stop = reader.read(slab.filled(), &mut at, &mut batch);
        self.offset += (at - start) as u64;
        if at == margin && fill == Fill::Idle && matches!(stop, Stop::NeedMore(_)) {
            // Nothing of it was whole, so nobody else holds it.
            drop(batch);
            self.slab = Arc::into_inner(slab);
            return Ok(self.input.idle(out.now()));
        }

        let rest = slab.filled().get(at..).unwrap_or_default();
        let name = self.input.name();
        let place = || format!("{}, at byte {}", reader.position(), self.offset);
        let next = match (stop, fill) {
            (Stop::Changed, _) => {
                self.half = Some((Arc::clone(&slab), at, fill));
                Next::More
            }
            (Stop::Lost(what), _) => {
                out.lost(format!("{name} {what}"));
                self.half = Some((Arc::clone(&slab), at, fill));
                Next::More
            }
            (Stop::Invalid(flaw), _) => {
                let place = place();
                out.lost(format!("{name} is corrupt: {place}, {flaw}; nothing behind it was read"));
                Next::End
            }
            (Stop::NeedMore(_), Fill::End) => {
                if !self.input.tell_end(out) && !rest.is_empty() {
                    let place = place();
                    out.lost(format!("{name} ends in the middle of {place}; all before it was read"));
                }
                Next::End
            }
            (Stop::NeedMore(wanted), Fill::Full | Fill::Idle) => {
                self.slab = Some(self.slab(rest, margin, wanted, out));
                if fill == Fill::Idle { self.input.idle(out.now()) } else { Next::More }
            }
        };
        // Whoever gets the batch may change its bytes in place only when nobody else holds them.
        drop(slab);
        let packets = batch.len();
        if packets > 0 || !batch.extras().is_empty() {
            out.emit(batch);
        }
        if packets > 0 {
            out.watermark(reader.latest());
        }
        Ok(next)
    }
}

/// A batch for the packets that come next.
fn batch(slab: &Slab, reader: &Reader, out: &Output) -> PacketBatch {
    let mut batch = out.packets();
    batch.fill(slab.clone(), Arc::clone(reader.info()));
    batch
}
