//! Reading a file, a pipe or standard input into slabs without ever waiting for a writer.
//!
//! What is compressed by gzip, zstd or lz4 is unpacked on the way, so that nobody above needs to know.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use sluice_core::{Error, Next, Output, PoolBuf, Progress};

use crate::unpack::{Told, Unpacker, tell};

mod raw;

use raw::{Left, Raw};

/// How often a file that may still grow is looked at, in ns.
const LOOK: i64 = 100_000_000;

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
    raw: Raw,
    content: Content,
}

/// How what is read becomes what is given.
#[derive(Debug)]
enum Content {
    /// Not known yet, as these first bytes are too few to tell.
    Unknown(Vec<u8>),
    /// As it is, these first bytes before it.
    Plain(Vec<u8>),
    Packed(Box<Unpacker>),
}

impl Input {
    /// Opens the file at `path`, or standard input when that is `-`.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Self::stdin();
        }
        Ok(Self::new(Raw::open(path)?))
    }

    /// Opens the same, and does not take the end of a regular file for its end, as it may still grow. A pipe ends when its
    /// last writer has gone.
    pub(crate) fn follow(path: &Path) -> Result<Self, Error> {
        let mut input = Self::open(path)?;
        if path != Path::new("-") {
            input.raw.follow(path)?;
        }
        Ok(input)
    }

    /// Standard input, whatever it is connected to.
    pub(crate) fn stdin() -> Result<Self, Error> {
        let fd = rustix::stdio::stdin().try_clone_to_owned();
        let file = fd.map_err(Error::io("open standard input"))?.into();
        Ok(Self::new(Raw::new(file, "standard input".into())?))
    }

    fn new(raw: Raw) -> Self {
        Self { raw, content: Content::Unknown(Vec::new()) }
    }

    /// As error messages name it.
    pub(crate) fn name(&self) -> &str {
        &self.raw.name
    }

    /// Whether it is a regular file.
    pub(crate) fn is_regular(&self) -> bool {
        self.raw.regular
    }

    /// Whether it is a regular file that is read on beyond its end.
    pub(crate) fn is_followed(&self) -> bool {
        self.raw.followed.is_some()
    }

    /// How far it was read; of compressed input, in compressed bytes.
    pub(crate) fn progress(&self) -> Progress {
        self.raw.progress
    }

    /// What to wait for when there is nothing to read now.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        // A regular file counts as readable even at its end.
        (!self.is_followed()).then(|| self.raw.file.as_fd())
    }

    /// What a source returns when there is nothing to read at the time `now`.
    pub(crate) fn idle(&self, now: i64) -> Next {
        Next::Idle(self.is_followed().then(|| now.saturating_add(LOOK)))
    }

    /// Once the end was told: why it came early, as the rest of a sentence about the input.
    pub(crate) fn damage(&self) -> Option<&str> {
        match &self.content {
            Content::Packed(unpacker) => unpacker.damage(),
            _ => None,
        }
    }

    /// Once the end was told, tells the user why it came early, if it did; whether something was lost by that.
    pub(crate) fn tell_end(&self, out: &mut Output) -> bool {
        let name = self.name();
        match self.raw.followed.as_ref().and_then(|followed| followed.left) {
            Some(Left::Cut) => {
                out.lost(format!(
                    "{name} became shorter than what was read of it; it is not followed any more"
                ));
                return true;
            }
            Some(Left::Gone) => out.notice(format!(
                "{name} was moved, deleted or replaced; it was read to its end and is not followed any more"
            )),
            None => {}
        }
        if let Some(damage) = self.damage() {
            out.lost(format!("{name} {damage}; all before it was read"));
        }
        self.damage().is_some()
    }

    /// Reads until `slab` is full, the input has ended, or a read would have to wait.
    pub(crate) fn fill(&mut self, slab: &mut PoolBuf) -> Result<Fill, Error> {
        loop {
            match &mut self.content {
                Content::Unknown(first) => {
                    let mut byte = [0];
                    let read = self.raw.read(&mut byte)?;
                    first.extend(&byte[..read.unwrap_or(0)]);
                    self.content = match (tell(first), read) {
                        (_, Err(Fill::Idle)) => return Ok(Fill::Idle),
                        (Told::Short, Ok(_)) => continue,
                        (Told::Is(magic), _) => match magic.refusal() {
                            Some(refusal) => {
                                return Err(Error::input(format!("{} is {refusal}", self.name())));
                            }
                            None => Content::Packed(Box::new(Unpacker::new(magic, first))),
                        },
                        _ => Content::Plain(std::mem::take(first)),
                    };
                }
                Content::Plain(first) => {
                    let here = first.len().min(slab.space().len());
                    slab.append(&first[..here]);
                    first.drain(..here);
                    return self.raw.fill(slab);
                }
                Content::Packed(unpacker) => return unpacker.fill(slab, |room| self.raw.read(room)),
            }
        }
    }
}
