//! What a pool promises.
#![cfg(not(loom))]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use sluice_queue::{Lease, Pool, Recycle};

#[derive(Debug)]
struct Buffer(Vec<u8>);

impl Recycle for Buffer {
    fn recycle(&mut self) {
        self.0.clear();
    }
}

fn address(lease: &Lease<Buffer>) -> *const Buffer {
    &raw const **lease
}

#[test]
fn what_is_given_back_is_taken_again_cleared_and_with_its_capacity() {
    let pool = Pool::new(1, || Buffer(Vec::new()));
    let mut lease = pool.take();
    lease.0.extend_from_slice(&[7; 1000]);
    let (place, capacity) = (address(&lease), lease.0.capacity());
    drop(lease);
    let lease = pool.take();
    assert_eq!((address(&lease), lease.0.len(), lease.0.capacity()), (place, 0, capacity));
}

#[test]
fn a_lease_comes_home_from_another_thread() {
    let pool = Pool::new(1, || Buffer(Vec::new()));
    let lease = pool.take();
    let place = address(&lease) as usize;
    thread::scope(|scope| {
        scope.spawn(move || drop(lease));
    });
    assert_eq!(address(&pool.take()) as usize, place);
}

#[test]
fn no_more_than_keep_lie_idle() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Recycle for Counted {
        fn recycle(&mut self) {}
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Relaxed);
        }
    }
    fn make() -> Counted {
        ALIVE.fetch_add(1, Relaxed);
        Counted
    }
    for keep in [0, 1, 3] {
        let pool = Pool::new(keep, make);
        let leases: Vec<_> = (0..5).map(|_| pool.take()).collect();
        assert_eq!(ALIVE.load(Relaxed), 5);
        drop(leases);
        assert_eq!(ALIVE.load(Relaxed), keep);
        drop(pool);
        assert_eq!(ALIVE.load(Relaxed), 0);
    }
}

#[test]
fn a_lease_outlives_its_pool() {
    let mut lease = Pool::new(1, || Buffer(Vec::new())).take();
    lease.0.push(1);
    assert_eq!(lease.0, [1]);
}

#[test]
fn a_detached_lease_has_no_home() {
    let mut lease = Lease::detached(Buffer(vec![1]));
    lease.0.push(2);
    assert_eq!(format!("{lease:?}"), "Buffer([1, 2])");
}
