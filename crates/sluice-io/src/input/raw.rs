//! The bytes of a file or pipe as they are, and whether more may come.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Advice, OFlags};
use sluice_core::{Error, PoolBuf, Progress};

use super::Fill;

/// An open file, pipe or device.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) file: File,
    /// As error messages name it.
    pub(super) name: String,
    /// A regular file: a read never waits for anybody, so it is not asked for readiness first.
    pub(super) regular: bool,
    pub(super) progress: Progress,
    pub(super) followed: Option<Followed>,
}

/// A regular file that may still grow.
#[derive(Debug)]
pub(super) struct Followed {
    path: PathBuf,
    /// Device and inode of what was opened.
    opened: (u64, u64),
    /// Whether the path led elsewhere when it was last looked at.
    gone: bool,
    /// Why it is not followed any more.
    pub(super) left: Option<Left>,
}

/// Why a file is not followed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It became shorter than what was read of it.
    Cut,
    /// Its path leads to another file or to none, and it was read to its end.
    Gone,
}

impl Raw {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let name = format!("`{}`", path.display());
        // Without this flag, opening a FIFO would wait for its writer.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        Self::new(file.map_err(Error::io(format!("open {name}")))?, name)
    }

    pub(super) fn new(file: File, name: String) -> Result<Self, Error> {
        let about = file.metadata().map_err(Error::io(format!("read {name}")))?;
        if about.is_dir() {
            let source = io::Error::new(io::ErrorKind::IsADirectory, "it is a directory");
            return Err(Error::Io { doing: format!("read {name}"), source });
        }
        let regular = about.is_file();
        // Both only make reading faster, so a refusal does not matter.
        if regular {
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        } else {
            let _ = rustix::pipe::fcntl_setpipe_size(&file, 1 << 20);
        }
        // Files under /proc say that they are empty and are not.
        let total = (regular && about.len() > 0).then_some(about.len());
        Ok(Self { file, name, regular, progress: Progress { done: 0, total }, followed: None })
    }

    /// Does not take the end of a regular file for its end from now on.
    pub(super) fn follow(&mut self, path: &Path) -> Result<(), Error> {
        let about = self.file.metadata().map_err(|e| self.failed(e))?;
        if self.regular {
            let opened = (about.dev(), about.ino());
            self.followed = Some(Followed { path: path.to_owned(), opened, gone: false, left: None });
            self.progress.total = None;
        }
        Ok(())
    }

    /// Reads into `room` what is there: how many bytes, or why none. `room` is not empty.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<Result<usize, Fill>, Error> {
        if !self.regular && !self.readable()? {
            return Ok(Err(Fill::Idle));
        }
        loop {
            match self.file.read(room) {
                Ok(0) => return Ok(Err(if self.has_ended()? { Fill::End } else { Fill::Idle })),
                Ok(bytes) => {
                    self.progress.done += bytes as u64;
                    return Ok(Ok(bytes));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Err(Fill::Idle)),
                Err(e) => return Err(self.failed(e)),
            }
        }
    }

    /// Reads until `slab` is full or nothing is there.
    pub(super) fn fill(&mut self, slab: &mut PoolBuf) -> Result<Fill, Error> {
        loop {
            let space = slab.space();
            if space.is_empty() {
                return Ok(Fill::Full);
            }
            match self.read(space)? {
                Ok(bytes) => slab.advance(bytes),
                Err(why) => return Ok(why),
            }
        }
    }

    /// Whether nothing will follow, now that the end was reached.
    fn has_ended(&mut self) -> Result<bool, Error> {
        let Some(followed) = &mut self.followed else { return Ok(true) };
        let len = self.file.metadata().map(|about| about.len());
        let there = fs::metadata(&followed.path).map(|about| (about.dev(), about.ino())).ok();
        let gone = there != Some(followed.opened);
        followed.left = match len {
            Ok(len) if len < self.progress.done => Some(Left::Cut),
            // What was written just before the file went is read before it is left.
            Ok(_) => (gone && followed.gone).then_some(Left::Gone),
            Err(e) => return Err(self.failed(e)),
        };
        followed.gone = gone;
        Ok(followed.left.is_some())
    }

    /// Whether a read would return at once: there is something, or the writer has gone.
    fn readable(&self) -> Result<bool, Error> {
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut asked = [PollFd::new(&self.file, PollFlags::IN)];
        match rustix::event::poll(&mut asked, Some(&NOW)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(self.failed(e.into())),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Io { doing: format!("read {}", self.name), source }
    }
}
