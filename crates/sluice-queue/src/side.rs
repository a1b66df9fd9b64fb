//! One side of a pipe: who stands there, who of them waits for this pipe, and how many are left.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};

use crate::Signal;
use crate::sync::{AtomicUsize, fence};

/// The threads on one side of a pipe.
pub(crate) struct Side {
    watches: Box<[Watch]>,
    left: AtomicUsize,
}

/// One thread's interest in the pipe.
///
/// A thread has one signal for all its pipes, so that it sleeps does not say what for. It is a waste to wake a
/// consumer, batch after batch, that waits for room further down; and where one of several consumers is woken for an
/// item, it must not be one that is not going to take it. So an endpoint that looks in vain notes the number of the
/// wait it looked in, and waits for this pipe while its owner sleeps in that same wait. The first look of a wait
/// comes before the fence in `bell.rs`, and with it this note.
struct Watch {
    signal: Signal,
    looked_in: AtomicUsize,
}

impl Watch {
    /// The wait that the owner sleeps in, if it looked at this pipe in it.
    fn waiting(&self) -> Option<usize> {
        self.signal.bell().asleep().filter(|&turn| self.looked_in.load(Relaxed) == turn)
    }
}

impl Side {
    pub(crate) fn new(signals: &[Signal]) -> Side {
        let watch = |signal: &Signal| Watch { signal: signal.clone(), looked_in: AtomicUsize::new(0) };
        Side { watches: signals.iter().map(watch).collect(), left: AtomicUsize::new(signals.len()) }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.watches.len() > 1
    }

    /// Notes that member `index` looks at this pipe in its present wait. Before the look itself.
    pub(crate) fn looks(&self, index: usize) {
        if let Some(watch) = self.watches.get(index) {
            watch.looked_in.store(watch.signal.bell().turn(), Relaxed);
        }
    }

    /// Whether somebody waits for what the caller just did. When nobody does, whoever starts to wait will see it.
    pub(crate) fn has_waiter(&self) -> bool {
        fence(SeqCst);
        self.watches.iter().any(|watch| watch.waiting().is_some())
    }

    /// Wakes up to `count` of those who wait for this pipe.
    pub(crate) fn wake(&self, count: usize) {
        fence(SeqCst);
        let woken = |watch: &&Watch| watch.waiting().is_some_and(|turn| watch.signal.wake_from(turn));
        self.watches.iter().filter(woken).take(count).for_each(drop);
    }

    /// Wakes everybody, whatever they wait for.
    pub(crate) fn wake_all(&self) {
        self.watches.iter().for_each(|watch| watch.signal.wake());
    }

    /// One member less; true for the last.
    pub(crate) fn leave(&self) -> bool {
        self.left.fetch_sub(1, AcqRel) == 1
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.left.load(Acquire) == 0
    }
}
