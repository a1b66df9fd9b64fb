//! What becomes of lines that a parser cannot read; the same for every parser.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Output, PortType, Ports, Reason, RecordBatch};

/// What becomes of a line that cannot be parsed.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnBad {
    /// It leaves through the port `errors`.
    #[default]
    Errors,
    /// It is dropped and counted.
    Drop,
    /// It goes on without fields.
    Pass,
}

impl OnBad {
    pub(crate) fn ports(self) -> Ports {
        let ports = Ports::filter(PortType::Records, PortType::Records);
        if self == OnBad::Errors { ports.with_errors() } else { ports }
    }

    /// Emits the batch and, apart from it, the records whose indexes are in `bad`, which is sorted.
    pub(crate) fn emit(self, mut batch: RecordBatch, bad: &[u32], reason: &Reason, out: &mut Output) {
        let is_bad = |at: usize| bad.binary_search(&(at as u32)).is_ok();
        match self {
            _ if bad.is_empty() => {}
            OnBad::Pass => {}
            OnBad::Drop => {
                let gone = batch.retain(|at, _| !is_bad(at));
                out.dropped(reason, gone);
            }
            OnBad::Errors => {
                let mut failed = out.records();
                batch.move_to(&mut failed, out.pools(), |at, _| is_bad(at));
                out.fail(failed);
            }
        }
        out.emit(batch);
    }
}
