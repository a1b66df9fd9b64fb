//! Records: walking over them in a slice of a file, and writing their headers.

use sluice_core::Resolution;

use super::{MAX_CAPTURED, RECORD_HEADER};

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;
/// Microseconds, with records whose header is 8 bytes longer.
const MODIFIED: u32 = 0xa1b2_cd34;

const SECOND: i64 = 1_000_000_000;

/// How the records of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub(super) big_endian: bool,
    pub(super) resolution: Resolution,
    header: usize,
}

impl Layout {
    /// The standard layout.
    pub fn new(big_endian: bool, resolution: Resolution) -> Self {
        Self { big_endian, resolution, header: RECORD_HEADER }
    }

    /// The layout that a file's first four bytes tell.
    pub(crate) fn of_magic(magic: [u8; 4]) -> Option<Self> {
        let layout = |big_endian, number| match number {
            MICRO => Some(Self::new(big_endian, Resolution::Micro)),
            NANO => Some(Self::new(big_endian, Resolution::Nano)),
            MODIFIED => Some(Self { header: RECORD_HEADER + 8, ..Self::new(big_endian, Resolution::Micro) }),
            _ => None,
        };
        layout(true, u32::from_be_bytes(magic)).or_else(|| layout(false, u32::from_le_bytes(magic)))
    }

    pub(super) fn magic(self) -> u32 {
        match self.resolution {
            Resolution::Micro => MICRO,
            Resolution::Nano => NANO,
        }
    }

    pub(super) fn word(self, bytes: &[u8], at: usize) -> u32 {
        let word = bytes.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }

    pub(super) fn bytes(self, word: u32) -> [u8; 4] {
        if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() }
    }

    /// Nanoseconds in one unit of the sub-second fraction.
    fn unit(self) -> i64 {
        match self.resolution {
            Resolution::Micro => 1000,
            Resolution::Nano => 1,
        }
    }

    /// Whether a record can tell this time (ns since the epoch): 1970 to 2106.
    pub fn tells(self, time: i64) -> bool {
        (0..=i64::from(u32::MAX) * SECOND + (SECOND - 1)).contains(&time)
    }

    /// Time (ns since the epoch), captured length and length on the wire, as a record header says them.
    pub(super) fn read(self, header: &[u8; RECORD_HEADER]) -> (i64, u32, u32) {
        // A fraction of a second or more occurs in files, and is just added.
        let time = i64::from(self.word(header, 0)) * SECOND + i64::from(self.word(header, 4)) * self.unit();
        (time, self.word(header, 8), self.word(header, 12))
    }

    /// Makes `header` say this; a header that says so already is left as it is, byte for byte. A time that a record
    /// cannot [tell](Self::tells) is cut to its lowest bits, and one between two units is rounded down.
    pub fn write(self, header: &mut [u8; RECORD_HEADER], time: i64, captured: u32, wire: u32) {
        if self.read(header) == (time, captured, wire) {
            return;
        }
        let (seconds, fraction) = (time.div_euclid(SECOND), time.rem_euclid(SECOND) / self.unit());
        let words = [seconds as u32, fraction as u32, captured, wire];
        for (place, word) in header.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&self.bytes(word));
        }
    }
}

/// One packet of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where its bytes start, in the slice walked over; the [`RECORD_HEADER`] bytes before are the file format's.
    pub start: usize,
    /// When it was captured, in ns since the epoch.
    pub time: i64,
    /// How many bytes of it are there.
    pub captured: u32,
    /// How long it was on the wire, as the file says; some writers say less than `captured`.
    pub wire: u32,
}

/// What a [`Walker`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole record.
    Record(Record),
    /// A record that is not whole: at least so many bytes are wanted from [`Walker::at`] on.
    NeedMore(usize),
    /// A record says that this many bytes were captured, more than [`MAX_CAPTURED`]: where the next one starts is not
    /// known, if this is a record at all.
    Invalid(u32),
}

/// Walks over the records in a slice of a file that starts at a record header.
#[derive(Clone, Copy, Debug)]
pub struct Walker<'a> {
    layout: Layout,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walker<'a> {
    /// A walker at the start of `bytes`.
    pub fn new(layout: Layout, bytes: &'a [u8]) -> Self {
        Self { layout, bytes, at: 0 }
    }

    /// Where it stands: just behind the last record found.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next record. After a step that is no record it stays where it is.
    ///
    /// A captured length above the file's snapshot length is believed, as many writers exceed their own.
    #[inline]
    pub fn step(&mut self) -> Step {
        let rest = &self.bytes[self.at..];
        let header = self.layout.header;
        let Some(fields) = rest.first_chunk() else { return Step::NeedMore(header) };
        let (time, captured, wire) = self.layout.read(fields);
        if captured > MAX_CAPTURED {
            return Step::Invalid(captured);
        }
        let whole = header + captured as usize;
        if rest.len() < whole {
            return Step::NeedMore(whole);
        }
        let start = self.at + header;
        self.at += whole;
        Step::Record(Record { start, time, captured, wire })
    }
}
