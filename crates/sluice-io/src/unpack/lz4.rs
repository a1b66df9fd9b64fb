//! The lz4 frame format. Blocks are decoded by a library; the frame around them is read here, since it comes in pieces.

use std::hash::Hasher as _;

use lz4_flex::block::decompress_into_with_dict;
use twox_hash::xxhash32::Hasher;

use super::{Codec, Corrupt, Next, Step};

/// How far a block may look back into those before.
const WINDOW: usize = 64 << 10;

const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUMS: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const DICTIONARY: u8 = 0x01;

/// Unpacks one frame.
pub(super) struct Lz4 {
    state: State,
    flags: u8,
    /// The last decoded block, as far as it is filled, and how much of it was given.
    block: Vec<u8>,
    filled: usize,
    given: usize,
    /// What the next block may look back on; nothing where blocks are independent.
    window: Vec<u8>,
    content: Hasher,
    /// How long the content is, where the frame tells.
    size: Option<u64>,
}

/// What comes next in the frame.
#[derive(Clone, Copy)]
enum State {
    Header,
    Block,
    Trailer,
}

impl Lz4 {
    pub(super) fn new() -> Self {
        Self {
            state: State::Header,
            flags: 0,
            block: Vec::new(),
            filled: 0,
            given: 0,
            window: Vec::with_capacity(WINDOW),
            content: Hasher::with_seed(0),
            size: None,
        }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Reads the frame header and says how long it is, or how many bytes are wanted for it.
    fn header(&mut self, input: &[u8]) -> Result<Result<usize, usize>, Corrupt> {
        let Some([_, _, _, _, flags, sizes, ..]) = input.first_chunk::<7>() else { return Ok(Err(7)) };
        self.flags = *flags;
        let len = 7 + if self.has(CONTENT_SIZE) { 8 } else { 0 } + if self.has(DICTIONARY) { 4 } else { 0 };
        let Some(header) = input.get(4..len) else { return Ok(Err(len)) };
        let Some((check, header)) = header.split_last() else { return Ok(Err(len)) };
        if flags & 0xc2 != 0x40 || sizes & 0x8f != 0 || sizes >> 4 < 4 {
            return Err("the version of its frame is not known".into());
        }
        if (Hasher::oneshot(0, header) >> 8) as u8 != *check {
            return Err("the checksum of the frame header is wrong".into());
        }
        if self.has(DICTIONARY) {
            return Err("it needs a dictionary, which cannot be given".into());
        }
        self.size = header.get(2..).and_then(|rest| rest.first_chunk()).map(|size| u64::from_le_bytes(*size));
        self.block.resize(1 << (8 + 2 * (sizes >> 4)), 0);
        Ok(Ok(len))
    }

    /// Decodes a block, its checksum behind it.
    fn decode(&mut self, packed: bool, data: &[u8], checksum: &[u8]) -> Result<(), Corrupt> {
        if let Some(checksum) = checksum.first_chunk()
            && Hasher::oneshot(0, data) != u32::from_le_bytes(*checksum)
        {
            return Err("the checksum of a block is wrong".into());
        }
        self.given = 0;
        self.filled = 0;
        self.filled = if packed {
            let decoded = decompress_into_with_dict(data, &mut self.block, &self.window);
            decoded.map_err(|_| "a block cannot be decoded")?
        } else {
            let place = self.block.get_mut(..data.len()).ok_or("a block is longer than the frame allows")?;
            place.copy_from_slice(data);
            data.len()
        };
        let decoded = self.block.get(..self.filled).unwrap_or_default();
        if !self.has(INDEPENDENT) {
            let kept = self.window.len().min(WINDOW.saturating_sub(decoded.len()));
            self.window.drain(..self.window.len() - kept);
            self.window.extend_from_slice(&decoded[decoded.len() - decoded.len().min(WINDOW)..]);
        }
        if self.has(CONTENT_CHECKSUM) {
            self.content.write(decoded);
        }
        if let Some(size) = &mut self.size {
            *size = size.checked_sub(decoded.len() as u64).ok_or("it is longer than its header says")?;
        }
        Ok(())
    }
}

impl Codec for Lz4 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        let ready = self.block.get(self.given..self.filled).unwrap_or_default();
        if !ready.is_empty() {
            let given = ready.len().min(output.len());
            output[..given].copy_from_slice(&ready[..given]);
            self.given += given;
            return Ok(Step { taken: 0, given, next: Next::Step });
        }
        let took = |taken, next| Ok(Step { taken, given: 0, next });
        match self.state {
            State::Header => match self.header(input)? {
                Ok(len) => {
                    self.state = State::Block;
                    took(len, Next::Step)
                }
                Err(wanted) => took(0, Next::Bytes(wanted)),
            },
            State::Block => {
                let Some((word, rest)) = input.split_first_chunk() else { return took(0, Next::Bytes(4)) };
                let word = u32::from_le_bytes(*word);
                if word == 0 {
                    self.state = State::Trailer;
                    return took(4, Next::Step);
                }
                let len = (word & 0x7fff_ffff) as usize;
                if len > self.block.len() {
                    return Err("a block is longer than the frame allows".into());
                }
                let whole = len + if self.has(BLOCK_CHECKSUMS) { 4 } else { 0 };
                let Some(block) = rest.get(..whole) else { return took(0, Next::Bytes(4 + whole)) };
                let (data, checksum) = block.split_at(len);
                self.decode(word == len as u32, data, checksum)?;
                took(4 + whole, Next::Step)
            }
            State::Trailer => {
                let len = if self.has(CONTENT_CHECKSUM) { 4 } else { 0 };
                let Some(trailer) = input.get(..len) else { return took(0, Next::Bytes(len)) };
                if trailer
                    .first_chunk()
                    .is_some_and(|sum| u32::from_le_bytes(*sum) != self.content.finish_32())
                {
                    return Err("the checksum is wrong".into());
                }
                if self.size.is_some_and(|left| left > 0) {
                    return Err("it is shorter than its header says".into());
                }
                took(len, Next::Frame)
            }
        }
    }

    fn restart(&mut self) {
        self.state = State::Header;
        (self.filled, self.given) = (0, 0);
        self.window.clear();
        self.content = Hasher::with_seed(0);
    }
}
