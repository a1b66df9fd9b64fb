//! Which flow is over next, without a walk over all of them.
//!
//! A hierarchical timing wheel: seven levels of 64 slots, of which each level spans a whole slot of the next. A flow stands
//! in the slot of the time at which it may be over, in a list that runs through the flows themselves, and moves to a lower
//! level at most once for each level. There is one set of slots for each [`Class`], so that the wheel also tells what to
//! give up first when there is no room.

use super::slab::Slab;

/// No flow.
pub(super) const NONE: u32 = u32::MAX;
/// No slot.
pub(super) const NOWHERE: u16 = u16::MAX;

/// A tick is 2^26 ns: 67 ms.
const TICK: u32 = 26;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Enough for every time there is.
const LEVELS: usize = 7;
const PER_CLASS: usize = LEVELS * SLOTS;
const CLASSES: usize = 3;

/// How much is lost when a flow is given up, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Class {
    /// It is over.
    Over,
    /// Nobody answered, or the handshake is not done.
    Unanswered,
    /// Both sides talk.
    Answered,
}

impl Class {
    pub const ALL: [Class; CLASSES] = [Class::Over, Class::Unanswered, Class::Answered];
}

pub(super) struct Wheel {
    /// The first flow of each slot; its `prev` is the last one, whose `next` is the first again.
    heads: Vec<u32>,
    occupied: [[u64; LEVELS]; CLASSES],
    /// The tick up to which time has come.
    now: u64,
}

/// The tick in which `time` lies.
fn floor(time: i64) -> u64 {
    (time as u64 ^ (1 << 63)) >> TICK
}

/// When a tick begins.
fn begin(tick: u64) -> i64 {
    ((tick << TICK) ^ (1 << 63)) as i64
}

impl Wheel {
    pub fn new() -> Self {
        Self { heads: vec![NONE; CLASSES * PER_CLASS], occupied: [[0; LEVELS]; CLASSES], now: 0 }
    }

    /// Lets time begin at `time`, the first time that it is called.
    pub fn start(&mut self, time: i64) {
        if self.now == 0 {
            self.now = floor(time);
        }
    }

    /// Puts a flow that stands nowhere into the slot of `deadline`, ns since the epoch.
    pub fn insert(&mut self, slab: &mut Slab, id: u32, class: Class, deadline: i64) {
        // Not before the deadline has passed, unless that never comes.
        let tick = (floor(deadline) + 1).min(floor(i64::MAX)).max(self.now);
        let differs = tick ^ self.now;
        let level = if differs < SLOTS as u64 { 0 } else { (63 - differs.leading_zeros()) / BITS };
        let digit = ((tick >> (level * BITS)) as usize) % SLOTS;
        let level = level as usize;
        let slot = class as usize * PER_CLASS + level * SLOTS + digit;
        let head = self.heads[slot];
        let flow = slab.get_mut(id);
        flow.slot = slot as u16;
        if head == NONE {
            (flow.next, flow.prev) = (id, id);
            self.heads[slot] = id;
            self.occupied[class as usize][level] |= 1 << digit;
        } else {
            let last = slab.get(head).prev;
            let flow = slab.get_mut(id);
            (flow.next, flow.prev) = (head, last);
            slab.get_mut(last).next = id;
            slab.get_mut(head).prev = id;
        }
    }

    /// Takes a flow out, wherever it stands.
    pub fn remove(&mut self, slab: &mut Slab, id: u32) {
        let flow = slab.get_mut(id);
        let (next, prev) = (flow.next, flow.prev);
        let slot = usize::from(std::mem::replace(&mut flow.slot, NOWHERE));
        let Some(head) = self.heads.get_mut(slot) else { return };
        if next == id {
            *head = NONE;
            let (class, place) = (slot / PER_CLASS, slot % PER_CLASS);
            self.occupied[class][place / SLOTS] &= !(1 << (place % SLOTS));
            return;
        }
        if *head == id {
            *head = next;
        }
        slab.get_mut(prev).next = next;
        slab.get_mut(next).prev = prev;
    }

    /// The earliest slot of a class: the tick at which it begins, and its number.
    fn earliest(&self, class: Class) -> Option<(u64, usize)> {
        let mut best = None;
        for (level, occupied) in self.occupied[class as usize].iter().enumerate().filter(|(_, o)| **o != 0) {
            let shift = level as u32 * BITS;
            let digit = occupied.trailing_zeros();
            let above = (self.now >> shift >> BITS << BITS) | u64::from(digit);
            let tick = above << shift;
            if best.is_none_or(|(earliest, _)| tick < earliest) {
                best = Some((tick, class as usize * PER_CLASS + level * SLOTS + digit as usize));
            }
        }
        best
    }

    /// When something may be over, ns since the epoch; not later than it is.
    pub fn deadline(&self) -> Option<i64> {
        let earliest = Class::ALL.iter().filter_map(|class| self.earliest(*class)).min()?;
        Some(begin(earliest.0))
    }

    /// Takes out a flow whose time may have come by `time`. It may also be too early for it: put it in again then.
    pub fn pop(&mut self, slab: &mut Slab, time: i64) -> Option<u32> {
        let limit = floor(time);
        let earliest = Class::ALL.iter().filter_map(|class| self.earliest(*class)).min();
        match earliest {
            Some((tick, slot)) if tick <= limit => {
                self.now = self.now.max(tick);
                let id = self.heads[slot];
                self.remove(slab, id);
                Some(id)
            }
            _ => {
                self.now = self.now.max(limit);
                None
            }
        }
    }

    /// Takes out the flow to give up first, and tells when its slot ends, ns since the epoch.
    pub fn give_up(&mut self, slab: &mut Slab) -> Option<(u32, i64)> {
        let (tick, slot) = Class::ALL.iter().find_map(|class| self.earliest(*class))?;
        let level = (slot % PER_CLASS / SLOTS) as u32;
        let id = self.heads[slot];
        self.remove(slab, id);
        Some((id, begin(tick + (1 << (level * BITS)))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::Flow;
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn slab(start: Option<i64>, deadlines: &[i64]) -> (Slab, Wheel) {
        let (mut slab, mut wheel) = (Slab::new(), Wheel::new());
        start.into_iter().for_each(|start| wheel.start(start));
        for (at, deadline) in deadlines.iter().enumerate() {
            let id = slab.insert(Flow { last: *deadline, ..Flow::default() });
            assert_eq!(id as usize, at);
            wheel.insert(&mut slab, id, Class::ALL[at % 3], *deadline);
        }
        (slab, wheel)
    }

    /// What is over by `time`, put in again when it is not.
    fn over(slab: &mut Slab, wheel: &mut Wheel, time: i64) -> Vec<u32> {
        let mut over = Vec::new();
        while let Some(id) = wheel.pop(slab, time) {
            let deadline = slab.get(id).last;
            if deadline <= time {
                over.push(id);
            } else {
                wheel.insert(slab, id, Class::ALL[id as usize % 3], deadline);
            }
        }
        over.sort_unstable();
        over
    }

    #[test]
    fn what_is_given_up_first_is_over_or_has_no_answer() {
        let (mut slab, mut wheel) =
            slab(Some(0), &[9 * SECOND, 5 * SECOND, SECOND, 3 * SECOND, 2 * SECOND, 4 * SECOND]);
        let order: Vec<_> = std::iter::from_fn(|| wheel.give_up(&mut slab)).map(|(id, _)| id).collect();
        assert_eq!(order, [3, 0, 4, 1, 2, 5]);
        assert_eq!(wheel.deadline(), None);
    }

    proptest! {
        #[test]
        fn each_is_over_once_its_time_has_come_and_not_before(
            deadlines in prop::collection::vec(
                prop_oneof![
                    0i64..100 * SECOND,
                    any::<i64>(),
                    (0i64..50).prop_map(|days| days * 86_400 * SECOND),
                ],
                1..60,
            ),
            mut times in prop::collection::vec(prop_oneof![0i64..200 * SECOND, any::<i64>()], 1..20),
            removed: u64,
        ) {
            let (mut slab, mut wheel) = slab(None, &deadlines);
            let is_removed = |id: u32| removed >> id & 1 == 1;
            (0..deadlines.len() as u32).filter(|id| is_removed(*id)).for_each(|id| wheel.remove(&mut slab, id));
            times.sort_unstable();
            let mut seen = Vec::new();
            for time in times {
                if let Some(deadline) = wheel.deadline() {
                    let first = (0..).zip(&deadlines).filter(|(id, _)| !is_removed(*id) && !seen.contains(id));
                    prop_assert!(first.map(|(_, d)| *d).min().is_some_and(|d| deadline <= d.saturating_add(1 << TICK)));
                }
                let over = over(&mut slab, &mut wheel, time);
                for (id, deadline) in (0..).zip(&deadlines).filter(|(id, _)| !is_removed(*id)) {
                    // At the latest a tick later.
                    if deadline.saturating_add(1 << TICK) <= time {
                        prop_assert!(over.contains(&id) || seen.contains(&id), "{id} is late");
                    }
                    if *deadline > time {
                        prop_assert!(!over.contains(&id), "{id} is early");
                    }
                }
                seen.extend(over);
            }
            let len = seen.len();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), len);
        }
    }
}
