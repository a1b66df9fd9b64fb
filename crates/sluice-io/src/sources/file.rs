//! Text files.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::Size;
use sluice_core::{OptionError, PortType, Ports, Prepared, prepared};

use crate::input::Input;
use crate::lines::{LINE_TOO_LONG, Lines, check_max_line};

sluice_core::register! {
    /// Reads the lines of a file as records, and ends at its end.
    ///
    /// A line ends in `\n` or `\r\n`; the last may lack its ending. All other bytes, NUL and invalid UTF-8 among them,
    /// are passed on as they are. The time of a record is when it was read, until a filter finds a better one in it.
    ///
    /// What is compressed by gzip, zstd or lz4 is recognised by its first bytes, whatever its name, and unpacked as it
    /// comes. Where that ends early or is corrupt, everything before is passed on, the user is told, and the run ends with
    /// exit code 65.
    ///
    /// ## Ports and drop reasons
    ///
    /// Gives records. Memory stays bounded, so there is a limit to lines:
    /// - `line_too_long`: the line is longer than `max_line`
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - source: file
    ///   path: examples/data/access.log
    /// ```
    ///
    /// ## See also
    ///
    /// `stdin`; the filters `parse_json` and `parse_regex`, which find fields in lines.
    source file(prepare), Serial, drops [LINE_TOO_LONG]
}

/// Options of the source `file`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The file to read, relative to the working directory; `-` is standard input.
    path: PathBuf,
    /// The longest line that is passed on, without its ending; 1MiB when absent. Longer ones are dropped.
    max_line: Option<Size>,
}

fn prepare(Options { path, max_line }: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    if path.as_os_str().is_empty() {
        return Err(OptionError::at("path", "the path is empty"));
    }
    let max_line = check_max_line(max_line)?;
    Ok(prepared::source(Ports::source(PortType::Records), move |_| {
        Ok(Lines::new(Input::open(&path)?, max_line))
    }))
}

#[cfg(test)]
mod tests;
