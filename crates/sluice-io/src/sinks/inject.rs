//! Packets back onto the wire.

mod addresses;
mod lateness;
mod player;
mod reel;
mod schedule;
mod tale;
mod ways;

use std::sync::Arc;
use std::time::Duration as Span;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size, Speed};
use sluice_core::{Error, OptionError, PortType, Ports, Prepared, Reason, Shard, Stage};

use player::Player;
use reel::{Loops, Reel};
use schedule::Schedule;
use ways::{By, Ways};

sluice_core::register! {
    /// Sends packets through an interface, when they are due.
    ///
    /// At the speed of the capture, which is the default, the first packet goes at once, and each other one as long after it
    /// as it was captured. Times are counted from the first packet: what was late is caught up with, and errors do not add up. A
    /// packet that was captured before the one ahead of it goes at once. A rate of packets or of bits makes the gaps
    /// even, and `flat_out` leaves none. Packets that are due at once go out with one call of the system, from where they are.
    ///
    /// The order is that in which the packets come; none is lost for want of room: this stage waits, and those before it
    /// do. At the end it tells what rate was reached and how late packets were. So does its view, while it goes on. For the
    /// last 40 us before a packet is due the thread is awake and looks at the clock.
    ///
    /// With `interfaces` or `sides` packets go to several interfaces: by the interface that they were captured on, or by the
    /// side of their connection, which the filter `split_direction` tells. So a pair of captures, one for each direction, is
    /// replayed by `pcap_file` with `paths` and `combine: merge`, which makes one interface of those that are described alike,
    /// and `sides`.
    ///
    /// Bytes are sent as they are, VLAN tags with them; only a frame check sequence is left out, as the interface makes a new
    /// one. Checksums that were left to the hardware when the packet was captured have to be made before, by `fix`. To
    /// send other addresses, MAC addresses or ports, use `rewrite` before.
    ///
    /// With `loops` all packets are sent several times, one loop right after the other; they are kept in memory for that. With
    /// `unique_addresses` every IP address in loop number `k` (counted from 0) is `k` further than in the capture: 10.0.0.1
    /// becomes 10.0.0.2 in the second loop, in all headers, and checksums stay as right as they were. Addresses of groups,
    /// of the loopback network and such stay, and those of IPv6 stay in their network of 64 bits. So each loop
    /// has flows of its own, and subtracting `k` gives those of the capture.
    ///
    /// When the run is stopped by a signal, nothing more is sent, but for what need not wait: at `flat_out` what has been read
    /// is sent yet. An interface that goes down or away ends the run.
    ///
    /// This takes the capability `cap_net_raw`.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets.
    ///
    /// - `too_long`: the packet is longer than the interface sends (its MTU)
    /// - `too_short`: the packet ends in the header of its link
    /// - `cut`: the packet was cut off when it was captured; see the option `cut`
    /// - `link_type_differs`: the packet has another link type than the interface
    /// - `no_interface`: there is no interface for the side or the number of the packet
    /// - `stopped`: the run was stopped before the packet was due
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - sink: inject
    ///   interface: eth0
    /// ```
    ///
    /// ```yaml
    /// - filter: decode
    /// - filter: split_direction
    /// - sink: inject
    ///   sides: {client: eth0, server: eth1}
    ///   speed: 2x
    ///   longest_gap: 1s
    /// ```
    ///
    /// ## See also
    ///
    /// `rewrite`, `split_direction`, `fix`; the pipeline `replay`.
    sink inject(prepare), Serial,
    drops [TOO_LONG, TOO_SHORT, CUT, LINK_TYPE_DIFFERS, NO_INTERFACE, STOPPED]
}

static TOO_LONG: Reason = Reason::new("too_long", "the packet is longer than the interface sends");
static TOO_SHORT: Reason = Reason::new("too_short", "the packet ends in the header of its link");
static CUT: Reason = Reason::new("cut", "the packet was cut off when it was captured");
static LINK_TYPE_DIFFERS: Reason =
    Reason::new("link_type_differs", "the packet has another link type than the interface");
static NO_INTERFACE: Reason =
    Reason::new("no_interface", "there is no interface for the side or the number of the packet");
static STOPPED: Reason = Reason::new("stopped", "the run was stopped before the packet was due");

/// Options of the sink `inject`. One of `interface`, `interfaces` and `sides` has to be there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The interface to send through.
    interface: Option<String>,
    /// Several interfaces: packets of the first interface of the capture go to the first one, and so on.
    interfaces: Option<Vec<String>>,
    /// Two interfaces: one for packets from the client of their connection, one for those from the server.
    sides: Option<Sides>,
    /// How fast: times the speed of the capture (`1x`, `0.5x`), packets per time (`10k/s`), bits per time (`100Mbit/s`, of the
    /// frames without preamble and check sequence), or `flat_out`.
    #[serde(default = "as_captured")]
    speed: Speed,
    /// The longest time between two packets, where `speed` is that of the capture or times it.
    longest_gap: Option<Duration>,
    /// How often everything is sent; `0` is again and again, until the run is stopped.
    #[serde(default = "once")]
    loops: u64,
    /// Give each loop other IP addresses.
    #[serde(default)]
    unique_addresses: bool,
    /// Keep everything in memory before the first packet is sent, so that no disk holds it up.
    #[serde(default)]
    preload: bool,
    /// How much memory may be taken by packets that are kept for `loops` or `preload`. If it is not enough, the run ends.
    #[serde(default = "half_a_gib")]
    memory: Size,
    /// What to do with packets that were cut off when they were captured.
    #[serde(default)]
    cut: Cut,
    /// Send through the traffic control of the interface (see tc(8)), which may delay packets, and drop them without a word.
    /// Without this they go to the driver at once.
    #[serde(default)]
    traffic_control: bool,
}

/// Interfaces by side.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sides {
    /// For packets from the client.
    client: String,
    /// For packets from the server.
    server: String,
}

/// What to do with packets that were cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Cut {
    /// Drop them.
    #[default]
    Drop,
    /// Send them with zeroes in the place of what is missing.
    Pad,
    /// Send what is there.
    Send,
}

fn as_captured() -> Speed {
    Speed::Times(1.0)
}

fn once() -> u64 {
    1
}

fn half_a_gib() -> Size {
    Size(512 << 20)
}

/// What was made of the options.
struct Plan {
    interfaces: Vec<String>,
    by: By,
    queued: bool,
    schedule: Schedule,
    loops: Loops,
    cut: Cut,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { interface, interfaces, sides, speed, longest_gap, loops, unique_addresses, .. } = options;
    let (interfaces, by) = match (interface, interfaces, sides) {
        (Some(only), None, None) => (vec![only], By::Only),
        (None, Some(several), None) => (several, By::Interface),
        (None, None, Some(Sides { client, server })) => (vec![client, server], By::Side),
        (None, None, None) => {
            return Err(OptionError::new("it does not say where to send packets").help("give an `interface`"));
        }
        (interface, ..) => {
            let second = if interface.is_some() { "interface" } else { "interfaces" };
            return Err(OptionError::at(second, "`interface`, `interfaces` and `sides` exclude each other"));
        }
    };
    let key = match by {
        By::Only => "interface",
        By::Interface => "interfaces",
        By::Side => "sides",
    };
    if interfaces.is_empty() {
        return Err(OptionError::at(key, "there is no interface in the list"));
    }
    if interfaces.iter().any(String::is_empty) {
        return Err(OptionError::at(key, "the name of an interface is empty"));
    }
    if longest_gap.is_some() && !matches!(speed, Speed::Times(_)) {
        return Err(OptionError::at(
            "longest_gap",
            "at this speed no packet waits for the time of its capture",
        ));
    }
    if unique_addresses && loops == 1 {
        return Err(OptionError::at(
            "unique_addresses",
            "there is one loop, which has the addresses of the capture",
        )
        .help("set `loops`"));
    }
    let loops =
        Loops { count: loops, preload: options.preload, unique: unique_addresses, memory: options.memory.0 };
    let schedule = Schedule::new(speed, longest_gap.map(|gap| Span::from_nanos(gap.0)));
    let queued = options.traffic_control;
    Ok(Arc::new(Plan { interfaces, by, queued, schedule, loops, cut: options.cut }))
}

impl Prepared for Plan {
    fn ports(&self) -> Ports {
        Ports::sink(PortType::Packets)
    }

    fn instance(&self, _: Shard) -> Result<Stage, Error> {
        let ways = Ways::open(&self.interfaces, self.by, self.queued)?;
        Ok(Stage::Sink(Box::new(Player::new(Reel::new(self.loops), self.schedule, ways, self.cut))))
    }

    fn shows(&self) -> bool {
        true
    }
}
