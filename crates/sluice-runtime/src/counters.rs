//! Counters: written by the one thread that runs a stage, read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sluice_core::{Progress, Tally};

/// What one instance of a stage did, as last published. Aligned so that no two threads write the same cache line.
#[repr(align(128))]
#[derive(Debug, Default)]
pub(crate) struct Counters {
    taken: AtomicU64,
    taken_bytes: AtomicU64,
    passed: AtomicU64,
    passed_bytes: AtomicU64,
    created: AtomicU64,
    errors: AtomicU64,
    held: AtomicU64,
    lost: AtomicU64,
    failed: AtomicU64,
    blocked_ns: AtomicU64,
    idle_ns: AtomicU64,
    cpu_ns: AtomicU64,
    ended_ns: AtomicU64,
    /// Since when its thread waits, in ns of the run, above two bits that say for what; 0 while it works.
    waiting: AtomicU64,
    progress_done: AtomicU64,
    /// The total plus one; 0 while it is unknown.
    progress_total: AtomicU64,
    dropped: Box<[AtomicU64]>,
}

/// A copy of the counters at some moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub tally: Tally,
    /// Items dropped because the stage had failed and the rest went on without it.
    pub failed: u64,
    pub blocked: Duration,
    pub idle: Duration,
    pub cpu: Duration,
    /// How long its thread ran, once it has ended.
    pub ended: Option<Duration>,
    pub progress: Progress,
}

impl Counters {
    pub fn new(reasons: usize) -> Self {
        Self { dropped: (0..reasons).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    // Relaxed everywhere: each number stands for itself, and a reader needs no order between them.
    pub fn publish(&self, tally: &Tally, failed: u64) {
        self.taken.store(tally.taken, Ordering::Relaxed);
        self.taken_bytes.store(tally.taken_bytes, Ordering::Relaxed);
        self.passed.store(tally.passed, Ordering::Relaxed);
        self.passed_bytes.store(tally.passed_bytes, Ordering::Relaxed);
        self.created.store(tally.created, Ordering::Relaxed);
        self.errors.store(tally.errors, Ordering::Relaxed);
        self.held.store(tally.held, Ordering::Relaxed);
        self.lost.store(tally.lost, Ordering::Relaxed);
        self.failed.store(failed, Ordering::Relaxed);
        for (cell, count) in self.dropped.iter().zip(&tally.dropped) {
            cell.store(*count, Ordering::Relaxed);
        }
    }

    pub fn publish_progress(&self, progress: Progress) {
        self.progress_done.store(progress.done, Ordering::Relaxed);
        self.progress_total.store(progress.total.map_or(0, |t| t.saturating_add(1)), Ordering::Relaxed);
    }

    pub fn publish_times(&self, times: &Times) {
        let since = times.waiting.map_or(0, |(wait, since)| {
            let after = since.saturating_duration_since(times.began).as_nanos() as u64;
            (after << 2) | if wait == Wait::Room { 1 } else { 2 }
        });
        self.waiting.store(since, Ordering::Relaxed);
        self.blocked_ns.store(times.blocked.as_nanos() as u64, Ordering::Relaxed);
        self.idle_ns.store(times.idle.as_nanos() as u64, Ordering::Relaxed);
        self.cpu_ns.store(thread_cpu().as_nanos() as u64, Ordering::Relaxed);
    }

    pub fn publish_end(&self, after: Duration) {
        self.ended_ns.store((after.as_nanos() as u64).max(1), Ordering::Relaxed);
    }

    /// Copies the counters, `elapsed` after the run began; a wait that goes on is counted up to then.
    pub fn read(&self, elapsed: Duration) -> Reading {
        let get = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        let time = |cell: &AtomicU64| Duration::from_nanos(get(cell));
        let waiting = get(&self.waiting);
        let waits = |kind: u64| match waiting & 3 == kind {
            true => elapsed.saturating_sub(Duration::from_nanos(waiting >> 2)),
            false => Duration::ZERO,
        };
        Reading {
            tally: Tally {
                taken: get(&self.taken),
                taken_bytes: get(&self.taken_bytes),
                passed: get(&self.passed),
                passed_bytes: get(&self.passed_bytes),
                created: get(&self.created),
                errors: get(&self.errors),
                held: get(&self.held),
                lost: get(&self.lost),
                dropped: self.dropped.iter().map(get).collect(),
            },
            failed: get(&self.failed),
            blocked: time(&self.blocked_ns) + waits(1),
            idle: time(&self.idle_ns) + waits(2),
            cpu: time(&self.cpu_ns),
            ended: Some(time(&self.ended_ns)).filter(|t| !t.is_zero()),
            progress: Progress {
                done: get(&self.progress_done),
                total: get(&self.progress_total).checked_sub(1),
            },
        }
    }
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Room in a pipe, or memory.
    Room,
    /// Something to do.
    Input,
}

/// Where a thread's time went, counted only when it waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub began: Instant,
    blocked: Duration,
    idle: Duration,
    waiting: Option<(Wait, Instant)>,
}

impl Times {
    /// For a run that began then.
    pub fn new(began: Instant) -> Self {
        Self { began, blocked: Duration::ZERO, idle: Duration::ZERO, waiting: None }
    }

    /// A wait begins.
    pub fn begin(&mut self, wait: Wait) {
        self.waiting = Some((wait, Instant::now()));
    }

    /// The wait is over.
    pub fn end(&mut self) {
        match self.waiting.take() {
            Some((Wait::Room, since)) => self.blocked += since.elapsed(),
            Some((Wait::Input, since)) => self.idle += since.elapsed(),
            None => {}
        }
    }
}

/// The CPU time that the calling thread has used.
fn thread_cpu() -> Duration {
    used(ClockId::ThreadCPUTime)
}

/// The CPU time that the process has used.
pub(crate) fn process_cpu() -> Duration {
    used(ClockId::ProcessCPUTime)
}

fn used(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
