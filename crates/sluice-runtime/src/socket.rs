//! The control socket: a Unix socket that answers one line with one line of JSON.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Snapshot, Views};

/// A client that neither asks nor reads is given up after this long.
const PATIENCE: Duration = Duration::from_millis(200);
/// Longer requests are none of ours.
const LONGEST_REQUEST: u64 = 256;

/// A listening control socket; its file is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens at `path`, which only the user may connect to. A socket left behind by a run that is gone is replaced.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
        if is_socket {
            match UnixStream::connect(path) {
                Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another run answers there")),
                Err(_) => std::fs::remove_file(path)?,
            }
        }
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers whoever waits. Trouble with a client is the client's.
    pub fn serve(&self, snapshot: impl Fn() -> Snapshot, views: impl Fn() -> Views) {
        while let Ok((client, _)) = self.listener.accept() {
            drop(answer(client, &snapshot, &views));
        }
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

fn answer(
    client: UnixStream,
    snapshot: &impl Fn() -> Snapshot,
    views: &impl Fn() -> Views,
) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut request = String::new();
    BufReader::new(&client).take(LONGEST_REQUEST).read_line(&mut request)?;
    let mut reply = match request.trim() {
        "status" => serde_json::to_string(&snapshot())?,
        "view" => serde_json::to_string(&views())?,
        other => {
            let error = format!("unknown request `{other}`: ask for `status` or `view`");
            serde_json::json!({ "error": error }).to_string()
        }
    };
    reply.push('\n');
    (&client).write_all(reply.as_bytes())
}

/// Asks the run that answers at `path` for its counters.
pub fn status(path: &Path) -> io::Result<Snapshot> {
    ask(path, "status\n")
}

/// Asks the run that answers at `path` for what its stages show.
pub fn view(path: &Path) -> io::Result<Views> {
    ask(path, "view\n")
}

fn ask<T: DeserializeOwned>(path: &Path, request: &str) -> io::Result<T> {
    let mut server = UnixStream::connect(path)?;
    server.set_read_timeout(Some(Duration::from_secs(5)))?;
    server.write_all(request.as_bytes())?;
    let mut reply = String::new();
    server.read_to_string(&mut reply)?;
    serde_json::from_str(&reply).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
