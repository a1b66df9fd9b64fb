//! What the flows that live add up to, kept wherever a flow begins, changes its phase or ends: never a walk over the table.

use std::net::{IpAddr, SocketAddr};

use sluice_core::view::{Column, Join, Row, Table};
use sluice_core::{Meter, View};
use sluice_wire::decode::sctp;

use super::entry::Flow;
use super::heavy::Heavy;
use super::packet::{Kind, Seen};
use super::state::{PHASES, Phase};

/// How many hosts and servers are counted, by far more than are shown.
const PLACES: usize = 1024;
/// Handshakes are timed in units of 10 ns.
const TICK: u64 = 10;

/// What is counted of flows while they live.
pub(super) struct Gauges {
    /// How many flows are in each phase, of TCP and all else, and of SCTP.
    phases: [[u64; PHASES]; 2],
    new: Meter,
    closed: Meter,
    /// How many handshakes were timed, and how many of them took longer than `slow_from`, in ns.
    timed: u64,
    slow: u64,
    slow_from: u64,
    top: Option<Top>,
}

/// What there is most of.
struct Top {
    limit: usize,
    hosts: Heavy<IpAddr>,
    half_open: Heavy<SocketAddr>,
    /// The slowest handshakes with their client and server, the slowest first.
    slowest: Vec<(u64, [SocketAddr; 2])>,
}

impl Gauges {
    /// Handshakes that take longer than this in ns are slow; lists have so many rows.
    pub fn new(slow_from: u64, top: usize) -> Self {
        let lists = || Top {
            limit: top,
            hosts: Heavy::new(PLACES),
            half_open: Heavy::new(PLACES),
            slowest: Vec::with_capacity(top + 1),
        };
        Self {
            phases: [[0; PHASES]; 2],
            new: Meter::default(),
            closed: Meter::default(),
            timed: 0,
            slow: 0,
            slow_from,
            top: (top > 0).then(lists),
        }
    }

    /// Counts the bytes of a packet for both of its hosts.
    #[inline]
    pub fn packet(&mut self, seen: &Seen) {
        if let Some(top) = &mut self.top
            && seen.kind != Kind::Error
        {
            top.packet(seen);
        }
    }

    /// A flow is in another phase than it was `before`, or is new.
    pub fn moved(&mut self, flow: &Flow, before: Option<Phase>, time: i64) {
        match before {
            Some(before) => self.leave(flow, before),
            None => self.new.count(time, 1),
        }
        self.enter(flow);
        let over = |phase| matches!(phase, Phase::Closed | Phase::Reset);
        if over(flow.phase) && !before.is_some_and(over) {
            self.closed.count(time, 1);
        }
        if flow.phase == Phase::Established
            && before.is_some_and(Phase::is_half_open)
            && flow.handshake[1] > 0
        {
            self.timed(flow);
        }
    }

    /// A flow is in the table now.
    pub fn enter(&mut self, flow: &Flow) {
        self.phases[is_sctp(flow)][flow.phase as usize] += 1;
        if flow.phase.is_half_open()
            && let Some(top) = &mut self.top
        {
            top.half_open.add(server(flow), 1, [0; 3]);
        }
    }

    /// A flow that was in this phase is no more.
    pub fn leave(&mut self, flow: &Flow, phase: Phase) {
        let count = &mut self.phases[is_sctp(flow)][phase as usize];
        *count = count.saturating_sub(1);
        if phase.is_half_open()
            && let Some(top) = &mut self.top
        {
            top.half_open.take_back(server(flow));
        }
    }

    fn timed(&mut self, flow: &Flow) {
        let took = flow.handshake.iter().map(|part| u64::from(*part) * TICK).sum();
        self.timed += 1;
        self.slow += u64::from(took > self.slow_from);
        if let Some(top) = &mut self.top {
            top.handshake(took, flow.ends_in_order().map(|end| SocketAddr::new(end.address, end.port)));
        }
    }

    /// Shows all of it, at this time by packets.
    pub fn view(&self, clock: i64) -> View {
        let of = |which: usize, phases: &[Phase]| {
            phases.iter().map(|phase| self.phases[which][*phase as usize]).sum()
        };
        let mut view = View::default();
        let live = self.phases.iter().flatten().sum();
        let half_open: u64 =
            [0, 1].map(|which| of(which, &[Phase::SynSent, Phase::SynReceived])).iter().sum();
        for (name, value) in [
            ("live", live),
            ("half_open", half_open),
            ("new", self.new.total()),
            ("closed", self.closed.total()),
        ] {
            view.figure("flows", name, "flows", value);
        }
        for (which, group) in ["tcp", "sctp"].into_iter().enumerate() {
            for (name, phase) in [
                ("syn_sent", Phase::SynSent),
                ("syn_received", Phase::SynReceived),
                ("established", Phase::Established),
                ("one_sided", Phase::OneSided),
                ("closing", Phase::Closing),
                ("closed", Phase::Closed),
                ("reset", Phase::Reset),
            ] {
                view.figure(group, name, "flows", of(which, &[phase]));
            }
        }
        for (group, answered, unanswered) in [
            ("udp", Phase::Udp, Phase::UdpUnanswered),
            ("icmp", Phase::Icmp, Phase::IcmpUnanswered),
            ("other", Phase::Other, Phase::OtherUnanswered),
        ] {
            view.figure(group, "answered", "flows", of(0, &[answered]));
            view.figure(group, "unanswered", "flows", of(0, &[unanswered]));
        }
        view.figure("handshakes", "timed", "handshakes", self.timed);
        view.figure("handshakes", "slow", "handshakes", self.slow);
        let second = (clock != i64::MIN).then(|| Meter::second(clock));
        view.rates.push(self.new.rate("new", "flows", second));
        view.rates.push(self.closed.rate("closed", "flows", second));
        view.tables.extend(self.top.iter().flat_map(Top::tables));
        view
    }
}

impl Top {
    fn packet(&mut self, seen: &Seen) {
        let [lower, upper] = seen.key.ends().map(|end| end.address);
        let (from, to) = if seen.forward { (lower, upper) } else { (upper, lower) };
        let bytes = u64::from(seen.wire);
        self.hosts.add(from, bytes, [bytes, 0, 1]);
        if from != to {
            self.hosts.add(to, bytes, [0, bytes, 1]);
        }
    }

    fn handshake(&mut self, took: u64, ends: [SocketAddr; 2]) {
        if self.slowest.len() >= self.limit && self.slowest.last().is_some_and(|last| *last >= (took, ends)) {
            return;
        }
        if let Some(at) = self.slowest.iter().position(|(_, others)| *others == ends) {
            if self.slowest[at].0 >= took {
                return;
            }
            self.slowest.remove(at);
        }
        let at = self.slowest.partition_point(|other| *other > (took, ends));
        self.slowest.insert(at, (took, ends));
        self.slowest.truncate(self.limit);
    }

    fn tables(&self) -> [Table; 3] {
        let table = |name: &str, keys: &[&str], columns: &[(&str, &str, Join)], rows| Table {
            name: name.to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            columns: columns
                .iter()
                .map(|(name, unit, join)| Column {
                    name: (*name).to_owned(),
                    unit: (*unit).to_owned(),
                    join: *join,
                })
                .collect(),
            limit: self.limit,
            rows,
        };
        let hosts = self.hosts.iter().map(|place| {
            let [sent, received, packets] = place.sums;
            Row {
                key: vec![place.key.to_string()],
                values: vec![place.count, sent, received, packets, place.error],
            }
        });
        let servers = self
            .half_open
            .iter()
            .map(|place| Row { key: vec![place.key.to_string()], values: vec![place.count, place.error] });
        let slowest = self.slowest.iter().map(|(took, ends)| Row {
            key: ends.iter().map(SocketAddr::to_string).collect(),
            values: vec![took / 1000],
        });
        let sum = Join::Sum;
        [
            table(
                "top_talkers",
                &["host"],
                &[
                    ("bytes", "bytes", sum),
                    ("sent", "bytes", sum),
                    ("received", "bytes", sum),
                    ("packets", "packets", sum),
                    ("error", "bytes", sum),
                ],
                hosts.collect(),
            ),
            table(
                "half_open",
                &["server"],
                &[("flows", "flows", sum), ("error", "flows", sum)],
                servers.collect(),
            ),
            table("slow_handshakes", &["client", "server"], &[("took", "us", Join::Max)], slowest.collect()),
        ]
    }
}

fn is_sctp(flow: &Flow) -> usize {
    usize::from(flow.key.protocol() == sctp::NUMBER)
}

fn server(flow: &Flow) -> SocketAddr {
    let [_, server] = flow.ends_in_order();
    SocketAddr::new(server.address, server.port)
}
