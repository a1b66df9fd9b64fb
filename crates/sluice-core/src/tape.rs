//! Parsed fields: one flat tape of nodes per batch, with keys interned and strings as ranges.
//!
//! A value is one node followed by the nodes of what it contains, so a reader walks the tape forwards and skips a
//! container by its length. Nothing is allocated per value.

use std::hash::Hasher;

/// An interned key; means something only together with the batch that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u32);

impl Key {
    /// The key of a value that has none: the root, and items of an array.
    pub const NONE: Key = Key(u32::MAX);
}

/// A range of bytes in the main slab of the batch or in its text buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub(crate) offset: u32,
    pub(crate) len: u32,
    /// Whether it lies in the text buffer, where unescaped and computed strings are.
    pub(crate) computed: bool,
}

/// What a node holds. Containers tell how many nodes follow that belong to them, at any depth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above `i64::MAX`.
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// A string, valid UTF-8 unless the source was not.
    Str(Text),
    /// Key and value pairs; this many nodes follow.
    Object(u32),
    /// Values; this many nodes follow.
    Array(u32),
}

/// One value with its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// The interned name under which it stands in its object.
    pub key: Key,
    /// What it holds.
    pub value: Value,
}

const _: () = assert!(size_of::<Node>() <= 24);

impl Node {
    /// How many nodes it takes up on the tape, itself included.
    pub fn span(&self) -> usize {
        match self.value {
            Value::Object(inner) | Value::Array(inner) => 1 + inner as usize,
            _ => 1,
        }
    }
}

/// The keys of one batch.
///
/// Lines of a log repeat their keys in the same order, so the key after the one asked for last is looked at first.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    names: String,
    ends: Vec<u32>,
    /// Open addressing over `ends`; 0 is free, otherwise the key plus one. The length is a power of two.
    slots: Vec<u32>,
    guess: u32,
}

impl Keys {
    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.ends.clear();
        self.slots.fill(0);
        self.guess = 0;
    }

    pub(crate) fn copy_from(&mut self, other: &Keys) {
        self.names.clone_from(&other.names);
        self.ends.clone_from(&other.ends);
        self.slots.clone_from(&other.slots);
    }

    pub(crate) fn name(&self, key: Key) -> &str {
        let at = key.0 as usize;
        let Some(&end) = self.ends.get(at) else { return "" };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.names.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Key> {
        let mut slot = self.slot_of(name)?;
        loop {
            let key = Key(self.slots[slot].checked_sub(1)?);
            if self.name(key) == name {
                return Some(key);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    pub(crate) fn intern(&mut self, name: &str) -> Key {
        let guess = Key(self.guess);
        let key = if (guess.0 as usize) < self.ends.len() && self.name(guess) == name {
            guess
        } else {
            self.find(name).unwrap_or_else(|| self.add(name))
        };
        self.guess = key.0 + 1;
        key
    }

    fn add(&mut self, name: &str) -> Key {
        let key = Key(self.ends.len() as u32);
        self.names.push_str(name);
        self.ends.push(self.names.len() as u32);
        if self.slots.len() < 2 * self.ends.len() {
            let size = (4 * self.ends.len()).next_power_of_two().max(64);
            self.slots.clear();
            self.slots.resize(size, 0);
            for old in 0..self.ends.len() as u32 {
                self.place(Key(old));
            }
        } else {
            self.place(key);
        }
        key
    }

    fn place(&mut self, key: Key) {
        let Some(mut slot) = self.slot_of(self.name(key)) else { return };
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = key.0 + 1;
    }

    fn slot_of(&self, name: &str) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write(name.as_bytes());
        Some(hasher.finish() as usize & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_key_however_many_there_are() {
        let mut keys = Keys::default();
        let names: Vec<String> = (0..1000).map(|i| format!("key{i}")).collect();
        let first: Vec<Key> = names.iter().map(|n| keys.intern(n)).collect();
        let again: Vec<Key> = names.iter().rev().map(|n| keys.intern(n)).collect();
        assert!(first.iter().eq(again.iter().rev()));
        assert!(first.iter().zip(&names).all(|(k, n)| keys.name(*k) == n && keys.find(n) == Some(*k)));
        assert_eq!(keys.find("absent"), None);
        keys.clear();
        assert_eq!(keys.find("key1"), None);
        assert_eq!(keys.name(keys.guess_key()), "");
    }

    impl Keys {
        fn guess_key(&self) -> Key {
            Key(self.guess)
        }
    }
}
