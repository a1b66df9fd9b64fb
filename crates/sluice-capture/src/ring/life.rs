//! Whose a block is: the kernel's, or that of readers, the last of whom gives it back.
//!
//! The kernel and the program pass a block to each other by its *status*, a word in the memory that they share: whoever has
//! written what the other is to see stores it with release, whoever looks loads it with acquire. On this side a block has a
//! number of holders, on any threads. Nothing else is known here, neither where words are nor what is in a block, so that the
//! model check runs what ships.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::sync::{AtomicU32, AtomicUsize};

/// The status of a block that is the kernel's (`TP_STATUS_KERNEL`).
pub(crate) const KERNEL: u32 = 0;
/// The bit of the status that gives a block to the program (`TP_STATUS_USER`).
pub(crate) const USER: u32 = 1;

/// Where the status words are.
pub(crate) trait Words {
    /// The status of a block. Called with numbers below [`count`](Self::count) only.
    fn status(&self, block: usize) -> &AtomicU32;
    /// How many blocks there are.
    fn count(&self) -> usize;
}

/// Blocks and who holds them.
///
/// Only one thread [takes](Self::take) blocks. Whoever holds one may [share](Self::share) it, and
/// [gives it back](Self::give_back) once for each time.
pub(crate) struct Blocks<W> {
    words: W,
    /// For each block: 0 while it is the kernel's or waits to be taken, otherwise one more than it has holders. So it is 1
    /// while the last one is about to give it back, and nobody takes for new what is old.
    holders: Box<[AtomicU32]>,
    held: AtomicUsize,
}

impl<W: Words> Blocks<W> {
    pub fn new(words: W) -> Self {
        let holders = (0..words.count()).map(|_| AtomicU32::new(0)).collect();
        Self { words, holders, held: AtomicUsize::new(0) }
    }

    pub fn words(&self) -> &W {
        &self.words
    }

    /// How many blocks are held.
    pub fn held(&self) -> usize {
        // Relaxed: a measure, by which nobody touches a block.
        self.held.load(Relaxed)
    }

    /// Takes a block if the kernel has filled it: the caller is its first holder.
    pub fn take(&self, block: usize) -> bool {
        let Some(holders) = self.holders.get(block) else { return false };
        // Acquire: pairs with the release in `give_back`, so that an old status is not taken for a new one.
        if holders.load(Acquire) != 0 {
            return false;
        }
        // Acquire: pairs with the kernel's release, so that what it wrote is seen.
        if self.words.status(block).load(Acquire) & USER == 0 {
            return false;
        }
        // Relaxed: nobody else touches a block that has no holder.
        holders.store(2, Relaxed);
        self.held.fetch_add(1, Relaxed);
        true
    }

    /// The status of a block, for one of its holders.
    pub fn status(&self, block: usize) -> u32 {
        // Relaxed: it was seen when the block was taken, and the kernel leaves it alone until it is given back.
        self.words.status(block).load(Relaxed)
    }

    /// One holder more, on behalf of one.
    pub fn share(&self, block: usize) {
        if let Some(holders) = self.holders.get(block) {
            // Relaxed: as with every count of references, for who shares holds one.
            holders.fetch_add(1, Relaxed);
        }
    }

    /// One holder less; the last one gives the block to the kernel.
    pub fn give_back(&self, block: usize) {
        let Some(holders) = self.holders.get(block) else { return };
        // Release: what this holder did with the block comes before; acquire: for the last one, what all did.
        if holders.fetch_sub(1, AcqRel) == 2 {
            self.held.fetch_sub(1, Relaxed);
            // Release: the kernel writes only after all have read.
            self.words.status(block).store(KERNEL, Release);
            // Release: whoever takes next sees the status just stored, or a later one.
            holders.store(0, Release);
        }
    }
}

#[cfg(all(test, loom))]
mod model;
