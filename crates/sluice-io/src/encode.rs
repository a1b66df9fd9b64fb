//! Items as lines of text, for every sink that writes text.

mod csv;
mod json;
mod table;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, Flags, Frame, Layers, PortType};
use sluice_wire::render::{self, LineOptions, Packet};
use sluice_wire::verify::Offload;

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
    /// Packets with every header and every field on a line of its own, and with the verdict on their checksums.
    Tree,
    /// Records as a table, with a column for each field; numbers stand to the right, and `-` where there is
    /// no value. Records with other fields begin a new
    /// table. Columns are as wide as what stands in them, up to 64 characters, as far as that is known: what comes later
    /// may make a column wider from then on. Fields inside others stay together as JSON.
    Table,
    /// Records as comma-separated values, with a first line that names the columns: the fields of the first record. Fields
    /// inside others have names with a point between; lists are JSON. A record that lacks a field has nothing in its
    /// place; what has no column is left out, and the user is told. Values are quoted as in RFC 4180 where they have to
    /// be, and lines end in a line feed.
    Csv,
}

impl Format {
    /// What a sink of this format takes.
    pub(crate) fn takes(self) -> PortType {
        match self {
            Format::Lines | Format::Json => PortType::Any,
            Format::Tree => PortType::Packets,
            Format::Table | Format::Csv => PortType::Records,
        }
    }
}

/// From when the times of packets are counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Since {
    /// From 1970 on.
    #[default]
    Epoch,
    /// From the first packet, which came at this time.
    First(Option<i64>),
    /// From the packet before, which came at this time.
    Previous(Option<i64>),
}

impl Since {
    /// The time of the next packet.
    pub(crate) fn count(&mut self, time: i64) -> i64 {
        match self {
            Self::Epoch => time,
            Self::First(first) => time.saturating_sub(*first.get_or_insert(time)),
            Self::Previous(previous) => time.saturating_sub(previous.replace(time).unwrap_or(time)),
        }
    }
}

/// Writes items as text into a buffer that it keeps.
#[derive(Debug)]
pub(crate) struct Encoder {
    format: Format,
    options: LineOptions,
    since: Since,
    line: Vec<u8>,
    json: json::Writer,
    table: table::Writer,
    csv: csv::Writer,
}

impl Encoder {
    pub(crate) fn new(format: Format, options: LineOptions) -> Self {
        let (json, table, csv) = (json::Writer::default(), table::Writer::default(), csv::Writer::new(true));
        Self { format, options, since: Since::Epoch, line: Vec::new(), json, table, csv }
    }

    /// The same, with times in lines that are counted from another moment.
    pub(crate) fn since(mut self, since: Since) -> Self {
        self.since = since;
        self
    }

    /// The same, with comma-separated values that have no line with the names of the columns.
    pub(crate) fn without_header(mut self) -> Self {
        self.csv = csv::Writer::new(false);
        self
    }

    /// Something that the user should know about what was written, once.
    pub(crate) fn notice(&mut self) -> Option<String> {
        let name = self.csv.left_out()?;
        Some(format!("the first record has no field `{name}`, so there is no column for it"))
    }

    /// The same, with tables that have the value of this field as their title.
    pub(crate) fn titled(mut self, title: Option<String>) -> Self {
        self.table = table::Writer::new(title);
        self
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
                        Format::Lines | Format::Table | Format::Csv => {
                            let time = self.since.count(frame.time);
                            render::line(line, time, data, layers, frame.wire, self.options);
                        }
                        Format::Json => {
                            render::json(line, &packet(frame, data, layers));
                            line.push(b'\n');
                        }
                        Format::Tree => render::tree(line, &packet(frame, data, layers)),
                    }
                    write(frame.time, line)?;
                }
            }
            (Batch::Records(batch), Format::Lines) => {
                for record in batch.records() {
                    write(record.time, batch.whole(record))?;
                }
            }
            (Batch::Records(batch), Format::Table) => self.table.batch(batch, write)?,
            (Batch::Records(batch), Format::Csv) => {
                for record in batch.records() {
                    line.clear();
                    self.csv.record(line, batch, record);
                    write(record.time, line)?;
                }
            }
            (Batch::Records(batch), Format::Json | Format::Tree) => {
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

/// A packet as it is written in full.
fn packet<'a>(frame: &Frame, data: &'a [u8], layers: &'a Layers) -> Packet<'a> {
    let offload = match frame.flags {
        flags if flags.contains(Flags::CHECKSUM_NOT_READY) => Offload::NotReady,
        flags if flags.contains(Flags::CHECKSUM_VALID) => Offload::Valid,
        _ => Offload::None,
    };
    Packet {
        time: frame.time,
        ordinal: frame.ordinal,
        interface: frame.interface.into(),
        frame: data,
        layers,
        wire_len: frame.wire,
        offload,
    }
}
