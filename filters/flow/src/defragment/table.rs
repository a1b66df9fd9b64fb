//! The datagrams that are not whole yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sluice_core::{CaptureInfo, Frame, HEADROOM, Layers, Output, Reason};

use super::datagram::{Datagram, Piece};
use super::fragment::{self, Key, Part};
use super::overlap::{Overlap, Stretch};
use super::store::{self, Store};
use super::{INCOMPLETE, MALFORMED, NO_ROOM, TIMEOUT, whole};

pub(super) struct Rules {
    /// How long a datagram may take, in ns.
    pub timeout: i64,
    pub overlap: Overlap,
    /// How many bytes all of it may take.
    pub memory: usize,
    pub max_fragments: usize,
}

/// A packet that is a fragment.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    pub frame: &'a Frame,
    pub headroom: &'a [u8],
    pub data: &'a [u8],
    pub layers: &'a Layers,
    pub info: &'a Arc<CaptureInfo>,
}

/// What became of a fragment.
pub(super) enum Taken {
    /// It is kept.
    Held,
    /// It is not, and its datagram will not be whole; or it is of no use.
    Refused(&'static Reason),
    /// It was the one that was missing, of so many; the packet is [`Table::whole`].
    Whole { fragments: usize },
}

/// What a datagram takes besides its fragments: its places in the two maps, with what those keep free, and four places for
/// fragments.
const PER_DATAGRAM: usize = 2 * (size_of::<Datagram>() + 2 * size_of::<Key>() + 32) + 4 * PER_PIECE;
const PER_PIECE: usize = 2 * size_of::<Piece>();
/// Which part of the memory may be buffers that wait for their next use.
const SPARE: usize = 8;
/// How many lists of fragments wait for theirs.
const LISTS: usize = 64;

pub(super) struct Table {
    rules: Rules,
    datagrams: HashMap<Key, Datagram>,
    /// What is given up next, and first where there is no room.
    by_deadline: BTreeMap<(i64, u64), Key>,
    store: Store,
    watermark: i64,
    /// How many datagrams there were.
    count: u64,
    held: usize,
    /// How many datagrams were given up because there was no room.
    pub evicted: u64,
    /// Fragments that were given up, in the order of the datagrams, and why.
    given_up: Vec<(Piece, &'static Reason)>,
    /// Why fragments were refused that are not to leave.
    pub refused: Vec<&'static Reason>,
    /// The packet that was made last.
    whole: Vec<u8>,
    /// Here to be reused.
    stretches: Vec<Stretch>,
    lists: Vec<Vec<Piece>>,
}

impl Table {
    pub fn new(rules: Rules) -> Self {
        let store = Store::new(rules.memory / SPARE);
        Self {
            rules,
            datagrams: HashMap::new(),
            by_deadline: BTreeMap::new(),
            store,
            watermark: i64::MIN,
            count: 0,
            held: 0,
            evicted: 0,
            given_up: Vec::new(),
            refused: Vec::new(),
            whole: Vec::new(),
            stretches: Vec::new(),
            lists: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// How many fragments are held.
    pub fn held(&self) -> u64 {
        self.held as u64
    }

    /// The packet that was made last.
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// Takes a fragment.
    pub fn take(&mut self, packet: Packet<'_>) -> Taken {
        let Packet { frame, data, layers, .. } = packet;
        let Some(key) = fragment::key(data, layers) else { return Taken::Refused(&MALFORMED) };
        let part = fragment::part(data, layers);
        if matches!(part, Err(reason) if *reason == MALFORMED) {
            return Taken::Refused(&MALFORMED);
        }
        if let Some(datagram) = self.datagrams.get(&key)
            && self.is_over(datagram, frame.time)
        {
            self.give_up(&key, &TIMEOUT);
        }
        if !self.make_room(data.len()) {
            return Taken::Refused(&NO_ROOM);
        }
        let overlap = Some(self.rules.overlap).filter(|_| key.source.is_ipv4());
        let max = self.rules.max_fragments;
        let datagram = self.datagram(key, frame.time);
        if let Some(reason) = datagram.lost {
            return Taken::Refused(reason);
        }
        let part = part.and_then(|part| datagram.check(&part, data, overlap, max).map(|()| part));
        match part {
            Ok(part) => self.add(&key, part, packet),
            Err(reason) => self.lose(&key, reason),
        }
    }

    /// Whether a fragment of this time belongs to another datagram that has the same key.
    fn is_over(&self, datagram: &Datagram, time: i64) -> bool {
        datagram.deadline <= self.watermark || time.abs_diff(datagram.first) >= self.rules.timeout as u64
    }

    /// The datagram of this key, which begins with a fragment of this time if there is none.
    fn datagram(&mut self, key: Key, time: i64) -> &mut Datagram {
        let Self { datagrams, by_deadline, lists, count, watermark, rules, .. } = self;
        datagrams.entry(key).or_insert_with(|| {
            // What is older than it should be waits as long as what comes now: there may be more such.
            let deadline = time.max(*watermark).saturating_add(rules.timeout);
            *count += 1;
            by_deadline.insert((deadline, *count), key);
            Datagram::new(time, deadline, *count, lists.pop().unwrap_or_default())
        })
    }

    fn add(&mut self, key: &Key, part: Part, packet: Packet<'_>) -> Taken {
        let Packet { frame, data, headroom, info, .. } = packet;
        let Some(datagram) = self.datagrams.get_mut(key) else { return Taken::Refused(&NO_ROOM) };
        let link = info.link(frame.interface);
        let bytes = self.store.copy(data);
        let headroom = headroom.first_chunk().copied().unwrap_or_default();
        datagram.add(Piece { part, frame: *frame, headroom, bytes, link, info: Arc::clone(info) });
        self.held += 1;
        if !datagram.is_whole() {
            return Taken::Held;
        }
        let overlap = if key.source.is_ipv4() { self.rules.overlap } else { Overlap::Discard };
        datagram.stretches(overlap, &mut self.stretches);
        if let Err(reason) = whole::assemble(datagram, &self.stretches, &mut self.whole) {
            // The one that completed it is not held: it is refused.
            if let Some(piece) = datagram.pieces.pop() {
                self.held -= 1;
                self.store.release(&piece.bytes);
                self.store.give_back(piece.bytes);
            }
            return self.lose(key, reason);
        }
        let Some(mut datagram) = self.forget(key) else { return Taken::Held };
        let fragments = datagram.pieces.len();
        self.held -= fragments;
        for piece in datagram.pieces.drain(..) {
            self.store.release(&piece.bytes);
            self.store.give_back(piece.bytes);
        }
        self.keep(datagram.pieces);
        Taken::Whole { fragments }
    }

    /// Gives the fragments of a datagram up, and what is still to come of it.
    fn lose(&mut self, key: &Key, reason: &'static Reason) -> Taken {
        if let Some(datagram) = self.datagrams.get_mut(key) {
            datagram.lost = Some(reason);
            let pieces = std::mem::take(&mut datagram.pieces);
            self.part_with(pieces, reason);
        }
        Taken::Refused(reason)
    }

    /// Gives a datagram up and forgets it.
    fn give_up(&mut self, key: &Key, reason: &'static Reason) {
        if let Some(datagram) = self.forget(key) {
            self.part_with(datagram.pieces, reason);
        }
    }

    fn part_with(&mut self, mut pieces: Vec<Piece>, reason: &'static Reason) {
        self.held -= pieces.len();
        for piece in pieces.drain(..) {
            self.store.release(&piece.bytes);
            self.given_up.push((piece, reason));
        }
        self.keep(pieces);
    }

    fn forget(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.datagrams.remove(key)?;
        self.by_deadline.remove(&(datagram.deadline, datagram.number));
        Some(datagram)
    }

    /// Keeps a list that was emptied.
    fn keep(&mut self, list: Vec<Piece>) {
        if self.lists.len() < LISTS && list.capacity() <= 16 {
            self.lists.push(list);
        }
    }

    /// Gives up datagrams until there is room for a fragment of `len` bytes; `false` if that can never be.
    fn make_room(&mut self, len: usize) -> bool {
        let more = store::weight(len) + PER_DATAGRAM;
        let most = self.rules.memory - self.rules.memory / SPARE;
        while self.weight() + more > most {
            let Some(key) = self.by_deadline.first_key_value().map(|(_, key)| *key) else { return false };
            self.give_up(&key, &NO_ROOM);
            self.evicted += 1;
        }
        true
    }

    /// How much memory there is in use, without what leaves at the end of this call.
    fn weight(&self) -> usize {
        self.store.used + self.datagrams.len() * PER_DATAGRAM + self.held * PER_PIECE
    }

    /// No fragment older than `watermark` will come: gives up what has taken too long, at most so many.
    pub fn advance(&mut self, watermark: i64, most: usize) {
        self.watermark = self.watermark.max(watermark);
        for _ in 0..most {
            let next = self.by_deadline.first_key_value().filter(|((time, _), _)| *time <= self.watermark);
            let Some(key) = next.map(|(_, key)| *key) else { return };
            self.give_up(&key, &TIMEOUT);
        }
    }

    /// Gives up so many of what is left.
    pub fn drain(&mut self, most: usize) {
        for _ in 0..most {
            let Some(((time, _), key)) = self.by_deadline.first_key_value() else { return };
            let reason = if *time <= self.watermark { &TIMEOUT } else { &INCOMPLETE };
            let key = *key;
            self.give_up(&key, reason);
        }
    }

    /// Takes out the datagrams whose keys are `wanted`.
    pub fn remove(&mut self, wanted: impl Fn(&Key) -> bool) -> Vec<(Key, Datagram)> {
        let keys: Vec<Key> = self.by_deadline.values().filter(|key| wanted(key)).copied().collect();
        let taken: Vec<_> = keys.into_iter().filter_map(|key| Some((key, self.forget(&key)?))).collect();
        for piece in taken.iter().flat_map(|(_, datagram)| &datagram.pieces) {
            self.held -= 1;
            self.store.release(&piece.bytes);
        }
        taken
    }

    /// Puts in a datagram that another table had. There may be more than there is room for until the next fragment comes.
    pub fn put(&mut self, key: Key, mut datagram: Datagram) {
        self.count += 1;
        datagram.number = self.count;
        self.held += datagram.pieces.len();
        for piece in &mut datagram.pieces {
            piece.bytes = self.store.copy(&piece.bytes);
        }
        self.by_deadline.insert((datagram.deadline, datagram.number), key);
        self.datagrams.insert(key, datagram);
    }

    /// The fragments that were given up.
    pub fn given_up(&self) -> impl Iterator<Item = (&Piece, &'static Reason)> {
        self.given_up.iter().map(|(piece, reason)| (piece, *reason))
    }

    /// Emits them as they came, in as few batches as what is known about them allows.
    pub fn emit(&self, out: &mut Output) {
        for run in self.given_up.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(&a.info, &b.info)) {
            let Some((first, _)) = run.first() else { continue };
            let size = run.iter().map(|(piece, _)| HEADROOM + piece.bytes.len()).sum();
            let mut slab = out.pools().slab(size);
            let mut frames = Vec::with_capacity(run.len());
            for (piece, _) in run {
                slab.append(&piece.headroom);
                let Some(place) = slab.append(&piece.bytes) else { continue };
                frames.push(piece.frame.moved_to(place.start as u32));
            }
            let mut batch = out.packets();
            batch.fill(slab.into(), Arc::clone(&first.info));
            frames.into_iter().for_each(|frame| batch.push(frame));
            batch.decode();
            out.emit(batch);
        }
    }

    /// Lets go of them.
    pub fn clear(&mut self) {
        for (piece, _) in self.given_up.drain(..) {
            self.store.give_back(piece.bytes);
        }
    }
}
