//! Items as lines of text, for every sink that writes text.

mod json;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error};
use sluice_wire::render::{self, LineOptions};

/// How items are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Records: the line as it came, byte for byte. Packets: one line each, much as `tcpdump` prints them.
    #[default]
    Lines,
    /// One JSON object per line. Records: the parsed fields in their order, or `{"message": "..."}` with the line when
    /// nothing was parsed. Packets: times, lengths, addresses, ports and what else the headers say.
    Json,
}

/// Writes items as text into a buffer that it keeps.
#[derive(Debug)]
pub(crate) struct Encoder {
    format: Format,
    options: LineOptions,
    line: Vec<u8>,
    json: json::Writer,
}

impl Encoder {
    pub(crate) fn new(format: Format, options: LineOptions) -> Self {
        Self { format, options, line: Vec::new(), json: json::Writer::default() }
    }

    /// Whether records are written as they came, so that neighbours may be written in one piece.
    pub(crate) fn copies_records(&self) -> bool {
        self.format == Format::Lines
    }

    /// Calls `write` for every item, in order, with its time and its line with the ending.
    pub(crate) fn each(
        &mut self,
        batch: &mut Batch,
        mut write: impl FnMut(i64, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = &mut self.line;
        match (batch, self.format) {
            (Batch::Packets(batch), format) => {
                for (frame, data, layers) in batch.decoded() {
                    line.clear();
                    match format {
                        Format::Lines => {
                            render::line(line, frame.time, data, layers, frame.wire, self.options);
                        }
                        Format::Json => {
                            let interface = u32::from(frame.interface);
                            render::json(
                                line,
                                frame.time,
                                frame.ordinal,
                                interface,
                                data,
                                layers,
                                frame.wire,
                            );
                            line.push(b'\n');
                        }
                    }
                    write(frame.time, line)?;
                }
            }
            (Batch::Records(batch), Format::Lines) => {
                for record in batch.records() {
                    write(record.time, batch.whole(record))?;
                }
            }
            (Batch::Records(batch), Format::Json) => {
                for record in batch.records() {
                    line.clear();
                    self.json.record(line, batch, record);
                    line.push(b'\n');
                    write(record.time, line)?;
                }
            }
        }
        Ok(())
    }
}
