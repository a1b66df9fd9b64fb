//! Time stamps: units of any resolution to ns since the epoch and back, in integers.

use sluice_core::Clock;

const SECOND: i128 = 1_000_000_000;

/// A [`Clock`] ready to be read: units in a second, or nanoseconds in a unit where that is a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// Nanoseconds in a unit, for the clocks that nearly every file has.
    factor: Option<u64>,
    /// Units in a second; nothing where a unit is so short that 64 bits of them are no nanosecond.
    units: Option<i128>,
    /// Nanoseconds to add.
    offset: i128,
}

impl Scale {
    pub(super) fn of(clock: Clock) -> Self {
        let exponent = u32::from(clock.resolution & 0x7f);
        let base: i128 = if clock.resolution & 0x80 == 0 { 10 } else { 2 };
        let units = base.checked_pow(exponent).filter(|units| units.checked_mul(1 << 64).is_some());
        let factor = units.filter(|units| SECOND % units == 0).map(|units| (SECOND / units) as u64);
        let factor = factor.filter(|_| clock.offset == 0);
        Self { factor, units, offset: i128::from(clock.offset) * SECOND }
    }

    /// The time in ns since the epoch; what is beyond 64 bits is the nearest time within.
    #[inline]
    pub(super) fn time(self, units: u64) -> i64 {
        if let Some(factor) = self.factor
            && let Some(time) = units.checked_mul(factor)
            && let Ok(time) = i64::try_from(time)
        {
            return time;
        }
        let since = self.units.map_or(0, |in_second| {
            // The whole seconds apart, so that nothing overflows.
            let units = i128::from(units);
            units / in_second * SECOND + units % in_second * SECOND / in_second
        });
        (since + self.offset).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// Whether there are units that say this time (ns since the epoch).
    #[inline]
    pub(super) fn tells(self, time: i64) -> bool {
        self.factor.is_some() && time >= 0 || self.units(time).is_some()
    }

    /// The units that say this time (ns since the epoch), or nothing where none do. A time that no unit says is rounded
    /// down; of several units that say it, the first is taken.
    #[inline]
    pub(super) fn units(self, time: i64) -> Option<u64> {
        if let (Some(factor), Ok(time)) = (self.factor, u64::try_from(time)) {
            return time.checked_div(factor);
        }
        let since = i128::from(time) - self.offset;
        let Some(in_second) = self.units else { return (since == 0).then_some(0) };
        let (seconds, rest) = (since.div_euclid(SECOND), since.rem_euclid(SECOND));
        let units = |rest: i128| u64::try_from(seconds.checked_mul(in_second)? + rest).ok();
        let rest = rest.checked_mul(in_second)?;
        let (down, up) = (units(rest / SECOND), units((rest + SECOND - 1) / SECOND));
        up.filter(|units| self.time(*units) == time).or(down)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scale(resolution: u8, offset: i64) -> Scale {
        Scale::of(Clock { resolution, offset })
    }

    #[test]
    fn units_of_every_kind_are_told_in_nanoseconds() {
        let cases = [
            (0, 0, 5, 5_000_000_000),
            (3, 0, 5, 5_000_000),
            (6, 0, 1_340_954_905_298_858, 1_340_954_905_298_858_000),
            (9, 0, 7, 7),
            (12, 0, 7_999, 7),
            (6, 1_000, 5, 1_000_000_005_000),
            (6, -1, 5, -999_995_000),
            (0x80, 0, 5, 5_000_000_000),
            (0x80 | 1, 0, 3, 1_500_000_000),
            (0x80 | 10, 0, 1, 976_562),
            (0x80 | 32, 0, 0x8000_0000, 500_000_000),
            (0x80 | 32, 0, u64::MAX, 4_294_967_295_999_999_999),
            // Finer than anything that 64 bits can tell.
            (0x7f, 0, u64::MAX, 0),
            (0xff, 3, u64::MAX, 3_000_000_000),
            // Later than 64 bits of nanoseconds can tell.
            (0, 0, u64::MAX, i64::MAX),
            (9, i64::MIN, 0, i64::MIN),
        ];
        for (resolution, offset, units, time) in cases {
            assert_eq!(scale(resolution, offset).time(units), time, "{resolution:#x} {offset} {units}");
        }
    }

    #[test]
    fn what_no_unit_tells_is_not_written() {
        assert_eq!(scale(6, 0).units(-1), None);
        assert_eq!(scale(6, 10).units(9_999_999_999), None);
        assert_eq!(scale(6, 10).units(10_000_001_999), Some(1));
        assert_eq!(scale(18, 0).units(i64::MAX), None);
        assert_eq!(scale(0x7f, 0).units(1), None);
        assert_eq!(scale(0x7f, 1).units(1_000_000_000), Some(0));
    }

    proptest! {
        #[test]
        fn a_time_that_was_read_is_written_as_the_same_time(resolution: u8, offset in -4_000_000_000_i64..4_000_000_000, units: u64) {
            let scale = scale(resolution, offset);
            let time = scale.time(units);
            if time != i64::MAX && let Some(written) = scale.units(time) {
                prop_assert_eq!(scale.time(written), time);
            }
        }

        #[test]
        fn nanoseconds_and_finer_keep_every_time(exponent in 9_u8..=12, time in 0..4_000_000_000_000_000_i64) {
            let scale = scale(exponent, 0);
            prop_assert_eq!(scale.units(time).map(|units| scale.time(units)), Some(time));
        }

        #[test]
        fn coarser_clocks_round_down(exponent in 0_u8..9, time in 0..=i64::MAX) {
            let unit = 10_i64.pow(9 - u32::from(exponent));
            let scale = scale(exponent, 0);
            prop_assert_eq!(scale.units(time).map(|units| scale.time(units)), Some(time / unit * unit));
        }
    }
}
