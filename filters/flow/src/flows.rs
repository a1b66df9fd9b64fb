//! Records of connections and other flows.

mod count;
mod entry;
mod gauges;
mod heavy;
mod history;
mod holes;
mod index;
mod key;
mod names;
mod packet;
pub(crate) mod probe;
mod report;
mod slab;
mod state;
mod table;
mod tcp;
mod timeouts;
mod transfer;
mod wheel;

use std::ops::RangeInclusive;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size};
use sluice_core::{
    Batch, Error, Filter, Key, OptionError, Output, PacketBatch, PortRange, PortType, Ports, Prepared,
    Reason, View, prepared,
};
use sluice_wire::flow::vlans;

use gauges::Gauges;
use names::Names;
use packet::{Place, Seen, Sender};
use report::Report;
use table::{Looked, Rules, Table};
use timeouts::Timeouts;

sluice_core::register! {
    /// Sums up connections and other flows, one record for each.
    ///
    /// Packets of both directions between two endpoints (address and port) of one protocol in one VLAN are a flow. What
    /// leaves is a record for each flow when it is over: who began it, how long it lasted, how many packets and bytes
    /// either side sent, how it went.
    ///
    /// Who sent the SYN began the flow, or who got an answer to one; of ICMP, who asked; and before all of that, who
    /// `split_direction` says is the client, where that stands before. Where a flow is met in its middle,
    /// the side with the port of a server answers; where both have such a port it is the lower one; else the first sender
    /// began it. An ICMP error counts for the flow that it quotes, not for its packets. ICMP messages
    /// that ask and answer belong together by their kind and identifier. Fragments other than the first have no ports
    /// and are a flow of their own, unless `defragment` stands before.
    ///
    /// A flow is over when no packet came for as long as `timeouts` allows, by the times of the packets and not by the
    /// clock; when a SYN with another sequence number begins a new connection between the same ports; when there is no
    /// room; or when the input ends. So the records are the same however fast a capture is read. A flow also gives a
    /// record, by `update`, while it lasts. A packet that is older than the latest one of its flow is counted and
    /// changes no time but the first; one that is older than all that is to come, by the watermark of its source, lets
    /// its flow live on.
    ///
    /// Memory is bounded by `memory`. When it is used up, a new flow takes the place of another: of one that is closed; or
    /// else of one without an answer or in the middle of its handshake; or else of any. Of those it is the one whose
    /// timeout comes first. So a flood of SYNs pushes out its own, and connections survive. Flows that are pushed out
    /// give a record, too.
    ///
    /// Of TCP, the bytes of each side are told by sequence numbers, as is what was not seen of them. Up to two gaps at once
    /// wait for what comes late; one that the other side acknowledges is missed. Something that was there already counts as
    /// retransmitted, unless it only asks whether the other side is alive. The handshake is timed when no packet of it
    /// came twice.
    ///
    /// While it runs, it shows how many flows are in which state, how many begin and are closed in each second of packet time,
    /// and how long handshakes take; with `top`, also which hosts have the most bytes. `sluice run --view` and `sluice view`
    /// draw that. New are flows that begin; closed are connections of TCP and SCTP that both sides close or one resets.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives records.
    ///
    /// - `tracked`: the packet is counted in a flow
    /// - `no_flow`: the packet has no IP header
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: flows
    ///   memory: 512MiB
    ///   update: 1m
    ///   timeouts: {tcp_established: 5m}
    /// ```
    ///
    /// The field `reason` tells why there is a record: `timeout`, `reused` (a new connection between the same ports),
    /// `evicted` (no room), `active` (cut by `active`), `shutdown` (the input has ended) or `update` (the flow goes on).
    /// `history` has a letter for each thing that happened first, capital if the side that began the flow did it: `s`
    /// SYN, `h` SYN with ACK, `a` bare ACK, `d` data, `f` FIN, `r` RST, `g` gap, `t` retransmission, `w` zero window,
    /// `i` FIN with RST, `q` SYN with FIN or RST; `^` says that the side that answers was seen first. SCTP has the same
    /// letters for its INIT, INIT ACK, SHUTDOWN and ABORT.
    ///
    /// ## See also
    ///
    /// `count`, which counts by any key; `defragment`, which puts fragments together; the sinks `file` and `stdout` with `format: json` or `format: csv`; the sink
    /// `ipfix`, which wants `names: ipfix`; the pipelines `pcap-flows` and `connections`.
    filter flows(prepare), Keyed, drops [TRACKED, NO_FLOW]
}

static TRACKED: Reason = Reason::new("tracked", "the packet is counted in a flow");
static NO_FLOW: Reason = Reason::new("no_flow", "the packet has no IP header");

/// Packets that are looked up at once, so that the processor waits for memory once and not for each.
const GROUP: usize = 32;
/// How many flows end in one call without packets; it bounds how long a call takes.
const AT_ONCE: usize = 1024;
/// The least memory: room for a few thousand flows.
const LEAST: u64 = 1 << 20;

/// Options of the filter `flows`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// What the fields of the records are called.
    #[serde(default)]
    names: Names,
    /// How much memory flows may take, from `1MiB`; each takes about 245 bytes.
    #[serde(default = "half_a_gigabyte")]
    memory: Size,
    /// How long a flow is kept without a packet.
    #[serde(default)]
    timeouts: Timeouts,
    /// Ends a flow that lasts this long, with the next packet, which begins one that is `continued`.
    active: Option<Duration>,
    /// Gives a record of a flow that goes on, with its first packet in each stretch of this length since it began. It has
    /// the sums since then, without that packet.
    update: Option<Duration>,
    /// The ports of servers, for flows that are met in their middle: 1-1023 and some registered ones unless given.
    #[serde(default = "server_ports")]
    server_ports: Vec<PortRange>,
    /// In how many tunnels flows are looked for, from 0 to 15. With more than 0, packets in tunnels count for flows of their own
    /// besides that of the tunnel. Shards are then chosen by the addresses alone, as the ends of a tunnel may use other ports
    /// in either direction.
    #[serde(default)]
    #[schemars(range(max = 15))]
    tunnels: u8,
    /// The seed of the Community ID.
    #[serde(default)]
    community_seed: u16,
    /// How many rows each list of the live view has: the hosts with the most bytes, the servers with the most half-open
    /// connections, and the slowest handshakes. 0 keeps no lists, which is faster. 1024 hosts and servers are counted
    /// in each shard; with more of them the count of a host is too high by up to its `error`, at most 1/1024 of all that was counted.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    top: usize,
    /// What the live view calls a slow handshake: one that takes longer.
    #[serde(default = "half_a_second")]
    slow_handshake: Duration,
}

fn half_a_second() -> Duration {
    Duration(500_000_000)
}

fn half_a_gigabyte() -> Size {
    Size(512 << 20)
}

fn server_ports() -> Vec<PortRange> {
    let singles = [
        1194, 1433, 1521, 1723, 1883, 2049, 3128, 3306, 3389, 5060, 5061, 5432, 5672, 6379, 8000, 8080, 8443,
        9200,
    ];
    let singles = singles.into_iter().map(|port| PortRange::new(port, port));
    std::iter::once(PortRange::new(1, 1023)).chain(singles).collect()
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options {
        names,
        memory,
        timeouts,
        active,
        update,
        server_ports,
        tunnels,
        community_seed,
        top,
        slow_handshake,
    } = options;
    if top > 1000 {
        return Err(OptionError::at("top", format!("`{top}` is not between 0 and 1000")));
    }
    if memory.0 < LEAST {
        return Err(OptionError::at("memory", format!("`{memory}` is too little: expected at least 1MiB")));
    }
    if tunnels > 15 {
        return Err(OptionError::at("tunnels", format!("`{tunnels}` is not between 0 and 15")));
    }
    for (name, time) in [("active", active), ("update", update)] {
        if time == Some(Duration(0)) {
            return Err(OptionError::at(name, "expected a time above 0"));
        }
    }
    if names == Names::Ipfix && update.is_some() {
        return Err(OptionError::at("update", "`update` and `names: ipfix` exclude each other")
            .help("its counters tell what came since the last record, so cut long flows with `active`"));
    }
    let timeouts = timeouts.compile()?;
    let nanoseconds = |time: Duration| i64::try_from(time.0).unwrap_or(i64::MAX);
    let (active, update) = (active.map(nanoseconds), update.map(nanoseconds));
    let room = table::room(memory.0);
    let server_ports: Arc<[PortRange]> = server_ports.into();
    // Both directions of a tunnel have the same addresses, but not always the same ports.
    let key = if tunnels > 0 { Key::Host } else { Key::Flow };
    Ok(prepared::keyed(key, Ports::filter(PortType::Layers, PortType::Records), move |_| {
        Ok(Flows {
            table: Table::new(Rules { timeouts, active, update, room }, Gauges::new(slow_handshake.0, top)),
            report: Report::new(names, community_seed),
            server_ports: Arc::clone(&server_ports),
            tunnels,
            group: Box::default(),
            waiting: 0,
            told: false,
        })
    }))
}

struct Flows {
    table: Table,
    report: Report,
    server_ports: Arc<[PortRange]>,
    tunnels: u8,
    /// Packets on their way into the table, of which so many wait. Each is read right into its place, since copying what was
    /// written a moment ago costs as much as reading it.
    group: Box<[Looked; GROUP]>,
    waiting: usize,
    /// Whether the user was told that there is no room.
    told: bool,
}

/// The side that a sender is on by ports alone.
fn by_ports(servers: &[PortRange], from: u16, to: u16) -> Sender {
    let is_server = |port: u16| servers.iter().any(|range| range.contains(port));
    match (is_server(from), is_server(to)) {
        (true, false) => Sender::Server,
        (false, true) => Sender::Client,
        (true, true) if from < to => Sender::Server,
        _ => Sender::Unknown,
    }
}

impl Flows {
    /// Takes the packets of a batch; returns how many have no flow.
    fn packets(&mut self, mut batch: PacketBatch, out: &mut Output) -> usize {
        let mut without = 0;
        for (frame, data, layers) in batch.decoded() {
            let mut place = Place { vlans: vlans(data, layers), ..Place::default() };
            if !packet::read(frame, data, layers, place, self.next()) {
                without += 1;
                continue;
            }
            self.stage(out);
            let mut outer = *layers;
            while place.depth < self.tunnels {
                let Some(inner) = outer.inner(data) else { break };
                place.depth += 1;
                place.network = packet::virtual_network(data, &outer).unwrap_or_default();
                if !packet::read(frame, data, &inner, place, self.next()) {
                    break;
                }
                self.stage(out);
                outer = inner;
            }
        }
        self.settle(out);
        without
    }

    /// Where the next packet is read to.
    #[inline]
    fn next(&mut self) -> &mut Seen {
        &mut self.group[self.waiting % GROUP].seen
    }

    /// The next packet has been read.
    #[inline]
    fn stage(&mut self, out: &mut Output) {
        let looked = &mut self.group[self.waiting % GROUP];
        self.table.gauges.packet(&looked.seen);
        looked.hash = self.table.hash(&looked.seen.key);
        self.waiting += 1;
        if self.waiting == GROUP {
            self.settle(out);
        }
    }

    /// Counts the packets that wait.
    fn settle(&mut self, out: &mut Output) {
        let Self { table, report, server_ports, group, waiting, .. } = self;
        let group = &mut group[..std::mem::take(waiting)];
        table.fetch(group);
        for looked in group {
            let by_ports = |from, to| by_ports(server_ports, from, to);
            table.packet(looked, by_ports, |flow, reason| report.add(flow, reason, out));
        }
    }

    /// Ends flows whose time has come and emits records.
    fn expire(&mut self, most: usize, out: &mut Output) {
        let Self { table, report, .. } = self;
        table.expire(most, |flow, reason| report.add(flow, reason, out));
        report.emit(out);
    }
}

impl Filter for Flows {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let Batch::Packets(batch) = batch else {
            return Err(Error::Contract("records came where packets were expected".into()));
        };
        let items = batch.len();
        let without = self.packets(batch, out);
        out.dropped(&NO_FLOW, without);
        out.dropped(&TRACKED, items - without);
        self.expire(items, out);
        if self.table.evicted > 0 && !std::mem::replace(&mut self.told, true) {
            out.notice("there are more flows than `memory` has room for, so that some end early with the reason `evicted`");
        }
        Ok(())
    }

    fn deadline(&self) -> Option<i64> {
        self.table.deadline()
    }

    fn tick(&mut self, watermark: i64, out: &mut Output) -> Result<(), Error> {
        self.table.advance(watermark);
        self.expire(AT_ONCE, out);
        self.report.advance(watermark);
        Ok(())
    }

    fn view(&self) -> Option<View> {
        let mut view = self.table.view();
        for (name, reason) in [
            ("timeout", table::Reason::Timeout),
            ("reused", table::Reason::Reused),
            ("active", table::Reason::Active),
            ("evicted", table::Reason::Evicted),
        ] {
            view.figure("ended", name, "flows", self.report.told[reason as usize]);
        }
        Some(view)
    }

    fn export(&mut self, group: &RangeInclusive<u64>, state: &mut Vec<u8>) -> Result<(), Error> {
        if self.tunnels > 0 {
            return Err(Error::Contract("flows in tunnels cannot be moved to another instance".into()));
        }
        let taken = self.table.take(|flow| group.contains(&transfer::shard_hash(&flow.key)));
        transfer::write(taken.iter(), state);
        Ok(())
    }

    fn import(&mut self, state: &[u8]) -> Result<(), Error> {
        transfer::read(state)?.into_iter().for_each(|flow| self.table.put(flow));
        Ok(())
    }

    fn unfinished(&self) -> bool {
        !self.table.is_empty()
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        let Self { table, report, .. } = self;
        table.drain(AT_ONCE, |flow, reason| report.add(flow, reason, out));
        report.emit(out);
        if table.evicted > 0 && table.is_empty() {
            out.notice(format!("{} flows ended early because there was no room for them", table.evicted));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
