//! All flows that live, and what a packet does to them.

use sluice_core::View;

use super::entry::{FLOW_BYTES, Flow, LATE};
use super::gauges::Gauges;
use super::history::Event;
use super::index::{self, Index};
use super::key::Key;
use super::packet::{Kind, Seen, Sender};
use super::slab::Slab;
use super::state::{PHASES, Phase};
use super::tcp;
use super::wheel::{NONE, NOWHERE, Wheel};

/// Why a flow is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// No packet came for as long as its state allows.
    Timeout,
    /// Its ends began another connection.
    Reused,
    /// It was cut because it was long.
    Active,
    /// There was no room for it.
    Evicted,
    /// The input has ended.
    Shutdown,
    /// It is not over.
    Update,
}

/// What flows are kept for how long.
pub(super) struct Rules {
    pub timeouts: [i64; PHASES],
    /// How long a flow lasts at most, and how often it is told of while it lasts; ns.
    pub active: Option<i64>,
    pub update: Option<i64>,
    /// How many there may be.
    pub room: usize,
}

/// How many bytes a flow takes.
const EACH: u64 = (FLOW_BYTES + index::BYTES_PER_FLOW) as u64;

/// How many flows fit into so many bytes.
pub(super) fn room(bytes: u64) -> usize {
    usize::try_from(bytes / EACH).unwrap_or(usize::MAX).min(u32::MAX as usize - 1)
}

/// A packet on its way into the table, with the hash of its key and the flow that may be its own.
#[derive(Default)]
pub(super) struct Looked {
    pub seen: Seen,
    pub hash: u32,
    pub guess: Option<u32>,
}

/// How many flows are let go together.
const TOGETHER: usize = 32;
/// How many flows that are alive after all are passed by in search of one to give up.
const TRIES: usize = 8;

pub(super) struct Table {
    rules: Rules,
    index: Index,
    flows: Slab,
    wheel: Wheel,
    watermark: i64,
    /// The latest time there was, of packets and watermarks.
    clock: i64,
    /// How many flows were given up because there was no room.
    pub evicted: u64,
    pub gauges: Gauges,
}

impl Table {
    pub fn new(rules: Rules, gauges: Gauges) -> Self {
        Self {
            rules,
            index: Index::new(),
            flows: Slab::new(),
            wheel: Wheel::new(),
            watermark: i64::MIN,
            clock: i64::MIN,
            evicted: 0,
            gauges,
        }
    }

    /// What the flows add up to.
    pub fn view(&self) -> View {
        let mut view = self.gauges.view(self.clock);
        let bytes = |flows: usize| (flows as u64).saturating_mul(EACH);
        view.figure("memory", "used", "bytes", bytes(self.flows.len()));
        view.figure("memory", "limit", "bytes", bytes(self.rules.room));
        view
    }

    pub fn is_empty(&self) -> bool {
        self.flows.len() == 0
    }

    #[inline]
    pub fn hash(&self, key: &Key) -> u32 {
        self.index.hash(key)
    }

    /// Guesses which flows these packets belong to, by the hashes of their keys, and has all of them fetched. Each round looks
    /// at one thing in memory for all packets, so that waiting for it overlaps.
    pub fn fetch(&self, group: &mut [Looked]) {
        let mut fetched = self.guess(group);
        for looked in group.iter() {
            let Some(id) = looked.guess else { continue };
            let flow = self.flows.get(id);
            fetched ^= flow.touch();
            if looked.seen.kind == Kind::Tcp {
                fetched ^= flow.touch_streams();
            }
        }
        std::hint::black_box(fetched);
    }

    /// The part of this that looking flows up takes. Gives something of what was read.
    #[inline]
    fn guess(&self, group: &mut [Looked]) -> u64 {
        let mut fetched = 0;
        for looked in group.iter() {
            fetched ^= self.index.touch(looked.hash);
        }
        for looked in group.iter_mut() {
            looked.guess = self.index.find(looked.hash, |_| true);
        }
        fetched
    }

    /// As [`fetch`](Self::fetch), of the flows no more than their keys.
    pub fn fetch_keys(&self, group: &mut [Looked]) {
        let mut fetched = self.guess(group);
        for id in group.iter().filter_map(|looked| looked.guess) {
            fetched ^= self.flows.get(id).key.words()[0];
        }
        std::hint::black_box(fetched);
    }

    /// Whether a flow has this key.
    #[inline]
    fn is(&self, id: u32, key: &Key) -> bool {
        let flow = self.flows.get(id);
        flow.slot != NOWHERE && flow.key == *key
    }

    /// The flow of a packet.
    #[inline]
    pub fn find(&self, Looked { seen, hash, guess }: &Looked) -> Option<u32> {
        let key = &seen.key;
        let others = || self.index.find(*hash, |id| self.flows.get(id).key == *key);
        guess.filter(|id| self.is(*id, key)).or_else(others)
    }

    /// Counts a packet in its flow. `tell` gets what is told of.
    #[inline]
    pub fn packet(
        &mut self,
        looked: &Looked,
        by_ports: impl Fn(u16, u16) -> Sender,
        mut tell: impl FnMut(&Flow, Reason),
    ) {
        let (seen, hash) = (&looked.seen, looked.hash);
        let found = self.find(looked).filter(|id| match self.over(*id, seen) {
            Some(reason) => {
                self.end(*id, hash, reason, &mut tell);
                false
            }
            None => true,
        });
        let id = found.unwrap_or_else(|| self.begin(seen, hash, by_ports, &mut tell));
        let Self { rules, flows, wheel, clock, gauges, .. } = self;
        let flow = flows.get_mut(id);
        let age = seen.time.saturating_sub(flow.first);
        if rules.active.is_some_and(|active| age >= active) {
            tell(flow, Reason::Active);
            flow.restart(seen.time);
        } else if let Some(update) = rules.update {
            // Counted modulo 2^16, which is enough to see that it is another one.
            let interval = (age.max(0) / update) as u16;
            if flow.updates != interval && age > 0 {
                flow.updates = interval;
                tell(flow, Reason::Update);
            }
        }
        let side = flow.side(seen.forward);
        flow.count(side, seen);
        if matches!(seen.kind, Kind::Tcp | Kind::Sctp) {
            tcp::segment(flow, side, seen);
        } else if seen.payload > 0 && seen.kind != Kind::Error {
            flow.history.note(Event::Data, side);
        }
        if seen.time < *clock {
            flow.marks |= LATE;
        }
        *clock = seen.time.max(*clock);
        let phase = Phase::of(flow);
        if phase != flow.phase || flow.slot == NOWHERE {
            let before = (flow.slot != NOWHERE).then_some(flow.phase);
            flow.phase = phase;
            gauges.moved(flow, before, seen.time);
            let deadline = rules.deadline(flow, *clock);
            wheel.remove(flows, id);
            wheel.insert(flows, id, phase.class(), deadline);
        }
    }

    /// Whether a flow is over now that this packet has come.
    #[inline]
    fn over(&self, id: u32, seen: &Seen) -> Option<Reason> {
        let flow = self.flows.get(id);
        if seen.time.saturating_sub(flow.last) >= self.rules.timeouts[flow.phase as usize] {
            return Some(Reason::Timeout);
        }
        let is_new = matches!(seen.kind, Kind::Tcp | Kind::Sctp)
            && tcp::begins_anew(flow, flow.side(seen.forward), seen);
        is_new.then_some(Reason::Reused)
    }

    #[inline(never)]
    fn begin(
        &mut self,
        seen: &Seen,
        hash: u32,
        by_ports: impl Fn(u16, u16) -> Sender,
        tell: &mut impl FnMut(&Flow, Reason),
    ) -> u32 {
        while self.flows.len() >= self.rules.room && self.evict(tell) {}
        self.wheel.start(seen.time);
        let id = self.flows.insert(Flow::new(seen, by_ports));
        self.index.insert(hash, id);
        id
    }

    /// Makes room for one flow: gives up one that is over, or else one without an answer, or else one that has been quiet;
    /// of those the one whose time would have come first.
    fn evict(&mut self, tell: &mut impl FnMut(&Flow, Reason)) -> bool {
        for left in (0..TRIES).rev() {
            let Some((id, until)) = self.wheel.give_up(&mut self.flows) else { return false };
            let flow = self.flows.get(id);
            let deadline = self.rules.deadline(flow, self.clock);
            if deadline > until && left > 0 {
                // It has had packets since its slot was chosen.
                let class = flow.phase.class();
                self.wheel.insert(&mut self.flows, id, class, deadline);
                continue;
            }
            self.evicted += 1;
            tell(flow, Reason::Evicted);
            let hash = self.index.hash(&flow.key);
            self.forget(id, hash);
            return true;
        }
        false
    }

    fn end(&mut self, id: u32, hash: u32, reason: Reason, tell: &mut impl FnMut(&Flow, Reason)) {
        tell(self.flows.get(id), reason);
        self.wheel.remove(&mut self.flows, id);
        self.forget(id, hash);
    }

    /// Lets go of a flow that the wheel does not have any more.
    fn forget(&mut self, id: u32, hash: u32) {
        let flow = self.flows.get(id);
        self.gauges.leave(flow, flow.phase);
        self.index.remove(hash, id);
        self.flows.free(id);
    }

    /// Takes out the flows that are `wanted`.
    pub fn take(&mut self, wanted: impl Fn(&Flow) -> bool) -> Vec<Flow> {
        let mut taken = Vec::new();
        for id in self.flows.ids() {
            let flow = self.flows.get(id);
            if wanted(flow) {
                taken.push(flow.clone());
                let hash = self.index.hash(&flow.key);
                self.wheel.remove(&mut self.flows, id);
                self.forget(id, hash);
            }
        }
        taken
    }

    /// Puts in a flow that another table had. There may be more than there is room for until the next flow begins.
    pub fn put(&mut self, mut flow: Flow) {
        (flow.next, flow.prev, flow.slot) = (NONE, NONE, NOWHERE);
        self.gauges.enter(&flow);
        let (class, deadline) = (flow.phase.class(), self.rules.deadline(&flow, self.clock));
        self.wheel.start(flow.last);
        let hash = self.index.hash(&flow.key);
        let id = self.flows.insert(flow);
        self.index.insert(hash, id);
        self.wheel.insert(&mut self.flows, id, class, deadline);
    }

    /// When a flow may be over, ns since the epoch.
    pub fn deadline(&self) -> Option<i64> {
        self.wheel.deadline()
    }

    /// No packet older than `watermark` will come.
    pub fn advance(&mut self, watermark: i64) {
        self.watermark = self.watermark.max(watermark);
        self.clock = self.clock.max(watermark);
    }

    /// Takes flows out of the wheel whose time may have come by `time`, at most so many, and has them fetched together with
    /// what is needed to let them go. Returns their numbers and the hashes of their keys.
    fn due(&mut self, time: i64, most: usize) -> ([(u32, u32); TOGETHER], usize) {
        let (mut due, mut count) = ([(NONE, 0); TOGETHER], 0);
        for place in due.iter_mut().take(most) {
            let Some(id) = self.wheel.pop(&mut self.flows, time) else { break };
            (place.0, count) = (id, count + 1);
        }
        let mut fetched = 0;
        for (id, _) in due.iter().take(count) {
            let flow = self.flows.get(*id);
            fetched ^= flow.touch() ^ flow.touch_streams();
        }
        for (id, hash) in due.iter_mut().take(count) {
            *hash = self.index.hash(&self.flows.get(*id).key);
            fetched ^= self.index.touch(*hash);
        }
        std::hint::black_box(fetched);
        (due, count)
    }

    /// Tells of flows whose time has come, and lets them go: `most` of them.
    pub fn expire(&mut self, most: usize, mut tell: impl FnMut(&Flow, Reason)) {
        let mut left = most;
        while left > 0 {
            let (due, count) = self.due(self.watermark, left);
            for (id, hash) in due.into_iter().take(count) {
                let flow = self.flows.get_mut(id);
                let class = flow.phase.class();
                let deadline = self.rules.deadline(flow, self.clock);
                flow.marks &= !LATE;
                if deadline > self.watermark {
                    self.wheel.insert(&mut self.flows, id, class, deadline);
                    continue;
                }
                tell(flow, Reason::Timeout);
                self.forget(id, hash);
            }
            left = if count == 0 { 0 } else { left - count };
        }
    }

    /// Tells of flows that are left and lets them go, `most` of them; of the earliest deadlines first.
    pub fn drain(&mut self, most: usize, mut tell: impl FnMut(&Flow, Reason)) {
        let mut left = most;
        while left > 0 {
            let (due, count) = self.due(i64::MAX, left);
            for (id, hash) in due.into_iter().take(count) {
                tell(self.flows.get(id), Reason::Shutdown);
                self.forget(id, hash);
            }
            left = if count == 0 { 0 } else { left - count };
        }
    }
}

impl Rules {
    /// When a flow is over unless a packet comes. One that gets packets older than others is kept for as long as one whose
    /// last packet came now: there may be more of them.
    #[inline]
    fn deadline(&self, flow: &Flow, clock: i64) -> i64 {
        let last = if flow.marks & LATE == 0 { flow.last } else { flow.last.max(clock) };
        last.saturating_add(self.timeouts[flow.phase as usize])
    }
}
