//! How many there were in each of the last seconds.

use sluice_core::view::{Rate, SECONDS};

/// A count for each of the last seconds, the one that is under way first.
#[derive(Clone, Debug, Default)]
pub(super) struct Seconds {
    second: Option<i64>,
    counts: [u64; SECONDS],
}

impl Seconds {
    /// Counts so many at this time, in ns since the epoch.
    pub fn add(&mut self, now: i64, count: u64) {
        let second = now.div_euclid(1_000_000_000);
        let behind = self.second.map_or(0, |last| second.saturating_sub(last));
        let behind = usize::try_from(behind).unwrap_or_default().min(SECONDS);
        self.counts.rotate_right(behind % SECONDS);
        self.counts.iter_mut().take(behind).for_each(|count| *count = 0);
        self.second = Some(self.second.map_or(second, |last| last.max(second)));
        if let Some(current) = self.counts.first_mut() {
            *current += count;
        }
    }

    pub fn show(&self, name: &str) -> Rate {
        Rate::new(name, "packets", self.second, self.counts.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_move_on() {
        let mut seconds = Seconds::default();
        for (time, count) in [(10, 1), (10, 2), (11, 4), (13, 8), (9, 16)] {
            seconds.add(time * 1_000_000_000, count);
        }
        assert_eq!(seconds.counts, [24, 0, 4, 3, 0, 0, 0, 0]);
        assert_eq!((seconds.show("x").second, seconds.show("x").per_second), (Some(13), 0));
        seconds.add(14_000_000_000, 0);
        assert_eq!(seconds.show("x").per_second, 24);
        seconds.add(99_000_000_000, 5);
        assert_eq!(seconds.counts, [5, 0, 0, 0, 0, 0, 0, 0]);
    }
}
