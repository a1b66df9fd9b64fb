//! How long batches take from their source to a sink, as a histogram.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sluice_core::histogram::{BUCKETS, bucket, reached};

/// Times in microseconds. Written by the threads of sinks while a run is measured.
#[derive(Debug)]
pub(crate) struct Latency {
    began: Instant,
    buckets: Vec<AtomicU64>,
}

/// How long batches took from their source until a sink had them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// How many were measured.
    pub batches: u64,
    /// Half of them took at most this long, in microseconds.
    pub p50: u64,
    /// 90 % of them.
    pub p90: u64,
    /// 99 % of them.
    pub p99: u64,
    /// All of them.
    pub max: u64,
}

impl Latency {
    pub fn new(began: Instant) -> Self {
        Self { began, buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The time to stamp on what is emitted now: never 0.
    pub fn now(&self) -> u32 {
        (self.began.elapsed().as_micros() as u32).max(1)
    }

    /// A batch that was stamped with this time has arrived.
    pub fn record(&self, born: u32) {
        if born > 0 {
            let took = self.now().wrapping_sub(born);
            if let Some(bucket) = self.buckets.get(bucket(took.into())) {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn read(&self) -> Latencies {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let batches: u64 = counts.iter().sum();
        let at = |part: f64| {
            let wanted = ((batches as f64 * part).ceil() as u64).max(1);
            reached(counts.iter().copied(), wanted)
        };
        Latencies { batches, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// The most memory that the process held since it began, in bytes.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
