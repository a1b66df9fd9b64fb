//! What stages show of themselves: asked for by the supervisor, left by the threads of the stages.
//!
//! Asking raises a number, which threads compare with the one that they answered last: between two messages, and when they are
//! woken. So nobody pays for views that nobody wants to see.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sluice_core::View;

use crate::State;

/// How long an answer waits for stages that are in the middle of something.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the stages of a run show at one moment. Its JSON form is the answer of the control socket; names are kept stable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Views {
    /// The pipeline's name.
    pub pipeline: String,
    /// Where the run stands.
    pub state: State,
    /// Seconds since it began.
    pub seconds: f64,
    /// The stages that show something.
    pub stages: Vec<StageViews>,
}

/// What one stage shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageViews {
    /// Its id in the pipeline.
    pub id: String,
    /// The component's name.
    pub component: String,
    /// What all of its instances show, merged.
    pub merged: View,
    /// What each of them shows.
    pub shards: Vec<ShardView>,
}

/// What one instance shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardView {
    /// Which one it is, from 0.
    pub shard: usize,
    /// When it showed that, in seconds since the run began: earlier than it was asked if it was in the middle of something.
    pub at: f64,
    /// What it shows.
    pub view: View,
}

impl StageViews {
    pub(crate) fn new(id: &str, component: &str, mut shards: Vec<ShardView>) -> Self {
        let mut merged = View::default();
        shards.iter().for_each(|shard| merged.merge(&shard.view));
        merged.cut();
        shards.iter_mut().for_each(|shard| shard.view.cut());
        Self { id: id.to_owned(), component: component.to_owned(), merged, shards }
    }
}

/// Where an instance leaves its view.
#[derive(Debug)]
pub(crate) struct Slot(Mutex<Left>);

#[derive(Debug)]
struct Left {
    /// The question that it answers; the largest number once no more will come.
    answers: u64,
    view: Option<(Duration, View)>,
}

impl Slot {
    /// With what an instance shows before it has seen anything; nothing will be asked of one that shows nothing then.
    pub fn new(view: Option<View>) -> Self {
        let answers = if view.is_some() { 0 } else { u64::MAX };
        Self(Mutex::new(Left { answers, view: view.map(|view| (Duration::ZERO, view)) }))
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something to see.
    pub fn shows(&self) -> bool {
        self.lock().view.is_some()
    }

    /// What was left last, and when, as shard of this number.
    pub fn read(&self, shard: usize) -> Option<ShardView> {
        let left = self.lock().view.clone();
        left.map(|(at, view)| ShardView { shard, at: at.as_secs_f64(), view })
    }

    /// Leaves a view, `at` this time of the run.
    pub fn leave(&self, view: Option<View>, at: Duration) {
        let mut left = self.lock();
        left.view = view.map(|view| (at, view)).or(left.view.take());
    }

    fn answer(&self, question: u64) {
        let mut left = self.lock();
        left.answers = left.answers.max(question);
    }
}

/// The number of the question that was asked last, and where to wait for answers.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    question: AtomicU64,
    answered: Mutex<()>,
    bell: Condvar,
}

impl Asked {
    // Relaxed: what goes with a question or an answer goes through a lock, and threads that sleep are woken after it.
    pub fn question(&self) -> u64 {
        self.question.load(Ordering::Relaxed)
    }

    /// Asks. Whoever may sleep has to be woken then.
    pub fn ask(&self) {
        self.question.fetch_add(1, Ordering::Relaxed);
    }

    /// A thread has left what its stages show, for this question or, with the largest number, for ever.
    pub fn answer<'a>(&self, question: u64, slots: impl Iterator<Item = &'a Slot>) {
        slots.for_each(|slot| slot.answer(question));
        drop(self.answered.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_all();
    }

    /// Waits until all have answered the last question, or for as long as it may take.
    pub fn wait<'a>(&self, slots: impl Iterator<Item = &'a Slot> + Clone) {
        let (question, until) = (self.question(), Instant::now() + PATIENCE);
        let mut guard = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        while slots.clone().any(|slot| slot.lock().answers < question) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            guard = self.bell.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
