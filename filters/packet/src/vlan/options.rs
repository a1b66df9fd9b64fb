//! The values of the options of `vlan`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use sluice_core::OptionError;
use sluice_wire::decode::vlan;

/// A tag protocol identifier that `decode` knows: `0x8100`, `"88a8"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tpid(pub u16);

impl Default for Tpid {
    fn default() -> Self {
        Self(0x8100)
    }
}

struct TpidVisitor;

impl Visitor<'_> for TpidVisitor {
    type Value = Tpid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of 0x8100, 0x88a8, 0x9100, 0x9200 and 0x9300")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tpid, E> {
        let known = u16::try_from(value).ok().filter(|tpid| vlan::is_tag(*tpid));
        known.map(Tpid).ok_or_else(|| {
            E::custom(format!("`{value:#06x}` is not one of 0x8100, 0x88a8, 0x9100, 0x9200 and 0x9300"))
        })
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tpid, E> {
        self.visit_u64(value as u64)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Tpid, E> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        u64::from_str_radix(digits, 16)
            .map_err(|_| E::custom(format!("`{text}` is not a number such as 0x88a8")))
            .and_then(|value| self.visit_u64(value))
    }
}

impl<'de> Deserialize<'de> for Tpid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TpidVisitor)
    }
}

impl JsonSchema for Tpid {
    fn schema_name() -> Cow<'static, str> {
        "Tpid".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["integer", "string"], "minimum": 0, "maximum": 65535, "pattern": "^(0x)?[0-9A-Fa-f]{4}$"})
    }
}

/// How many tags: a number, or `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pop(usize);

impl Pop {
    /// How many at most.
    pub(super) fn most(self) -> usize {
        self.0
    }
}

struct PopVisitor;

impl Visitor<'_> for PopVisitor {
    type Value = Pop;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tags or `all`")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Pop, E> {
        match usize::try_from(value) {
            Ok(0) => Err(E::custom("`0` takes nothing off; leave `pop` out")),
            Ok(most) => Ok(Pop(most)),
            Err(_) => Ok(Pop(usize::MAX)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pop, E> {
        match text {
            "all" => Ok(Pop(usize::MAX)),
            _ => Err(E::custom(format!("`{text}` is not a number of tags or `all`"))),
        }
    }
}

impl<'de> Deserialize<'de> for Pop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PopVisitor)
    }
}

impl JsonSchema for Pop {
    fn schema_name() -> Cow<'static, str> {
        "Pop".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["integer", "string"], "minimum": 1, "pattern": "^all$"})
    }
}

/// What VLAN ids become, by id.
pub(super) struct IdMap(Vec<u16>);

impl IdMap {
    /// From pairs such as (`10-19,30`, 20).
    pub(super) fn compile(pairs: &BTreeMap<String, u16>) -> Result<Self, OptionError> {
        let mut map: Vec<Option<u16>> = vec![None; 4096];
        for (text, to) in pairs {
            let wrong = |message: String| OptionError::at("change", message).key("ids").key(text);
            for part in text.split(',') {
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                let ids = id(first).zip(id(last)).filter(|(first, last)| first <= last);
                let (first, last) = ids.ok_or_else(|| {
                    wrong(format!("`{part}` is not a VLAN id up to 4095 or a range such as `10-19`"))
                })?;
                for slot in map.iter_mut().take(last + 1).skip(first) {
                    if slot.replace(*to & 0xFFF).is_some() {
                        return Err(wrong(format!("an id of `{part}` is mapped twice")));
                    }
                }
            }
        }
        Ok(Self(map.into_iter().zip(0..).map(|(to, id)| to.unwrap_or(id)).collect()))
    }

    pub(super) fn get(&self, id: u16) -> u16 {
        self.0.get(usize::from(id)).copied().unwrap_or(id)
    }
}

fn id(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id < 4096)
}
