//! Totals of packets and records by key.

mod field;
mod keys;
mod lines;
mod page;
mod report;
mod table;
mod window;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::Duration;
use sluice_core::{
    Batch, Error, Filter, Layers, OptionError, Output, PacketBatch, PortType, Ports, Prepared, Reason,
    RecordBatch, prepared, tape,
};

use field::{Field, Packet};
use keys::Keys;
use report::{Report, Shown, Sort, Style};
use window::Windows;

sluice_core::register! {
    /// Counts packets and bytes by any key.
    ///
    /// With `by`, packets are counted by what their headers say; with `fields`, records by the values of their fields;
    /// with neither, all that comes in is counted together. Nothing is passed on: what leaves is a record for each key,
    /// with the key, how many packets or records there were and what else `show` asks for.
    ///
    /// A packet that lacks one of the fields, such as the ports of an ARP request, counts under a key without it. With
    /// `host`, `port` or `mac` a packet counts for either of its ends, with `hierarchy` for each of its headers, so that
    /// such rows add up to more than there was. Addresses and ports are those of the outermost IP header, and bytes are
    /// those on the wire.
    ///
    /// With `every`, there is a row for each key in each stretch of time, by the times of the items, as soon as it is
    /// over; stretches begin at multiples of `every`, and those without items have no row. Without it, rows come at
    /// the end. What comes after its stretch is over gives rows of its own, which have to be added.
    ///
    /// Memory is bounded by `max_keys`. When there are as many keys, items of new ones are counted together, and so are
    /// those that are not among the `top`: the last row, with `(other)` in the place of the key, is their total, so that
    /// nothing is lost. The order of rows depends on nothing but the input.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets if there is `by`, records if there is `fields`, and else either. Gives records. Packets that come
    /// without layers are decoded here, which is cheapest where nobody else needs the layers.
    ///
    /// - `counted`: the item is part of a total
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: count
    ///   by: [host]
    ///   top: 10
    ///   sort: bytes
    /// ```
    ///
    /// The 5-tuple of each direction is `by: [source, source_port, destination, destination_port, ip_protocol]`, that of
    /// both together is `by: [flow]`.
    ///
    /// ## See also
    ///
    /// The sinks `stdout` and `file`, which write records as tables with `format: table`; the pipeline `pcap-stats`.
    filter count(prepare), Serial, drops [COUNTED]
}

static COUNTED: Reason = Reason::new("counted", "the item is part of a total");

/// How many windows may be open; the earliest is given out when there are more.
const WINDOWS: usize = 64;

/// Options of the filter `count`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Counts packets by these, of which there may be 16.
    #[serde(default)]
    #[schemars(length(max = 16))]
    by: Vec<Field>,
    /// Counts records by the values under these names, which stand at the top, not inside another field. Lists and
    /// objects count as none.
    #[serde(default)]
    fields: Vec<String>,
    /// What rows are sorted by.
    #[serde(default)]
    sort: Sort,
    /// How many rows there are at most, besides `(other)`; all when absent.
    #[schemars(range(min = 1))]
    top: Option<usize>,
    /// Counts each stretch of this length by itself.
    every: Option<Duration>,
    /// How long a stretch waits for what comes late, after the times of the input have passed its end.
    #[serde(default = "no_time")]
    lateness: Duration,
    /// What is shown for each key.
    #[serde(default = "usual")]
    show: Vec<Shown>,
    /// Begins each row with a column `report` that has this value, to tell the rows of several counts apart.
    name: Option<String>,
    /// How many keys are kept at once, in all stretches that are not over. Each takes about 100 bytes, and about 500 more
    /// while it is given out.
    #[serde(default = "million")]
    #[schemars(range(min = 1, max = 100_000_000))]
    max_keys: usize,
}

fn no_time() -> Duration {
    Duration(0)
}

fn million() -> usize {
    1_000_000
}

fn usual() -> Vec<Shown> {
    vec![Shown::Count, Shown::Bytes, Shown::First, Shown::Last]
}

/// What is counted by what.
#[derive(Clone)]
enum By {
    Packets(Box<Keys>),
    Records(Vec<String>),
    Nothing,
}

impl By {
    fn lengths(&self) -> [usize; 2] {
        match self {
            By::Packets(keys) => keys.lengths(),
            By::Records(_) | By::Nothing => [0; 2],
        }
    }

    fn columns(&self) -> Vec<String> {
        match self {
            By::Packets(keys) => keys.columns().map(str::to_owned).collect(),
            By::Records(fields) => fields.clone(),
            By::Nothing => Vec::new(),
        }
    }
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let nanoseconds = |time: Duration| i64::try_from(time.0).unwrap_or(i64::MAX);
    let every = options.every.map(nanoseconds);
    if every == Some(0) {
        return Err(OptionError::at("every", "a stretch of no time holds nothing"));
    }
    if options.top == Some(0) {
        return Err(OptionError::at("top", "`0` shows nothing: expected at least 1"));
    }
    if !(1..=100_000_000).contains(&options.max_keys) {
        return Err(OptionError::at(
            "max_keys",
            format!("`{}` is not between 1 and 100000000", options.max_keys),
        ));
    }
    let (by, takes) = match (options.by.is_empty(), options.fields.is_empty()) {
        (false, false) => {
            return Err(OptionError::at(
                "fields",
                "packets are counted by `by`, records by `fields`: expected one",
            ));
        }
        (false, true) => (By::Packets(Box::new(Keys::new(unique(options.by)?))), PortType::Packets),
        (true, false) => (By::Records(options.fields), PortType::Records),
        (true, true) => (By::Nothing, PortType::Any),
    };
    let style =
        Style { name: options.name, shown: options.show, sort: options.sort, top: options.top, every };
    let (lateness, room) = (nanoseconds(options.lateness), options.max_keys);
    check_columns(&by, &style)?;
    Ok(prepared::filter(Ports::filter(takes, PortType::Records), move |_| {
        Ok(Count {
            windows: Windows::new(every, by.lengths(), room),
            by: by.clone(),
            report: Report::new(style.clone()),
            every,
            lateness,
            latest: i64::MIN,
            watermark: i64::MIN,
            noun: if takes == PortType::Packets { "packets" } else { "records" },
            told: false,
            wanted: Vec::new(),
            key: Vec::new(),
        })
    }))
}

/// The fields, each of which may be there once.
fn unique(fields: Vec<Field>) -> Result<Vec<Field>, OptionError> {
    if fields.len() > keys::MOST {
        return Err(OptionError::at("by", format!("there are more than {} fields", keys::MOST)));
    }
    match (1..fields.len()).find(|at| fields[..*at].contains(&fields[*at])) {
        Some(twice) => Err(OptionError::at("by", "the field is there twice").index(twice)),
        None => Ok(fields),
    }
}

/// No two columns have one name.
fn check_columns(by: &By, style: &Style) -> Result<(), OptionError> {
    let columns = style.columns(by, "packets");
    match (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at])) {
        Some(twice) => {
            let message = format!("there would be two columns `{}`", columns[twice]);
            Err(OptionError::new(message))
        }
        None => Ok(()),
    }
}

struct Count {
    by: By,
    windows: Windows,
    report: Report,
    every: Option<i64>,
    lateness: i64,
    /// The latest event time, and the latest watermark.
    latest: i64,
    watermark: i64,
    /// What is counted.
    noun: &'static str,
    /// Whether the user was told that there are too many keys.
    told: bool,
    /// The keys of the wanted fields in the present batch, and that of the present record; here to be reused.
    wanted: Vec<Option<tape::Key>>,
    key: Vec<u8>,
}

impl Count {
    fn packets(&mut self, batch: &PacketBatch) {
        let Self { by, windows, latest, .. } = self;
        let By::Packets(keys) = by else {
            for frame in batch.frames() {
                let (window, room) = windows.at(frame.time);
                *latest = frame.time.max(*latest);
                window.alone(frame.wire, frame.time, room);
            }
            return;
        };
        let (info, decoded) = (batch.info(), batch.layers());
        // Layers that nobody else will see are not kept, which spares the way through memory.
        let mut found = Layers::default();
        for (at, (frame, data)) in batch.iter().enumerate() {
            let (window, room) = windows.at(frame.time);
            *latest = frame.time.max(*latest);
            let link = info.link(frame.interface);
            let layers = match decoded.get(at) {
                Some(layers) => layers,
                None if window.undecoded(keys, frame, data, link, room) => continue,
                None => {
                    found.decode_again(link, data, frame.wire, batch.tunnels());
                    &found
                }
            };
            window.packet(keys, &Packet { frame, data, layers, link }, room);
        }
    }

    fn records(&mut self, batch: &RecordBatch) {
        let Self { by, windows, latest, wanted, key, .. } = self;
        if let By::Records(fields) = by {
            wanted.clear();
            wanted.extend(fields.iter().map(|field| batch.key(field)));
        }
        for record in batch.records() {
            let (window, room) = windows.at(record.time);
            *latest = record.time.max(*latest);
            match by {
                By::Records(_) => {
                    lines::write(key, wanted, batch, record);
                    window.record(key, record, room);
                }
                _ => window.alone(record.bytes(), record.time, room),
            }
        }
    }

    /// When a window that begins then is over.
    fn end(&self, start: i64) -> i64 {
        start.saturating_add(self.every.unwrap_or(0)).saturating_add(self.lateness)
    }

    /// Gives out the earliest window.
    fn close(&mut self, out: &mut Output) {
        if let Some(window) = self.windows.close() {
            // Not before the watermark: nothing older may follow it.
            let time = match self.every {
                Some(_) => self.end(window.start).max(self.watermark),
                None => self.latest,
            };
            self.report.emit(&window, &self.by, self.noun, time, out);
            self.windows.reuse(window);
        }
    }
}

impl Filter for Count {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let items = batch.len();
        match batch {
            Batch::Packets(batch) => {
                self.noun = "packets";
                self.packets(&batch);
            }
            Batch::Records(batch) => self.records(&batch),
        }
        self.windows.settle();
        out.dropped(&COUNTED, items);
        while self.windows.open() > WINDOWS {
            self.close(out);
        }
        if self.windows.crowded() && !std::mem::replace(&mut self.told, true) {
            out.notice("there are more than `max_keys` keys, so that some are counted together as `(other)`");
        }
        Ok(())
    }

    fn deadline(&self) -> Option<i64> {
        self.every?;
        self.windows.earliest().map(|start| self.end(start))
    }

    fn tick(&mut self, watermark: i64, out: &mut Output) -> Result<(), Error> {
        self.watermark = watermark;
        while self.deadline().is_some_and(|end| end <= watermark) {
            self.close(out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        while self.windows.open() > 0 {
            self.close(out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
