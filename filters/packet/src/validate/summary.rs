//! How many checksums got which verdict, added up over all workers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_wire::verify::Verdict;

use super::What;

const VERDICTS: [(Verdict, &str); 5] = [
    (Verdict::Good, "good"),
    (Verdict::Bad, "bad"),
    (Verdict::Unverifiable, "unverifiable"),
    (Verdict::Offloaded, "offloaded"),
    (Verdict::Absent, "absent"),
];

/// Counts by checksum and verdict.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts([[u64; VERDICTS.len()]; What::ALL.len()]);

impl Counts {
    pub(super) fn add(&mut self, what: What, verdict: Verdict) {
        self.0[what as usize][verdict as usize] += 1;
    }

    fn merge(&mut self, other: &Counts) {
        for (all, more) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *all += more;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "checksums: ";
        for (what, counts) in What::ALL.into_iter().zip(self.0) {
            // IP packets without the header in question are no news.
            let told = VERDICTS.into_iter().zip(counts).filter(|((verdict, _), count)| {
                *count > 0 && (*verdict != Verdict::Absent || what == What::Udp)
            });
            let mut lead = format!("{between}{} ", what.name());
            for ((_, name), count) in told {
                write!(f, "{lead}{count} {name}")?;
                (lead, between) = (", ".to_owned(), "; ");
            }
        }
        if between == "; " { Ok(()) } else { f.write_str("no checksum was found to check") }
    }
}

/// Where the instances of a stage add up what they counted.
#[derive(Debug, Default)]
pub(super) struct Summary(Mutex<(usize, Counts)>);

impl Summary {
    /// For one more instance.
    pub(super) fn join(self: &Arc<Self>) -> Member {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
        Member(Arc::clone(self))
    }
}

/// The place of one instance.
#[derive(Debug)]
pub(super) struct Member(Arc<Summary>);

impl Member {
    /// Adds what the instance counted. The last one to leave is given the sum.
    pub(super) fn leave(self, counts: Counts) -> Option<Counts> {
        let mut guard = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (members, total) = &mut *guard;
        *members = members.saturating_sub(1);
        total.merge(&counts);
        (*members == 0).then_some(*total)
    }
}
