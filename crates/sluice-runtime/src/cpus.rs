//! The CPUs that threads are bound to.

use std::num::NonZeroUsize;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use sluice_config::Pin;

use crate::control::Failure;

/// What the process may use, and what its threads are to use.
pub(crate) struct Cpus {
    allowed: usize,
    /// Given to threads in turn; none where the system decides.
    pinned: Vec<usize>,
}

impl Cpus {
    pub fn new(pin: &Pin) -> Result<Self, Failure> {
        let allowed =
            || sched_getaffinity(None).map_err(|error| Failure::of_run("ask for its CPUs")(error.into()));
        let pinned = match pin {
            Pin::No => Vec::new(),
            Pin::All => {
                let allowed = allowed()?;
                (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect()
            }
            Pin::To(cpus) => {
                let allowed = allowed()?;
                let usable = |cpu: usize| cpu < CpuSet::MAX_CPU && allowed.is_set(cpu);
                match cpus.iter().find(|cpu| !usable(**cpu)) {
                    Some(cpu) => {
                        let message =
                            format!("threads cannot be bound to CPU `{cpu}`, which the process may not use");
                        return Err(Failure { stage: String::new(), message, panicked: false });
                    }
                    None => cpus.clone(),
                }
            }
        };
        // Less than there are where the process may not use all of their time.
        let allowed = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self { allowed, pinned })
    }

    /// How many threads can work at once.
    pub fn count(&self) -> usize {
        if self.pinned.is_empty() { self.allowed } else { self.pinned.len() }
    }

    /// The CPU of a thread, by its number.
    pub fn of(&self, thread: usize) -> Option<usize> {
        let turn = thread.checked_rem(self.pinned.len())?;
        self.pinned.get(turn).copied()
    }
}

/// Binds the calling thread to a CPU.
pub(crate) fn bind(cpu: usize) -> Result<(), Failure> {
    let mut only = CpuSet::new();
    only.set(cpu);
    let doing = format!("bind a thread to CPU `{cpu}`");
    sched_setaffinity(None, &only).map_err(|error| Failure::of_run(&doing)(error.into()))
}
