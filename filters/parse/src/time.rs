//! The event time of a record, from one of its fields.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::tape::{Key, Value};
use sluice_core::{Record, RecordBatch};
use sluice_wire::render::rfc3339;

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

#[cfg(test)]
mod tests {
    use super::*;

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
