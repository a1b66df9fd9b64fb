//! One zstd frame (RFC 8878) of many pieces.
//!
//! The library makes a whole frame of what it is given at once. One file of many frames is right, but not every program
//! reads on behind the first; so the blocks of all those frames are put into one. That is right as long as blocks of
//! different frames have nothing to do with each other, and those of this version of the library do not: it numbers no
//! offset by what came before, and begins each frame with new tables.

use std::hash::Hasher;
use std::io::Cursor;

use ruzstd::encoding::{CompressionLevel, FrameCompressor, MatchGeneratorDriver};
use twox_hash::XxHash64;

use crate::unpack::zstd::{block_len, header_len};

/// The bit of a block header that says that it is the last one.
const LAST: u8 = 1;

pub(super) struct Zstd {
    compressor: FrameCompressor<Cursor<Vec<u8>>, Vec<u8>, MatchGeneratorDriver>,
    sum: XxHash64,
    begun: bool,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let compressor = FrameCompressor::new(CompressionLevel::Fastest);
        Self { compressor, sum: XxHash64::with_seed(0), begun: false }
    }

    /// Appends what becomes of `piece` to `packed`; of the `last` one the end of the frame too.
    pub(super) fn pack(&mut self, piece: &[u8], last: bool, packed: &mut Vec<u8>) {
        self.sum.write(piece);
        let frame = self.frame(piece);
        let (header, mut blocks) =
            frame.split_at_checked(header_len(&frame).unwrap_or(0)).unwrap_or_default();
        if !std::mem::replace(&mut self.begun, true) {
            packed.extend_from_slice(header);
        }
        // An empty piece is one empty block, which says nothing.
        while !piece.is_empty()
            && let Some((block, rest)) = block_len(blocks, false).and_then(|len| blocks.split_at_checked(len))
        {
            let start = packed.len();
            packed.extend_from_slice(block);
            let was_last = packed.get_mut(start).is_some_and(|first| {
                let was_last = *first & LAST != 0;
                *first &= !LAST;
                was_last
            });
            blocks = if was_last { &[] } else { rest };
        }
        if last {
            packed.extend_from_slice(&[LAST, 0, 0]);
            packed.extend_from_slice(&(self.sum.finish() as u32).to_le_bytes());
        }
        self.compressor.set_drain(frame);
    }

    /// The frame that the library makes of `piece`, in the buffer of the one before.
    fn frame(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut source = self.compressor.take_source().unwrap_or_default().into_inner();
        source.clear();
        source.extend_from_slice(piece);
        let mut drain = self.compressor.take_drain().unwrap_or_default();
        drain.clear();
        self.compressor.set_source(Cursor::new(source));
        self.compressor.set_drain(drain);
        self.compressor.compress();
        self.compressor.take_drain().unwrap_or_default()
    }
}
