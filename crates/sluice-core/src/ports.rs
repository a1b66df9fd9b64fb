//! Ports and ranges of ports as an option.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

/// A port or a range of ports: `80`, `"8000-8999"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The ports from `first` to `last`, both included.
    pub const fn new(first: u16, last: u16) -> Self {
        Self { first, last }
    }

    /// Whether a port is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

fn parse(text: &str) -> Option<PortRange> {
    let port =
        |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first.trim())?, port(last.trim())?);
    (first <= last).then_some(PortRange { first, last })
}

struct Range;

impl Visitor<'_> for Range {
    type Value = PortRange;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port such as `80` or a range such as `8000-8999`")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<PortRange, E> {
        let port = u16::try_from(value)
            .map_err(|_| E::custom(format!("`{value}` is above the last port, 65535")))?;
        Ok(PortRange { first: port, last: port })
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<PortRange, E> {
        let value = u64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))?;
        self.visit_u64(value)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PortRange, E> {
        parse(text).ok_or_else(|| E::custom(format!("`{text}` is not a port or a range such as `8000-8999`")))
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Range)
    }
}

impl JsonSchema for PortRange {
    fn schema_name() -> Cow<'static, str> {
        "PortRange".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": 65535,
            "pattern": "^\\s*[0-9]{1,5}\\s*(-\\s*[0-9]{1,5}\\s*)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ports_and_ranges_and_nothing_else() {
        assert_eq!(parse("80"), Some(PortRange { first: 80, last: 80 }));
        assert_eq!(parse("8000 - 8999"), Some(PortRange { first: 8000, last: 8999 }));
        for text in ["", "-", "80-", "-80", "+80", "9-8", "65536", "1-2-3", "http"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
