//! Telling how data is compressed from its first bytes.

use std::fmt;

/// How data is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Magic {
    Gzip,
    Zstd,
    Lz4,
    /// A frame of zstd or lz4 that holds something else, to be passed over.
    Skippable,
    Xz,
    Bzip2,
}

impl Magic {
    /// Why it is not read, as the rest of a sentence that begins "`x` is"; `None` where it is.
    pub(crate) fn refusal(self) -> Option<&'static str> {
        match self {
            Magic::Gzip | Magic::Zstd | Magic::Lz4 | Magic::Skippable => None,
            Magic::Xz => Some("compressed by xz, which is not read; unpack it with `unxz`"),
            Magic::Bzip2 => Some("compressed by bzip2, which is not read; unpack it with `bunzip2`"),
        }
    }
}

impl fmt::Display for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Magic::Gzip => "gzip",
            Magic::Zstd => "zstd",
            Magic::Lz4 => "lz4",
            Magic::Skippable => "compressed",
            Magic::Xz => "xz",
            Magic::Bzip2 => "bzip2",
        })
    }
}

/// What the first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Compressed like this.
    Is(Magic),
    /// Not compressed in a way that is known here.
    Plain,
    /// More bytes are needed.
    Short,
}

/// Tells how data that begins with these bytes is compressed, from as few of them as possible.
pub(crate) fn tell(first: &[u8]) -> Told {
    const MAGICS: &[(&[u8], Magic)] = &[
        // Of the methods behind the number, only 8 was ever used.
        (&[0x1f, 0x8b, 8], Magic::Gzip),
        (&[0x28, 0xb5, 0x2f, 0xfd], Magic::Zstd),
        (&[0x04, 0x22, 0x4d, 0x18], Magic::Lz4),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], Magic::Xz),
    ];
    // Each byte of these is one of a range.
    let ranges: [(&[std::ops::RangeInclusive<u8>], Magic); 2] = [
        (&[0x50..=0x5f, 0x2a..=0x2a, 0x4d..=0x4d, 0x18..=0x18], Magic::Skippable),
        (
            &[
                b'B'..=b'B',
                b'Z'..=b'Z',
                b'h'..=b'h',
                b'1'..=b'9',
                0x31..=0x31,
                0x41..=0x41,
                0x59..=0x59,
                0x26..=0x26,
                0x53..=0x53,
                0x59..=0x59,
            ],
            Magic::Bzip2,
        ),
    ];
    let numbers = MAGICS
        .iter()
        .map(|(bytes, magic)| (bytes.len(), bytes.iter().zip(first).all(|(a, b)| a == b), *magic));
    let ranges = ranges.iter().map(|(bytes, magic)| {
        (bytes.len(), bytes.iter().zip(first).all(|(range, byte)| range.contains(byte)), *magic)
    });
    let mut short = false;
    for (len, fits, magic) in numbers.chain(ranges) {
        if fits && first.len() >= len {
            return Told::Is(magic);
        }
        short |= fits;
    }
    if short { Told::Short } else { Told::Plain }
}
