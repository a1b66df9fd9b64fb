//! What a run has done so far: the numbers behind the exit summary, the progress display and `sluice status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::latency::Latencies;
use crate::views::StageViews;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Sources produce.
    Running,
    /// Sources were told to stop; what is in flight is being finished.
    Draining,
    /// All stages have ended.
    Ended,
}

/// The counters of a run at one moment. Its JSON form is the answer of the control socket and of `--summary json`; names
/// are kept stable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The pipeline's name.
    pub pipeline: String,
    /// Where the run stands.
    pub state: State,
    /// Seconds since it began.
    pub seconds: f64,
    /// Bytes in flight, and how many there may be.
    pub memory: Memory,
    /// The stages in topological order.
    pub stages: Vec<StageSnapshot>,
    /// The pipes between them.
    pub pipes: Vec<PipeSnapshot>,
    /// The id of the stage that the others wait for, where one stands out.
    pub bottleneck: Option<String>,
}

/// Memory in flight, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// In use now.
    pub used: u64,
    /// The limit at which sources wait.
    pub limit: u64,
}

/// One stage; over all of its threads.
///
/// `taken + created = passed + dropped + errors + held`, once its threads are between two calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSnapshot {
    /// Its id in the pipeline.
    pub id: String,
    /// `source`, `filter` or `sink`.
    pub kind: String,
    /// The component's name.
    pub component: String,
    /// How many threads run it.
    pub threads: usize,
    /// Items that came in.
    pub taken: u64,
    /// Bytes that came in.
    pub taken_bytes: u64,
    /// Items that it made; of a source, all.
    pub created: u64,
    /// Items that went on, or out of the pipeline.
    pub passed: u64,
    /// Bytes of those.
    pub passed_bytes: u64,
    /// Items dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Items that left through the `errors` port.
    pub errors: u64,
    /// Items that it holds back.
    pub held: u64,
    /// Things lost that are no items, such as the rest of a file that was cut off.
    pub lost: u64,
    /// Per cent of its threads' time spent working.
    pub busy: f64,
    /// Per cent of its threads' time spent waiting for room or memory.
    pub blocked: f64,
    /// Per cent of its threads' time spent waiting for input.
    pub idle: f64,
    /// CPU seconds used.
    pub cpu: f64,
    /// Of a source: bytes read.
    pub read: u64,
    /// Of a source: bytes there are, where that is known.
    pub total: Option<u64>,
}

impl StageSnapshot {
    /// The two sides of the accounting law: items it had, items it can account for.
    pub fn account(&self) -> (u64, u64) {
        let dropped: u64 = self.dropped.values().sum();
        (self.taken + self.created, self.passed + dropped + self.errors + self.held)
    }
}

/// One pipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipeSnapshot {
    /// The stage that writes it.
    pub from: String,
    /// The stage that reads it.
    pub to: String,
    /// Batches in it.
    pub len: u64,
    /// Batches that it can hold.
    pub capacity: u64,
    /// Items dropped because it was full.
    pub dropped: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All input went through.
    Done,
    /// It was told to stop, and finished what was in flight.
    Stopped,
    /// All that could be read went through, and something could not.
    Lost,
    /// A stage failed, or the run was given up.
    Failed,
}

impl Outcome {
    /// The exit code that stands for it: 0, 0, 65, 1.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Done | Outcome::Stopped => 0,
            Outcome::Lost => 65,
            Outcome::Failed => 1,
        }
    }
}

/// What a run took that is asked for only when runs are compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// How long batches took from their source until a sink had them.
    #[serde(rename = "latency_us")]
    pub latency: Latencies,
    /// Seconds of CPU that the process used meanwhile.
    pub cpu: f64,
    /// The most memory that the process held since it began, in bytes; 0 where the system does not tell.
    pub peak_memory: u64,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, in the order in which it did.
    pub failures: Vec<Failure>,
    /// What it took, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// What the stages showed last: when their input had ended, or else when somebody asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<StageViews>,
    /// The last counters.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

impl Snapshot {
    /// Names the stage that is busy most of the time, where it stands out from the others.
    pub(crate) fn name_bottleneck(&mut self) {
        let mut by_busy: Vec<&StageSnapshot> = self.stages.iter().collect();
        by_busy.sort_by(|a, b| b.busy.total_cmp(&a.busy));
        let second = by_busy.get(1).map_or(0.0, |stage| stage.busy);
        let busiest = by_busy.first().filter(|stage| stage.busy >= 50.0 && stage.busy - second >= 5.0);
        self.bottleneck = busiest.map(|stage| stage.id.clone());
    }
}
