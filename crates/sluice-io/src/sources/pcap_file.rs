//! Capture files.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{OptionError, PortType, Ports, Prepared, prepared};

use crate::capture::Capture;
use crate::combine::{Append, Merge};
use crate::input::Input;

sluice_core::register! {
    /// Reads packets from a pcap or pcapng file.
    ///
    /// Reads from a file, a FIFO or standard input; the content tells the format. Of pcap it knows both byte orders,
    /// microseconds, nanoseconds and the longer record headers of patched libpcaps; of pcapng sections in either byte
    /// order, any number of interfaces with their link types and clocks, and every kind of packet block. What else a
    /// pcapng file holds (names, secrets, statistics, comments, blocks that nobody knows) stays with the packets up to a
    /// sink that can write it. Packets stay where they were read, so nothing is copied.
    ///
    /// What is compressed by gzip, zstd or lz4 is recognised by its first bytes, whatever its name, and unpacked as it
    /// comes; of zstd, packets come when their frame ends or its window (mostly a few MiB) is full. Other formats are
    /// refused with a sentence that says how to convert them.
    ///
    /// A packet from a simple packet block, which tells no time, has the time 0. Where a file ends in the middle of a
    /// packet, of a block or of its compressed data, or a length cannot be true, every packet before is passed on, the
    /// user is told, and the run ends with exit code 65. So it does when a section is of a version that is not known; that
    /// section alone is skipped.
    ///
    /// With `paths` it reads several files as one: one after the other, or with `combine: merge` by time. They may differ in
    /// format, link type and precision; what a sink makes of that is the sink's. One that is cut off or corrupt does not
    /// keep the others from being read.
    ///
    /// With `follow: true`, the end of a regular file is not its end: it is read on as it grows, until the run is stopped
    /// by a signal. A file that is moved, deleted or replaced is read to its end; one that becomes shorter is given up,
    /// which is a loss (exit code 65).
    ///
    /// ## Ports and drop reasons
    ///
    /// Gives packets. It drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - source: pcap_file
    ///   path: examples/data/web.pcap
    /// ```
    ///
    /// ```yaml
    /// - source: pcap_file
    ///   paths: [examples/data/web.pcap, examples/data/web.pcap]
    ///   combine: merge
    /// ```
    ///
    /// ## See also
    ///
    /// The sink `pcap_file`; the filter `decode`, which finds the headers of the packets.
    source pcap_file(prepare), Serial, drops []
}

/// Options of the source `pcap_file`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The file to read, relative to the working directory; `-` is standard input.
    path: Option<PathBuf>,
    /// Several files to read as one, instead of `path`.
    paths: Option<Vec<PathBuf>>,
    /// How the packets of several files follow each other.
    #[serde(default)]
    combine: Combine,
    /// Go on reading a regular file while it grows.
    #[serde(default)]
    follow: bool,
}

/// How the packets of several files follow each other.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Combine {
    /// File after file, in the order of the list. Nothing is copied.
    #[default]
    Append,
    /// By time; at the same time, those of the file listed first go first. A file that is not in order keeps its own
    /// order. All files are open at once.
    Merge,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { path, paths, combine, follow } = options;
    let paths = match (path, paths) {
        (Some(path), None) => vec![path],
        (None, Some(paths)) => paths,
        (None, None) => {
            return Err(
                OptionError::new("it does not say what to read").help("give `path`, or several `paths`")
            );
        }
        (Some(_), Some(_)) => {
            return Err(OptionError::at("paths", "`path` and `paths` exclude each other")
                .help("list all files under `paths`"));
        }
    };
    let empty = |path: &PathBuf| path.as_os_str().is_empty();
    match &paths[..] {
        [] => return Err(OptionError::at("paths", "there is no path in the list")),
        [only] if empty(only) => return Err(OptionError::at("path", "the path is empty")),
        [_] => {}
        several => {
            if let Some(at) = several.iter().position(empty) {
                return Err(OptionError::at("paths", "the path is empty").index(at));
            }
            if follow {
                return Err(OptionError::at("follow", "only a single file can be followed"));
            }
        }
    }
    let ports = Ports::source(PortType::Packets);
    Ok(match (&paths[..], combine) {
        ([path], _) => {
            let path = path.clone();
            prepared::source(ports, move |_| {
                Capture::new(if follow { Input::follow(&path)? } else { Input::open(&path)? })
            })
        }
        (_, Combine::Append) => prepared::source(ports, move |_| Append::open(&paths)),
        (_, Combine::Merge) => prepared::source(ports, move |_| Merge::open(&paths)),
    })
}

#[cfg(test)]
mod tests;
