//! Capture files.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{OptionError, PortType, Ports, Prepared, prepared};

use crate::capture::Capture;
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
    /// comes. Other formats are refused with a sentence that says how to convert them.
    ///
    /// A packet from a simple packet block, which tells no time, has the time 0. Where a file ends in the middle of a
    /// packet, of a block or of its compressed data, or a length cannot be true, every packet before is passed on, the
    /// user is told, and the run ends with exit code 65. So it does when a section is of a version that is not known; that
    /// section alone is skipped.
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
    path: PathBuf,
    /// Go on reading a regular file while it grows.
    #[serde(default)]
    follow: bool,
}

fn prepare(Options { path, follow }: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    if path.as_os_str().is_empty() {
        return Err(OptionError::at("path", "the path is empty"));
    }
    Ok(prepared::source(Ports::source(PortType::Packets), move |_| {
        Capture::new(if follow { Input::follow(&path)? } else { Input::open(&path)? })
    }))
}

#[cfg(test)]
mod tests;
