//! What a signal promises beyond what the model check proves: descriptors, deadlines, and idling for free.
#![cfg(not(loom))]

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sluice_queue::{Readable, Signal};

fn both_kinds() -> io::Result<[Signal; 2]> {
    Ok([Signal::new(), Signal::with_eventfd()?])
}

fn until_asleep(signal: &Signal) {
    while !signal.is_sleeping() {
        thread::yield_now();
    }
}

fn cpu_time() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(used).unwrap_or_default()
}

#[test]
fn a_wake_ends_the_wait() {
    for signal in both_kinds().unwrap() {
        let flag = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| signal.wait_until(None, || flag.load(Relaxed)));
            until_asleep(&signal);
            flag.store(true, Relaxed);
            signal.wake();
            assert!(waiter.join().unwrap());
        });
        assert!(!signal.is_sleeping());
    }
}

#[test]
fn a_wake_without_a_change_does_not_end_the_wait() {
    for signal in both_kinds().unwrap() {
        let flag = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| signal.wait_until(None, || flag.load(Relaxed)));
            for _ in 0..100 {
                until_asleep(&signal);
                signal.wake();
            }
            assert!(!waiter.is_finished());
            flag.store(true, Relaxed);
            signal.wake();
            assert!(waiter.join().unwrap());
        });
    }
}

#[test]
fn a_deadline_ends_the_wait_but_not_early() {
    for signal in both_kinds().unwrap() {
        let deadline = Instant::now() + Duration::from_millis(20);
        assert!(!signal.wait_until(Some(deadline), || false));
        assert!(Instant::now() >= deadline);
        assert!(!signal.wait_until(Some(deadline), || false), "a deadline in the past is a question");
        assert!(signal.wait_until(Some(deadline), || true));
    }
}

#[test]
fn an_idle_waiter_uses_no_cpu() {
    for signal in both_kinds().unwrap() {
        let before = cpu_time();
        assert!(!signal.wait_until(Some(Instant::now() + Duration::from_millis(400)), || false));
        let used = cpu_time() - before;
        assert!(used < Duration::from_millis(40), "{used:?} of processor time for doing nothing");
    }
}

#[test]
fn an_idle_waiter_on_a_descriptor_uses_no_cpu() {
    let signal = Signal::with_eventfd().unwrap();
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let stop = AtomicBool::new(false);
    // A wake-up from earlier must not keep the descriptor readable.
    thread::scope(|scope| {
        let waiter = scope.spawn({
            let (signal, stop, reader) = (&signal, &stop, &reader);
            move || {
                let _ = signal.wait_readable(reader.as_fd(), None, || stop.load(Relaxed));
                let before = cpu_time();
                let deadline = Instant::now() + Duration::from_millis(400);
                let reason = signal.wait_readable(reader.as_fd(), Some(deadline), || false);
                (reason.unwrap(), cpu_time() - before)
            }
        });
        until_asleep(&signal);
        stop.store(true, Relaxed);
        signal.wake();
        let (reason, used) = waiter.join().unwrap();
        assert_eq!(reason, Readable::Deadline);
        assert!(used < Duration::from_millis(40), "{used:?} of processor time for doing nothing");
    });
}

#[test]
fn a_readable_descriptor_ends_the_wait() {
    let signal = Signal::with_eventfd().unwrap();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| signal.wait_readable(reader.as_fd(), None, || false));
        until_asleep(&signal);
        rustix::io::write(&writer, b"x").unwrap();
        assert_eq!(waiter.join().unwrap().unwrap(), Readable::Fd);
    });
    let past = Some(Instant::now());
    assert_eq!(signal.wait_readable(reader.as_fd(), past, || false).unwrap(), Readable::Fd);
    assert_eq!(signal.wait_readable(reader.as_fd(), past, || true).unwrap(), Readable::Ready);
    rustix::io::read(&reader, &mut [0u8; 1]).unwrap();
    assert_eq!(signal.wait_readable(reader.as_fd(), past, || false).unwrap(), Readable::Deadline);
    drop(writer);
    assert_eq!(
        signal.wait_readable(reader.as_fd(), None, || false).unwrap(),
        Readable::Fd,
        "a hang-up counts"
    );
}

#[test]
fn a_parking_signal_refuses_descriptors() {
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let error = Signal::new().wait_readable(reader.as_fd(), None, || true).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
}

#[test]
fn a_descriptor_that_can_be_written_ends_the_wait() {
    let signal = Signal::with_eventfd().unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    let now = Some(Instant::now());
    assert_eq!(signal.wait_writable(near.as_fd(), now, || false).unwrap(), Readable::Fd);
    near.set_nonblocking(true).unwrap();
    while (&near).write(&[0; 4096]).is_ok() {}
    assert_eq!(signal.wait_writable(near.as_fd(), now, || false).unwrap(), Readable::Deadline);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| signal.wait_writable(near.as_fd(), None, || false).unwrap());
        until_asleep(&signal);
        // The waiter may need some time to end after the last byte, when there is nothing left to wait for here.
        far.set_nonblocking(true).unwrap();
        let mut room = vec![0; 1 << 20];
        while !waiter.is_finished() {
            let _ = (&far).read(&mut room);
            thread::yield_now();
        }
        assert_eq!(waiter.join().unwrap(), Readable::Fd);
    });
}
