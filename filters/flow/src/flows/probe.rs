//! The flow table by itself, for benchmarks.

use super::entry::Flow;
use super::gauges::Gauges;
use super::key::{Common, Key};
use super::packet::{Kind, SYN, Seen, Sender};
use super::state::PHASES;
use super::table::{Looked, Reason, Rules, Table};

/// A flow table that is filled with made-up connections.
pub struct Probe {
    table: Table,
    group: Vec<Looked>,
}

fn seen(number: u32) -> Seen {
    // Neighbours are no neighbours.
    let host = u64::from(number.wrapping_mul(0x9E37_79B1));
    let common = Common { protocol: 6, ..Common::default() };
    let (key, forward) = Key::new(([0, host], 40_000), ([0, 0xC000_0201], 443), common);
    let time = i64::from(number) * 1000;
    Seen {
        key,
        forward,
        kind: Kind::Tcp,
        flags: SYN,
        has_numbers: true,
        time,
        wire: 54,
        ip: 40,
        ..Seen::default()
    }
}

impl Probe {
    /// A table with room for as many flows as fit.
    pub fn new() -> Self {
        let rules =
            Rules { timeouts: [i64::MAX; PHASES], active: None, update: None, room: u32::MAX as usize - 1 };
        Self { table: Table::new(rules, Gauges::new(u64::MAX, 0)), group: Vec::new() }
    }

    fn looked(&self, number: u32) -> Looked {
        let seen = seen(number);
        Looked { hash: self.table.hash(&seen.key), guess: None, seen }
    }

    /// Counts a packet of the flow of this number, which begins with it if it is not there.
    pub fn packet(&mut self, number: u32) {
        let looked = self.looked(number);
        self.table.packet(&looked, |_, _| Sender::Unknown, |_: &Flow, _: Reason| {});
    }

    /// Looks up flows, as many at once as the filter does; returns how many are there.
    pub fn lookup(&mut self, numbers: impl IntoIterator<Item = u32>) -> usize {
        let mut group = std::mem::take(&mut self.group);
        let mut numbers = numbers.into_iter().peekable();
        let mut found = 0;
        while numbers.peek().is_some() {
            group.extend(numbers.by_ref().take(super::GROUP).map(|number| self.looked(number)));
            self.table.fetch_keys(&mut group);
            found += group.drain(..).filter(|looked| self.table.find(looked).is_some()).count();
        }
        self.group = group;
        found
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}
