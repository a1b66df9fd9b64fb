//! How late packets left.

use std::time::Duration;

use sluice_core::histogram::{BUCKETS, bucket, reached};

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
        Duration::from_nanos(reached(self.buckets.iter().copied(), wanted)).min(self.most)
    }

    /// How late the latest of them was.
    pub fn most(&self) -> Duration {
        self.most
    }
}

#[cfg(test)]
mod tests {
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
}
