//! Compressing what is written, by gzip or zstd.
//!
//! Output is compressed in pieces of one size, so that the same content gives the same bytes, however it came.

use std::path::{Path, PathBuf};

use flate2::FlushCompress;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::OptionError;

mod zstd;

/// How much is compressed at once.
pub(crate) const PIECE: usize = 256 << 10;

/// How hard gzip tries, from 1 to 9: what its command does unless told otherwise.
const LEVEL: u32 = 6;

/// The largest window that deflate knows, as a power of two.
const WINDOW: u8 = 15;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compress {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
    /// By zstd, as fast as it can.
    Zstd,
}

/// Endings of names of compressed files, and how those are written, where they are.
const ENDINGS: [(&str, Option<Compress>); 6] = [
    ("gz", Some(Compress::Gzip)),
    ("zst", Some(Compress::Zstd)),
    ("zstd", Some(Compress::Zstd)),
    ("lz4", None),
    ("xz", None),
    ("bz2", None),
];

impl Compress {
    /// How the file at `path` is compressed: as was asked for, or else as the ending of its name tells.
    pub(crate) fn choose(asked: Option<Compress>, path: &Path) -> Result<Compress, OptionError> {
        match (asked, split_ending(path).1) {
            (Some(asked), _) => Ok(asked),
            (None, None) => Ok(Compress::None),
            (None, Some((_, Some(told)))) => Ok(told),
            (None, Some((ending, None))) => Err(OptionError::at(
                "path",
                format!("`.{ending}` is the ending of a compression that is not written"),
            )
            .help("end the name in `.gz` or `.zst`, or say how with `compress`")),
        }
    }
}

/// The path without an ending that tells a compression, and that ending.
pub(crate) fn split_ending(path: &Path) -> (PathBuf, Option<(&'static str, Option<Compress>)>) {
    let known = |ending: &&(&'static str, _)| path.extension().is_some_and(|found| found == ending.0);
    let bare = path.with_extension("");
    match ENDINGS.iter().find(known) {
        // A file may be called `gz`, or `.gz`.
        Some(ending) if bare.file_name().is_some() => (bare, Some(*ending)),
        _ => (path.to_owned(), None),
    }
}

/// What compresses a file.
pub(crate) struct Packer {
    kind: Kind,
    packed: Vec<u8>,
}

enum Kind {
    Gzip(flate2::Compress),
    Zstd(Box<zstd::Zstd>),
}

impl Packer {
    /// One for a file that is compressed like this; nothing for one that is not.
    pub(crate) fn new(how: Compress) -> Option<Self> {
        let kind = match how {
            Compress::None => return None,
            Compress::Gzip => Kind::Gzip(flate2::Compress::new_gzip(flate2::Compression::new(LEVEL), WINDOW)),
            Compress::Zstd => Kind::Zstd(Box::new(zstd::Zstd::new())),
        };
        Some(Self { kind, packed: Vec::with_capacity(PIECE) })
    }

    /// Compresses a piece, the `last` one of the file or one of [`PIECE`] bytes; what there is to write.
    pub(crate) fn pack(&mut self, piece: &[u8], last: bool) -> &[u8] {
        self.packed.clear();
        match &mut self.kind {
            Kind::Gzip(gzip) => deflate(gzip, piece, last, &mut self.packed),
            Kind::Zstd(zstd) => zstd.pack(piece, last, &mut self.packed),
        }
        &self.packed
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.kind {
            Kind::Gzip(_) => "Packer(gzip)",
            Kind::Zstd(_) => "Packer(zstd)",
        })
    }
}

/// Appends what deflate makes of `piece` to `packed`.
fn deflate(gzip: &mut flate2::Compress, mut piece: &[u8], last: bool, packed: &mut Vec<u8>) {
    let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
    loop {
        packed.reserve(4096);
        let before = gzip.total_in();
        // It fails only where it is misused, and then there is no progress.
        let status = gzip.compress_vec(piece, packed, flush);
        piece = piece.get((gzip.total_in() - before) as usize..).unwrap_or_default();
        let room_left = packed.len() < packed.capacity();
        match status {
            Ok(flate2::Status::StreamEnd) | Err(_) => return,
            Ok(_) if piece.is_empty() && room_left && !last => return,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
