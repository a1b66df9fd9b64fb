//! The `execution:` section.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size};

use crate::diagnostic::{Problem, Problems};
use crate::options::{self, Subject};
use crate::pipeline::{Execution, Mode};
use crate::yaml::{Data, Node, Origin, Span};

const SMALLEST_BATCH: Size = Size(4 << 10);
const LARGEST_BATCH: Size = Size(64 << 20);

/// The section as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Section {
    /// The rule by which the graph is cut into threads.
    mode: Mode,
    /// The memory that the whole pipeline may hold; `64MiB` by default.
    memory: Size,
    /// The bytes of a slab, from `4KiB` to `64MiB`; `256KiB` by default.
    batch: Size,
    /// How long what is in flight may take after a signal; `10s` by default.
    drain: Duration,
}

impl Default for Section {
    fn default() -> Self {
        let Execution { mode, memory, batch, drain } = Execution::default();
        Self { mode, memory, batch, drain }
    }
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            mode: Mode::Staged,
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
    let mut node = node.clone();
    options::refuse_planned(&mut node, &["mode"], &["workers", "sharded"], "use `mode: staged`", problems);
    let subject = Subject::section("`execution`");
    let section: Section = options::read(document, &subject, &node, owner, problems).unwrap_or_default();
    let Section { mode, drain, .. } = section;
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
    Execution { mode, memory, batch, drain }
}
