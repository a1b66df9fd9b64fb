//! One capture after the other. Nothing is copied.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use sluice_core::{Emitted, Error, Next, Output, Progress, Source};

use super::{Feed, open, sum};
use crate::capture::Capture;

/// Captures that are read one after the other.
#[derive(Debug)]
pub(crate) struct Append {
    current: Option<Feed>,
    later: VecDeque<Later>,
    /// How far those that are done had come.
    done: Progress,
    packets: u64,
    latest: i64,
    emitted: Vec<Emitted>,
}

/// A capture whose turn comes later.
#[derive(Debug)]
struct Later {
    path: PathBuf,
    /// A pipe stays open, since it cannot be opened again; files do not, for there may be very many.
    open: Option<Capture>,
    progress: Progress,
}

impl Append {
    /// Opens each of the captures, so that it is known at once if one cannot be read.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, Error> {
        let later = |path: &PathBuf| {
            let capture = open(path)?;
            let progress = Progress { done: 0, ..capture.progress() };
            let open = (!capture.is_regular()).then_some(capture);
            Ok(Later { path: path.clone(), open, progress })
        };
        Ok(Self {
            current: None,
            later: paths.iter().map(later).collect::<Result<_, _>>()?,
            done: sum([]),
            packets: 0,
            latest: i64::MIN,
            emitted: Vec::new(),
        })
    }
}

impl Source for Append {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        let feed = match &mut self.current {
            Some(feed) => feed,
            None => {
                let Some(later) = self.later.pop_front() else { return Ok(Next::End) };
                self.current.insert(Feed::new(later.open.map_or_else(|| open(&later.path), Ok)?))
            }
        };
        match feed.pull(out, &mut self.emitted)? {
            Ok(mut batch) => {
                for frame in batch.frames_mut() {
                    frame.ordinal = self.packets;
                    self.packets += 1;
                    self.latest = self.latest.max(frame.time);
                }
                let any = !batch.is_empty();
                out.emit(batch);
                if any {
                    out.watermark(self.latest);
                }
                Ok(Next::More)
            }
            Err(Next::End) => {
                self.done = sum([self.done, feed.capture.progress()]);
                self.current = None;
                Ok(if self.later.is_empty() { Next::End } else { Next::More })
            }
            Err(idle) => Ok(idle),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.current.as_ref().and_then(|feed| feed.capture.fd())
    }

    fn progress(&self) -> Progress {
        let current = self.current.iter().map(|feed| feed.capture.progress());
        sum(current.chain(self.later.iter().map(|later| later.progress)).chain([self.done]))
    }
}
