//! A small set of components, so that these tests do not change when the real ones do.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sluice_core::quantity::{Duration, Rate, Size};
use sluice_core::{Error, OptionError, PortType, Ports, Prepared, Shard, Stage};

/// Nothing here is ever run.
struct Checked(Ports);

impl Prepared for Checked {
    fn ports(&self) -> Ports {
        self.0.clone()
    }

    fn instance(&self, _: Shard) -> Result<Stage, Error> {
        Err(Error::input("this component is for checking only"))
    }
}

type Made = Result<Arc<dyn Prepared>, OptionError>;

fn made(ports: Ports) -> Made {
    Ok(Arc::new(Checked(ports)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct Lines {
    /// The file to read.
    #[schemars(length(min = 1))]
    path: String,
    /// Whether to wait for more at the end.
    #[serde(default)]
    follow: bool,
    /// Columns to keep.
    #[serde(default)]
    columns: Vec<u16>,
}

sluice_core::register! {
    /// Reads lines.
    ///
    /// ```yaml
    /// - source: lines
    ///   path: in.log
    /// ```
    source lines(lines), Serial, drops []
}

fn lines(_: Lines) -> Made {
    made(Ports::source(PortType::Records).with_errors())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct Packets {
    /// The capture to read.
    path: String,
    /// How fast to replay it.
    rate: Option<Rate>,
}

sluice_core::register! {
    /// Reads packets.
    ///
    /// ```yaml
    /// - source: packets
    ///   path: in.pcap
    /// ```
    source packets(packets), Serial, drops []
}

fn packets(_: Packets) -> Made {
    made(Ports::source(PortType::Packets))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct Sample {
    /// One item in this many goes on.
    one_in: NonZeroU32,
    /// Where the choice begins.
    seed: Option<u64>,
    /// The share of items that goes on instead.
    #[schemars(range(min = 0.0, max = 1.0))]
    share: Option<f64>,
}

sluice_core::register! {
    /// Passes a part on.
    ///
    /// ```yaml
    /// - filter: sample
    ///   one_in: 10
    /// ```
    filter sample(sample), Stateless, drops []
}

fn sample(_: Sample) -> Made {
    made(Ports::any())
}

sluice_core::register! {
    /// Finds the layers of packets.
    ///
    /// ```yaml
    /// - filter: decode
    /// ```
    filter decode(decode), Stateless, drops []
}

fn decode(_: Nothing) -> Made {
    made(Ports::filter(PortType::Packets, PortType::Layers).with_errors())
}

sluice_core::register! {
    /// Makes packets of records.
    ///
    /// ```yaml
    /// - filter: to_packets
    /// ```
    filter to_packets(to_packets), Serial, drops []
}

fn to_packets(_: Nothing) -> Made {
    made(Ports::filter(PortType::Records, PortType::Packets))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct Rewrite {
    /// Networks and what they become.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    addresses: BTreeMap<String, String>,
    /// Ports and what they become.
    #[serde(default)]
    ports: BTreeMap<u16, u16>,
    /// Hardware addresses.
    mac: Option<Macs>,
    /// The time to live.
    ttl: Option<u8>,
    /// What becomes of checksums.
    #[serde(default)]
    checksums: Checksums,
}

fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"format": "cidr"},
        "additionalProperties": {"type": "string", "format": "cidr"},
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct Macs {
    /// The address to look for.
    #[schemars(extend("format" = "mac"))]
    from: String,
    /// The address to write.
    #[schemars(extend("format" = "mac"))]
    to: String,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Checksums {
    /// Correct them by the difference.
    #[default]
    Incremental,
    /// Compute them anew.
    Recompute,
    /// Leave them alone.
    Keep,
}

sluice_core::register! {
    /// Rewrites headers.
    ///
    /// ```yaml
    /// - filter: rewrite
    ///   ttl: 64
    /// ```
    filter rewrite(rewrite), Stateless, drops []
}

fn rewrite(_: Rewrite) -> Made {
    made(Ports::filter(PortType::Layers, PortType::Any))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct Count {
    /// The length of a window.
    window: Duration,
    /// Memory for the table.
    table: Option<Size>,
    /// What to count by.
    by: Vec<By>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
enum By {
    Host,
    Flow,
    Field(String),
    Network { prefix: u8 },
}

sluice_core::register! {
    /// Counts.
    ///
    /// ```yaml
    /// - filter: count
    ///   window: 1s
    ///   by: [host]
    /// ```
    filter count(count), Keyed, drops []
}

fn count(_: Count) -> Made {
    made(Ports::filter(PortType::Any, PortType::Records).with("late", PortType::Any))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Where {
    /// Words that must all be `good`.
    expr: String,
}

sluice_core::register! {
    /// Passes on what an expression says.
    ///
    /// ```yaml
    /// - filter: where
    ///   expr: good good
    /// ```
    filter where(where_), Stateless, drops []
}

fn where_(options: Where) -> Made {
    let start = options.expr.as_ptr() as usize;
    match options.expr.split_whitespace().find(|word| *word != "good") {
        Some(word) => Err(OptionError::at("expr", format!("unknown word `{word}`"))
            .offset(word.as_ptr() as usize - start)
            .help("the only word is `good`")),
        None => made(Ports::any()),
    }
}

sluice_core::register! {
    /// Sends items one way or the other.
    ///
    /// ```yaml
    /// - filter: route
    /// ```
    filter route(route), Serial, drops []
}

fn route(_: Nothing) -> Made {
    let ports = Ports { input: Some(PortType::Any), outputs: Vec::new() };
    made(ports.with("left", PortType::Any).with("right", PortType::Any))
}

sluice_core::register! {
    /// Swallows everything.
    ///
    /// ```yaml
    /// - sink: null
    /// ```
    sink null(null), Serial, drops []
}

fn null(_: Nothing) -> Made {
    made(Ports::sink(PortType::Any))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct File {
    /// The file to write.
    path: String,
    /// How items are written.
    #[serde(default)]
    format: Format,
    /// When a new file begins.
    rotate: Option<Rotate>,
    /// One character between fields.
    separator: Option<char>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
enum Format {
    /// As it came.
    #[default]
    Raw,
    /// JSON lines.
    Json {
        /// With spaces.
        pretty: bool,
    },
    /// Comma-separated values with these columns.
    Csv(Vec<String>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the fields are read by the schema alone")]
struct Rotate {
    /// At this size.
    size: Option<Size>,
    /// After this time.
    every: Duration,
}

sluice_core::register! {
    /// Writes a file.
    ///
    /// ```yaml
    /// - sink: file
    ///   path: out.log
    /// ```
    sink file(file), Serial, drops []
}

fn file(_: File) -> Made {
    made(Ports::sink(PortType::Any).with_errors())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Send {
    /// What the server asks for; 8 characters.
    token: String,
    /// The port of the server.
    port: u16,
}

sluice_core::register! {
    /// Sends records to a server.
    ///
    /// ```yaml
    /// - sink: send
    ///   token: abcdefgh
    ///   port: 80
    /// ```
    sink send(send), Serial, drops []
}

fn send(options: Send) -> Made {
    match options.token.len() {
        8 if options.port > 0 => made(Ports::sink(PortType::Records)),
        8 => Err(OptionError::new(format!("token `{}` has no port", options.token))),
        _ => Err(OptionError::at("token", format!("`{}` is no token", options.token))),
    }
}
