//! Every interleaving of waiting and waking, on the code that ships. Runs under `--cfg loom` only.
//!
//! Nothing here asserts that a thread wakes up: where one does not, loom reports a deadlock.
#![cfg(loom)]

use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::thread;
use sluice_queue::{Popped, Receiver, Refused, Sender, Signal, pipe};

/// Tries every interleaving, or every one with up to so many preemptions where all of them would take minutes.
fn check(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

/// The models that must fail do: otherwise those that pass would prove nothing.
///
/// Each runs in a process of its own, for loom cannot unwind the threads of a deadlocked model and aborts.
#[test]
fn broken_protocols_are_caught() {
    let broken = [
        "without_the_second_look_a_wake_is_lost",
        "a_silent_push_without_flush_is_slept_through",
        "a_silent_pop_without_flush_is_slept_through",
        "a_consumer_that_turns_away_without_flush_leaves_the_other_asleep",
    ];
    for name in broken {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--ignored", "--nocapture"])
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("deadlock"), "{name} was not caught:\n{said}");
    }
}

fn one_to_one(capacity: usize) -> (Signal, Signal, Sender<u8>, Receiver<u8>) {
    let (producer, consumer) = (Signal::new(), Signal::new());
    let capacity = NonZeroUsize::new(capacity).unwrap();
    let (mut senders, mut receivers) = pipe(capacity, &[producer.clone()], &[consumer.clone()]);
    (producer, consumer, senders.remove(0), receivers.remove(0))
}

/// Pops to the end, waiting whenever there is nothing.
fn drain(signal: &Signal, receiver: &mut Receiver<u8>) -> Vec<u8> {
    let mut items = Vec::new();
    loop {
        match receiver.try_pop() {
            Popped::Item(item) => items.push(item),
            Popped::Empty => drop(signal.wait_until(None, || receiver.is_ready())),
            Popped::Closed => return items,
        }
    }
}

/// Pushes, waiting for room as long as it takes; false when the pipe is closed.
fn push(signal: &Signal, sender: &mut Sender<u8>, mut item: u8) -> bool {
    loop {
        match sender.try_push(item) {
            Ok(()) => return true,
            Err(Refused::Closed(_)) => return false,
            Err(Refused::Full(back)) => item = back,
        }
        sender.flush();
        signal.wait_until(None, || sender.has_room());
    }
}

#[test]
fn a_wake_is_not_lost() {
    check(None, || {
        let (signal, flag) = (Signal::new(), Arc::new(AtomicBool::new(false)));
        let waker = thread::spawn({
            let (signal, flag) = (signal.clone(), flag.clone());
            move || {
                flag.store(true, Relaxed);
                signal.wake();
            }
        });
        assert!(signal.wait_until(None, || flag.load(Relaxed)));
        waker.join().unwrap();
    });
}

#[test]
fn two_wakes_for_two_things_are_not_lost() {
    check(Some(3), || {
        let signal = Signal::new();
        let flags = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
        let wakers = flags.clone().map(|flag| {
            let signal = signal.clone();
            thread::spawn(move || {
                flag.store(true, Relaxed);
                signal.wake();
            })
        });
        assert!(signal.wait_until(None, || flags.iter().all(|flag| flag.load(Relaxed))));
        wakers.map(|waker| waker.join().unwrap());
    });
}

/// The closure hides the truth at every second look, which is what leaving that look out comes to.
#[test]
#[ignore = "deadlocks on purpose; run by broken_protocols_are_caught"]
fn without_the_second_look_a_wake_is_lost() {
    check(None, || {
        let (signal, flag) = (Signal::new(), Arc::new(AtomicBool::new(false)));
        let waker = thread::spawn({
            let (signal, flag) = (signal.clone(), flag.clone());
            move || {
                flag.store(true, Relaxed);
                signal.wake();
            }
        });
        let mut looks = 0;
        signal.wait_until(None, || {
            looks += 1;
            looks % 2 == 1 && flag.load(Relaxed)
        });
        waker.join().unwrap();
    });
}

#[test]
fn a_push_reaches_a_consumer_that_falls_asleep() {
    check(None, || {
        let (_, theirs, mut sender, mut receiver) = one_to_one(1);
        let consumer = thread::spawn(move || {
            theirs.wait_until(None, || receiver.is_ready());
            assert_eq!(receiver.try_pop(), Popped::Item(1));
        });
        assert_eq!(sender.try_push(1), Ok(()));
        consumer.join().unwrap();
    });
}

#[test]
fn a_silent_push_is_announced_by_flush() {
    check(None, || {
        let (_, theirs, mut sender, mut receiver) = one_to_one(8);
        let consumer = thread::spawn(move || {
            theirs.wait_until(None, || receiver.is_ready());
            assert_eq!(receiver.try_pop(), Popped::Item(1));
        });
        assert_eq!(sender.try_push(1), Ok(()));
        sender.flush();
        consumer.join().unwrap();
    });
}

/// Why the flush before waiting is a rule and not advice.
#[test]
#[ignore = "deadlocks on purpose; run by broken_protocols_are_caught"]
fn a_silent_push_without_flush_is_slept_through() {
    check(None, || {
        let (_, theirs, mut sender, mut receiver) = one_to_one(8);
        let consumer = thread::spawn(move || {
            theirs.wait_until(None, || receiver.is_ready());
        });
        assert_eq!(sender.try_push(1), Ok(()));
        consumer.join().unwrap();
    });
}

#[test]
fn a_pop_reaches_a_producer_that_falls_asleep() {
    check(Some(3), || {
        let (ours, theirs, mut sender, mut receiver) = one_to_one(1);
        let consumer = thread::spawn(move || drain(&theirs, &mut receiver));
        for item in 1..=2 {
            assert!(push(&ours, &mut sender, item));
        }
        drop(sender);
        assert_eq!(consumer.join().unwrap(), [1, 2]);
    });
}

/// Above half full the pop is silent; the consumer then waits for something else, as it may after a flush only.
fn leave_after_one_pop(flush: bool) {
    check(None, move || {
        let (ours, _, mut sender, mut receiver) = one_to_one(4);
        for item in 1..=4 {
            assert_eq!(sender.try_push(item), Ok(()));
        }
        let producer = thread::spawn(move || {
            ours.wait_until(None, || sender.has_room());
            assert_eq!(sender.try_push(5), Ok(()));
        });
        assert_eq!(receiver.try_pop(), Popped::Item(1));
        if flush {
            receiver.flush();
        }
        producer.join().unwrap();
    });
}

#[test]
fn a_silent_pop_is_announced_by_flush() {
    leave_after_one_pop(true);
}

#[test]
#[ignore = "deadlocks on purpose; run by broken_protocols_are_caught"]
fn a_silent_pop_without_flush_is_slept_through() {
    leave_after_one_pop(false);
}

#[test]
fn close_wakes_the_consumer() {
    check(Some(3), || {
        let (_, theirs, sender, mut receiver) = one_to_one(4);
        let consumer = thread::spawn(move || drain(&theirs, &mut receiver));
        drop(sender);
        assert!(consumer.join().unwrap().is_empty());
    });
}

#[test]
fn an_item_pushed_before_the_close_arrives() {
    check(Some(3), || {
        let (_, theirs, mut sender, mut receiver) = one_to_one(8);
        let consumer = thread::spawn(move || drain(&theirs, &mut receiver));
        assert_eq!(sender.try_push(1), Ok(()));
        drop(sender);
        assert_eq!(consumer.join().unwrap(), [1]);
    });
}

#[test]
fn close_wakes_the_producer() {
    check(Some(3), || {
        let (ours, _, mut sender, receiver) = one_to_one(1);
        let consumer = thread::spawn(move || drop(receiver));
        while push(&ours, &mut sender, 1) {}
        consumer.join().unwrap();
    });
}

#[test]
fn two_producers_lose_nothing_and_both_get_room() {
    check(Some(2), || {
        let signals = [Signal::new(), Signal::new()];
        let theirs = Signal::new();
        let (senders, mut receivers) = pipe(NonZeroUsize::MIN, &signals, &[theirs.clone()]);
        let mut receiver = receivers.remove(0);
        let producers: Vec<_> = (1..)
            .zip(signals.into_iter().zip(senders))
            .map(|(item, (signal, mut sender))| {
                thread::spawn(move || assert!(push(&signal, &mut sender, item)))
            })
            .collect();
        let mut items = drain(&theirs, &mut receiver);
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    });
}

#[test]
fn two_consumers_share_what_one_producer_announces() {
    check(Some(2), || {
        let signals = [Signal::new(), Signal::new()];
        let (mut senders, receivers) = pipe(NonZeroUsize::new(8).unwrap(), &[Signal::new()], &signals);
        let mut sender = senders.remove(0);
        // Each takes exactly one item, so an item announced to nobody, or twice to the same one, leaves one asleep.
        let consumers: Vec<_> = signals
            .into_iter()
            .zip(receivers)
            .map(|(signal, mut receiver)| {
                thread::spawn(move || {
                    loop {
                        match receiver.try_pop() {
                            Popped::Item(_) => return,
                            Popped::Empty => drop(signal.wait_until(None, || receiver.is_ready())),
                            Popped::Closed => panic!("closed before both had an item"),
                        }
                    }
                })
            })
            .collect();
        for item in 1..=2 {
            assert_eq!(sender.try_push(item), Ok(()));
            sender.flush();
        }
        consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
    });
}

/// A consumer that was woken for an item may turn to another pipe first, and wait there. The other consumer is the one
/// that then has to get the item, and here the first does not move on before it has.
fn turn_away(flush: bool) {
    check(Some(3), move || {
        let signals = [Signal::new(), Signal::new()];
        let (mut senders, mut receivers) = pipe(NonZeroUsize::new(8).unwrap(), &[Signal::new()], &signals);
        let (mut sender, mut second, mut first) =
            (senders.remove(0), receivers.remove(1), receivers.remove(0));
        let [theirs, others] = signals;
        let taken = Arc::new(AtomicBool::new(false));
        let taking = thread::spawn({
            let (taken, theirs) = (taken.clone(), theirs.clone());
            move || {
                others.wait_until(None, || second.is_ready());
                let popped = second.try_pop();
                taken.store(true, Relaxed);
                theirs.wake();
                assert_eq!(popped, Popped::Item(1));
                second
            }
        });
        let pushing = thread::spawn(move || {
            assert_eq!(sender.try_push(1), Ok(()));
            sender.flush();
            sender
        });
        theirs.wait_until(None, || first.is_ready() || taken.load(Relaxed));
        if flush {
            first.flush();
        }
        theirs.wait_until(None, || taken.load(Relaxed));
        drop((pushing.join().unwrap(), taking.join().unwrap()));
    });
}

#[test]
fn a_consumer_that_turns_away_passes_the_item_on() {
    turn_away(true);
}

#[test]
#[ignore = "deadlocks on purpose; run by broken_protocols_are_caught"]
fn a_consumer_that_turns_away_without_flush_leaves_the_other_asleep() {
    turn_away(false);
}

/// The item is refused or dropped with the pipe: loom counts the last handle of `witness`, and a leak fails the model.
#[test]
fn a_push_that_meets_the_close_leaks_nothing() {
    check(None, || {
        let witness = Arc::new(());
        let (mut senders, mut receivers) = pipe(NonZeroUsize::MIN, &[Signal::new()], &[Signal::new()]);
        let (mut sender, receiver) = (senders.remove(0), receivers.remove(0));
        let consumer = thread::spawn(move || drop(receiver));
        match sender.try_push(witness.clone()) {
            Ok(()) => {}
            Err(Refused::Closed(item)) => drop(item),
            Err(Refused::Full(_)) => panic!("an empty pipe was full"),
        }
        consumer.join().unwrap();
        drop(sender);
        assert_eq!(Arc::strong_count(&witness), 1);
    });
}
