//! Reading several captures as one: one after the other, or merged by time.

use std::collections::VecDeque;
use std::path::Path;

use sluice_core::{Batch, Emitted, Error, Next, Output, PacketBatch, Progress, Source};

use crate::capture::Capture;
use crate::input::Input;

mod append;
mod merge;
mod union;

pub(crate) use append::Append;
pub(crate) use merge::Merge;

fn open(path: &Path) -> Result<Capture, Error> {
    Capture::new(Input::open(path)?)
}

/// A capture, and what it gave that nobody has taken yet.
#[derive(Debug)]
struct Feed {
    capture: Capture,
    ready: VecDeque<PacketBatch>,
    next: Next,
}

impl Feed {
    fn new(capture: Capture) -> Self {
        Self { capture, ready: VecDeque::new(), next: Next::More }
    }

    /// The next batch, or why there is none now. Nothing may have been emitted in this call of the source before.
    fn pull(
        &mut self,
        out: &mut Output,
        emitted: &mut Vec<Emitted>,
    ) -> Result<Result<PacketBatch, Next>, Error> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Ok(batch));
            }
            if self.next == Next::End {
                return Ok(Err(Next::End));
            }
            self.next = self.capture.next(out)?;
            out.take(emitted)?;
            for one in emitted.drain(..) {
                // Its watermarks are not those of all captures together.
                if let Emitted::Batch(_, Batch::Packets(batch)) = one {
                    self.ready.push_back(batch);
                }
            }
            if let (true, Next::Idle(_)) = (self.ready.is_empty(), self.next) {
                return Ok(Err(self.next));
            }
        }
    }
}

/// The sum of how far several inputs have come.
fn sum(parts: impl IntoIterator<Item = Progress>) -> Progress {
    let start = Progress { done: 0, total: Some(0) };
    parts.into_iter().fold(start, |sum, part| Progress {
        done: sum.done + part.done,
        total: sum.total.zip(part.total).map(|(a, b)| a + b),
    })
}

#[cfg(test)]
mod tests;
