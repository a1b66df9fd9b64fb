//! Cutting what a file sink writes into numbered files.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size};
use sluice_core::{Error, OptionError};

use crate::outfile::{OutFile, PART, part};
use crate::pack::{Compress, split_ending};

/// How long what was written may wait to be handed on, in ns.
const PATIENCE: i64 = 1_000_000_000;

/// When to begin a new file. Give one rule or several; the first that applies counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// A file gets no longer than this, unless a single item in it is: one that would not fit goes into the next file.
    /// Of compressed files, what counts is how long they are once unpacked.
    size: Option<Size>,
    /// A file holds at most so many packets or records.
    count: Option<u64>,
    /// A file holds no item that is this much or more later than its first one, in the time of the items.
    duration: Option<Duration>,
    /// A new file begins at every multiple of this in the time of the items, counted from midnight UTC of 1970-01-01:
    /// `1h` means at full hours. An item that comes late goes into the file that is being written.
    every: Option<Duration>,
    /// How many files are kept, those of earlier runs included; the oldest are deleted. All of them when this is absent.
    keep: Option<u32>,
}

impl Rotate {
    /// Checks what the schema cannot, also whether the file at `path` can be written in pieces.
    pub(crate) fn check(&self, path: &Path) -> Result<(), OptionError> {
        let wrong = |key, message: &str| Err(OptionError::at("rotate", message).key(key));
        let wrong_time = |time: &Option<Duration>| time.filter(|t| !(1..=i64::MAX as u64).contains(&t.0));
        match self {
            _ if path.as_os_str() == "-" => {
                Err(OptionError::at("rotate", "standard output cannot be rotated"))
            }
            Rotate { size: None, count: None, duration: None, every: None, .. } => {
                Err(OptionError::at("rotate", "it does not say when")
                    .help("give `size`, `count`, `duration` or `every`"))
            }
            Rotate { size: Some(Size(0)), .. } => wrong("size", "`0` leaves no room for anything"),
            Rotate { count: Some(0), .. } => wrong("count", "`0` leaves no room for anything"),
            Rotate { keep: Some(0), .. } => wrong("keep", "`0` would keep no file at all"),
            Rotate { duration, every, .. } => {
                for (key, time) in [("duration", wrong_time(duration)), ("every", wrong_time(every))] {
                    if let Some(time) = time {
                        return wrong(key, &format!("`{time}` is too short or too long"));
                    }
                }
                Ok(())
            }
        }
    }
}

/// What is in the present file, and whether more may go into it.
#[derive(Debug)]
struct Gauge {
    rule: Rotate,
    bytes: u64,
    items: u64,
    /// The time of its first item.
    first: i64,
    /// The latest multiple of `every` that was reached, in this file or one before.
    period: i64,
}

impl Gauge {
    fn new(rule: Rotate) -> Self {
        Self { rule, bytes: 0, items: 0, first: 0, period: i64::MIN }
    }

    /// Counts an item of this time and size; whether it begins a new file, which is counted from then on.
    fn turns(&mut self, time: i64, bytes: u64) -> bool {
        let Rotate { size, count, duration, every, .. } = &self.rule;
        let period = every.map_or(i64::MIN, |every| time.div_euclid(every.0.cast_signed()));
        let turns = self.items > 0
            && (size.is_some_and(|size| self.bytes + bytes > size.0)
                || count.is_some_and(|count| self.items >= count)
                || duration.is_some_and(|span| time.saturating_sub(self.first) >= span.0.cast_signed())
                || period > self.period);
        if turns {
            (self.bytes, self.items) = (0, 0);
        }
        if self.items == 0 {
            self.first = time;
        }
        self.period = self.period.max(period);
        self.bytes += bytes;
        self.items += 1;
        turns
    }
}

/// Where a file sink writes: one file, or files one after the other.
#[derive(Debug)]
pub(crate) struct Target {
    file: OutFile,
    pieces: Option<Pieces>,
    /// When what was written was last handed on because it was time.
    handed_on: i64,
}

impl Target {
    /// A new file at `path`, or the first of several.
    pub(crate) fn create(path: &Path, compress: Compress, rule: Option<&Rotate>) -> Result<Self, Error> {
        match rule {
            None => Ok(Self::one(OutFile::create(path)?.compressed(compress))),
            Some(rule) => {
                let (pieces, file) = Pieces::create(path, compress, rule.clone())?;
                Ok(Self { file, pieces: Some(pieces), handed_on: 0 })
            }
        }
    }

    /// This one file.
    pub(crate) fn one(file: OutFile) -> Self {
        Self { file, pieces: None, handed_on: 0 }
    }

    /// The file that is written now.
    pub(crate) fn file(&mut self) -> &mut OutFile {
        &mut self.file
    }

    /// Whether there are several.
    pub(crate) fn is_rotated(&self) -> bool {
        self.pieces.is_some()
    }

    /// Counts an item of this time and size; whether it has to go into the [`next`](Self::next) file.
    pub(crate) fn turns(&mut self, time: i64, bytes: u64) -> bool {
        self.pieces.as_mut().is_some_and(|pieces| pieces.gauge.turns(time, bytes))
    }

    /// Counts bytes of the file that belong to no item.
    pub(crate) fn count(&mut self, bytes: u64) {
        if let Some(pieces) = &mut self.pieces {
            pieces.gauge.bytes += bytes;
        }
    }

    /// Finishes the file and begins the next one.
    pub(crate) fn next(&mut self) -> Result<(), Error> {
        self.file.finish()?;
        if let Some(pieces) = &mut self.pieces {
            self.file = pieces.next()?;
        }
        // What it begins with is not to wait.
        self.handed_on = 0;
        Ok(())
    }

    /// Writes one line of an item with this time.
    pub(crate) fn line(&mut self, time: i64, line: &[u8]) -> Result<(), Error> {
        let ending = u64::from(self.file.has_open_line());
        if self.turns(time, line.len() as u64 + ending) {
            self.next()?;
        }
        self.file.lines(line)
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.file.flush()
    }

    /// Hands on what was written, once a second: who always has more to write is never asked to flush.
    pub(crate) fn keep_up(&mut self, now: i64) -> Result<(), Error> {
        // A clock that was set back is no reason to wait.
        if now.abs_diff(self.handed_on) >= PATIENCE.unsigned_abs() {
            self.handed_on = now;
            self.flush()?;
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.file.finish()
    }
}

/// The files of a [`Target`], without the present one.
#[derive(Debug)]
struct Pieces {
    path: PathBuf,
    compress: Compress,
    gauge: Gauge,
    number: u32,
    /// The numbers of the files that are there, oldest first, the current one not among them.
    older: VecDeque<u32>,
}

impl Pieces {
    /// Opens the first piece. Numbers go on from those of earlier runs, so that nothing of theirs is overwritten, not even what
    /// a run that was killed could not finish.
    fn create(path: &Path, compress: Compress, rule: Rotate) -> Result<(Self, OutFile), Error> {
        let mut older: Vec<u32> = numbers(path);
        older.sort_unstable();
        older.dedup();
        // A run that goes on would meet with the files of this one.
        if let Some(last) = older.last() {
            OutFile::check_unused(&piece(path, *last))?;
        }
        let number = older.last().map_or(1, |last| last.saturating_add(1));
        let gauge = Gauge::new(rule);
        let mut pieces = Self { path: path.to_owned(), compress, gauge, number, older: older.into() };
        let file = pieces.open()?;
        Ok((pieces, file))
    }

    /// Opens the piece behind the present one.
    fn next(&mut self) -> Result<OutFile, Error> {
        self.older.push_back(self.number);
        self.number = self.number.saturating_add(1);
        self.open()
    }

    fn open(&mut self) -> Result<OutFile, Error> {
        let file = OutFile::create(&piece(&self.path, self.number))?.compressed(self.compress);
        self.delete_oldest()?;
        Ok(file)
    }

    fn delete_oldest(&mut self) -> Result<(), Error> {
        // The current file is one of those to keep.
        let keep = self.gauge.rule.keep.map_or(usize::MAX, |keep| keep as usize - 1);
        while self.older.len() > keep {
            let Some(oldest) = self.older.pop_front() else { break };
            let oldest = piece(&self.path, oldest);
            for oldest in [part(&oldest), oldest] {
                match fs::remove_file(&oldest) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                        return Err(Error::io(format!("delete `{}`", oldest.display()))(e));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The stem and the extension with its dot of a file's name; that of a compression belongs to the extension.
fn split(path: &Path) -> (String, String) {
    let part = |text: Option<&std::ffi::OsStr>| text.unwrap_or_default().to_string_lossy().into_owned();
    let dotted = |text: &str| format!(".{text}");
    let (path, compression) = split_ending(path);
    let extension = path.extension().map_or_else(String::new, |e| dotted(&e.to_string_lossy()));
    (part(path.file_stem()), extension + &compression.map_or_else(String::new, |(ending, _)| dotted(ending)))
}

/// `logs/web.log` with the number 7 is `logs/web-0007.log`.
fn piece(path: &Path, number: u32) -> PathBuf {
    let (stem, extension) = split(path);
    path.with_file_name(format!("{stem}-{number:04}{extension}"))
}

/// The numbers of the pieces that are there, some of them twice, whole or not.
fn numbers(path: &Path) -> Vec<u32> {
    let (stem, extension) = split(path);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: std::ffi::OsString| {
        let name = name.to_str()?;
        let name = name.strip_suffix(PART).unwrap_or(name);
        let digits = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
        let plain = digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    };
    entries.filter_map(|entry| number(entry.file_name())).collect()
}
