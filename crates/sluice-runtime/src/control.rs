//! What all threads of a run look at: whether to go on, to stop, or to give up.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};
use sluice_core::Error;
use sluice_queue::Signal;

use crate::views::Asked;

const RUNNING: u8 = 0;
const STOPPING: u8 = 1;
const ABORTED: u8 = 2;

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The id of the stage; empty when it is the run as a whole.
    pub stage: String,
    /// What happened: lower case, no full stop.
    pub message: String,
    /// Whether the stage panicked, which is a defect of the component.
    pub panicked: bool,
}

impl Failure {
    /// The run as a whole could not do something.
    pub(crate) fn of_run(doing: &str) -> impl FnOnce(io::Error) -> Failure {
        let doing = Error::io(doing);
        move |error| Failure { stage: String::new(), message: doing(error).to_string(), panicked: false }
    }
}

/// Shared by all threads of a run.
#[derive(Debug)]
pub(crate) struct Control {
    state: AtomicU8,
    signals: Vec<Signal>,
    /// Not on any hot path: written once per failure.
    failures: Mutex<Vec<Failure>>,
    /// What threads are asked to show.
    pub asked: Asked,
}

impl Control {
    pub fn new(signals: Vec<Signal>) -> Self {
        Self {
            state: AtomicU8::new(RUNNING),
            signals,
            failures: Mutex::new(Vec::new()),
            asked: Asked::default(),
        }
    }

    /// Asks all stages for their views.
    pub fn ask(&self) {
        self.asked.ask();
        self.signals.iter().for_each(Signal::wake);
    }

    /// Sources stop; what is in flight is drained.
    pub fn stop(&self) {
        self.raise(STOPPING);
    }

    /// Everything stops where it is.
    pub fn abort(&self) {
        self.raise(ABORTED);
    }

    /// Records why, and aborts.
    pub fn fail(&self, failure: Failure) {
        self.record(failure);
        self.abort();
    }

    /// Records a failure that the rest of the pipeline survives.
    pub fn record(&self, failure: Failure) {
        self.failures.lock().unwrap_or_else(|e| e.into_inner()).push(failure);
    }

    /// Whether sources must stop.
    pub fn is_stopping(&self) -> bool {
        // Acquire: pairs with `raise`, so that whoever sees the state sees what led to it.
        self.state.load(Ordering::Acquire) >= STOPPING
    }

    /// Whether everything must stop.
    pub fn is_aborted(&self) -> bool {
        self.state.load(Ordering::Acquire) >= ABORTED
    }

    /// What went wrong so far.
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    fn raise(&self, state: u8) {
        self.state.fetch_max(state, Ordering::AcqRel);
        self.signals.iter().for_each(Signal::wake);
    }
}
