//! What there is most of, in bounded memory: the Space-Saving sketch of Metwally, Agrawal and El Abbadi (2005).

use std::collections::HashMap;
use std::hash::Hash;

/// Counts keys, those that have most; the count of each is right or too high by `error` at most.
///
/// As long as there are no more keys than places, all is exact. After that a new key takes the place with the smallest count,
/// and that count with it: so no error is larger than the sum of all that was counted divided by the number of places.
pub(super) struct Heavy<K> {
    index: HashMap<K, usize>,
    places: Vec<Place<K>>,
    /// Numbers of places, a heap with the smallest count at the top.
    heap: Vec<usize>,
    most: usize,
}

/// A key and its numbers.
pub(super) struct Place<K> {
    pub key: K,
    pub count: u64,
    pub error: u64,
    /// Other sums, since it took this place.
    pub sums: [u64; 3],
    /// Where it is in the heap.
    at: usize,
}

impl<K: Copy + Eq + Hash> Heavy<K> {
    /// With so many places.
    pub fn new(most: usize) -> Self {
        // Twice the room, so that the index is tidied up where it is and does not grow.
        Self {
            index: HashMap::with_capacity(2 * most),
            places: Vec::with_capacity(most),
            heap: Vec::with_capacity(most),
            most,
        }
    }

    pub fn add(&mut self, key: K, count: u64, sums: [u64; 3]) {
        if let Some(&id) = self.index.get(&key) {
            let place = &mut self.places[id];
            place.count += count;
            place.sums.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
            let at = place.at;
            return self.sink(at);
        }
        if self.places.len() < self.most {
            let (id, at) = (self.places.len(), self.heap.len());
            self.places.push(Place { key, count, error: 0, sums, at });
            self.heap.push(id);
            self.index.insert(key, id);
            return self.rise(at);
        }
        let Some(&id) = self.heap.first() else { return };
        let place = &mut self.places[id];
        self.index.remove(&place.key);
        *place = Place { key, count: place.count + count, error: place.count, sums, at: 0 };
        self.index.insert(key, id);
        self.sink(0);
    }

    /// Takes back one of what was counted. Of a key that has lost its place nothing is known.
    pub fn take_back(&mut self, key: K) {
        let Some(&id) = self.index.get(&key) else { return };
        let place = &mut self.places[id];
        place.count = place.count.saturating_sub(1);
        place.error = place.error.min(place.count);
        let at = place.at;
        self.rise(at);
    }

    /// Those that have a count.
    pub fn iter(&self) -> impl Iterator<Item = &Place<K>> {
        self.places.iter().filter(|place| place.count > 0)
    }

    fn count(&self, at: usize) -> u64 {
        self.heap.get(at).map_or(u64::MAX, |id| self.places[*id].count)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a]].at = a;
        self.places[self.heap[b]].at = b;
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = if self.count(right) < self.count(left) { right } else { left };
            if self.count(child) >= self.count(at) {
                return;
            }
            self.swap(at, child);
            at = child;
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.count(at) < self.count((at - 1) / 2) {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_within_their_error(items in proptest::collection::vec((0..40u8, 1..9u64), 0..400)) {
            for places in [8, 64] {
                let (mut heavy, mut exact) = (Heavy::new(places), BTreeMap::new());
                for (key, count) in &items {
                    heavy.add(*key, *count, [*count, 0, 1]);
                    *exact.entry(*key).or_insert(0) += count;
                }
                let bound = exact.values().sum::<u64>() / places as u64;
                for place in heavy.iter() {
                    let right = exact[&place.key];
                    prop_assert!(place.error <= bound);
                    prop_assert!(place.count - place.error <= right && right <= place.count);
                    prop_assert_eq!(place.sums[0], place.count - place.error);
                }
                prop_assert!(places < 64 || heavy.iter().count() == exact.len());
                // Whoever has more than the bound is there.
                let is_there = |key: &u8| heavy.iter().any(|place| place.key == *key);
                prop_assert!(exact.iter().all(|(key, count)| *count <= bound || is_there(key)));
            }
        }

        #[test]
        fn what_is_taken_back_was_never_there(keys in proptest::collection::vec(0..40u8, 0..200)) {
            let mut heavy = Heavy::new(40);
            keys.iter().for_each(|key| heavy.add(*key, 1, [0; 3]));
            keys.iter().for_each(|key| heavy.take_back(*key));
            prop_assert_eq!(heavy.iter().count(), 0);
        }
    }
}
