//! Writing a file that never looks whole before it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sluice_core::Error;

use crate::pack::{Compress, PIECE, Packer};

/// How much is gathered before it is written.
const GATHER: usize = PIECE;

/// What the name of a file ends in while it is written.
pub(crate) const PART: &str = ".part";

/// The name of a file while it is written.
pub(crate) fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

/// What is at least this long is written from where it is.
const LARGE: usize = 32 << 10;

/// A file, device, pipe or standard output that is being written.
///
/// A regular file has the name `NAME.part` until [`finish`](OutFile::finish); dropped before, it stays under that name.
#[derive(Debug)]
pub(crate) struct OutFile {
    file: File,
    /// As error messages name it.
    name: String,
    /// From where to where the finished file is moved; nothing where it is written directly.
    rename: Option<(PathBuf, PathBuf)>,
    gathered: Vec<u8>,
    packer: Option<Packer>,
    len: u64,
    /// Whether the last line came without an ending.
    open_line: bool,
}

impl OutFile {
    /// A new file at `path`, in place of one that is there; standard output where that is `-`. Devices and FIFOs are
    /// written directly.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Self::stdout();
        }
        let name = format!("`{}`", path.display());
        let there = fs::metadata(path).ok();
        if there.as_ref().is_some_and(|about| !about.is_file()) || is_descriptor(path) {
            return Self::open(path, name, OpenOptions::new().write(true), None);
        }
        // What a symbolic link points to is replaced, not the link.
        let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let part = part(&whole);
        let options = OpenOptions::new().write(true).create(true).clone();
        let this = Self::open(&part, name, &options, Some((part.clone(), whole)))?;
        lock(&this.file, &this.name)?;
        this.file.set_len(0).map_err(|e| this.failed(e))?;
        if let Some(about) = there {
            // The permissions are the user's choice, so that they outlive the replaced file. Not every file system can.
            let _ = this.file.set_permissions(about.permissions());
        }
        Ok(this)
    }

    /// Checks that nobody is writing the file at `path`.
    pub(crate) fn check_unused(path: &Path) -> Result<(), Error> {
        match File::open(part(path)) {
            Ok(file) => lock(&file, &format!("`{}`", path.display())),
            // There is none, or opening it to write will tell why that cannot be done.
            Err(_) => Ok(()),
        }
    }

    /// The file at `path`, to write behind its end.
    pub(crate) fn append(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Self::stdout();
        }
        let name = format!("`{}`", path.display());
        Self::open(path, name, OpenOptions::new().append(true).create(true), None)
    }

    fn stdout() -> Result<Self, Error> {
        let fd = rustix::stdio::stdout().try_clone_to_owned();
        let fd = fd.map_err(Error::io("open standard output"))?;
        Ok(Self::with(fd.into(), "standard output".into(), None))
    }

    fn open(
        path: &Path,
        name: String,
        options: &OpenOptions,
        rename: Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, Error> {
        match options.open(path) {
            Ok(file) => Ok(Self::with(file, name, rename)),
            Err(e) => {
                let parent = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.is_dir());
                let source = match (e.kind(), parent) {
                    (io::ErrorKind::NotFound, Some(parent)) => {
                        io::Error::new(e.kind(), format!("there is no directory `{}`", parent.display()))
                    }
                    (io::ErrorKind::IsADirectory, _) => io::Error::new(e.kind(), "it is a directory"),
                    _ => e,
                };
                Err(Error::Io { doing: format!("write {name}"), source })
            }
        }
    }

    fn with(file: File, name: String, rename: Option<(PathBuf, PathBuf)>) -> Self {
        Self {
            file,
            name,
            rename,
            gathered: Vec::with_capacity(GATHER),
            packer: None,
            len: 0,
            open_line: false,
        }
    }

    /// The same, compressed.
    pub(crate) fn compressed(mut self, how: Compress) -> Self {
        self.packer = Packer::new(how);
        self
    }

    /// Bytes written so far, gathered ones included, before compression.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Writes `bytes`; what is short is gathered first.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.len += bytes.len() as u64;
        if self.packer.is_some() {
            return self.pack(bytes);
        }
        if self.gathered.len() + bytes.len() > GATHER || bytes.len() >= LARGE {
            self.flush()?;
        }
        if bytes.len() >= LARGE {
            return self.file.write_all(bytes).map_err(|e| self.failed(e));
        }
        self.gathered.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether [`mend`](OutFile::mend) works: a regular file that is written as it is.
    pub(crate) fn mends(&self) -> bool {
        self.rename.is_some() && self.packer.is_none()
    }

    /// Writes `bytes` over those at `place`.
    pub(crate) fn mend(&mut self, place: u64, bytes: &[u8]) -> Result<(), Error> {
        self.flush()?;
        self.file.write_all_at(bytes, place).map_err(|e| self.failed(e))
    }

    /// Whether the next line will have to end the one before it.
    pub(crate) fn has_open_line(&self) -> bool {
        self.open_line
    }

    /// Gathers `bytes`, and compresses what has the size for it.
    fn pack(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let (here, rest) = bytes.split_at(bytes.len().min(PIECE - self.gathered.len()));
            self.gathered.extend_from_slice(here);
            bytes = rest;
            if self.gathered.len() == PIECE {
                self.hand_on(false)?;
            }
        }
        Ok(())
    }

    /// Writes what was gathered, which is the `last` of the file or not.
    fn hand_on(&mut self, last: bool) -> Result<(), Error> {
        let bytes = match &mut self.packer {
            Some(packer) => packer.pack(&self.gathered, last),
            None => &self.gathered,
        };
        self.file.write_all(bytes).map_err(|e| self.failed(e))?;
        self.gathered.clear();
        Ok(())
    }

    /// Writes whole lines. Only the very last line of a file may lack its ending, so it is given one when more follow.
    pub(crate) fn lines(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(last) = bytes.last() else { return Ok(()) };
        if std::mem::replace(&mut self.open_line, *last != b'\n') {
            self.write(b"\n")?;
        }
        self.write(bytes)
    }

    /// Hands on what was gathered. What is compressed waits until there is enough of it: were it cut here, the file would
    /// depend on when it was written.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        if self.packer.is_none() && !self.gathered.is_empty() { self.hand_on(false) } else { Ok(()) }
    }

    /// Writes out what was gathered and gives the file its name.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.hand_on(true)?;
        if let Some((part, whole)) = &self.rename {
            fs::rename(part, whole).map_err(|e| self.failed(e))?;
            self.rename = None;
        }
        Ok(())
    }

    /// What to say when the system refused to write.
    fn failed(&self, e: io::Error) -> Error {
        let doing = format!("write {}", self.name);
        let left =
            self.rename.as_ref().map(|(part, _)| format!("; what was written is in `{}`", part.display()));
        let source = match (e.kind(), left) {
            (io::ErrorKind::BrokenPipe, _) => io::Error::new(e.kind(), "it was closed by its reader"),
            (kind, Some(left)) => io::Error::new(kind, without_code(&e) + &left),
            (_, None) => e,
        };
        Error::Io { doing, source }
    }
}

/// Keeps others from writing a file as long as it is open.
fn lock(file: &File, name: &str) -> Result<(), Error> {
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => {
            let source = io::Error::new(io::ErrorKind::WouldBlock, "another sink or program is writing it");
            Err(Error::Io { doing: format!("write {name}"), source })
        }
        _ => Ok(()),
    }
}

/// Whether a path stands for an open descriptor, such as `/dev/stdout`, which may well be a regular file.
fn is_descriptor(path: &Path) -> bool {
    path.is_symlink() && path.starts_with("/dev")
}

/// The system's sentence without the number that it ends in.
fn without_code(e: &io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests;
