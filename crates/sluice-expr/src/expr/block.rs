//! Up to 64 neighbours in a batch, of which a test is asked at once.
//!
//! A comparison runs over all packets of a block before the next one begins, and which of them are left is a set of bits.
//! So the loops have few branches that depend on a packet: with packets of all kinds, a processor that guesses them wrong
//! spends more time on that than on everything else.

use sluice_core::tape::Key;
use sluice_core::{Frame, Layers, PacketBatch, RecordBatch};
use sluice_wire::layers::Protos;

use super::item::{Buffers, Item, Line, Subject};
use super::set::{SIZE, Set};
use crate::fields::{Number, Packet};

/// What the items of a block are.
#[derive(Clone, Copy)]
pub(super) enum Items<'a> {
    /// Packets, with their layers if something is asked about headers.
    Packets(&'a PacketBatch, &'a [Layers]),
    Records(&'a RecordBatch),
}

/// Up to 64 neighbours in a batch.
pub(super) struct Block<'a> {
    items: Items<'a>,
    keys: &'a [Option<Key>],
    buffers: &'a Buffers,
    /// The place of the first one in the batch.
    start: usize,
    /// The bytes of each packet.
    data: [&'a [u8]; SIZE],
    /// Those of them that may belong to a header.
    heads: [&'a [u8]; SIZE],
    found: Found,
}

/// Where the headers of certain kinds are: kept, for the next comparison is often about the same header.
struct Found {
    kinds: Protos,
    /// The packets that were looked at.
    among: Set,
    /// Those with one such header.
    once: Set,
    /// Those with more.
    several: Set,
    /// Where the outermost one begins.
    starts: [usize; SIZE],
}

impl<'a> Block<'a> {
    /// Calls `with` for every block of a batch, with the number of its items.
    pub(super) fn each(
        items: Items<'a>,
        keys: &'a [Option<Key>],
        buffers: &'a Buffers,
        mut with: impl FnMut(&mut Self, usize),
    ) {
        let found = Found {
            kinds: Protos::NONE,
            among: Set::NONE,
            once: Set::NONE,
            several: Set::NONE,
            starts: [0; SIZE],
        };
        let mut block = Self { items, keys, buffers, start: 0, data: [&[]; SIZE], heads: [&[]; SIZE], found };
        match items {
            Items::Packets(batch, layers) => {
                let mut packets = batch.iter();
                block.walk(batch.len(), |block, count| {
                    let mut layers = layers.get(block.start..).unwrap_or_default().iter();
                    let places = block.data.iter_mut().zip(&mut block.heads);
                    for ((place, head), (_, data)) in places.zip(&mut packets) {
                        *place = data;
                        let end = layers.next().map_or(0, Layers::l3_end);
                        *head = data.get(..end).unwrap_or(data);
                    }
                    with(block, count);
                });
            }
            Items::Records(batch) => block.walk(batch.len(), with),
        }
    }

    fn walk(&mut self, total: usize, mut with: impl FnMut(&mut Self, usize)) {
        while self.start < total {
            let count = (total - self.start).min(SIZE);
            self.found.among = Set::NONE;
            with(self, count);
            self.start += count;
        }
    }

    /// One of the items, to ask it something by itself.
    pub(super) fn item(&self, at: usize) -> Option<Item<'a>> {
        let index = self.start + at;
        let subject = match self.items {
            Items::Packets(batch, layers) => {
                let (frame, data) = (batch.frames().get(index)?, *self.data.get(at)?);
                let layers = layers.get(index).unwrap_or(&Layers::EMPTY);
                Subject::Packet(Packet { frame, data, layers, info: batch.info() })
            }
            Items::Records(batch) => Subject::Record(Line { batch, record: batch.records().get(index)? }),
        };
        Some(Item { subject, keys: self.keys, buffers: self.buffers })
    }

    /// What is known of the packets, and their layers; nothing for records.
    fn packets(&self) -> (&'a [Frame], &'a [Layers]) {
        match self.items {
            Items::Packets(batch, layers) => (
                batch.frames().get(self.start..).unwrap_or_default(),
                layers.get(self.start..).unwrap_or_default(),
            ),
            Items::Records(_) => (&[], &[]),
        }
    }

    /// The packets of which `read` finds a number, and those where it fits.
    #[inline(always)]
    pub(super) fn facts(
        &self,
        read: fn(&Frame) -> Option<u64>,
        among: Set,
        fits: impl Fn(u64) -> bool,
    ) -> (Set, Set) {
        let (mut seen, mut fitting) = (Set::NONE, Set::NONE);
        let (frames, _) = self.packets();
        among.each(|at| {
            if let Some(number) = frames.get(at).and_then(read) {
                seen.put(at, true);
                fitting.put(at, fits(number));
            }
        });
        (seen, fitting)
    }

    /// The packets with such a header.
    pub(super) fn with_header(&mut self, kinds: Protos, among: Set) -> Set {
        self.find(kinds, among);
        self.found.once.or(self.found.several).and(among)
    }

    /// The packets that have such a number, and those where it fits in one of the headers that have it.
    #[inline(always)]
    pub(super) fn numbers(&mut self, number: &Number, among: Set, fits: impl Fn(u64) -> bool) -> (Set, Set) {
        self.find(number.protos, among);
        let number = *number;
        match number.width {
            1 => self.look(number, among, |head, start| number.load::<1>(head, start), fits),
            2 => self.look(number, among, |head, start| number.load::<2>(head, start), fits),
            4 => self.look(number, among, |head, start| number.load::<4>(head, start), fits),
            _ => self.look(number, among, |head, start| number.read(head, start), fits),
        }
    }

    #[inline(always)]
    fn look(
        &self,
        number: Number,
        among: Set,
        read: impl Fn(&[u8], usize) -> Option<u64>,
        fits: impl Fn(u64) -> bool,
    ) -> (Set, Set) {
        let (mut seen, mut fitting) = (Set::NONE, Set::NONE);
        let Found { once, several, starts, .. } = &self.found;
        let (_, layers) = self.packets();
        among.and(*once).each(|at| {
            if let Some(value) = read(self.heads[at], starts[at]) {
                seen.put(at, true);
                fitting.put(at, fits(value));
            }
        });
        among.and(*several).each(|at| {
            let Some(layers) = layers.get(at) else { return };
            for start in layers.starts(layers.select(number.protos)) {
                if let Some(value) = read(self.heads[at], start) {
                    seen.put(at, true);
                    fitting.put(at, fits(value));
                }
            }
        });
        (seen, fitting)
    }

    /// Looks for headers of these kinds.
    fn find(&mut self, kinds: Protos, among: Set) {
        if self.found.kinds == kinds && among.without(self.found.among).is_empty() {
            return;
        }
        let (mut once, mut several) = (Set::NONE, Set::NONE);
        let (_, layers) = self.packets();
        let found = &mut self.found;
        among.each(|at| {
            let Some(layers) = layers.get(at) else { return };
            let selected = layers.select(kinds);
            found.starts[at] = layers.first(selected);
            several.put(at, selected.are_several());
            once.put(at, !selected.is_empty());
        });
        (found.kinds, found.among, found.once, found.several) =
            (kinds, among, once.without(several), several);
    }
}
