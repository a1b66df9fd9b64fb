//! How late packets left.

use std::time::Duration;

/// Parts of each power of two: what is told is at most this part too high.
const STEPS: u64 = 16;
/// Of these there are as many as it takes for any number of nanoseconds.
const BUCKETS: usize = STEPS as usize * 61;

/// How late packets left, as a histogram.
#[derive(Debug)]
pub(super) struct Lateness {
    buckets: Vec<u64>,
    packets: u64,
    total: u128,
    most: Duration,
}

impl Lateness {
    pub fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], packets: 0, total: 0, most: Duration::ZERO }
    }

    /// A packet left so much after it was due.
    pub fn record(&mut self, late: Duration) {
        let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.buckets.get_mut(bucket(nanos)) {
            *count += 1;
        }
        self.packets += 1;
        self.total += u128::from(nanos);
        self.most = self.most.max(late);
    }

    /// How late they were on average.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.total.checked_div(self.packets.into()).unwrap_or_default() as u64)
    }

    /// How late all but a hundredth of them were at most.
    pub fn p99(&self) -> Duration {
        let wanted = self.packets - self.packets / 100;
        let mut seen = 0;
        let reaches = |count: &u64| {
            seen += count;
            seen >= wanted
        };
        let found = self.buckets.iter().position(reaches).unwrap_or_default();
        Duration::from_nanos(most(found)).min(self.most)
    }

    /// How late the latest of them was.
    pub fn most(&self) -> Duration {
        self.most
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEPS.ilog2();
    ((u64::from(shift) + 1) * STEPS + (nanos >> shift) - STEPS) as usize
}

/// The most that is in a bucket.
fn most(bucket: usize) -> u64 {
    let (power, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    match power.checked_sub(1) {
        None => step,
        Some(shift) => {
            let end = u128::from(STEPS + step + 1) << shift;
            u64::try_from(end - 1).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_average_a_percentile_and_the_largest() {
        let mut late = Lateness::new();
        assert_eq!((late.mean(), late.p99(), late.most()), Default::default());
        for _ in 0..99 {
            late.record(Duration::from_nanos(10));
        }
        late.record(Duration::from_micros(1));
        assert_eq!(late.mean(), Duration::from_nanos(19));
        assert_eq!((late.p99(), late.most()), (Duration::from_nanos(10), Duration::from_micros(1)));
        late.record(Duration::MAX);
        assert_eq!(late.most(), Duration::MAX);
    }

    proptest! {
        #[test]
        fn what_is_told_is_a_sixteenth_too_high_at_most(nanos in any::<u64>()) {
            let told = most(bucket(nanos));
            prop_assert!(told >= nanos);
            prop_assert!(told - nanos <= nanos / 16, "{nanos}: {told}");
            prop_assert!(bucket(nanos) < BUCKETS);
        }
    }
}
