//! Standard input, as lines.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::Size;
use sluice_core::{OptionError, PortType, Ports, Prepared, prepared};

use crate::input::Input;
use crate::lines::{LINE_TOO_LONG, Lines, check_max_line};

sluice_core::register! {
    /// Reads the lines of standard input as records, and ends when it is closed.
    ///
    /// Lines are passed on as soon as they are there. Otherwise it is the same as `file`: a line ends in `\n` or `\r\n`,
    /// the last may lack its ending, all other bytes are passed on as they are, and what is compressed is unpacked.
    ///
    /// ## Ports and drop reasons
    ///
    /// Gives records. Memory stays bounded, so there is a limit to lines:
    /// - `line_too_long`: the line is longer than `max_line`
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - source: stdin
    ///   max_line: 64KiB
    /// ```
    ///
    /// ## See also
    ///
    /// `file`; `pcap_file` with `path: "-"`, which reads a capture from standard input.
    source stdin(prepare), Serial, drops [LINE_TOO_LONG]
}

/// Options of `stdin`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The longest line that is passed on, without its ending; 1MiB when absent. Longer ones are dropped.
    max_line: Option<Size>,
}

fn prepare(Options { max_line }: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let max_line = check_max_line(max_line)?;
    Ok(prepared::source(Ports::source(PortType::Records), move |_| Ok(Lines::new(Input::stdin()?, max_line))))
}
