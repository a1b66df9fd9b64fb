//! From the hash of a key to the number of its flow.
//!
//! The index is cut into segments by the first bits of the hash (extendible hashing). A segment is at most eight chunks of 64
//! lines, each one cache line of eight slots. Chunks are all of one size, so that memory is used again. A slot has 32 bits of the hash, of which all places can be computed, and the number
//! of the flow; so nothing but the index is touched to look something up or to grow. A segment that is full gets a chunk
//! more, and where it is as large as one may be, it is split in two: the work of one step is bounded however many flows
//! there are.

use std::hash::{BuildHasher, RandomState};

use super::key::Key;

/// Slots in a line.
const SLOTS: usize = 8;
/// Lines in a chunk.
const LINES: usize = 64;
/// Chunks in a segment: after a split, and at most.
const HALF: usize = 5;
const MOST: usize = 8;
/// A segment is full when so many of 32 slots are in use.
const FULL: usize = 27;
/// Of so many first bits of the hash a segment may have its place at most; the other bits tell the line.
const DEEPEST: u8 = 20;

/// Bytes of index for each flow at worst: half of a full segment in [`HALF`] chunks, and the list of segments.
pub(super) const BYTES_PER_FLOW: usize = 13;

/// The first 32 bits of a hash, and the number of a flow plus one.
#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    flow: u32,
}

/// Slots in two rows, so that all of them are compared at once. A slot whose flow is 0 is free.
#[repr(align(64))]
#[derive(Clone, Copy, Default)]
struct Line {
    tags: [u32; SLOTS],
    flows: [u32; SLOTS],
}

const _: () = assert!(size_of::<Line>() == 64);

/// A bit for each value of a row that is the wanted one, the first one lowest.
#[inline]
fn equal(row: &[u32; SLOTS], wanted: u32) -> u32 {
    row.iter().enumerate().fold(0, |bits, (at, value)| bits | (u32::from(*value == wanted) << at))
}

impl Line {
    /// The slots with this tag, as bits; free ones may be among them.
    #[inline]
    fn tagged(&self, tag: u32) -> u32 {
        equal(&self.tags, tag)
    }

    /// The free slots, as bits.
    #[inline]
    fn free(&self) -> u32 {
        equal(&self.flows, 0)
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        self.tags.iter().zip(&self.flows).map(|(tag, flow)| Slot { tag: *tag, flow: *flow })
    }

    /// The first slot in use of which `is_it` says so.
    fn find(&self, is_it: impl Fn(Slot) -> bool) -> Option<usize> {
        self.slots().position(|slot| slot.flow != 0 && is_it(slot))
    }

    /// Puts something into a free slot, if there is one.
    fn put(&mut self, slot: Slot) -> bool {
        let at = self.free().trailing_zeros() as usize;
        let (Some(tag), Some(flow)) = (self.tags.get_mut(at), self.flows.get_mut(at)) else { return false };
        (*tag, *flow) = (slot.tag, slot.flow);
        true
    }

    /// Frees a slot; what was in it.
    fn clear(&mut self, at: usize) -> Slot {
        Slot { tag: self.tags[at], flow: std::mem::take(&mut self.flows[at]) }
    }
}

/// Lines side by side.
type Chunk = Box<[Line; LINES]>;

struct Segment {
    chunks: Vec<Chunk>,
    len: usize,
    /// How many first bits all of its hashes share.
    depth: u8,
}

/// The hash of a key, and the number of a flow.
pub(super) struct Index {
    secrets: [u64; 6],
    /// The segment for each value of the first `depth` bits.
    directory: Vec<u32>,
    segments: Vec<Segment>,
    depth: u8,
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Segment {
    fn new(chunks: usize, depth: u8) -> Self {
        let mut segment = Self { chunks: Vec::with_capacity(MOST), len: 0, depth };
        segment.resize(chunks);
        segment
    }

    fn resize(&mut self, chunks: usize) {
        self.chunks.resize_with(chunks, || Box::new([Line::default(); LINES]));
    }

    #[inline]
    fn lines(&self) -> usize {
        self.chunks.len() * LINES
    }

    #[inline]
    fn line(&self, at: usize) -> &Line {
        &self.chunks[at / LINES][at % LINES]
    }

    #[inline]
    fn line_mut(&mut self, at: usize) -> &mut Line {
        &mut self.chunks[at / LINES][at % LINES]
    }

    /// The line in which a hash is looked for first.
    #[inline]
    fn home(&self, tag: u32) -> usize {
        let rest = u64::from(tag << self.depth);
        ((rest * self.lines() as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, line: usize) -> usize {
        if line + 1 == self.lines() { 0 } else { line + 1 }
    }

    /// How many lines after its home a line is.
    fn distance(&self, home: usize, line: usize) -> usize {
        if line >= home { line - home } else { line + self.lines() - home }
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.home(slot.tag);
        while !self.line_mut(at).put(slot) {
            at = self.next(at);
        }
        self.len += 1;
    }

    fn is_full(&self) -> bool {
        self.len * 32 >= self.lines() * SLOTS * FULL
    }

    /// Adds a chunk and gives all slots their places anew.
    fn grow(&mut self) {
        let slots = self.take();
        self.resize(self.chunks.len() + 1);
        slots.into_iter().for_each(|slot| self.put(slot));
    }

    /// Takes out all slots.
    fn take(&mut self) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(self.len);
        for line in self.chunks.iter_mut().flat_map(|chunk| chunk.iter_mut()) {
            slots.extend(line.slots().filter(|slot| slot.flow != 0));
            *line = Line::default();
        }
        self.len = 0;
        slots
    }

    /// Takes out the slot of this flow, and moves back what stood further from home because its line was full.
    fn remove(&mut self, tag: u32, id: u32) -> bool {
        let mut hole = self.home(tag);
        loop {
            let line = self.line_mut(hole);
            let was_full = line.free() == 0;
            if let Some(at) = line.find(|slot| (slot.tag, slot.flow) == (tag, id + 1)) {
                line.clear(at);
                self.len -= 1;
                if was_full {
                    self.pull(hole);
                }
                return true;
            }
            if !was_full {
                return false;
            }
            hole = self.next(hole);
        }
    }

    /// Fills a line that is not full any more with what was looked for in it in vain.
    fn pull(&mut self, mut hole: usize) {
        let mut at = self.next(hole);
        while at != hole {
            let was_full = self.line(at).free() == 0;
            let passed = |slot: Slot| self.distance(self.home(slot.tag), at) >= self.distance(hole, at);
            if let Some(from) = self.line(at).find(passed) {
                let slot = self.line_mut(at).clear(from);
                self.line_mut(hole).put(slot);
                hole = at;
            }
            if !was_full {
                return;
            }
            at = self.next(at);
        }
    }
}

impl Index {
    /// An empty index. Its hashes differ from those of any other, so that nobody can make keys that collide.
    pub fn new() -> Self {
        let random = RandomState::new();
        let secrets = [0u64, 1, 2, 3, 4, 5].map(|number| random.hash_one(number) | 1);
        Self { secrets, directory: vec![0], segments: vec![Segment::new(1, 0)], depth: 0 }
    }

    /// The hash of a key, for this index only.
    #[inline]
    pub fn hash(&self, key: &Key) -> u32 {
        let [a, b, c, d, e, f] = *key.words();
        let [r, s, t, u, v, w] = self.secrets;
        let ends = mix(a ^ r, b ^ s) ^ mix(c ^ t, d ^ u).rotate_left(32);
        (mix(ends ^ e ^ v, f ^ w) >> 32) as u32 ^ mix(e ^ s, ends ^ u) as u32
    }

    #[inline]
    fn segment(&self, tag: u32) -> usize {
        let at = u64::from(tag) >> (32 - u32::from(self.depth));
        self.directory[at as usize] as usize
    }

    /// Reads something of the line in which a flow of this hash is looked for first, so that the processor fetches it.
    #[inline]
    pub fn touch(&self, tag: u32) -> u64 {
        let segment = &self.segments[self.segment(tag)];
        segment.line(segment.home(tag)).tags[0].into()
    }

    /// The first flow of this hash for which `is_it` says so.
    #[inline]
    pub fn find(&self, tag: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let segment = &self.segments[self.segment(tag)];
        let mut at = segment.home(tag);
        loop {
            let line = segment.line(at);
            let mut tagged = line.tagged(tag);
            while tagged != 0 {
                let flow = line.flows[tagged.trailing_zeros() as usize % SLOTS];
                if flow != 0 && is_it(flow - 1) {
                    return Some(flow - 1);
                }
                tagged &= tagged - 1;
            }
            if line.free() != 0 {
                return None;
            }
            at = segment.next(at);
        }
    }

    /// Adds a flow, which must not be there yet. Numbers are below `u32::MAX`.
    pub fn insert(&mut self, tag: u32, id: u32) {
        let mut segment = self.segment(tag);
        if self.segments[segment].is_full() {
            if self.segments[segment].chunks.len() < MOST || self.segments[segment].depth == DEEPEST {
                self.segments[segment].grow();
            } else {
                self.split(segment);
                segment = self.segment(tag);
            }
        }
        self.segments[segment].put(Slot { tag, flow: id + 1 });
    }

    /// Takes a flow out; tells whether it was there.
    pub fn remove(&mut self, tag: u32, id: u32) -> bool {
        let segment = self.segment(tag);
        self.segments[segment].remove(tag, id)
    }

    /// Splits a segment by the first bit that its hashes do not share.
    fn split(&mut self, at: usize) {
        let depth = self.segments[at].depth + 1;
        if depth > self.depth {
            self.directory = self.directory.iter().flat_map(|segment| [*segment; 2]).collect();
            self.depth = depth;
        }
        let (old, mut new) = (&mut self.segments[at], Segment::new(0, depth));
        let slots = old.take();
        old.depth = depth;
        new.chunks.extend(old.chunks.drain(HALF..));
        new.resize(HALF);
        let bit = 1u32 << (32 - u32::from(depth));
        for slot in slots {
            let half = if slot.tag & bit == 0 { &mut self.segments[at] } else { &mut new };
            if half.is_full() {
                half.grow();
            }
            half.put(slot);
        }
        // Its places in the directory are neighbours, of which the second half goes to the new segment.
        let number = self.segments.len() as u32;
        let bit = 1usize << (self.depth - depth);
        for (place, segment) in self.directory.iter_mut().enumerate() {
            if *segment as usize == at && place & bit != 0 {
                *segment = number;
            }
        }
        self.segments.push(new);
    }

    /// How many bytes it takes.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let chunks = self.segments.iter().map(|s| s.chunks.len() * size_of::<[Line; LINES]>() + MOST * 8);
        chunks.sum::<usize>()
            + self.segments.capacity() * size_of::<Segment>()
            + self.directory.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Hashes as evenly spread as real ones.
    fn tag(number: u32) -> u32 {
        (mix(u64::from(number) ^ 0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03) >> 16) as u32
    }

    #[test]
    fn what_was_put_in_is_found_while_it_grows_and_shrinks() {
        let mut index = Index::new();
        let count = 60_000;
        for id in 0..count {
            index.insert(tag(id), id);
            let old = id / 2;
            assert_eq!(index.find(tag(old), |found| found == old), Some(old));
        }
        assert!(index.segments.len() > 8);
        assert!((0..count).all(|id| index.find(tag(id), |found| found == id) == Some(id)));
        assert!((count..2 * count).all(|id| index.find(tag(id), |found| found == id).is_none()));
        for id in (0..count).filter(|id| id % 3 != 0) {
            assert!(index.remove(tag(id), id));
            assert!(!index.remove(tag(id), id));
        }
        for id in 0..count {
            assert_eq!(index.find(tag(id), |found| found == id).is_some(), id % 3 == 0);
        }
    }

    #[test]
    fn it_takes_few_bytes_for_a_flow() {
        let mut index = Index::new();
        let mut worst = 0;
        for id in 0..300_000u32 {
            index.insert(tag(id), id);
            if id > 20_000 && id % 1000 == 0 {
                worst = worst.max(index.bytes() / (id as usize));
            }
        }
        assert!(worst <= BYTES_PER_FLOW, "{worst}");
    }

    #[test]
    fn equal_hashes_do_no_harm() {
        let mut index = Index::new();
        for id in 0..6_000 {
            index.insert(7, id);
        }
        assert_eq!(index.find(7, |found| found == 5_999), Some(5_999));
        assert!((0..6_000).all(|id| index.remove(7, id)));
        assert_eq!(index.find(7, |_| true), None);
    }

    proptest! {
        /// Few homes, so that lines are full and what is looked for stands far from home.
        #[test]
        fn it_does_what_a_map_does(steps in prop::collection::vec((any::<bool>(), 0u32..200, 0u32..3), 1..600)) {
            let (mut index, mut map) = (Index::new(), HashMap::new());
            for (insert, id, spread) in steps {
                let tag = (id % 3 + spread * 0x5555_5555) ^ (id << 30);
                if insert && !map.contains_key(&id) {
                    index.insert(tag, id);
                    map.insert(id, tag);
                } else if let (false, Some(tag)) = (insert, map.remove(&id)) {
                    prop_assert!(index.remove(tag, id));
                }
                for (id, tag) in &map {
                    prop_assert_eq!(index.find(*tag, |found| found == *id), Some(*id));
                }
            }
        }
    }
}
