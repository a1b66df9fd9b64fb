//! The protocol in ordinary memory: by itself, and against a queue that cannot be wrong.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// A ring on the heap that begins at some position.
struct Plain {
    produced: AtomicU32,
    consumed: AtomicU32,
    slots: Vec<UnsafeCell<u64>>,
}

// SAFETY: the protocol under test keeps the two sides apart.
unsafe impl Sync for Plain {}

impl Plain {
    fn new(size: usize, start: u32) -> Arc<Self> {
        let slots = (0..size).map(|_| UnsafeCell::new(u64::MAX)).collect();
        Arc::new(Self { produced: start.into(), consumed: start.into(), slots })
    }

    fn sides(self: &Arc<Self>) -> (Producer<Arc<Self>>, Consumer<Arc<Self>>) {
        // SAFETY: these are the only two.
        let producer = unsafe { Producer::new(self.clone()) };
        // SAFETY: as above.
        (producer, unsafe { Consumer::new(self.clone()) })
    }
}

// SAFETY: the size of a vector that never grows, and two fields.
unsafe impl Memory for Arc<Plain> {
    type Item = u64;
    type Position = AtomicU32;

    fn size(&self) -> u32 {
        self.slots.len() as u32
    }

    fn produced(&self) -> &AtomicU32 {
        &self.produced
    }

    fn consumed(&self) -> &AtomicU32 {
        &self.consumed
    }

    unsafe fn get(&self, slot: u32) -> u64 {
        // SAFETY: the caller says that nobody writes to it.
        unsafe { *self.slots[slot as usize].get() }
    }

    unsafe fn put(&mut self, slot: u32, item: u64) {
        // SAFETY: the caller says that nobody touches it.
        unsafe { *self.slots[slot as usize].get() = item }
    }
}

fn take<M: Memory>(consumer: &mut Consumer<M>) -> Option<M::Item> {
    let first = consumer.first();
    consumer.skip();
    first
}

#[test]
fn what_is_not_published_is_not_seen() {
    let (mut producer, mut consumer) = Plain::new(4, 0).sides();
    assert!(producer.put(1) && producer.put(2));
    assert_eq!(consumer.first(), None);
    producer.publish();
    assert_eq!([take(&mut consumer), take(&mut consumer), take(&mut consumer)], [Some(1), Some(2), None]);
}

#[test]
fn the_first_item_stays_until_it_is_skipped() {
    let (mut producer, mut consumer) = Plain::new(2, 0).sides();
    consumer.skip();
    producer.put(7);
    producer.publish();
    assert_eq!([consumer.first(), consumer.first()], [Some(7), Some(7)]);
    consumer.skip();
    assert_eq!(consumer.first(), None);
}

#[test]
fn a_slot_is_used_again_once_it_is_released() {
    let (mut producer, mut consumer) = Plain::new(2, u32::MAX).sides();
    assert!(producer.put(1) && producer.put(2) && !producer.put(3));
    producer.publish();
    assert_eq!(take(&mut consumer), Some(1));
    assert!(!producer.put(3), "the slot was not given back");
    consumer.release();
    assert!(producer.put(3) && !producer.put(4));
    producer.publish();
    assert_eq!([take(&mut consumer), take(&mut consumer)], [Some(2), Some(3)]);
}

proptest! {
    /// Whatever the two do in turn, the ring gives what a queue gives, and that across the wrap-around of positions.
    #[test]
    fn it_is_a_queue(
        size in 0u32..4,
        start in prop_oneof![Just(0), u32::MAX - 20..u32::MAX],
        steps in prop::collection::vec(0u8..4, 0..200),
    ) {
        let size = 1usize << size;
        let (mut producer, mut consumer) = Plain::new(size, start).sides();
        // What was published and not taken, what was put in since, and how many were taken and not released.
        let (mut seen, mut unseen, mut taken, mut number) = (VecDeque::new(), VecDeque::new(), 0, 0);
        for step in steps {
            match step {
                0 => {
                    let fits = seen.len() + unseen.len() + taken < size;
                    prop_assert_eq!(producer.put(number), fits);
                    if fits {
                        unseen.push_back(number);
                        number += 1;
                    }
                }
                1 => {
                    producer.publish();
                    seen.append(&mut unseen);
                }
                2 => {
                    let first = take(&mut consumer);
                    prop_assert_eq!(first, seen.pop_front());
                    taken += usize::from(first.is_some());
                }
                _ => {
                    consumer.release();
                    taken = 0;
                }
            }
        }
    }
}
