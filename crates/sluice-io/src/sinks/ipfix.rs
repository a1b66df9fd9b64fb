//! IPFIX and NetFlow v9.

mod columns;
mod elements;
mod exporter;
mod message;
mod row;
mod template;
mod udp;
mod value;

use std::net::SocketAddr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size};
use sluice_core::tape::Value;
use sluice_core::{
    Batch, Error, OptionError, Output, PortType, Ports, Prepared, Reason, RecordBatch, Sink, prepared,
};

use columns::{Columns, Target};
use exporter::{Exporter, Refused};
use message::Message;
use row::{Row, Wrong};
use template::Refresh;
use udp::Collector;

sluice_core::register! {
    /// Sends records of flows to a collector: IPFIX or NetFlow v9, over UDP.
    ///
    /// Each field that has the name of an information element of the IANA registry is sent as that element, with its type: so the
    /// filter `flows` with `names: ipfix` goes before. A name with `reverse` before it is the same for the other direction of a flow
    /// (`reverseOctetDeltaCount`, RFC 5103). Fields without a value are left out, so records with other fields have another
    /// template. Fields with other names are left out, and the user is told of them once. Elements that are
    /// lists, or those of enterprises, are not there.
    ///
    /// Values are numbers and texts as `flows` and the parsers give them: addresses as text, times as text of RFC 3339 or
    /// as a number in the unit of the element, bytes as hexadecimal digits. A value that is not of the type of its element,
    /// or does not fit into it, is never sent as something else.
    ///
    /// NetFlow v9 has less: one record for each direction that had packets, times in milliseconds (fields 152 and 153), no
    /// text. `tcpControlBits` has one byte there, and `dot1qVlanId` is the field 58.
    ///
    /// A message leaves when it is full or when there is nothing more to send for now. Templates come before the first record
    /// that needs them, and again from time to time, since a datagram may get lost and a collector may start late. Nothing
    /// tells whether a message arrives. When the system says that the collector refuses them, or that one could not be sent, the
    /// user is told at once and how many these were at the end, and the run ends with exit code 65.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes records.
    ///
    /// - `no_elements`: no field of the record is an information element with a value
    /// - `wrong_value`: a value is not of the type of its element
    /// - `too_long`: the record or its template does not fit into a message
    /// - `no_template`: there are 1000 templates for records with other fields
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - sink: ipfix
    ///   to: 127.0.0.1:4739
    /// ```
    ///
    /// ## See also
    ///
    /// `flows`, which makes such records; the example `flows-to-ipfix.yaml`.
    sink ipfix(prepare), Serial, drops [NO_ELEMENTS, WRONG_VALUE, TOO_LONG, NO_TEMPLATE]
}

static NO_ELEMENTS: Reason =
    Reason::new("no_elements", "no field of the record is an information element with a value");
static WRONG_VALUE: Reason = Reason::new("wrong_value", "a value is not of the type of its element");
static TOO_LONG: Reason = Reason::new("too_long", "the record or its template does not fit into a message");
static NO_TEMPLATE: Reason =
    Reason::new("no_template", "there are 1000 templates for records with other fields");

/// Room for a template of some fields, and what a datagram of IPv4 can hold.
const SIZES: std::ops::RangeInclusive<u64> = 256..=65_507;

/// Options of the sink `ipfix`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The collector: its address or name, and a port, such as `192.0.2.10:4739` or `[2001:db8::10]:4739`. A name is
    /// looked up once, when the run begins.
    to: String,
    /// What is sent.
    #[serde(default)]
    version: Version,
    /// The address and port to send from, if not any.
    from: Option<String>,
    /// The observation domain ID, or in NetFlow v9 the source ID. Exporters of one address that a collector shall
    /// tell apart have different ones.
    #[serde(default)]
    domain: u32,
    /// Whether a record tells of both directions of a flow, which is so unless given; `false` gives a record for each direction, for
    /// collectors that do not know RFC 5103. NetFlow v9 always has the latter.
    biflow: Option<bool>,
    /// How times of flows are sent; in NetFlow v9 always in milliseconds.
    #[serde(default)]
    times: Times,
    /// The length of a message at most, from `256` to `65507`. A longer one than the network takes in one packet is sent
    /// in fragments.
    #[serde(default = "fits_ethernet")]
    message_size: Size,
    /// When templates are sent again.
    #[serde(default)]
    templates: Again,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Version {
    /// IPFIX, RFC 7011.
    #[default]
    Ipfix,
    /// NetFlow version 9, RFC 3954.
    NetflowV9,
}

/// How times of flows are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Times {
    /// As the element that the field is named after.
    #[default]
    Named,
    /// As `flowStartMilliseconds` and `flowEndMilliseconds`, for collectors that know no others, such as nfcapd.
    Milliseconds,
}

/// When templates are sent again, whichever comes first. They are sent before the next record that needs them.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Again {
    /// After this time. A collector may forget one after three times as long.
    #[serde(default = "ten_minutes")]
    every: Duration,
    /// After this many messages.
    #[serde(default = "twenty")]
    messages: u64,
}

impl Default for Again {
    fn default() -> Self {
        Self { every: ten_minutes(), messages: twenty() }
    }
}

/// An Ethernet frame with room for a tunnel.
fn fits_ethernet() -> Size {
    Size(1400)
}

fn ten_minutes() -> Duration {
    Duration(600_000_000_000)
}

fn twenty() -> u64 {
    20
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { to, version, from, domain, biflow, times, message_size, templates } = options;
    let is_target = to.rsplit_once(':').is_some_and(|(host, port)| {
        let is_bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        !host.is_empty() && !is_bare_v6 && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !is_target {
        return Err(OptionError::at(
            "to",
            format!("`{to}` is not a host and a port, such as `192.0.2.10:4739`"),
        ));
    }
    let parse = |from: String| {
        let wrong = |_| OptionError::at("from", format!("`{from}` is not an address and a port"));
        from.parse::<SocketAddr>().map_err(wrong)
    };
    let from = from.map(parse).transpose()?;
    if !SIZES.contains(&message_size.0) {
        return Err(OptionError::at(
            "message_size",
            format!("`{message_size}` is not between 256 and 65507"),
        ));
    }
    if version == Version::NetflowV9 && biflow == Some(true) {
        return Err(OptionError::at("biflow", "NetFlow v9 has no records of both directions"));
    }
    if templates.every == Duration(0) {
        return Err(OptionError::at("templates", "expected a time above 0").key("every"));
    }
    if templates.messages == 0 {
        return Err(OptionError::at("templates", "expected at least 1").key("messages"));
    }
    let refresh =
        Refresh { every: i64::try_from(templates.every.0).unwrap_or(i64::MAX), messages: templates.messages };
    let limit = message_size.0 as usize;
    let times = if version == Version::NetflowV9 { Times::Milliseconds } else { times };
    Ok(prepared::sink(Ports::sink(PortType::Records), move |_| {
        Ok(Ipfix {
            collector: Collector::connect(&to, from)?,
            exporter: Exporter::new(Message::new(version, domain, limit), refresh),
            columns: Columns::new(version, times),
            biflow: biflow.unwrap_or(version == Version::Ipfix),
            found: Vec::new(),
            rows: <[Row; 2]>::default(),
            told: false,
        })
    }))
}

struct Ipfix {
    collector: Collector,
    exporter: Exporter,
    columns: Columns,
    biflow: bool,
    /// The elements of a record, and the data records that become of it; here to be reused.
    found: Vec<(Target, Value)>,
    rows: [Row; 2],
    /// Whether the user was told of a wrong value.
    told: bool,
}

impl Ipfix {
    /// Makes the data records for what was found in a record: one, or one for each direction.
    fn encode(&mut self, batch: &RecordBatch) -> Result<(), Wrong> {
        let Self { found, rows: [forward, backward], biflow, .. } = self;
        if *biflow {
            backward.clear();
            return forward.whole(found, batch);
        }
        backward.backward(found, batch)?;
        forward.forward(found, batch, !backward.is_empty())
    }

    /// Sends a record; gives the reason when it is not sent.
    fn record(
        &mut self,
        batch: &RecordBatch,
        record: &sluice_core::Record,
        out: &Output,
    ) -> Result<Option<&'static Reason>, Error> {
        let fields = batch.fields(record).unwrap_or_default();
        self.columns.read(batch, fields, &mut self.found);
        if let Err(wrong) = self.encode(batch) {
            if !std::mem::replace(&mut self.told, true) {
                out.notice(format!("a record has a value that is none for `{}`", wrong.name()));
            }
            return Ok(Some(&WRONG_VALUE));
        }
        let Self { exporter, collector, rows, .. } = self;
        if rows.iter().all(Row::is_empty) {
            return Ok(Some(&NO_ELEMENTS));
        }
        // Both directions are sent or none.
        let mut places = [None; 2];
        for (place, row) in places.iter_mut().zip(rows.iter()).filter(|(_, row)| !row.is_empty()) {
            match exporter.place(row) {
                Ok(found) => *place = Some(found),
                Err(Refused::TooLong) => return Ok(Some(&TOO_LONG)),
                Err(Refused::NoTemplate) => return Ok(Some(&NO_TEMPLATE)),
            }
        }
        for (place, row) in places.into_iter().zip(rows.iter()) {
            if let Some(place) = place {
                exporter.add(row, place, out.now(), |message| collector.send(message, out))?;
            }
        }
        Ok(None)
    }
}

impl Sink for Ipfix {
    fn write(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let Batch::Records(batch) = batch else {
            return Err(Error::Contract("packets came where records were expected".into()));
        };
        self.columns.begin();
        for record in batch.records() {
            if let Some(reason) = self.record(&batch, record, out)? {
                out.dropped(reason, 1);
            }
        }
        if let Some(names) = self.columns.left_out() {
            out.notice(format!(
                "fields that are no information elements are left out: `{}`",
                names.join("`, `")
            ));
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), Error> {
        let Self { exporter, collector, .. } = self;
        exporter.flush(out.now(), |message| collector.send(message, out))?;
        collector.check(out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        self.flush(out)?;
        self.collector.finish(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
