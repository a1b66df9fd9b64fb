//! The protocol between one thread that sleeps and all that wake it: flag, fence, look again, park.
//!
//! The sleeper raises its flag, fences, and looks once more before it parks. A waker makes its change, fences, and
//! reads the flag. Of two `SeqCst` fences one is first: when it is the sleeper's, the waker sees the flag; when it
//! is the waker's, the second look sees the change. Either way nobody sleeps through it, and the waker pays one fence
//! and one load as long as nobody sleeps.
//!
//! Plain `SeqCst` loads and stores would serve on this side alone, but the change itself (a push, a pop, a count) is
//! made by code that need not be `SeqCst`. Fences order everything around them, and loom models them exactly, while
//! it takes `SeqCst` accesses for acquire and release only.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::sync::{AtomicUsize, fence};

/// The lowest bit: the owner sleeps, or is about to.
const ASLEEP: usize = 1;
/// The bits above count the owner's waits.
const TURN: usize = 2;

/// One thread's sleeping flag together with the number of its present wait.
///
/// Only the owner starts waits and raises the flag; others only take the flag down. The number lets a pipe know
/// whether the present wait is about this pipe (see `side.rs`). Should it wrap around, the worst is a wake-up too many.
pub(crate) struct Bell {
    state: AtomicUsize,
}

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell { state: AtomicUsize::new(0) }
    }

    /// Waits until `ready` is true, calling `sleep` in between until it breaks off.
    ///
    /// Returns `None` when `ready` was true, otherwise what `sleep` broke off with. `sleep` may return early for any
    /// reason; it must return when `wake` was called on this thread since the flag went up.
    pub(crate) fn wait<B>(
        &self,
        mut ready: impl FnMut() -> bool,
        mut sleep: impl FnMut() -> ControlFlow<B>,
    ) -> Option<B> {
        let turn = self.turn().wrapping_add(TURN);
        self.state.store(turn, Relaxed);
        loop {
            if ready() {
                return None;
            }
            self.state.store(turn | ASLEEP, Relaxed);
            fence(SeqCst);
            if ready() {
                self.state.store(turn, Relaxed);
                return None;
            }
            let slept = sleep();
            self.state.store(turn, Relaxed);
            if let ControlFlow::Break(reason) = slept {
                return Some(reason);
            }
        }
    }

    /// The owner's present wait, or its latest.
    pub(crate) fn turn(&self) -> usize {
        self.state.load(Relaxed) & !ASLEEP
    }

    /// The wait that the owner sleeps in, if it sleeps. The caller has fenced after its change.
    pub(crate) fn asleep(&self) -> Option<usize> {
        let state = self.state.load(Relaxed);
        (state & ASLEEP != 0).then_some(state & !ASLEEP)
    }

    /// Takes the flag of wait `turn` down; true for exactly one caller, who then has to wake the owner.
    pub(crate) fn claim(&self, turn: usize) -> bool {
        self.state.compare_exchange(turn | ASLEEP, turn, Relaxed, Relaxed).is_ok()
    }
}
