//! Sets of up to 64 items.

/// How many items a set has room for.
pub(super) const SIZE: usize = 64;

/// Some of the items of a block, by their places in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    pub(super) const NONE: Self = Self(0);

    /// The first `count` items.
    pub(super) fn first(count: usize) -> Self {
        Self(if count < SIZE { (1 << count) - 1 } else { u64::MAX })
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn xor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    /// Those that are not in the other one.
    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those for which `holds` says so.
    #[inline(always)]
    pub(super) fn filter(self, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut found = Self::NONE;
        self.each(|at| found.put(at, holds(at)));
        found
    }

    /// Calls `with` for each item, in order.
    #[inline(always)]
    pub(super) fn each(self, mut with: impl FnMut(usize)) {
        let mut rest = self.0;
        while rest != 0 {
            with(rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }

    /// Adds an item, or does not; there is no branch, as there would be in one `if`.
    #[inline(always)]
    pub(super) fn put(&mut self, at: usize, is_in: bool) {
        self.0 |= u64::from(is_in) << at;
    }

    /// For each of the first `count` items whether it is in the set.
    pub(super) fn members(self, count: usize) -> impl Iterator<Item = bool> {
        (0..count.min(SIZE)).map(move |at| self.0 >> at & 1 != 0)
    }
}
