//! The keys that every stage may have.

use std::num::NonZeroUsize;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use sluice_core::{Key, Kind};

use crate::pipeline::{OnError, WhenFull};

/// The keys that are no option of a component, besides the one that names it.
pub(crate) const RESERVED: [&str; 6] = ["id", "inputs", "workers", "shard_by", "pipe", "on_error"];

/// The keys that every stage may have.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Common {
    /// The name of the stage in this pipeline; by default the name of its component.
    pub id: Option<String>,
    /// Where it reads from, `id` or `id.port`, one or a list; by default the stage before it.
    #[serde(rename = "inputs")]
    _inputs: Inputs,
    /// How many threads run it in mode `staged`; more than one for stateless filters, and for keyed ones with `shard_by`.
    #[schemars(range(min = 1, max = 1024))]
    pub workers: Option<NonZeroUsize>,
    /// What the items of a keyed stage are divided by among `workers` instances: a key as in `execution`.
    pub shard_by: Option<Key>,
    /// The queue of each of its inputs.
    pub pipe: Pipe,
    /// What becomes of the pipeline when it fails.
    pub on_error: OnError,
}

/// One reference or a list of them; read from the tree, where they have a place.
#[derive(Default)]
struct Inputs;

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Inputs)
    }
}

impl JsonSchema for Inputs {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Inputs".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1})
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pipe {
    /// How many batches it holds; 16 by default.
    #[schemars(range(min = 1, max = 65536))]
    pub capacity: NonZeroUsize,
    /// What happens to a batch for which there is no room.
    pub when_full: WhenFull,
}

impl Default for Pipe {
    fn default() -> Self {
        Self { capacity: NonZeroUsize::MIN.saturating_add(15), when_full: WhenFull::Block }
    }
}

/// Whether a key of a stage is no option of its component.
pub(crate) fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key) || Kind::ALL.iter().any(|kind| kind.as_str() == key)
}
