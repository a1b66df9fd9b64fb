//! The run modes: which stages are run how.

use std::num::NonZeroUsize;

use sluice_config::{Execution, Mode, StageSpec};
use sluice_core::{Key, Kind, Parallelism};

/// How many sources stamps can tell apart.
const SOURCES: usize = 1 << 16;

/// Who runs a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// One thread.
    One,
    /// So many threads, of which any takes any batch.
    Workers(NonZeroUsize),
    /// So many instances, each with its part of the items: divided by this key, or by any where there is none.
    Shards(Option<Key>, NonZeroUsize),
}

/// The rule of a mode.
pub(crate) struct Rule {
    execution: Execution,
    /// How many workers or shards there are.
    count: NonZeroUsize,
    /// Whether stages that are run alike and read each other share their threads.
    pub fuses: bool,
}

impl Rule {
    pub fn new(execution: &Execution, cpus: usize) -> Self {
        let count = execution.workers.or(NonZeroUsize::new(cpus)).unwrap_or(NonZeroUsize::MIN);
        Self { execution: execution.clone(), count, fuses: execution.mode != Mode::Staged }
    }

    /// Whether there is one shard: nothing is divided then, and all that reads one another is one segment.
    fn is_alone(&self) -> bool {
        self.execution.mode == Mode::Sharded && self.count == NonZeroUsize::MIN
    }

    /// How a stage of a pipeline of `stages` is run.
    pub fn run(&self, stage: &StageSpec, stages: usize) -> Run {
        use Parallelism::{Keyed, Serial, Stateless};
        let kind = stage.component.kind;
        if self.is_alone() {
            return Run::Shards(None, self.count);
        }
        match (self.execution.mode, stage.component.parallelism) {
            (Mode::Sharded, _) if kind == Kind::Source => self.source(stage, stages),
            (_, _) if kind == Kind::Source => Run::One,
            (_, Serial) => Run::One,
            (Mode::Staged, Stateless) => Run::Workers(stage.workers),
            (Mode::Workers, Stateless) => Run::Workers(self.count),
            (Mode::Sharded, Stateless) => Run::Shards(None, self.count),
            (Mode::Sharded, Keyed) => {
                let key = stage.shard_by.clone().unwrap_or_else(|| stage.prepared.key());
                Run::Shards(Some(key), self.count)
            }
            // One instance is right, too: where there are to be several, the file says by what.
            (Mode::Staged | Mode::Workers, Keyed) => match &stage.shard_by {
                Some(key) if stage.workers.get() > 1 => Run::Shards(Some(key.clone()), stage.workers),
                Some(key) if self.execution.mode == Mode::Workers => {
                    Run::Shards(Some(key.clone()), self.count)
                }
                _ => Run::One,
            },
        }
    }

    fn source(&self, stage: &StageSpec, stages: usize) -> Run {
        let shards = self.count.get();
        let told_apart = stages.saturating_mul(shards) <= SOURCES;
        if told_apart && stage.prepared.split(&self.execution.key, shards as u32) {
            return Run::Shards(None, self.count);
        }
        Run::One
    }
}
