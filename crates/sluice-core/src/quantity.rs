//! Quantities with units, as a pipeline file writes them: `5s`, `64MiB`, `10k/s`.
//!
//! Each type reads itself from a string (or a bare number where that has one meaning) and carries a JSON schema whose
//! `format` names it, so that the configuration check can refuse a wrong one before any component sees it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A span of time in nanoseconds: `250ms`, `5s`, `1h30m`. A bare number is refused: it says no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub u64);

/// A number of bytes: `64KiB` (1024), `10MB` (1000), `512`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Events per second: `10k/s`, `600/m`, `2.5/s`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

const TIME_UNITS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("min", 60e9),
    ("h", 3_600e9),
    ("d", 86_400e9),
];

const SIZE_UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

const COUNT_UNITS: &[(&str, f64)] = &[("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];

/// Splits a leading number and the unit that follows it off `text`; the rest is what comes after the unit.
fn number_and_unit<'a>(text: &'a str, units: &[(&str, f64)]) -> Option<(f64, &'a str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let rest = text[digits..].trim_start();
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (_, factor) = units.iter().find(|(unit, _)| *unit == &rest[..end])?;
    Some((number * factor, rest[end..].trim_start()))
}

/// The value as a whole number, or nothing when it does not fit.
fn whole(value: f64) -> Option<u64> {
    (value >= 0.0 && value < u64::MAX as f64).then_some(value.round() as u64)
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let mut rest = text.trim();
            let mut total = 0.0;
            while !rest.is_empty() {
                let (value, after) = number_and_unit(rest, TIME_UNITS)?;
                total += value;
                rest = after;
            }
            whole(total).filter(|_| !text.trim().is_empty()).map(Duration)
        };
        parse().ok_or_else(|| {
            format!(
                "`{text}` is not a duration: write a number with a unit, such as `250ms`, `5s` or `1h30m`"
            )
        })
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (value, rest) = number_and_unit(text.trim(), SIZE_UNITS)?;
            whole(value).filter(|_| rest.is_empty()).map(Size)
        };
        parse()
            .ok_or_else(|| format!("`{text}` is not a size: write bytes, such as `512`, `64KiB` or `10MB`"))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (count, per) = text.trim().split_once('/')?;
            let (value, rest) = number_and_unit(count.trim(), COUNT_UNITS)?;
            let (_, seconds) = TIME_UNITS.iter().find(|(unit, _)| *unit == per.trim())?;
            (rest.is_empty() && value > 0.0).then_some(Rate(value * 1e9 / seconds))
        };
        parse().ok_or_else(|| {
            format!("`{text}` is not a rate: write a count per time, such as `500/s`, `10k/s` or `600/m`")
        })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const STEPS: [(&str, u64); 6] = [
            ("d", 86_400_000_000_000),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
        ];
        let (unit, size) = STEPS
            .into_iter()
            .find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size))
            .unwrap_or(("ns", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match steps.into_iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// Checks a scalar against a named `format` of a schema; `None` where the name is not one of ours.
pub fn check_format(format: &str, text: &str) -> Option<Result<(), String>> {
    fn parse<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<(), String> {
        text.parse::<T>().map(drop).map_err(|e| e.to_string())
    }
    Some(match format {
        "duration" => parse::<Duration>(text),
        "size" => parse::<Size>(text),
        "rate" => parse::<Rate>(text),
        "speed" => parse::<Speed>(text),
        "cidr" => parse::<sluice_wire::addr::Cidr>(text),
        "mac" => parse::<sluice_wire::addr::Mac>(text),
        "ip" => parse::<std::net::IpAddr>(text).map_err(|_| format!("`{text}` is not an IP address")),
        _ => return None,
    })
}

struct Text<T>(std::marker::PhantomData<T>, &'static str, fn(u64) -> Option<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        (self.2)(value).ok_or_else(|| E::custom(format!("`{value}` lacks a unit: expected {}", self.1)))
    }
}

macro_rules! quantity {
    ($type:ident, $format:literal, $expecting:literal, $bare:expr, $types:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Text(std::marker::PhantomData, $expecting, $bare))
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": $types, "format": $format})
            }
        }
    };
}

quantity!(Duration, "duration", "a duration such as `5s`", |_| None, "string");
quantity!(Size, "size", "a size such as `64KiB`", |bytes| Some(Size(bytes)), ["string", "integer"]);
quantity!(Rate, "rate", "a rate such as `10k/s`", |_| None, "string");

mod speed;

pub use speed::Speed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!("250ms".parse(), Ok(Duration(250_000_000)));
        assert_eq!("1h30m".parse(), Ok(Duration(5_400_000_000_000)));
        assert_eq!("1.5 s".parse(), Ok(Duration(1_500_000_000)));
        assert_eq!("64KiB".parse(), Ok(Size(65_536)));
        assert_eq!("10 MB".parse(), Ok(Size(10_000_000)));
        assert_eq!("512".parse(), Ok(Size(512)));
        assert_eq!("10k/s".parse(), Ok(Rate(10_000.0)));
        assert_eq!("600/m".parse(), Ok(Rate(10.0)));
    }

    #[test]
    fn refuses_what_has_no_one_meaning() {
        for text in ["", "5", "s", "-1s", "5 parsecs", "5s5", "1e400s", "999999999999d"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        for text in ["", "MiB", "-1", "5 MiBs", "5kib", "1 2", "99999999999TiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        for text in ["", "5", "/s", "0/s", "-5/s", "5/", "5/x", "k/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn prints_what_it_would_read() {
        for text in ["5s", "250ms", "90m", "1d"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        for text in ["64KiB", "1000", "3GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }
}
