//! Totals by key: keys of one length, found by a hash and then compared byte by byte.

use std::collections::HashMap;

/// How many slots are looked at before a key is looked for in the map of those that found no slot near their place.
const REACH: usize = 32;

/// What is known about all items of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub items: u64,
    pub bytes: u64,
    /// The earliest and the latest event time, in ns since the epoch.
    pub first: i64,
    pub last: i64,
}

impl Totals {
    pub const NOTHING: Totals = Totals { items: 0, bytes: 0, first: i64::MAX, last: i64::MIN };

    #[inline]
    pub fn add(&mut self, bytes: u32, time: i64) {
        self.items += 1;
        self.bytes += u64::from(bytes);
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    pub fn join(&mut self, other: &Totals) {
        self.items += other.items;
        self.bytes += other.bytes;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// An item to be counted, besides its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Of the key, evenly spread.
    pub hash: u32,
    pub bytes: u32,
    pub time: i64,
}

/// A table whose keys have a length that is not known here.
pub(super) trait Table: Send {
    /// Adds items, whose keys lie one after the other in `keys`. A new key takes one of `room`; where there is none left,
    /// the item is added to `other`.
    fn add(&mut self, keys: &[u8], items: &[Item], room: &mut usize, other: &mut Totals);

    fn len(&self) -> usize;

    /// The keys in the order in which they came, with their totals.
    fn rows(&self) -> Box<dyn Iterator<Item = (&[u8], &Totals)> + '_>;

    /// Forgets everything and keeps the memory.
    fn clear(&mut self);
}

/// A table of keys of at least `length` bytes; keys are filled up to the stride, which is returned too.
pub(super) fn new(length: usize) -> (usize, Box<dyn Table>) {
    match length {
        0..=8 => (8, Box::new(Fixed::<8>::default())),
        9..=16 => (16, Box::new(Fixed::<16>::default())),
        17..=24 => (24, Box::new(Fixed::<24>::default())),
        25..=32 => (32, Box::new(Fixed::<32>::default())),
        33..=48 => (48, Box::new(Fixed::<48>::default())),
        49..=96 => (96, Box::new(Fixed::<96>::default())),
        _ => (288, Box::new(Fixed::<288>::default())),
    }
}

/// A key of up to 32 bytes and its totals share a cache line.
#[repr(align(64))]
struct Entry<const N: usize> {
    key: [u8; N],
    totals: Totals,
}

/// Open addressing over entries that never move to another place.
///
/// A slot holds the hash in its upper half and the place of the entry plus one in the lower; 0 is free. The upper bits of
/// the hash say where to begin. Hashes of hostile input may all be equal: what finds no slot within [`REACH`] goes to a
/// map whose hashes nobody can foresee, so that no input makes it slow.
struct Fixed<const N: usize> {
    slots: Vec<u64>,
    entries: Vec<Entry<N>>,
    far: HashMap<[u8; N], u64>,
    /// The slots of the items that are being added; here to be reused.
    seen: Vec<u64>,
}

impl<const N: usize> Default for Fixed<N> {
    fn default() -> Self {
        Self { slots: vec![0; 1024], entries: Vec::new(), far: HashMap::new(), seen: Vec::new() }
    }
}

impl<const N: usize> Fixed<N> {
    #[inline]
    fn home(&self, hash: u32) -> usize {
        (hash >> (32 - self.slots.len().trailing_zeros())) as usize
    }

    /// The entry that a slot leads to, if it is that of the key.
    #[inline]
    fn matches(&self, slot: u64, hash: u32, key: &[u8; N]) -> Option<usize> {
        let at = (slot as u32).wrapping_sub(1) as usize;
        ((slot >> 32) as u32 == hash && self.entries.get(at)?.key == *key).then_some(at)
    }

    fn find(&self, hash: u32, key: &[u8; N]) -> Option<usize> {
        let (home, mask) = (self.home(hash), self.slots.len() - 1);
        for step in 0..REACH {
            let slot = self.slots[(home + step) & mask];
            if slot == 0 {
                return None;
            }
            if let Some(at) = self.matches(slot, hash, key) {
                return Some(at);
            }
        }
        self.far.get(key).map(|slot| (*slot as u32 - 1) as usize)
    }

    #[cold]
    fn insert(&mut self, hash: u32, key: &[u8; N]) -> usize {
        let at = self.entries.len();
        self.entries.push(Entry { key: *key, totals: Totals::NOTHING });
        let slot = u64::from(hash) << 32 | (at as u64 + 1);
        if 2 * self.entries.len() > self.slots.len() {
            let old = std::mem::take(&mut self.slots);
            let far = std::mem::take(&mut self.far);
            self.slots = vec![0; 2 * old.len()];
            for slot in old.into_iter().filter(|slot| *slot != 0).chain(far.into_values()) {
                self.place(slot);
            }
        }
        self.place(slot);
        at
    }

    fn place(&mut self, slot: u64) {
        let (home, mask) = (self.home((slot >> 32) as u32), self.slots.len() - 1);
        let free = (0..REACH).map(|step| (home + step) & mask).find(|at| self.slots[*at] == 0);
        if let Some(at) = free {
            self.slots[at] = slot;
        } else if let Some(entry) = self.entries.get((slot as u32 - 1) as usize) {
            self.far.insert(entry.key, slot);
        }
    }
}

impl<const N: usize> Table for Fixed<N> {
    fn add(&mut self, keys: &[u8], items: &[Item], room: &mut usize, other: &mut Totals) {
        // All slots first and the entries after them: what is not in the cache is then waited for all at once.
        let mut seen = std::mem::take(&mut self.seen);
        seen.clear();
        seen.extend(items.iter().map(|item| self.slots[self.home(item.hash)]));
        for ((key, item), slot) in keys.as_chunks::<N>().0.iter().zip(items).zip(&seen) {
            let found = self.matches(*slot, item.hash, key).or_else(|| self.find(item.hash, key));
            let at = match found {
                Some(at) => at,
                None if *room > 0 => {
                    *room -= 1;
                    self.insert(item.hash, key)
                }
                None => {
                    other.add(item.bytes, item.time);
                    continue;
                }
            };
            self.entries[at].totals.add(item.bytes, item.time);
        }
        self.seen = seen;
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn rows(&self) -> Box<dyn Iterator<Item = (&[u8], &Totals)> + '_> {
        Box::new(self.entries.iter().map(|entry| (&entry.key[..], &entry.totals)))
    }

    fn clear(&mut self) {
        self.slots.fill(0);
        self.entries.clear();
        self.far.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts `keys` in a table with room for `room` of them and with hashes that `hash` makes; all totals by key.
    fn count(keys: &[u64], room: usize, hash: impl Fn(u64) -> u32) -> (HashMap<u64, u64>, u64) {
        let (stride, mut table) = new(8);
        assert_eq!(stride, 8);
        let (mut room, mut other) = (room, Totals::NOTHING);
        for part in keys.chunks(50) {
            let bytes: Vec<u8> = part.iter().flat_map(|key| key.to_be_bytes()).collect();
            let items: Vec<_> =
                part.iter().map(|key| Item { hash: hash(*key), bytes: 1, time: *key as i64 }).collect();
            table.add(&bytes, &items, &mut room, &mut other);
        }
        let read = |key: &[u8]| u64::from_be_bytes(key.try_into().unwrap());
        (table.rows().map(|(key, totals)| (read(key), totals.items)).collect(), other.items)
    }

    #[test]
    fn keys_with_equal_hashes_are_told_apart() {
        let keys: Vec<u64> = (0..5_000).chain(0..2_500).collect();
        for hash in [|_| 7, |key| key as u32 % 3, |key| (key as u32).wrapping_mul(0x9E37_79B1)] {
            let (totals, other) = count(&keys, usize::MAX, hash);
            assert_eq!((totals.len(), other), (5_000, 0));
            assert!(totals.iter().all(|(key, items)| *items == if *key < 2_500 { 2 } else { 1 }));
        }
    }

    #[test]
    fn what_finds_no_room_is_counted_as_other() {
        let keys: Vec<u64> = (0..100).chain(0..100).collect();
        let (totals, other) = count(&keys, 60, |key| key as u32);
        assert_eq!((totals.len(), other), (60, 80));
        assert!(totals.iter().all(|(key, items)| *key < 60 && *items == 2));
    }

    #[test]
    fn keys_are_filled_up_to_the_next_stride() {
        for (length, stride) in [(0, 8), (8, 8), (23, 24), (47, 48), (49, 96), (200, 288)] {
            assert_eq!(new(length).0, stride);
        }
    }
}
