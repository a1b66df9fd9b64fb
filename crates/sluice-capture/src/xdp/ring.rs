//! The protocol of a ring that two sides share: one puts items in, the other takes them out, and each tells the other how far
//! it has come.
//!
//! Both positions only ever grow, and wrap around at 2^32; the slot of a position is its remainder by the size, a power of two.
//! What a side does not own it does not touch: slots from `consumed` to `produced` belong to the consumer, all others to
//! the producer. Positions are stored with release and loaded with acquire, so that whoever sees a position sees what was
//! done to the slots before it.
//!
//! Where the ring lies is not known here, so that the protocol is tested in ordinary memory.

#![allow(unsafe_code)]

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// A number that both sides see.
pub(crate) trait Position {
    fn load(&self, order: Ordering) -> u32;
    fn store(&self, value: u32, order: Ordering);
}

impl Position for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        AtomicU32::load(self, order)
    }

    fn store(&self, value: u32, order: Ordering) {
        AtomicU32::store(self, value, order);
    }
}

/// The memory of a ring.
///
/// # Safety
/// `size` is a power of two and always the same, and so are the two positions that are given.
pub(crate) unsafe trait Memory {
    type Item: Copy;
    type Position: Position;

    /// How many slots there are.
    fn size(&self) -> u32;
    /// How many items were put in.
    fn produced(&self) -> &Self::Position;
    /// How many of them were taken out.
    fn consumed(&self) -> &Self::Position;

    /// What is in a slot.
    ///
    /// # Safety
    /// `slot` is less than the size, and the other side does not write to it meanwhile.
    unsafe fn get(&self, slot: u32) -> Self::Item;

    /// Puts something into a slot.
    ///
    /// # Safety
    /// `slot` is less than the size, and the other side does not touch it meanwhile.
    unsafe fn put(&mut self, slot: u32, item: Self::Item);
}

/// The side that puts in.
pub(crate) struct Producer<M> {
    memory: M,
    /// Where the next item goes.
    next: u32,
    /// How far the other side had come when this was last looked at.
    consumed: u32,
}

impl<M: Memory> Producer<M> {
    /// The one producer of this ring.
    ///
    /// # Safety
    /// Nobody else puts anything into it, and the other side keeps to the protocol.
    pub(crate) unsafe fn new(memory: M) -> Self {
        let (next, consumed) = (memory.produced().load(Relaxed), memory.consumed().load(Acquire));
        Self { memory, next, consumed }
    }

    /// Puts an item in, for the other side to see at the next [`publish`](Self::publish); `false` when there is no room.
    pub(crate) fn put(&mut self, item: M::Item) -> bool {
        if self.is_full() {
            self.consumed = self.memory.consumed().load(Acquire);
            if self.is_full() {
                return false;
            }
        }
        let slot = self.next & (self.memory.size() - 1);
        // SAFETY: the slot is empty, as fewer than all are taken, and the consumer does not see it before `publish`.
        unsafe { self.memory.put(slot, item) };
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Lets the other side see everything that was put in.
    pub(crate) fn publish(&mut self) {
        self.memory.produced().store(self.next, Release);
    }

    fn is_full(&self) -> bool {
        self.next.wrapping_sub(self.consumed) >= self.memory.size()
    }

    pub(crate) fn memory(&self) -> &M {
        &self.memory
    }
}

/// The side that takes out.
pub(crate) struct Consumer<M> {
    memory: M,
    /// The item that is first.
    next: u32,
    /// How far the other side had come when this was last looked at.
    produced: u32,
}

impl<M: Memory> Consumer<M> {
    /// The one consumer of this ring.
    ///
    /// # Safety
    /// Nobody else takes anything out of it, and the other side keeps to the protocol.
    pub(crate) unsafe fn new(memory: M) -> Self {
        let (next, produced) = (memory.consumed().load(Relaxed), memory.produced().load(Acquire));
        Self { memory, next, produced }
    }

    /// The first item, if there is one. It stays where it is.
    pub(crate) fn first(&mut self) -> Option<M::Item> {
        if self.next == self.produced {
            self.produced = self.memory.produced().load(Acquire);
            if self.next == self.produced {
                return None;
            }
        }
        let slot = self.next & (self.memory.size() - 1);
        // SAFETY: the slot is full, as the position behind it was loaded, and the producer leaves it alone until `release`.
        Some(unsafe { self.memory.get(slot) })
    }

    /// Goes on to the next item; the slot of the first is given back at the next [`release`](Self::release).
    pub(crate) fn skip(&mut self) {
        if self.next != self.produced {
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Gives back the slots of all items that were skipped.
    pub(crate) fn release(&mut self) {
        self.memory.consumed().store(self.next, Release);
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
