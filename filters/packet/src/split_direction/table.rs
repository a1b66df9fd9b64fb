//! A map that forgets its oldest entry when it is full.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

#[derive(Clone, Debug)]
pub(super) struct Table<K, V> {
    entries: HashMap<K, V>,
    /// The keys, oldest first.
    order: VecDeque<K>,
    most: usize,
    has_forgotten: bool,
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    /// An empty one for at most this many entries, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), most: most.max(1), has_forgotten: false }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Puts an entry in or replaces it; one that is replaced is as old as before.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some(old) = self.entries.get_mut(&key) {
            *old = value;
            return;
        }
        if self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
            self.has_forgotten = true;
        }
        self.order.push_back(key);
        self.entries.insert(key, value);
    }

    /// Whether it was ever full.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_goes() {
        let mut table = Table::new(2);
        table.insert(1, 'a');
        table.insert(2, 'b');
        table.insert(1, 'c');
        assert!(!table.has_forgotten());
        table.insert(3, 'd');
        assert_eq!([1, 2, 3].map(|key| table.get(&key).copied()), [None, Some('b'), Some('d')]);
        assert!(table.has_forgotten() && table.entries.len() == table.order.len());
    }
}
