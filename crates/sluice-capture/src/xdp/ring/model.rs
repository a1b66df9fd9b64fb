//! Every interleaving of the two sides. Runs under `--cfg loom` only.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;

use super::{Consumer, Memory, Ordering, Position, Producer};

/// A ring as loom sees it: it finds every access to a slot that is not ordered after the one before.
struct Model {
    produced: AtomicU32,
    consumed: AtomicU32,
    slots: Vec<UnsafeCell<u64>>,
}

// SAFETY: the protocol under test keeps the two sides apart, which is what loom looks at.
unsafe impl Sync for Model {}

impl Position for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }
}

// SAFETY: as for ordinary memory.
unsafe impl Memory for Arc<Model> {
    type Item = u64;
    type Position = AtomicU32;

    fn size(&self) -> u32 {
        self.slots.len() as u32
    }

    fn produced(&self) -> &Self::Position {
        &self.produced
    }

    fn consumed(&self) -> &Self::Position {
        &self.consumed
    }

    unsafe fn get(&self, slot: u32) -> u64 {
        // SAFETY: loom fails the test where this is not so.
        self.slots[slot as usize].with(|item| unsafe { *item })
    }

    unsafe fn put(&mut self, slot: u32, item: u64) {
        // SAFETY: loom fails the test where this is not so.
        self.slots[slot as usize].with_mut(|place| unsafe { *place = item });
    }
}

/// Two threads, a ring of two slots that begins just before positions wrap around, and as many items as go around it.
#[test]
fn every_interleaving_gives_every_item_once_and_in_order() {
    const ITEMS: u64 = 4;
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(4);
    builder.check(|| {
        let model = Arc::new(Model {
            produced: AtomicU32::new(u32::MAX),
            consumed: AtomicU32::new(u32::MAX),
            slots: (0..2).map(|_| UnsafeCell::new(u64::MAX)).collect(),
        });
        // SAFETY: these are the only two.
        let mut producer = unsafe { Producer::new(model.clone()) };
        // SAFETY: as above.
        let mut consumer = unsafe { Consumer::new(model) };
        let producing = loom::thread::spawn(move || {
            for item in 0..ITEMS {
                while !producer.put(item) {
                    loom::thread::yield_now();
                }
                producer.publish();
            }
        });
        for item in 0..ITEMS {
            let first = loop {
                match consumer.first() {
                    Some(first) => break first,
                    None => loom::thread::yield_now(),
                }
            };
            assert_eq!(first, item);
            consumer.skip();
            consumer.release();
        }
        producing.join().unwrap();
    });
}
