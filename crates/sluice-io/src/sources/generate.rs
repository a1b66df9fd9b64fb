//! Made-up packets and lines.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Rate};
use sluice_core::{OptionError, PortType, Ports, Prepared, prepared};

use crate::generator::{Course, Generator, LineFormat, Lines, Make, Packets, Traffic};

sluice_core::register! {
    /// Makes up packets or log lines.
    ///
    /// The same options and seed give the same bytes on every machine. Packets are Ethernet frames with IPv4 or IPv6 and
    /// TCP or UDP, all lengths and checksums right: TCP connections are opened, carry a few HTTP messages and are closed,
    /// UDP flows carry syslog messages. Lines are those of a web server's access log, or JSON.
    ///
    /// Without `rate`, items are made as fast as the next stage takes them; without `count`, until the run is stopped.
    /// Times do not come from the clock, unless `clock: wall` says so: the first item has the time `start`, and each one
    /// comes `interval` later than the one before.
    ///
    /// ## Ports and drop reasons
    ///
    /// Gives packets or records, according to `kind`. It drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - source: generate
    ///   kind: packets
    ///   count: 1000
    ///   flows: 20
    ///   sizes: [64, 64, 576, 1500]
    ///   ipv6: 25
    /// ```
    ///
    /// ## See also
    ///
    /// The sink `null`, to measure the stages between; `pcap_file` and `file`, which read real input.
    source generate(prepare), Serial, drops []
}

/// Options of `generate`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// What is made.
    kind: Kind,
    /// How many items are made; without end when absent.
    count: Option<u64>,
    /// How fast they are made; as fast as possible when absent.
    rate: Option<Rate>,
    /// Another seed gives other bytes.
    #[serde(default)]
    seed: u64,
    /// Sizes in bytes to choose from, each as likely as the others: write one twice to have it twice as often. For
    /// packets it is the length of frames that carry data, `[64, 576, 1500]` when absent; for lines, it is their least
    /// length with the ending, `[200]` when absent.
    sizes: Option<Vec<u16>>,
    /// The time of the first item, in seconds since 1970-01-01 UTC.
    #[serde(default = "start")]
    start: u32,
    /// How much later each item is than the one before; when absent, what `rate` makes of it, or `1us`.
    interval: Option<Duration>,
    /// Where times come from.
    #[serde(default)]
    clock: Clock,
    /// Packets: how many flows there are at once, from 1 to 4000000, each of which takes about 400 bytes; 100 when absent.
    flows: Option<u32>,
    /// Packets: the id of an 802.1Q tag, from 1 to 4094; no tag when absent.
    vlan: Option<u16>,
    /// Packets: how many flows of 100 carry the tag; all when absent.
    tagged: Option<u8>,
    /// Packets: how many flows of 100 are IPv6; none when absent.
    ipv6: Option<u8>,
    /// Packets: how many flows of 100 are UDP; 20 when absent.
    udp: Option<u8>,
    /// Lines: what they look like.
    format: Option<LineFormat>,
}

/// What is made.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Packets.
    Packets,
    /// Log lines, as records.
    Lines,
}

/// Where the times of items come from.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Clock {
    /// From `start` and `interval`, so that every run gives the same.
    #[default]
    Fixed,
    /// From the clock: the time at which an item was made.
    Wall,
}

/// A round number of seconds: 2023-11-14 22:13:20 UTC.
fn start() -> u32 {
    1_700_000_000
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    options.check()?;
    let interval = match (options.interval, options.rate) {
        (Some(interval), _) => i64::try_from(interval.0).unwrap_or(i64::MAX),
        (None, Some(Rate(rate))) => (1e9 / rate) as i64,
        (None, None) => 1000,
    };
    let course = Course {
        count: options.count,
        rate: options.rate,
        start: i64::from(options.start) * 1_000_000_000,
        interval,
        wall: options.clock == Clock::Wall,
    };
    let (ports, make) = match options.kind {
        Kind::Packets => {
            let traffic = Traffic {
                seed: options.seed,
                flows: options.flows.unwrap_or(100),
                sizes: options.sizes.unwrap_or_else(|| vec![64, 576, 1500]),
                vlan: options.vlan,
                tagged: options.tagged.unwrap_or(100),
                ipv6: options.ipv6.unwrap_or(0),
                udp: options.udp.unwrap_or(20),
            };
            (Ports::source(PortType::Packets), Make::Packets(Packets::new(&traffic)))
        }
        Kind::Lines => {
            let sizes = options.sizes.unwrap_or_else(|| vec![200]);
            let lines = Lines::new(options.seed, options.format.unwrap_or_default(), sizes);
            (Ports::source(PortType::Records), Make::Lines(lines))
        }
    };
    Ok(prepared::source(ports, move |_| Ok(Generator::new(make.clone(), course))))
}

impl Options {
    /// Checks what the schema cannot.
    fn check(&self) -> Result<(), OptionError> {
        let packets = [
            ("flows", self.flows.is_some()),
            ("vlan", self.vlan.is_some()),
            ("tagged", self.tagged.is_some()),
            ("ipv6", self.ipv6.is_some()),
            ("udp", self.udp.is_some()),
        ];
        let lines = [("format", self.format.is_some())];
        let (strange, kind): (&[(&str, bool)], _) =
            if self.kind == Kind::Packets { (&lines, "lines") } else { (&packets, "packets") };
        if let Some((key, _)) = strange.iter().find(|(_, given)| *given) {
            return Err(OptionError::at(key, format!("`{key}` is an option of `kind: {kind}` only")));
        }
        within("flows", self.flows, 1, 4_000_000)?;
        within("vlan", self.vlan, 1, 4094)?;
        within("tagged", self.tagged, 0, 100)?;
        if self.tagged.is_some() && self.vlan.is_none() {
            return Err(OptionError::at("tagged", "there is no `vlan` to be tagged with"));
        }
        within("ipv6", self.ipv6, 0, 100)?;
        within("udp", self.udp, 0, 100)?;
        if self.sizes.as_ref().is_some_and(Vec::is_empty) {
            return Err(OptionError::at("sizes", "there is no size to choose from"));
        }
        for (index, size) in self.sizes.iter().flatten().enumerate() {
            // An IPv4 packet of 65,535 bytes is the longest there is, and has an Ethernet header before it.
            within("sizes", Some(*size), 1, 65_535).map_err(|e| e.index(index))?;
        }
        Ok(())
    }
}

fn within(key: &str, value: Option<impl Into<u64>>, least: u64, most: u64) -> Result<(), OptionError> {
    match value.map(Into::into) {
        Some(value) if !(least..=most).contains(&value) => {
            Err(OptionError::at(key, format!("`{value}` is not between {least} and {most}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
