//! Values of fields as bytes of a data record: RFC 7011, sections 6 and 7.

use std::net::{Ipv4Addr, Ipv6Addr};

use sluice_core::RecordBatch;
use sluice_core::tape::Value;
use sluice_wire::addr::Mac;
use sluice_wire::render::rfc3339;

use super::elements::Type;

const SECOND: i128 = 1_000_000_000;
/// Seconds from 1900, when the era of NTP began, to 1970.
const TO_NTP: i128 = 2_208_988_800;

/// Appends a value of this type; `None` when it is none, and then nothing is known of what was appended.
pub(super) fn encode(out: &mut Vec<u8>, kind: Type, value: Value, batch: &RecordBatch) -> Option<()> {
    let text = || match value {
        Value::Str(text) => std::str::from_utf8(batch.text(text)).ok(),
        _ => None,
    };
    let number = || unsigned(value, text());
    match kind {
        Type::Unsigned8 => out.extend(u8::try_from(number()?).ok()?.to_be_bytes()),
        Type::Unsigned16 => out.extend(u16::try_from(number()?).ok()?.to_be_bytes()),
        Type::Unsigned32 => out.extend(u32::try_from(number()?).ok()?.to_be_bytes()),
        Type::Unsigned64 | Type::Counter => out.extend(number()?.to_be_bytes()),
        Type::Float64 => out.extend(float(value, text())?.to_be_bytes()),
        Type::Boolean => match value {
            Value::Bool(is_true) => out.push(if is_true { 1 } else { 2 }),
            _ => return None,
        },
        Type::Mac => out.extend(text()?.parse::<Mac>().ok()?.0),
        Type::Ipv4 => out.extend(text()?.parse::<Ipv4Addr>().ok()?.octets()),
        Type::Ipv6 => out.extend(text()?.parse::<Ipv6Addr>().ok()?.octets()),
        Type::Seconds => {
            let seconds = moment(value, text(), SECOND)?.div_euclid(SECOND);
            out.extend(u32::try_from(seconds).ok()?.to_be_bytes());
        }
        Type::Milliseconds => {
            let milliseconds = moment(value, text(), 1_000_000)?.div_euclid(1_000_000);
            out.extend(u64::try_from(milliseconds).ok()?.to_be_bytes());
        }
        // The lowest bits of a fraction of microseconds are no part of it.
        Type::Microseconds => out.extend(ntp(moment(value, text(), 1000)? / 1000 * 1000, 11)?.to_be_bytes()),
        Type::Nanoseconds => out.extend(ntp(moment(value, text(), 1)?, 0)?.to_be_bytes()),
        Type::Text => variable(out, text()?.bytes())?,
        Type::Octets => variable(out, Hex::of(text()?)?)?,
    }
    Some(())
}

fn unsigned(value: Value, text: Option<&str>) -> Option<u64> {
    match value {
        Value::Int(number) => number.try_into().ok(),
        Value::Uint(number) => Some(number),
        // Above that, not every number is there.
        Value::Float(number) if number.fract() == 0.0 && (0.0..9e15).contains(&number) => Some(number as u64),
        Value::Str(_) => text?.parse().ok(),
        _ => None,
    }
}

fn float(value: Value, text: Option<&str>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Uint(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        Value::Str(_) => text?.parse().ok(),
        _ => None,
    }
}

/// A date and time, or a number of units of so many ns; ns since the epoch.
fn moment(value: Value, text: Option<&str>, unit: i128) -> Option<i128> {
    match text.and_then(rfc3339) {
        Some(time) => Some(time.into()),
        None => i128::from(unsigned(value, text)?).checked_mul(unit),
    }
}

/// A time as NTP has it: seconds since 1900, modulo 2^32, and 32 bits of a fraction, of which the lowest `unused` are 0. It
/// is rounded up, so that whoever cuts it off to nanoseconds (or microseconds) gets back what went in.
fn ntp(time: i128, unused: u32) -> Option<u64> {
    let seconds = time.div_euclid(SECOND) + TO_NTP;
    // A reader takes a second without its highest bit for one of the era that begins in 2036.
    const FIRST: i128 = 1 << 31;
    if !(FIRST..FIRST + (1 << 32)).contains(&seconds) {
        return None;
    }
    let parts = (time.rem_euclid(SECOND) << (32 - unused)) as u64;
    let fraction = parts.div_ceil(SECOND as u64) << unused;
    Some((seconds as u64) << 32 | fraction)
}

/// A string with its length before it.
fn variable(out: &mut Vec<u8>, bytes: impl ExactSizeIterator<Item = u8>) -> Option<()> {
    let length = u16::try_from(bytes.len()).ok()?;
    match u8::try_from(length) {
        Ok(length) if length < 255 => out.push(length),
        _ => {
            out.push(255);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(bytes);
    Some(())
}

/// The bytes that hexadecimal digits stand for, as RFC 7373 has them.
struct Hex<'a>(&'a [u8]);

impl<'a> Hex<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let digits = text.as_bytes();
        (digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit)).then_some(Self(digits))
    }
}

impl Iterator for Hex<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (pair, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16).unwrap_or_default() as u8);
        Some(high << 4 | low)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len() / 2, Some(self.0.len() / 2))
    }
}

impl ExactSizeIterator for Hex<'_> {}

#[cfg(test)]
mod tests;
