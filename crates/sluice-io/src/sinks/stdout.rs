//! Standard output, as text.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, OptionError, Output, Ports, Prepared, Sink, prepared};
use sluice_wire::render::{Digits, LineOptions, Stamp};

use crate::encode::{Encoder, Format, Since};
use crate::outfile::OutFile;

sluice_core::register! {
    /// Prints one line per packet or record.
    ///
    /// Packets are printed much as `tcpdump -n` prints them, records as they came; with `format: json`, either is one JSON
    /// object per line. With `format: table`, records are printed as tables, with `format: csv` as comma-separated values; with
    /// `format: tree`, packets are printed header by header. Lines are gathered while there is more to print, and handed on as soon as the stage would wait.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets or records; with `format: table` or `csv`, records. It drops nothing. When the reader closes standard output, as `head` does, the run ends
    /// with an error.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - sink: stdout
    ///   format: json
    /// ```
    ///
    /// ## See also
    ///
    /// `file` with `path: "-"`; `pcap_file`, which writes packets as a capture.
    sink stdout(prepare), Serial, drops []
}

/// Options of `stdout`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How items are written.
    #[serde(default)]
    format: Format,
    /// The field whose value is the title of a table, with `format: table`. Records with another value begin a new one.
    title: Option<String>,
    /// How precise the times of packets are, with `format: lines`.
    #[serde(default)]
    times: Times,
    /// What the time of a packet is told as, with `format: lines`.
    #[serde(default)]
    stamp: Stamped,
    /// Whether the Ethernet addresses of packets are printed too, with `format: lines`. Those of packets that are neither IP nor
    /// ARP are printed anyway.
    #[serde(default)]
    link: bool,
}

/// How precise times are printed.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Times {
    /// Six digits behind the second.
    #[default]
    Micro,
    /// Nine digits behind the second.
    Nano,
}

/// What the time of a packet is told as.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Stamped {
    /// Date and time of day in UTC.
    #[default]
    Date,
    /// The time of day in UTC.
    Clock,
    /// Seconds since 1970-01-01 UTC.
    Epoch,
    /// Seconds since the first packet.
    First,
    /// Seconds since the packet before.
    Previous,
    /// Not at all.
    None,
}

impl Stamped {
    /// How it is written, and from when it is counted.
    fn meant(self) -> (Stamp, Since) {
        match self {
            Self::Date => (Stamp::Date, Since::Epoch),
            Self::Clock => (Stamp::Clock, Since::Epoch),
            Self::Epoch => (Stamp::Seconds, Since::Epoch),
            Self::First => (Stamp::Seconds, Since::First(None)),
            Self::Previous => (Stamp::Seconds, Since::Previous(None)),
            Self::None => (Stamp::None, Since::Epoch),
        }
    }
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let digits = match options.times {
        Times::Micro => Digits::Micro,
        Times::Nano => Digits::Nano,
    };
    let (stamp, since) = options.stamp.meant();
    let (format, title, options) =
        (options.format, options.title, LineOptions { digits, link: options.link, stamp });
    Ok(prepared::sink(Ports::sink(format.takes()), move |_| {
        let encoder = Encoder::new(format, options).since(since).titled(title.clone());
        Ok(Stdout { out: OutFile::create(Path::new("-"))?, encoder })
    }))
}

struct Stdout {
    out: OutFile,
    encoder: Encoder,
}

impl Sink for Stdout {
    fn write(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        self.encoder.each(&mut batch, |_, line| self.out.lines(line))?;
        self.encoder.notice().into_iter().for_each(|notice| out.notice(notice));
        Ok(())
    }

    fn flush(&mut self, _: &mut Output) -> Result<(), Error> {
        self.out.flush()
    }

    fn finish(&mut self, _: &mut Output) -> Result<(), Error> {
        self.out.finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_core::Kind;

    use super::*;
    use crate::testing::{Bench, records, source};

    /// What is printed for a batch, and that it is handed on by `flush`.
    fn printed(format: Format, options: LineOptions, mut batch: Batch) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let out = OutFile::append(&path).unwrap();
        let mut sink = Stdout { out, encoder: Encoder::new(format, options) };
        let mut bench = Bench::new(Kind::Sink, "stdout");
        batch.retain(|at| at < 2);
        sink.write(batch, &mut bench.out).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "lines are gathered");
        sink.flush(&mut bench.out).unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn records_are_printed_as_they_came_or_as_json() {
        let batch = || records(Bench::new(Kind::Sink, "stdout").out.pools(), &["one\r\n", "two"]);
        let options = LineOptions::default();
        assert_eq!(printed(Format::Lines, options, batch()), "one\r\ntwo");
        assert_eq!(printed(Format::Json, options, batch()), "{\"message\":\"one\"}\n{\"message\":\"two\"}\n");
    }

    #[test]
    fn packets_are_printed_one_a_line() {
        let mut made = source("generate", json!({"kind": "packets", "count": 2, "interval": "7ns"})).unwrap();
        let mut batches = Bench::new(Kind::Source, "generate").drain(&mut *made).unwrap();
        let options = LineOptions { digits: Digits::Nano, link: true, ..LineOptions::default() };
        let text = printed(Format::Lines, options, batches.remove(0));
        let times: Vec<&str> = text.lines().map(|line| &line[..29]).collect();
        assert_eq!(times, ["2023-11-14 22:13:20.000000000", "2023-11-14 22:13:20.000000007"]);
        assert!(text.contains("02:00:"), "{text}");
    }

    #[test]
    fn times_are_counted_from_where_one_wishes() {
        let times = [5_000_000_000, 5_250_000_000, 4_000_000_000];
        let counted = |stamped: Stamped| {
            let (_, mut since) = stamped.meant();
            times.map(|time| since.count(time) / 1_000_000)
        };
        assert_eq!(counted(Stamped::Epoch), [5000, 5250, 4000]);
        assert_eq!(counted(Stamped::First), [0, 250, -1000]);
        assert_eq!(counted(Stamped::Previous), [0, 250, -1250]);
    }
}
