//! Points in time as text: a date, or date and time of RFC 3339; without a zone it is UTC.

use std::fmt;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// `2024-05-01`, `2024-05-01 12:00`, `2024-05-01T12:00:00.5+02:00`: ns since the epoch.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let days = days(year, month, day)?;
    let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else {
        return if rest.is_empty() { (days * DAY).checked_mul(SECOND) } else { None };
    };
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = match clock.len() {
        5 => {
            let [hour, minute] = numbers(clock, ':', [2, 2])?;
            [hour, minute, 0]
        }
        _ => numbers(clock, ':', [2, 2, 2])?,
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset(zone)?;
    seconds.checked_mul(SECOND)?.checked_add(nanoseconds(fraction)?)
}

/// `1714564800.123` as seconds since the epoch.
pub(crate) fn epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    whole.parse::<i64>().ok()?.checked_mul(SECOND)?.checked_add(nanoseconds(fraction)?)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, length) in found.iter_mut().zip(lengths) {
        *number = digits(parts.next().filter(|part| part.len() == length)?)?;
    }
    parts.next().is_none().then_some(found)
}

fn nanoseconds(fraction: &str) -> Option<i64> {
    let kept = fraction.get(..fraction.len().min(9))?;
    digits(fraction.get(kept.len()..)?).or((kept.len() == fraction.len()).then_some(0))?;
    Some(digits(kept)? * 10i64.pow(9 - kept.len() as u32))
}

fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (zone.len() == 1).then_some(0),
        Some(b'-') => -1,
        Some(_) => 1,
    };
    let [hours, minutes] = numbers(zone.get(1..)?, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days since the epoch of a day of the calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years begin with March, so that the leap day comes last; eras are the 400 years after which it all repeats.
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Writes a time as [`parse`] reads it, in UTC.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, time: i64) -> fmt::Result {
    let civil = sluice_wire::render::civil(time);
    write!(f, "{:04}-{:02}-{:02}T", civil.year, civil.month, civil.day)?;
    write!(f, "{:02}:{:02}:{:02}", civil.hour, civil.minute, civil.second)?;
    let (mut fraction, mut digits) = (civil.nanosecond, 9);
    while digits > 0 && fraction.is_multiple_of(10) {
        (fraction, digits) = (fraction / 10, digits - 1);
    }
    if digits > 0 {
        write!(f, ".{fraction:0digits$}")?;
    }
    f.write_str("Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_and_times_with_and_without_a_zone() {
        for (text, time) in [
            ("1970-01-01", 0),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2024-02-29 00:00", 1_709_164_800 * SECOND),
            ("2024-05-01T12:00:00", 1_714_564_800 * SECOND),
            ("2024-05-01T14:00:00.5+02:00", 1_714_564_800 * SECOND + SECOND / 2),
            ("2024-05-01t12:00:00.1234567891z", 1_714_564_800 * SECOND + 123_456_789),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
        for text in [
            "",
            "2024",
            "2023-02-29",
            "2024-13-01",
            "2024-05-01T",
            "2024-05-01T24:00:00",
            "2024-05-01X12:00",
            "2024-05-01T12:00:00+2",
            "2024-05-01T12:00:00Zz",
            "2024-05-01T12:00:00.x",
            "+024-05-01",
            "9999-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_since_the_epoch_are_exact() {
        assert_eq!(epoch("1714564800.123456789"), Some(1_714_564_800_123_456_789));
        assert_eq!(epoch("5"), Some(5 * SECOND));
        assert_eq!(epoch("99999999999999"), None);
    }
}
