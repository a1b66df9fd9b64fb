//! How long batches take from their source to a sink, as a histogram.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Parts of each power of two: what is told is at most this part too high.
const STEPS: u32 = 16;
/// Times below this are told exactly, in microseconds.
const BUCKETS: usize = (STEPS * 30) as usize;

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
            if let Some(bucket) = self.buckets.get(bucket(took)) {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn read(&self) -> Latencies {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let batches: u64 = counts.iter().sum();
        let at = |part: f64| {
            let wanted = ((batches as f64 * part).ceil() as u64).max(1);
            let mut seen = 0;
            let reaches = |count: &u64| {
                seen += count;
                seen >= wanted
            };
            counts.iter().position(reaches).map_or(0, most)
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

fn bucket(took: u32) -> usize {
    if took < STEPS {
        return took as usize;
    }
    let power = took.ilog2();
    let step = (took >> (power - STEPS.ilog2())) - STEPS;
    ((power - STEPS.ilog2() + 1) * STEPS + step) as usize
}

/// The longest time of a bucket.
fn most(bucket: usize) -> u64 {
    let (power, step) = (bucket as u64 / u64::from(STEPS), bucket as u64 % u64::from(STEPS));
    match power.checked_sub(1) {
        None => step,
        Some(shift) => ((u64::from(STEPS) + step + 1) << shift) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_bucket_that_tells_little_more() {
        for took in (0..2000).chain([u32::MAX / 3, u32::MAX]) {
            let told = most(bucket(took));
            assert!(bucket(took) < BUCKETS);
            assert!(
                told >= u64::from(took) && told <= u64::from(took) + u64::from(took / STEPS),
                "{took}: {told}"
            );
        }
    }

    #[test]
    fn percentiles_are_told_of_what_was_recorded() {
        let latency = Latency::new(Instant::now());
        assert_eq!(latency.read(), Latencies::default());
        for (took, times) in [(3, 50), (7, 40), (12, 9), (15, 1)] {
            latency.buckets[bucket(took)].store(times, Ordering::Relaxed);
        }
        assert_eq!(latency.read(), Latencies { batches: 100, p50: 3, p90: 7, p99: 12, max: 15 });
    }
}
