//! The event time of a record, from one of its fields.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::tape::{Key, Value};
use sluice_core::{Record, RecordBatch};

/// Where the event time is and how it is written.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Time {
    /// The name of the field; it stands at the top, not inside another one.
    pub(crate) field: String,
    /// How it is written.
    format: Format,
}

/// How a time is written. Numbers may stand in strings.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Seconds since 1970, with or without a fraction.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
    /// Nanoseconds since 1970.
    EpochNs,
    /// As in `2026-01-31T23:59:59.123Z` or `2026-01-31T23:59:59+01:00`.
    Rfc3339,
}

impl Time {
    /// Sets the times of the records that have a readable one.
    pub(crate) fn set(&self, batch: &mut RecordBatch) {
        let Some(key) = batch.key(&self.field) else { return };
        for at in 0..batch.len() {
            let time = batch.records().get(at).and_then(|record| self.find(batch, record, key));
            if let (Some(time), Some(record)) = (time, batch.records_mut().get_mut(at)) {
                record.time = time;
            }
        }
    }

    fn find(&self, batch: &RecordBatch, record: &Record, key: Key) -> Option<i64> {
        let (_, mut nodes) = batch.fields(record)?.split_first()?;
        let mut found = None;
        while let Some(node) = nodes.first() {
            if node.key == key {
                found = Some(node.value);
            }
            nodes = nodes.get(node.span()..)?;
        }
        match found? {
            Value::Int(value) => value.checked_mul(self.format.unit()?),
            Value::Float(value) => rounded(value * self.format.unit()? as f64),
            Value::Str(text) => self.format.read(std::str::from_utf8(batch.text(text)).ok()?),
            _ => None,
        }
    }
}

impl Format {
    /// How many nanoseconds one is.
    fn unit(self) -> Option<i64> {
        match self {
            Format::EpochS => Some(1_000_000_000),
            Format::EpochMs => Some(1_000_000),
            Format::EpochNs => Some(1),
            Format::Rfc3339 => None,
        }
    }

    fn read(self, text: &str) -> Option<i64> {
        let Some(unit) = self.unit() else { return rfc3339(text) };
        match text.parse::<i64>() {
            Ok(value) => value.checked_mul(unit),
            Err(_) => rounded(text.parse::<f64>().ok()? * unit as f64),
        }
    }
}

fn rounded(nanoseconds: f64) -> Option<i64> {
    (nanoseconds.abs() < i64::MAX as f64).then_some(nanoseconds.round() as i64)
}

/// A date and time of RFC 3339, in ns since the epoch. A leap second counts as the second after it.
fn rfc3339(text: &str) -> Option<i64> {
    let bytes: &[u8] = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        bytes.get(range)?.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).filter(|byte| any.contains(byte)).copied();
    is(4, b"-").and(is(7, b"-")).and(is(10, b"Tt ")).and(is(13, b":")).and(is(16, b":"))?;
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let last = *days.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut nanoseconds = 0;
    if is(at, b".").is_some() {
        let digits = bytes.get(at + 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
        let kept = digits.min(9);
        nanoseconds = number(at + 1..at + 1 + kept)? * 10i64.pow(9 - kept as u32);
        at = if digits > 0 { at + 1 + digits } else { return None };
    }
    let offset = match is(at, b"Zz+-")? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 => {
            is(at + 3, b":")?;
            let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
            let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
            if sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, counted in years that begin in March.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00z", 951_825_600),
            ("2026-01-31T23:59:59+01:00", 1_769_900_399),
            ("1969-12-31T23:59:59-00:00", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
        ] {
            assert_eq!(rfc3339(text), Some(seconds * 1_000_000_000), "{text}");
        }
        assert_eq!(rfc3339("1970-01-01 00:00:00.123456789123Z"), Some(123_456_789));
        assert_eq!(rfc3339("1970-01-01T00:00:01.5-00:01"), Some(61_500_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "1970",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "2001-02-29T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00Zx",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00é",
            "9999-01-01T00:00:00Z",
            "+970-01-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_and_numbers_in_strings() {
        assert_eq!(Format::EpochS.read("1.5"), Some(1_500_000_000));
        assert_eq!(Format::EpochMs.read("-2"), Some(-2_000_000));
        assert_eq!(Format::EpochNs.read("9223372036854775807"), Some(i64::MAX));
        assert_eq!(Format::EpochS.read("9223372036854775807"), None);
        assert_eq!(Format::EpochS.read("nan"), None);
        assert_eq!(Format::EpochS.read("x"), None);
    }
}
