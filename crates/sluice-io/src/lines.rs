//! Cutting a file or stream into lines, which stay where they were read.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use memchr::{memchr_iter, memrchr};
use sluice_core::quantity::Size;
use sluice_core::{
    Error, Next, OptionError, Output, PoolBuf, Progress, Reason, Record, RecordBatch, Slab, Source,
};

use crate::input::{Fill, Input};

/// A line exceeds the limit.
pub(crate) static LINE_TOO_LONG: Reason = Reason::new("line_too_long", "the line is longer than `max_line`");

/// The limit where none is given.
pub(crate) const MAX_LINE: Size = Size(1 << 20);

/// Checks the option `max_line`. Offsets in a slab have 32 bits, and a slab may hold twice the limit.
pub(crate) fn check_max_line(limit: Option<Size>) -> Result<usize, OptionError> {
    match limit.unwrap_or(MAX_LINE).0 {
        bytes @ 1..=0x4000_0000 => Ok(bytes as usize),
        bytes => Err(OptionError::at("max_line", format!("`{}` is not between 1 and 1GiB", Size(bytes)))),
    }
}

/// An input that is being cut into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    input: Input,
    /// The longest line that is passed on, in bytes without its ending.
    max_line: usize,
    /// The slab to read into next, which begins with the part of a line that has come already.
    slab: Option<PoolBuf>,
    /// Whether that part was let go, because the line is too long, and the rest of it has to follow.
    skipping: bool,
    lines: u64,
}

impl Lines {
    /// Cuts `input` into lines of at most `max_line` bytes.
    pub(crate) fn new(input: Input, max_line: usize) -> Self {
        Self { input, max_line, slab: None, skipping: false, lines: 0 }
    }

    /// Keeps on reading into a slab that holds no whole line yet.
    fn keep_reading(&mut self, mut slab: PoolBuf, full: bool, out: &mut Output) {
        let held = slab.filled().len();
        if self.skipping || held > self.max_line + 1 {
            if !self.skipping {
                self.drop_line(out);
            }
            self.skipping = true;
            slab.truncate(0);
        } else if full {
            let mut roomier = out.pools().slab(2 * held);
            roomier.append(slab.filled());
            slab = roomier;
        }
        self.slab = Some(slab);
    }

    fn drop_line(&mut self, out: &mut Output) {
        out.dropped(&LINE_TOO_LONG, 1);
        self.lines += 1;
    }

    /// Takes the line that starts at `start`, has `len` bytes, the last `ending` of which end it.
    fn line(&mut self, batch: &mut RecordBatch, start: usize, len: usize, ending: u8, out: &mut Output) {
        if std::mem::take(&mut self.skipping) {
            return;
        }
        if len - usize::from(ending) > self.max_line {
            return self.drop_line(out);
        }
        let mut record = Record::new(start as u32, len as u32, ending);
        (record.ordinal, record.time) = (self.lines, out.now());
        batch.push(record);
        self.lines += 1;
    }
}

impl Source for Lines {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        let size = out.pools().slab_size();
        let mut slab = self.slab.take().unwrap_or_else(|| out.pools().slab(size));
        let held = slab.filled().len();
        let fill = self.input.fill(&mut slab)?;
        let next = match fill {
            Fill::Full => Next::More,
            Fill::Idle => self.input.idle(out.now()),
            Fill::End => Next::End,
        };
        if fill != Fill::End && memrchr(b'\n', &slab.filled()[held..]).is_none() {
            self.keep_reading(slab, fill == Fill::Full, out);
            return Ok(next);
        }

        let slab = Arc::new(slab);
        let bytes = slab.filled();
        let mut batch = out.records();
        batch.fill(Slab::Owned(Arc::clone(&slab)));
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let returned = end > start && bytes[end - 1] == b'\r';
            self.line(&mut batch, start, end + 1 - start, 1 + u8::from(returned), out);
            start = end + 1;
        }
        let rest = &bytes[start..];
        if fill == Fill::End {
            self.input.tell_end(out);
            if !rest.is_empty() {
                self.line(&mut batch, start, rest.len(), 0, out);
            }
        } else if !rest.is_empty() {
            let mut roomy = out.pools().slab(size.max(rest.len()));
            roomy.append(rest);
            self.slab = Some(roomy);
        }
        // Nobody but the batch may hold its bytes, so that they can be changed in place.
        drop(slab);
        if !batch.is_empty() {
            out.emit(batch);
        }
        Ok(next)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.input.fd()
    }

    fn progress(&self) -> Progress {
        self.input.progress()
    }
}
