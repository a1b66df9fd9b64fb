//! Every interleaving of a kernel, a thread that takes blocks, and readers on other threads.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p sluice-capture --lib --release`

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;

use super::{Blocks, KERNEL, USER, Words};

/// Blocks of one number each. The cell fails the test when somebody reads while somebody else writes.
struct Memory {
    status: Vec<AtomicU32>,
    content: Vec<UnsafeCell<u32>>,
}

impl Words for Memory {
    fn status(&self, block: usize) -> &AtomicU32 {
        &self.status[block]
    }

    fn count(&self) -> usize {
        self.status.len()
    }
}

type Ring = Arc<Blocks<Memory>>;

fn ring(blocks: usize) -> Ring {
    let status = (0..blocks).map(|_| AtomicU32::new(KERNEL)).collect();
    let content = (0..blocks).map(|_| UnsafeCell::new(0)).collect();
    Arc::new(Blocks::new(Memory { status, content }))
}

/// Fills a block when it may; whether it could.
#[allow(unsafe_code)]
fn fill(ring: &Ring, block: usize, number: u32) -> bool {
    let memory = ring.words();
    if memory.status[block].load(Acquire) != KERNEL {
        return false;
    }
    memory.content[block].with_mut(|content| {
        // SAFETY: the status says that the block is the kernel's; the model fails if that is not enough.
        unsafe { *content = number }
    });
    memory.status[block].store(USER, Release);
    true
}

#[allow(unsafe_code)]
fn read(ring: &Ring, block: usize) -> u32 {
    ring.words().content[block].with(|content| {
        // SAFETY: whoever reads holds the block; the model fails if that is not enough.
        unsafe { *content }
    })
}

fn take(ring: &Ring, block: usize) {
    while !ring.take(block) {
        thread::yield_now();
    }
}

#[test]
fn a_block_is_written_again_only_after_the_last_reader() {
    loom::model(|| {
        let ring = ring(1);
        let kernel = Arc::clone(&ring);
        let kernel = thread::spawn(move || {
            for number in [1, 2] {
                while !fill(&kernel, 0, number) {
                    thread::yield_now();
                }
            }
        });
        take(&ring, 0);
        assert_eq!(read(&ring, 0), 1);
        ring.share(0);
        let reader = Arc::clone(&ring);
        let reader = thread::spawn(move || {
            assert_eq!(read(&reader, 0), 1);
            reader.give_back(0);
        });
        ring.give_back(0);
        // What is taken next is new, whoever was the last to read the old.
        take(&ring, 0);
        assert_eq!(read(&ring, 0), 2);
        ring.give_back(0);
        kernel.join().unwrap();
        reader.join().unwrap();
        assert_eq!(ring.held(), 0);
    });
}

#[test]
fn what_is_held_is_not_taken_again() {
    loom::model(|| {
        let ring = ring(1);
        assert!(fill(&ring, 0, 7));
        assert!(ring.take(0));
        let holder = Arc::clone(&ring);
        let holder = thread::spawn(move || holder.give_back(0));
        // Either it is still held, or it is the kernel's: what is old is never taken twice.
        assert!(!ring.take(0));
        holder.join().unwrap();
        assert_eq!(ring.words().status[0].load(Relaxed), KERNEL);
        assert!(!ring.take(0));
        assert!(fill(&ring, 0, 8) && ring.take(0));
        assert_eq!(read(&ring, 0), 8);
    });
}
