//! Cutting what a file sink writes into numbered pieces.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size};
use sluice_core::{Error, OptionError};

use crate::outfile::OutFile;

/// When to begin a new file. Give `size`, `every` or both.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// A file gets no longer than this, unless a single line is. A line that would not fit goes into the next file.
    size: Option<Size>,
    /// A new file begins at every multiple of this in the time of the items, counted from midnight UTC of 1970-01-01:
    /// `1h` means at full hours. An item that comes late goes into the file that is being written.
    every: Option<Duration>,
    /// How many files are kept, those of earlier runs included; the oldest are deleted. All of them when this is absent.
    keep: Option<u32>,
}

impl Rotate {
    /// Checks what the schema cannot.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let wrong = |key, message: &str| Err(OptionError::at("rotate", message).key(key));
        match self {
            Rotate { size: None, every: None, .. } => {
                Err(OptionError::at("rotate", "neither `size` nor `every` is given")
                    .help("give one of them, or both"))
            }
            Rotate { size: Some(Size(0)), .. } => wrong("size", "`0` leaves no room for a line"),
            Rotate { every: Some(every), .. } if !(1..=i64::MAX as u64).contains(&every.0) => {
                wrong("every", &format!("`{every}` is too short or too long"))
            }
            Rotate { keep: Some(0), .. } => wrong("keep", "`0` would keep no file at all"),
            _ => Ok(()),
        }
    }
}

/// Files that are written one after the other.
#[derive(Debug)]
pub(crate) struct Pieces {
    path: PathBuf,
    rule: Rotate,
    file: OutFile,
    /// The latest multiple of `every` that was reached.
    period: Option<i64>,
    number: u32,
    /// The numbers of the files that are there, oldest first, the current one not among them.
    older: VecDeque<u32>,
}

impl Pieces {
    /// Opens the first piece. Numbers go on from those of earlier runs, so that nothing of theirs is overwritten.
    pub(crate) fn create(path: &Path, rule: Rotate) -> Result<Self, Error> {
        let mut older: Vec<u32> = numbers(path);
        older.sort_unstable();
        let number = older.last().map_or(1, |last| last.saturating_add(1));
        let file = OutFile::create(&piece(path, number))?;
        let mut pieces =
            Self { path: path.to_owned(), rule, file, period: None, number, older: older.into() };
        pieces.delete_oldest()?;
        Ok(pieces)
    }

    /// Writes one line of an item with this time.
    pub(crate) fn line(&mut self, time: i64, line: &[u8]) -> Result<(), Error> {
        let period = self.rule.every.map(|every| time.div_euclid(every.0.cast_signed()));
        let over = self.rule.size.is_some_and(|size| self.file.len() + line.len() as u64 > size.0);
        if self.file.len() > 0 && (over || period > self.period) {
            self.next()?;
        }
        self.period = self.period.max(period);
        self.file.lines(line)
    }

    fn next(&mut self) -> Result<(), Error> {
        self.finish()?;
        self.older.push_back(self.number);
        self.number = self.number.saturating_add(1);
        self.file = OutFile::create(&piece(&self.path, self.number))?;
        self.delete_oldest()
    }

    fn delete_oldest(&mut self) -> Result<(), Error> {
        // The current file is one of those to keep.
        let keep = self.rule.keep.map_or(usize::MAX, |keep| keep as usize - 1);
        while self.older.len() > keep {
            let Some(oldest) = self.older.pop_front() else { break };
            let oldest = piece(&self.path, oldest);
            match fs::remove_file(&oldest) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(format!("delete `{}`", oldest.display()))(e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.file.flush()
    }

    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.file.finish()
    }
}

/// The stem and the extension with its dot of a file's name.
fn split(path: &Path) -> (String, String) {
    let part = |text: Option<&std::ffi::OsStr>| text.unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    (part(path.file_stem()), extension)
}

/// `logs/web.log` with the number 7 is `logs/web-0007.log`.
fn piece(path: &Path, number: u32) -> PathBuf {
    let (stem, extension) = split(path);
    path.with_file_name(format!("{stem}-{number:04}{extension}"))
}

/// The numbers of the pieces that are there.
fn numbers(path: &Path) -> Vec<u32> {
    let (stem, extension) = split(path);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: std::ffi::OsString| {
        let digits = name.to_str()?.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
        let plain = digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    };
    entries.filter_map(|entry| number(entry.file_name())).collect()
}
