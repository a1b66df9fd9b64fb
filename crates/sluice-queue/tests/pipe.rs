//! What a pipe promises, tried with real threads.
#![cfg(not(loom))]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sluice_queue::{Popped, Receiver, Refused, Sender, Signal, pipe};

/// An item that knows who made it and counts its drops.
#[derive(Debug)]
struct Item {
    producer: usize,
    number: usize,
    drops: Arc<AtomicUsize>,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Relaxed);
    }
}

fn ends<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
    let (mut senders, mut receivers) = pipe(capacity, &[Signal::new()], &[Signal::new()]);
    (senders.remove(0), receivers.remove(0))
}

fn signals(count: usize) -> Vec<Signal> {
    (0..count).map(|_| Signal::new()).collect()
}

/// Pushes, waiting for room; gives the item back when the pipe is closed.
fn push<T>(signal: &Signal, sender: &mut Sender<T>, mut item: T) -> Result<(), T> {
    loop {
        match sender.try_push(item) {
            Ok(()) => return Ok(()),
            Err(Refused::Closed(back)) => return Err(back),
            Err(Refused::Full(back)) => item = back,
        }
        sender.flush();
        signal.wait_until(None, || sender.has_room());
    }
}

fn drain<T>(signal: &Signal, receiver: &mut Receiver<T>, mut each: impl FnMut(T)) {
    loop {
        match receiver.try_pop() {
            Popped::Item(item) => each(item),
            Popped::Empty => {
                receiver.flush();
                signal.wait_until(None, || receiver.is_ready());
            }
            Popped::Closed => return,
        }
    }
}

/// Returns when the owner of `signal` sleeps.
fn until_asleep(signal: &Signal) {
    while !signal.is_sleeping() {
        thread::yield_now();
    }
}

/// Sends `count` items from each producer; returns (producer, number) as each consumer saw them.
fn run(capacity: usize, producers: usize, consumers: usize, count: usize) -> Vec<Vec<(usize, usize)>> {
    let drops = Arc::new(AtomicUsize::new(0));
    let (from, to) = (signals(producers), signals(consumers));
    let (senders, receivers) = pipe(NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN), &from, &to);
    let seen = thread::scope(|scope| {
        for (producer, (signal, mut sender)) in from.iter().zip(senders).enumerate() {
            let drops = &drops;
            scope.spawn(move || {
                for number in 0..count {
                    let item = Item { producer, number, drops: drops.clone() };
                    assert!(push(signal, &mut sender, item).is_ok(), "closed while a consumer was left");
                }
            });
        }
        let threads: Vec<_> = to
            .iter()
            .zip(receivers)
            .map(|(signal, mut receiver)| {
                scope.spawn(move || {
                    let mut seen = Vec::new();
                    drain(signal, &mut receiver, |item: Item| seen.push((item.producer, item.number)));
                    seen
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    assert_eq!(drops.load(Relaxed), producers * count, "every destructor runs once");
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_lost_and_nothing_is_doubled(
        capacity in 1usize..40, producers in 1usize..4, consumers in 1usize..4, count in 0usize..1500,
    ) {
        let mut all: Vec<_> = run(capacity, producers, consumers, count).concat();
        all.sort_unstable();
        let sent: Vec<_> = (0..producers).flat_map(|p| (0..count).map(move |n| (p, n))).collect();
        prop_assert_eq!(all, sent);
    }

    #[test]
    fn order_is_kept_per_producer(
        capacity in 1usize..40, producers in 1usize..4, consumers in 1usize..4, count in 0usize..1500,
    ) {
        for seen in run(capacity, producers, consumers, count) {
            for producer in 0..producers {
                let own = seen.iter().filter(|item| item.0 == producer);
                prop_assert!(own.is_sorted());
            }
        }
    }

    /// One thread, any sequence of calls: the pipe behaves as a bounded queue.
    #[test]
    fn a_pipe_is_a_bounded_queue(capacity in 1usize..6, calls in prop::collection::vec(0u8..3, 0..80)) {
        let (mut sender, mut receiver) = ends(capacity);
        let mut model = std::collections::VecDeque::new();
        for (n, call) in calls.into_iter().enumerate() {
            prop_assert_eq!(sender.has_room(), model.len() < capacity);
            prop_assert_eq!(receiver.is_ready(), !model.is_empty());
            prop_assert_eq!(sender.len(), model.len());
            match call {
                0 if model.len() < capacity => {
                    prop_assert_eq!(sender.try_push(n), Ok(()));
                    model.push_back(n);
                }
                0 => prop_assert_eq!(sender.try_push(n), Err(Refused::Full(n))),
                1 => {
                    let evicted = if model.len() == capacity { model.pop_front() } else { None };
                    model.push_back(n);
                    prop_assert_eq!(sender.force_push(n), Ok(evicted));
                }
                _ => prop_assert_eq!(receiver.try_pop(), model.pop_front().map_or(Popped::Empty, Popped::Item)),
            }
        }
    }
}

#[test]
fn refused_items_come_back() {
    let (mut sender, receiver) = ends(1);
    assert_eq!(sender.try_push("first"), Ok(()));
    assert_eq!(sender.try_push("second"), Err(Refused::Full("second")));
    drop(receiver);
    assert_eq!(sender.try_push("third"), Err(Refused::Closed("third")));
    assert_eq!(sender.force_push("fourth"), Err("fourth"));
}

#[test]
fn eviction_hands_back_the_oldest() {
    let (mut sender, mut receiver) = ends(2);
    assert_eq!(sender.force_push(1), Ok(None));
    assert_eq!(sender.force_push(2), Ok(None));
    assert_eq!(sender.force_push(3), Ok(Some(1)));
    assert_eq!(receiver.try_pop(), Popped::Item(2));
    assert_eq!(receiver.try_pop(), Popped::Item(3));
}

#[test]
fn a_closed_pipe_is_drained_first() {
    let (mut sender, mut receiver) = ends(4);
    assert_eq!(sender.try_push(1), Ok(()));
    assert_eq!(receiver.try_pop(), Popped::Item(1));
    assert_eq!(receiver.try_pop(), Popped::Empty);
    assert_eq!(sender.try_push(2), Ok(()));
    drop(sender);
    assert_eq!(receiver.try_pop(), Popped::Item(2));
    assert_eq!(receiver.try_pop(), Popped::Closed);
    assert!(receiver.is_ready(), "the end is something to wake up for");
}

#[test]
fn a_pipe_without_one_side_is_closed() {
    let (_, mut receivers) = pipe::<u8>(NonZeroUsize::MIN, &[], &signals(1));
    assert_eq!(receivers[0].try_pop(), Popped::Closed);
    let (mut senders, _) = pipe(NonZeroUsize::MIN, &signals(1), &[]);
    assert_eq!(senders[0].try_push(1), Err(Refused::Closed(1)));
}

#[test]
fn close_wakes_every_consumer() {
    let (from, to) = (signals(2), signals(3));
    let (senders, receivers) = pipe::<u8>(NonZeroUsize::MIN, &from, &to);
    thread::scope(|scope| {
        for (signal, mut receiver) in to.iter().zip(receivers) {
            scope.spawn(move || drain(signal, &mut receiver, |_| ()));
        }
        to.iter().for_each(until_asleep);
        drop(senders);
    });
}

#[test]
fn close_wakes_every_producer_and_hands_its_item_back() {
    let (from, to) = (signals(3), signals(2));
    let (mut senders, receivers) = pipe(NonZeroUsize::MIN, &from, &to);
    assert_eq!(senders[0].try_push(9), Ok(()));
    thread::scope(|scope| {
        for (item, (signal, mut sender)) in from.iter().zip(senders).enumerate() {
            scope.spawn(move || assert_eq!(push(signal, &mut sender, item), Err(item)));
        }
        from.iter().for_each(until_asleep);
        drop(receivers);
    });
}

#[test]
fn destructors_run_once_however_the_pipe_ends() {
    for keep_sender in [true, false] {
        let drops = Arc::new(AtomicUsize::new(0));
        let (mut sender, receiver) = ends(8);
        for number in 0..5 {
            assert!(sender.try_push(Item { producer: 0, number, drops: drops.clone() }).is_ok());
        }
        let sender = keep_sender.then_some(sender);
        drop(receiver);
        assert_eq!(drops.load(Relaxed), 5);
        drop(sender);
        assert_eq!(drops.load(Relaxed), 5);
    }
}

#[test]
fn a_push_that_meets_the_close_is_refused_or_dropped() {
    for round in 0..2000 {
        let drops = Arc::new(AtomicUsize::new(0));
        let (mut sender, receiver) = ends(4);
        let item = Item { producer: 0, number: round, drops: drops.clone() };
        thread::scope(|scope| {
            scope.spawn(move || drop(receiver));
            if let Err(Refused::Closed(back) | Refused::Full(back)) = sender.try_push(item) {
                assert_eq!((back.number, drops.load(Relaxed)), (round, 0));
            }
        });
        drop(sender);
        assert_eq!(drops.load(Relaxed), 1);
    }
}

#[test]
fn a_nearly_empty_pipe_is_announced_by_flush_or_at_a_quarter() {
    for flush in [true, false] {
        let (from, to) = (signals(1), signals(1));
        let (mut senders, mut receivers) = pipe(NonZeroUsize::new(400).unwrap(), &from, &to);
        thread::scope(|scope| {
            let sender = &mut senders[0];
            let receiver = &mut receivers[0];
            let consumer = scope.spawn(|| to[0].wait_until(None, || receiver.is_ready()));
            until_asleep(&to[0]);
            let pushes = if flush { 1 } else { 100 };
            (0..pushes).for_each(|n| assert_eq!(sender.try_push(n), Ok(())));
            if flush {
                sender.flush();
            }
            assert!(consumer.join().unwrap());
        });
    }
}

#[test]
fn a_push_after_a_millisecond_of_silence_is_announced() {
    let (from, to) = (signals(1), signals(1));
    let (mut senders, receivers) = pipe(NonZeroUsize::new(400).unwrap(), &from, &to);
    thread::scope(|scope| {
        let consumer = scope.spawn(|| to[0].wait_until(None, || receivers[0].is_ready()));
        until_asleep(&to[0]);
        assert_eq!(senders[0].try_push(1), Ok(()));
        thread::sleep(Duration::from_millis(2));
        assert_eq!(senders[0].try_push(2), Ok(()));
        assert!(consumer.join().unwrap());
    });
}

/// A stage that waits for room further down is left alone by what arrives at its own input.
#[test]
fn a_push_does_not_wake_who_waits_for_something_else() {
    let (from, to) = (signals(1), signals(1));
    let (mut senders, receivers) = pipe(NonZeroUsize::new(4).unwrap(), &from, &to);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| to[0].wait_until(None, || done.load(Relaxed)));
        until_asleep(&to[0]);
        (0..4).for_each(|n| assert_eq!(senders[0].try_push(n), Ok(())));
        assert!(to[0].is_sleeping(), "the push woke a waiter that did not ask");
        done.store(true, Relaxed);
        to[0].wake();
    });
    drop(receivers);
}

#[test]
fn a_deadline_ends_the_wait_for_a_pipe() {
    let (_sender, receiver) = ends::<u8>(1);
    let signal = Signal::new();
    assert!(!signal.wait_until(Some(Instant::now() + Duration::from_millis(5)), || receiver.is_ready()));
}
