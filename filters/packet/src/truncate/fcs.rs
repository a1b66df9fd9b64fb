//! How long a frame check sequence is, as an option.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// How long a frame check sequence is: a number of bytes, or `told`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fcs {
    Bytes(u32),
    Told,
}

struct FcsVisitor;

impl Visitor<'_> for FcsVisitor {
    type Value = Fcs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes from 1 to 15, or `told`")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Fcs, E> {
        let bytes = u32::try_from(value).ok().filter(|bytes| (1..=15).contains(bytes));
        bytes.map(Fcs::Bytes).ok_or_else(|| E::custom(format!("`{value}` is not a number from 1 to 15")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Fcs, E> {
        match text {
            "told" => Ok(Fcs::Told),
            _ => Err(E::custom(format!("`{text}` is not a number of bytes or `told`"))),
        }
    }
}

impl<'de> Deserialize<'de> for Fcs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FcsVisitor)
    }
}

impl JsonSchema for Fcs {
    fn schema_name() -> Cow<'static, str> {
        "Fcs".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["integer", "string"], "minimum": 1, "maximum": 15, "pattern": "^told$"})
    }
}
