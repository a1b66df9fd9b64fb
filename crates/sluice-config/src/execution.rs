//! The `execution:` section.

use std::fmt;
use std::num::NonZeroUsize;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use sluice_core::quantity::{Duration, Size};
use sluice_core::{Key, Strategy};

use crate::diagnostic::{Problem, Problems};
use crate::options::{self, Subject};
use crate::pipeline::{Execution, Mode, Pin};
use crate::yaml::{Data, Node, Origin, Span};

const SMALLEST_BATCH: Size = Size(4 << 10);
const LARGEST_BATCH: Size = Size(64 << 20);

/// The section as it is written.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Section {
    /// The rule by which the graph is cut into threads.
    mode: Mode,
    /// How many workers or shards there are in the modes that have them; by default as many as there are CPUs.
    #[schemars(range(min = 1, max = 1024))]
    workers: Option<NonZeroUsize>,
    /// The same, under the name that fits mode `sharded`.
    #[schemars(range(min = 1, max = 1024))]
    shards: Option<NonZeroUsize>,
    /// What the input is divided by in mode `sharded`: `flow`, `inner_flow`, `datagram`, `host`, `source`, `destination`, or a
    /// field of records such as `.user`.
    key: Key,
    /// How keys are divided among shards.
    strategy: Strategy,
    /// Whether each thread is bound to a CPU: `true`, or a list of those to use.
    pin: Pin,
    /// The memory that the whole pipeline may hold; `64MiB` by default.
    memory: Size,
    /// The bytes of a slab, from `4KiB` to `64MiB`; `256KiB` by default.
    batch: Size,
    /// How long what is in flight may take after a signal; `10s` by default.
    drain: Duration,
}

impl Default for Section {
    fn default() -> Self {
        let Execution { mode, workers, key, strategy, pin, memory, batch, drain } = Execution::default();
        Self { mode, workers, shards: None, key, strategy, pin, memory, batch, drain }
    }
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            mode: Mode::Staged,
            workers: None,
            key: Key::default(),
            strategy: Strategy::default(),
            pin: Pin::No,
            memory: Size(64 << 20),
            batch: Size(256 << 10),
            drain: Duration(10_000_000_000),
        }
    }
}

/// Reads the section; the defaults stand in for what is wrong.
pub(crate) fn read(document: &str, node: &Node, owner: &Span, problems: &mut Problems) -> Execution {
    if node.data == Data::Null {
        return Execution::default();
    }
    let subject = Subject::section("`execution`");
    let section: Section = options::read(document, &subject, node, owner, problems).unwrap_or_default();
    let Section { mode, workers, shards, key, strategy, pin, drain, .. } = section;
    if let (Some(_), Some(_), Some(second)) = (workers, shards, node.get("shards")) {
        problems.push(
            Problem::new(&second.span, "`execution` has both `workers` and `shards`")
                .cause("they say the same: how many there are")
                .help("leave one out"),
        );
    }
    // The sizes are judged by themselves, so that an error elsewhere in the section does not hide theirs.
    let size = |key: &str, default: Size| match node.get(key) {
        Some(written) => {
            let found = if written.origin == Origin::Env {
                String::new()
            } else {
                format!(", found {}", written.raw)
            };
            (written.raw.parse().unwrap_or(default), &written.span, found)
        }
        None => (default, owner, format!(", found {default}")),
    };
    let (batch, batch_span, batch_found) = size("batch", section.batch);
    let (memory, memory_span, memory_found) = size("memory", section.memory);
    let problem =
        |key: &str, span: &Span| Problem::new(span, format!("key `{key}` of `execution` is out of range"));
    if !(SMALLEST_BATCH..=LARGEST_BATCH).contains(&batch) {
        let cause = format!("expected {SMALLEST_BATCH} to {LARGEST_BATCH}{batch_found}");
        problems.push(problem("batch", batch_span).cause(cause));
    } else if memory < batch {
        let cause = format!("expected at least the size of a batch{memory_found}");
        problems.push(problem("memory", memory_span).cause(cause));
    }
    Execution { mode, workers: workers.or(shards), key, strategy, pin, memory, batch, drain }
}

/// As many CPUs as can be told apart.
const MOST_CPUS: usize = 1024;

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = Pin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or a list of CPUs")
            }

            fn visit_bool<E: de::Error>(self, pinned: bool) -> Result<Pin, E> {
                Ok(if pinned { Pin::All } else { Pin::No })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Pin, A::Error> {
                let mut cpus = Vec::new();
                while let Some(cpu) = items.next_element()? {
                    if cpu >= MOST_CPUS {
                        return Err(de::Error::custom(format!("there is no CPU {cpu}")));
                    }
                    cpus.push(cpu);
                }
                if cpus.is_empty() {
                    Err(de::Error::custom("a list without CPUs"))
                } else {
                    Ok(Pin::To(cpus))
                }
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Pin {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pin".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["boolean", "array"],
            "items": {"type": "integer", "minimum": 0, "maximum": MOST_CPUS - 1},
            "minItems": 1,
        })
    }
}
