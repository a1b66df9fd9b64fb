//! Unpacking compressed input: gzip, zstd and lz4, told by their first bytes and unpacked as they come.
//!
//! Such data is a row of *frames* (gzip calls them members), each whole on its own; all of them are read, and those that
//! the formats let pass over are passed over. Memory is bounded by what a frame has to look back on, however much comes out
//! of it.

use sluice_core::{Error, PoolBuf};

use crate::input::Fill;

mod gzip;
mod lz4;
mod magic;
pub(crate) mod zstd;

pub(crate) use magic::{Magic, Told, tell};

/// How much is read at once. A block of zstd has at most 128 KiB; one of lz4 may have more, and then there is more room.
const ROOM: usize = 256 << 10;

/// A format, one frame at a time.
trait Codec: Send {
    /// Unpacks some of `input`, which goes on where the last call ended, into `output`, which has room.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt>;

    /// Another frame follows.
    fn restart(&mut self);

    /// Nothing more comes, although the frame has not ended: what was held back is given now.
    fn abandon(&mut self) {}
}

/// What one step has done.
struct Step {
    taken: usize,
    given: usize,
    next: Next,
}

/// What a codec wants next.
enum Next {
    /// Another step.
    Step,
    /// At least so many bytes of input at once.
    Bytes(usize),
    /// The next frame.
    Frame,
}

/// Why a frame cannot be unpacked, as the rest of a sentence.
struct Corrupt {
    /// Bytes given before that.
    given: usize,
    why: &'static str,
}

impl From<&'static str> for Corrupt {
    fn from(why: &'static str) -> Self {
        Self { given: 0, why }
    }
}

/// What unpacks an input.
pub(crate) struct Unpacker {
    magic: Magic,
    codec: Box<dyn Codec>,
    /// Whether the frame has not ended.
    inside: bool,
    /// Bytes of a frame that is passed over.
    skip: u64,
    packed: Packed,
    /// What was lost, once nothing more is read because of it.
    damage: Option<String>,
    /// Whether nothing more comes in.
    closed: bool,
}

/// Packed bytes that were read and not unpacked yet.
struct Packed {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the input they start.
    offset: u64,
}

impl Packed {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn take(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        self.offset += bytes as u64;
    }

    /// Room to read into, such that `wanted` bytes can be there at once.
    fn room(&mut self, wanted: usize) -> &mut [u8] {
        if self.buffer.len() < self.start + wanted.max(1) || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
        }
        &mut self.buffer[self.end..]
    }
}

impl Unpacker {
    /// For an input that begins with this magic number, of which `first` has been read.
    pub(crate) fn new(magic: Magic, first: &[u8]) -> Self {
        let mut buffer = vec![0; ROOM];
        let end = first.len().min(ROOM);
        buffer[..end].copy_from_slice(&first[..end]);
        let packed = Packed { buffer, start: 0, end, offset: 0 };
        Self { magic, codec: codec(magic), inside: false, skip: 0, packed, damage: None, closed: false }
    }

    /// What was lost, as the rest of a sentence about the input. Known when [`fill`](Self::fill) has told the end.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Unpacks into `slab` until that is full, or nothing more is there or will come. `read` gives packed bytes: how many,
    /// or why there are none.
    pub(crate) fn fill(
        &mut self,
        slab: &mut PoolBuf,
        mut read: impl FnMut(&mut [u8]) -> Result<Result<usize, Fill>, Error>,
    ) -> Result<Fill, Error> {
        loop {
            let space = slab.space();
            if space.is_empty() {
                return Ok(Fill::Full);
            }
            let step = if self.inside { self.codec.step(self.packed.bytes(), space) } else { self.begin() };
            let wanted = match step {
                Ok(Step { taken, given, next }) => {
                    self.packed.take(taken);
                    slab.advance(given);
                    match next {
                        Next::Step => continue,
                        Next::Frame => {
                            self.inside = false;
                            continue;
                        }
                        Next::Bytes(_) if self.closed => return Ok(Fill::End),
                        Next::Bytes(wanted) => wanted,
                    }
                }
                Err(Corrupt { given, .. }) if self.closed => {
                    slab.advance(given);
                    return Ok(Fill::End);
                }
                Err(Corrupt { given, why }) => {
                    slab.advance(given);
                    let (at, format) = (self.packed.offset, self.magic);
                    self.close(Some(format!("is corrupt: in its {format} data at byte {at}, {why}")));
                    continue;
                }
            };
            match read(self.packed.room(wanted))? {
                Ok(bytes) => self.packed.end += bytes,
                Err(Fill::End) => {
                    let whole = !self.inside && self.skip == 0 && self.packed.bytes().is_empty();
                    let (at, format) = (self.packed.offset + self.packed.bytes().len() as u64, self.magic);
                    let damage = format!("ends in the middle of its {format} data, at byte {at}");
                    self.close((!whole).then_some(damage));
                }
                Err(other) => return Ok(other),
            }
        }
    }

    /// Nothing more is taken in; what a codec has held back is still given.
    fn close(&mut self, damage: Option<String>) {
        self.closed = true;
        self.damage = damage;
        self.packed.end = self.packed.start;
        self.skip = 0;
        if self.inside {
            self.codec.abandon();
        }
    }

    /// Finds the next frame.
    fn begin(&mut self) -> Result<Step, Corrupt> {
        let input = self.packed.bytes();
        let taken = |taken, next| Ok(Step { taken, given: 0, next });
        if self.skip > 0 {
            let here = self.skip.min(input.len() as u64);
            self.skip -= here;
            return taken(here as usize, if self.skip > 0 { Next::Bytes(1) } else { Next::Step });
        }
        match tell(input) {
            Told::Short => taken(0, Next::Bytes(input.len() + 1)),
            Told::Is(Magic::Skippable) => match input.get(4..).and_then(|rest| rest.first_chunk()) {
                Some(len) => {
                    self.skip = u64::from(u32::from_le_bytes(*len));
                    taken(8, Next::Step)
                }
                None => taken(0, Next::Bytes(8)),
            },
            Told::Is(magic) if magic.refusal().is_none() => {
                if magic == self.magic {
                    self.codec.restart();
                } else {
                    (self.magic, self.codec) = (magic, codec(magic));
                }
                self.inside = true;
                taken(0, Next::Step)
            }
            // What was written to a tape in whole blocks ends in zeros, which `gzip` too passes over.
            _ if self.magic == Magic::Gzip && input.first() == Some(&0) => taken(1, Next::Step),
            _ => Err("what follows is not compressed".into()),
        }
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unpacker({})", self.magic)
    }
}

/// What unpacks frames that begin with this magic number. A skippable frame says nothing of those that follow.
fn codec(magic: Magic) -> Box<dyn Codec> {
    match magic {
        Magic::Gzip => Box::new(gzip::Gzip::new()),
        Magic::Lz4 => Box::new(lz4::Lz4::new()),
        _ => Box::new(zstd::Zstd::new()),
    }
}

#[cfg(test)]
mod tests;
