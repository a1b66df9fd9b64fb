//! What the model check replaces: atomics, the queue, parking and the clock.
//!
//! The rest of the crate imports these names from here only, so that `--cfg loom` runs the very code that ships.

pub(crate) use imp::{Arc, AtomicUsize, Ring, Thread, current, fence, now, park};

#[cfg(not(loom))]
mod imp {
    use std::time::Instant;

    pub(crate) use crossbeam_queue::ArrayQueue as Ring;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicUsize, fence};
    pub(crate) use std::thread::{Thread, current};

    /// Parks until unparked or, at the latest, until `deadline`; may return early for no reason.
    pub(crate) fn park(deadline: Option<Instant>) {
        match deadline {
            None => std::thread::park(),
            Some(deadline) => std::thread::park_timeout(deadline.saturating_duration_since(now())),
        }
    }

    pub(crate) fn now() -> Instant {
        Instant::now()
    }
}

#[cfg(loom)]
mod imp {
    use std::sync::LazyLock;
    use std::time::Instant;

    pub(crate) use crate::ring::Ring;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicUsize, fence};
    pub(crate) use loom::thread::{Thread, current};

    /// In the model no deadline ever comes to the rescue.
    pub(crate) fn park(_deadline: Option<Instant>) {
        loom::thread::park();
    }

    /// Time stands still in the model: the worst case for a wake-up that waits for its millisecond.
    pub(crate) fn now() -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START
    }
}
