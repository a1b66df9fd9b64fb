//! A checked pipeline: what the check hands to whoever runs it.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size};
use sluice_core::{Component, Key, PortType, Ports, Prepared, Strategy};

use crate::params::ParamSpec;
use crate::tests_section::TestCase;

/// A pipeline in which nothing is wrong: components prepared, edges resolved and typed, nothing opened.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The `name:` of the file, or else the file's own name without its ending.
    pub name: String,
    /// The `about:` of the file.
    pub about: Option<String>,
    /// The params that it declares, in the order of the file.
    pub params: Vec<ParamSpec>,
    /// How it is run.
    pub execution: Execution,
    /// The stages in topological order, in the order of the file where that is free.
    pub stages: Vec<StageSpec>,
    /// The tests that it carries.
    pub tests: Vec<TestCase>,
}

/// The `execution:` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The rule by which the graph is cut into threads.
    pub mode: Mode,
    /// How many workers or shards there are in the modes that have them; as many as there are CPUs when absent.
    pub workers: Option<NonZeroUsize>,
    /// What the input is divided by in mode `sharded`.
    pub key: Key,
    /// How keys are divided among shards.
    pub strategy: Strategy,
    /// The CPUs that threads are bound to.
    pub pin: Pin,
    /// The memory that the whole pipeline may hold.
    pub memory: Size,
    /// The bytes of a slab.
    pub batch: Size,
    /// How long what is in flight may take after a signal.
    pub drain: Duration,
}

/// The rule by which the graph is cut into threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every stage on its own threads, a bounded queue on every edge.
    Staged,
    /// The sources feed one queue, from which each worker takes a batch through all stateless filters.
    Workers,
    /// The input is divided by a key, and each shard takes its part through all filters.
    Sharded,
}

/// The CPUs that threads are bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// The system moves threads as it likes.
    #[default]
    No,
    /// All that the process may use, a thread each, in turn.
    All,
    /// These, a thread each, in turn.
    To(Vec<usize>),
}

/// One stage.
#[derive(Clone)]
pub struct StageSpec {
    /// Its name in the pipeline, unique.
    pub id: String,
    /// What it is made from.
    pub component: &'static Component,
    /// The component with its options, checked and compiled.
    pub prepared: Arc<dyn Prepared>,
    /// The options it was prepared from, for display: what comes from the environment stands as the file writes it, so
    /// that no secret is shown.
    pub options: serde_json::Value,
    /// What `prepared` takes and gives.
    pub ports: Ports,
    /// Where it reads from; empty for a source.
    pub inputs: Vec<Input>,
    /// How many threads run it in mode `staged`.
    pub workers: NonZeroUsize,
    /// What its items are divided by among its instances, where there are several.
    pub shard_by: Option<Key>,
    /// The queues of its inputs.
    pub pipe: PipeSpec,
    /// What becomes of the pipeline when it fails.
    pub on_error: OnError,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    /// What each output carries: `ports.outputs` with `Any` resolved. An output carries `Any` only where the stage
    /// itself does not know, as the `errors` of a source without a main output.
    pub gives: Vec<PortType>,
}

impl fmt::Debug for StageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageSpec")
            .field("id", &self.id)
            .field("component", &self.component)
            .field("inputs", &self.inputs)
            .field("workers", &self.workers)
            .field("shard_by", &self.shard_by)
            .field("pipe", &self.pipe)
            .field("on_error", &self.on_error)
            .field("line", &self.line)
            .field("gives", &self.gives)
            .finish_non_exhaustive()
    }
}

/// An edge, seen from the stage that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// The index in [`Pipeline::stages`] of the stage that gives; always smaller than that of the reader.
    pub stage: usize,
    /// The number of its output.
    pub port: usize,
}

/// The queue on every edge into a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeSpec {
    /// How many batches it holds.
    pub capacity: NonZeroUsize,
    /// What happens to a batch for which there is no room.
    pub when_full: WhenFull,
}

/// What happens to a batch for which a pipe has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The giver waits.
    Block,
    /// The batch is dropped and counted.
    DropNewest,
    /// The oldest batch in the pipe is dropped and counted.
    DropOldest,
}

/// What becomes of the pipeline when a stage fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The run ends.
    #[default]
    Stop,
    /// The rest goes on without the stage, and the run ends with exit code 1.
    Continue,
}
