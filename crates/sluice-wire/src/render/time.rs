//! Times since the epoch as date and time of day in UTC.

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// The year of the Gregorian calendar.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999,999.
    pub nanosecond: u32,
}

const DAY: i64 = 86_400;

/// The moment `time_ns` nanoseconds after the epoch, or before it.
pub fn civil(time_ns: i64) -> Civil {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let of_day = seconds.rem_euclid(DAY);
    let (year, month, day) = date(seconds.div_euclid(DAY));
    Civil {
        year,
        month,
        day,
        hour: (of_day / 3600) as u8,
        minute: (of_day / 60 % 60) as u8,
        second: (of_day % 60) as u8,
        nanosecond: time_ns.rem_euclid(1_000_000_000) as u32,
    }
}

/// Year, month and day of a number of days since the epoch.
///
/// Years are taken to begin in March, so that the leap day is the last and months have lengths that repeat.
fn date(days: i64) -> (i64, u8, u8) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let era = days.div_euclid(ERA);
    let of_era = days.rem_euclid(ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year + i64::from(month <= 2), month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let mut expected = (1677, 9, 21);
        let first = i64::MIN.div_euclid(DAY * 1_000_000_000);
        for days in first..=i64::MAX / (DAY * 1_000_000_000) {
            let (year, month, day) = date(days);
            assert_eq!((year, month, day), expected, "{days}");
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let last = match month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
        assert_eq!(date(0), (1970, 1, 1));
    }

    #[test]
    fn time_of_day_counts_forward_before_the_epoch() {
        let before = civil(-1);
        assert_eq!((before.year, before.hour, before.second), (1969, 23, 59));
        assert_eq!(before.nanosecond, 999_999_999);
        let later = civil(1_714_564_800_123_456_789);
        assert_eq!((later.year, later.month, later.day, later.hour), (2024, 5, 1, 12));
        assert_eq!(later.nanosecond, 123_456_789);
    }
}
