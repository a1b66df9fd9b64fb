//! zstd (RFC 8878).
//!
//! The library is given one whole block at a time, so that what it has to hold is bounded: the window, at most 128 MiB,
//! and one block.

use std::io::Read;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Codec, Corrupt, Next, Step};

/// Unpacks one frame.
pub(crate) struct Zstd {
    frame: FrameDecoder,
    /// Whether the frame header was read.
    begun: bool,
    /// Whether the frame ends in a checksum.
    checked: bool,
}

impl Zstd {
    pub(super) fn new() -> Self {
        Self { frame: FrameDecoder::new(), begun: false, checked: false }
    }

    /// Decodes the one block that `block` holds.
    fn block(&mut self, mut block: &[u8]) -> Result<(), Corrupt> {
        let decoded = self.frame.decode_blocks(&mut block, BlockDecodingStrategy::UptoBlocks(1));
        decoded.map_or(Err("a block cannot be decoded".into()), |_| Ok(()))
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        if !self.begun {
            let Some(len) = header_len(input) else { return wants(input.len() + 1) };
            let Some(mut header) = input.get(..len) else { return wants(len) };
            self.frame.reset(&mut header).map_err(refusal)?;
            self.begun = true;
            self.checked = input.get(4).is_some_and(|descriptor| descriptor & 4 != 0);
            return Ok(Step { taken: len, given: 0, next: Next::Step });
        }
        let given = self.frame.read(output).map_err(|_| "a block cannot be decoded")?;
        if given > 0 {
            return Ok(Step { taken: 0, given, next: Next::Step });
        }
        if self.frame.is_finished() {
            if self.checked && self.frame.get_checksum_from_data() != self.frame.get_calculated_checksum() {
                return Err("the checksum is wrong".into());
            }
            return Ok(Step { taken: 0, given: 0, next: Next::Frame });
        }
        let Some(len) = block_len(input, self.checked) else { return wants(3) };
        let Some(block) = input.get(..len) else { return wants(len) };
        self.block(block)?;
        Ok(Step { taken: len, given: 0, next: Next::Step })
    }

    fn restart(&mut self) {
        self.begun = false;
    }

    /// The library gives what is in its window only at the end of a frame, so here is one: an empty last block.
    fn abandon(&mut self) {
        if self.begun && !self.frame.is_finished() {
            let _ = self.block(&[1, 0, 0, 0, 0, 0, 0]);
        }
    }
}

fn wants(bytes: usize) -> Result<Step, Corrupt> {
    Ok(Step { taken: 0, given: 0, next: Next::Bytes(bytes) })
}

/// How long the frame header is, magic number included.
pub(crate) fn header_len(input: &[u8]) -> Option<usize> {
    let descriptor = *input.get(4)?;
    let single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        power => 1 << power,
    };
    Some(5 + usize::from(!single) + dictionary + size)
}

/// How long the block at the start of `input` is, with the checksum behind the last one.
pub(crate) fn block_len(input: &[u8], checked: bool) -> Option<usize> {
    let [a, b, c] = *input.first_chunk()?;
    let header = u32::from_le_bytes([a, b, c, 0]);
    let (last, kind, size) = (header & 1 == 1, header >> 1 & 3, (header >> 3) as usize);
    // A block of the kind 1 is one byte that is repeated `size` times.
    Some(3 + if kind == 1 { 1 } else { size } + if last && checked { 4 } else { 0 })
}

fn refusal(why: FrameDecoderError) -> Corrupt {
    match why {
        FrameDecoderError::WindowSizeTooBig { .. } => "it needs a window of more than 128MiB",
        FrameDecoderError::DictNotProvided { .. } => "it needs a dictionary, which cannot be given",
        _ => "the frame header is wrong",
    }
    .into()
}
