//! Reading a file, a pipe or standard input into slabs without ever waiting for a writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Advice, OFlags};
use sluice_core::{Error, PoolBuf, Progress};

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The slab has no room left.
    Full,
    /// There is nothing to read now; more may come.
    Idle,
    /// Nothing more will come.
    End,
}

/// Something to read from.
#[derive(Debug)]
pub(crate) struct Input {
    file: File,
    /// As error messages name it.
    name: String,
    /// A regular file: a read never waits for anybody, so it is not asked for readiness first.
    regular: bool,
    progress: Progress,
}

impl Input {
    /// Opens the file at `path`, or standard input when that is `-`.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Self::stdin();
        }
        let name = format!("`{}`", path.display());
        // Without this flag, opening a FIFO would wait for its writer.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        Self::new(file.map_err(Error::io(format!("open {name}")))?, name)
    }

    /// Standard input, whatever it is connected to.
    pub(crate) fn stdin() -> Result<Self, Error> {
        let fd = rustix::stdio::stdin().try_clone_to_owned();
        Self::new(fd.map_err(Error::io("open standard input"))?.into(), "standard input".into())
    }

    fn new(file: File, name: String) -> Result<Self, Error> {
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
        Ok(Self { file, name, regular, progress: Progress { done: 0, total } })
    }

    /// As error messages name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a regular file.
    pub(crate) fn is_regular(&self) -> bool {
        self.regular
    }

    /// How far it was read.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// What to wait for when there is nothing to read now.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Reads until `slab` is full, the input has ended, or a read would have to wait.
    pub(crate) fn fill(&mut self, slab: &mut PoolBuf) -> Result<Fill, Error> {
        loop {
            let space = slab.space();
            if space.is_empty() {
                return Ok(Fill::Full);
            }
            if !self.regular && !self.readable()? {
                return Ok(Fill::Idle);
            }
            match self.file.read(space) {
                Ok(0) => return Ok(Fill::End),
                Ok(bytes) => {
                    slab.advance(bytes);
                    self.progress.done += bytes as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Fill::Idle),
                Err(source) => return Err(Error::Io { doing: format!("read {}", self.name), source }),
            }
        }
    }

    /// Whether a read would return at once: there is something, or the writer has gone.
    fn readable(&self) -> Result<bool, Error> {
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut asked = [PollFd::new(&self.file, PollFlags::IN)];
        match rustix::event::poll(&mut asked, Some(&NOW)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(Error::io(format!("read {}", self.name))(e.into())),
        }
    }
}
