//! The model check's stand-in for the queue: the same positions and the same outcomes, on atomics that loom sees.
//!
//! Its loads and stores are weaker than those of the real queue (which uses `SeqCst` throughout), so whatever the
//! protocol proves here it owes to its own fences. The items lie in a plain mutex that loom does not see and that
//! therefore orders nothing.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::sync::AtomicUsize;

pub(crate) struct Ring<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: Mutex<Vec<Option<T>>>,
    capacity: usize,
}

impl<T> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Ring {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: Mutex::new((0..capacity).map(|_| None).collect()),
            capacity,
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        loop {
            let tail = self.tail.load(Acquire);
            if tail.saturating_sub(self.head.load(Acquire)) >= self.capacity {
                return Err(item);
            }
            if self.tail.compare_exchange(tail, tail + 1, AcqRel, Relaxed).is_ok() {
                let old = self.slots.lock().unwrap_or_else(PoisonError::into_inner)[tail % self.capacity]
                    .replace(item);
                assert!(old.is_none(), "the slot at {tail} was still taken");
                return Ok(());
            }
        }
    }

    pub(crate) fn force_push(&self, mut item: T) -> Option<T> {
        loop {
            match self.push(item) {
                Ok(()) => return None,
                Err(refused) => item = refused,
            }
            if let Some(oldest) = self.pop() {
                // A model has one producer where it evicts, so the room just made is still there.
                assert!(self.push(item).is_ok(), "room was taken by a second producer");
                return Some(oldest);
            }
        }
    }

    pub(crate) fn pop(&self) -> Option<T> {
        loop {
            let head = self.head.load(Acquire);
            if self.tail.load(Acquire) <= head {
                return None;
            }
            if self.head.compare_exchange(head, head + 1, AcqRel, Relaxed).is_ok() {
                let item =
                    self.slots.lock().unwrap_or_else(PoisonError::into_inner)[head % self.capacity].take();
                assert!(item.is_some(), "the slot at {head} was empty");
                return item;
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tail.load(Relaxed).saturating_sub(self.head.load(Relaxed))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}
