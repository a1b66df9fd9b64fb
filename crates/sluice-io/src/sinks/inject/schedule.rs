//! When each packet is due.

use std::time::Duration;

use sluice_core::quantity::Speed;

/// A source that was slower than this behind a rate is waited for; what it could not give in time is not caught up with.
const STARVED: Duration = Duration::from_millis(10);

/// When each packet is due, since the run began. Every time is counted from the first packet, so that no error adds up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    speed: Speed,
    /// The longest gap between two packets as it was captured, in ns.
    longest: u64,
    /// When the first packet was due.
    origin: Option<Duration>,
    /// Of the packets that went: the latest time of capture in this loop.
    latest: Option<i64>,
    /// Of the packets that went: the time that passed while they were captured, in ns, or how many packets or bits.
    position: u64,
}

impl Schedule {
    /// At a speed, with no gap longer than this.
    pub fn new(speed: Speed, longest_gap: Option<Duration>) -> Self {
        let factor = if let Speed::Times(factor) = speed { factor } else { 1.0 };
        // Both ends of the conversion saturate.
        let longest = longest_gap.map_or(u64::MAX, |gap| (gap.as_nanos() as f64 * factor) as u64);
        Self { speed, longest, origin: None, latest: None, position: 0 }
    }

    /// Whether packets are due at any time at all.
    pub fn paces(&self) -> bool {
        self.speed != Speed::FlatOut
    }

    /// When the next packet is due, captured at this `time`: `now`, if it is the first.
    pub fn due(&mut self, time: i64, now: Duration) -> Duration {
        let origin = *self.origin.get_or_insert(now);
        let after = match self.speed {
            Speed::FlatOut => return Duration::ZERO,
            Speed::Times(factor) => (self.position.saturating_add(self.gap(time))) as f64 / factor,
            Speed::Packets(rate) | Speed::Bits(rate) => self.position as f64 * 1e9 / rate,
        };
        origin.saturating_add(Duration::from_nanos(after as u64))
    }

    /// That packet went: captured at this `time`, so many bytes of it.
    pub fn went(&mut self, time: i64, bytes: usize) {
        let by = match self.speed {
            Speed::FlatOut => return,
            Speed::Times(_) => self.gap(time),
            Speed::Packets(_) => 1,
            Speed::Bits(_) => 8 * bytes as u64,
        };
        self.position = self.position.saturating_add(by);
        self.latest = self.latest.max(Some(time));
    }

    /// The packets begin anew: the next one follows at once on the one before it.
    pub fn rewind(&mut self) {
        self.latest = None;
    }

    /// There is a packet again, captured at this `time`, after there was none since the moment `idle`. A rate is never exceeded
    /// to make up for that.
    pub fn awaited(&mut self, time: i64, idle: Duration, now: Duration) {
        if let Speed::Packets(_) | Speed::Bits(_) = self.speed {
            let behind = now.saturating_sub(self.due(time, now).max(idle));
            if behind > STARVED {
                self.origin = self.origin.map(|origin| origin.saturating_add(behind));
            }
        }
    }

    /// The time between the packets before and this one. One that was captured before any of them is no reason to wait.
    fn gap(&self, time: i64) -> u64 {
        self.latest.map_or(0, |latest| i128::from(time) - i128::from(latest)).clamp(0, self.longest.into())
            as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const BEGAN: Duration = Duration::from_secs(7);

    /// When packets are due that were captured at these times, in ns after the first.
    fn dues(mut schedule: Schedule, times: &[i64], bytes: usize) -> Vec<u64> {
        let mut dues = Vec::new();
        for time in times {
            let due = schedule.due(*time, BEGAN);
            assert_eq!(schedule.due(*time, BEGAN + Duration::from_secs(1)), due, "asking changes nothing");
            dues.push((due - BEGAN).as_nanos() as u64);
            schedule.went(*time, bytes);
        }
        dues
    }

    #[test]
    fn gaps_are_those_of_the_capture() {
        let times = [5_000, 5_100, 5_100, 8_000];
        assert_eq!(dues(Schedule::new(Speed::Times(1.0), None), &times, 60), [0, 100, 100, 3_000]);
        assert_eq!(dues(Schedule::new(Speed::Times(2.0), None), &times, 60), [0, 50, 50, 1_500]);
        assert_eq!(dues(Schedule::new(Speed::Times(0.1), None), &times, 60), [0, 1_000, 1_000, 30_000]);
    }

    #[test]
    fn a_packet_out_of_order_goes_at_once_and_changes_nothing_for_the_others() {
        let times = [1_000, 2_000, 500, 2_500, i64::MIN, 3_000];
        let expected = [0, 1_000, 1_000, 1_500, 1_500, 2_000];
        assert_eq!(dues(Schedule::new(Speed::Times(1.0), None), &times, 60), expected);
    }

    #[test]
    fn no_gap_is_longer_than_was_allowed() {
        let hour = 3_600 * SECOND as i64;
        let longest = Some(Duration::from_secs(2));
        let times = [0, hour, hour + 1_000, 9 * hour];
        let expected = [0, 2 * SECOND, 2 * SECOND + 1_000, 4 * SECOND + 1_000];
        assert_eq!(dues(Schedule::new(Speed::Times(1.0), longest), &times, 60), expected);
        let halved = [0, 2 * SECOND, 2 * SECOND + 500, 4 * SECOND + 500];
        assert_eq!(dues(Schedule::new(Speed::Times(2.0), longest), &times, 60), halved);
        assert_eq!(dues(Schedule::new(Speed::Times(1.0), None), &[i64::MIN, i64::MAX], 60), [0, u64::MAX]);
    }

    #[test]
    fn a_rate_is_even_whatever_was_captured_when() {
        let times = [9, 9, 4, 9_999_999];
        let expected = [0, SECOND / 1000, 2 * SECOND / 1000, 3 * SECOND / 1000];
        assert_eq!(dues(Schedule::new(Speed::Packets(1e3), None), &times, 60), expected);
        assert_eq!(dues(Schedule::new(Speed::Bits(1e6), None), &times, 125), expected);
        assert_eq!(Schedule::new(Speed::FlatOut, None).due(9, BEGAN), Duration::ZERO);
    }

    #[test]
    fn a_loop_follows_on_the_one_before() {
        let mut schedule = Schedule::new(Speed::Times(1.0), None);
        for _ in 0..3 {
            schedule.rewind();
            for time in [50, 150] {
                schedule.due(time, BEGAN);
                schedule.went(time, 60);
            }
        }
        assert_eq!(schedule.due(1_150, BEGAN), BEGAN + Duration::from_nanos(1_300));
    }

    #[test]
    fn a_rate_is_not_exceeded_after_there_was_nothing_to_send() {
        let mut schedule = Schedule::new(Speed::Packets(100.0), None);
        schedule.due(0, BEGAN);
        schedule.went(0, 60);
        // In time, and then nothing for a second: the next one is due when it comes, and the others after it.
        let again = BEGAN + Duration::from_secs(1);
        schedule.awaited(0, BEGAN, again);
        assert_eq!(schedule.due(0, again), again);
        schedule.went(0, 60);
        assert_eq!(schedule.due(0, again), again + Duration::from_millis(10));
        // What is late for want of room and not of packets is caught up with.
        let late = again + Duration::from_secs(5);
        schedule.awaited(0, late, late);
        assert_eq!(schedule.due(0, late), again + Duration::from_millis(10));
    }

    proptest! {
        #[test]
        fn no_packet_is_due_before_the_one_before_it(
            times in proptest::collection::vec(any::<i64>(), 1..50),
            factor in 0.001..1000.0f64,
            longest in proptest::option::of(0..SECOND),
        ) {
            let schedule = Schedule::new(Speed::Times(factor), longest.map(Duration::from_nanos));
            prop_assert!(dues(schedule, &times, 60).is_sorted());
        }

        #[test]
        fn errors_do_not_add_up(count in 1..3_000usize, rate in 1.0..1e7f64) {
            let last = dues(Schedule::new(Speed::Packets(rate), None), &vec![0; count], 60)[count - 1];
            prop_assert!((last as f64 - (count - 1) as f64 * 1e9 / rate).abs() < 1.5);
        }
    }
}
