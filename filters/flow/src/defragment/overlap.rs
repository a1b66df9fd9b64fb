//! Whose bytes count where fragments overlap.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

/// Which bytes count where IPv4 fragments overlap.
///
/// What a kind of host does is told by where the fragment that came before and the one that comes now begin and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Overlap {
    /// None: the datagram is discarded, as Linux has done since 4.19.
    #[default]
    Discard,
    /// Those that came first.
    First,
    /// Those that came last.
    Last,
    /// Those that came first, of a fragment that begins no later than the other one.
    Bsd,
    /// Those that came first, of a fragment that begins before the other one: Linux before 4.19.
    Linux,
    /// Those that came first, unless the other fragment begins before theirs and ends after it.
    Windows,
    /// Those that came first, unless the other fragment begins before theirs and ends no earlier.
    Solaris,
}

impl Overlap {
    /// Whether the bytes of `old` count where `new`, which comes later, has the same ones.
    fn keeps(self, old: &Range<u32>, new: &Range<u32>) -> bool {
        match self {
            Overlap::Discard | Overlap::First => true,
            Overlap::Last => false,
            Overlap::Bsd => old.start <= new.start,
            Overlap::Linux => old.start < new.start,
            Overlap::Windows => !(new.start < old.start && new.end > old.end),
            Overlap::Solaris => !(new.start < old.start && new.end >= old.end),
        }
    }

    /// Adds a fragment to the stretches of those that came before it, which are in order and do not overlap. `number` is
    /// what `ranges` has it under, where all of them are as they were sent.
    pub fn add(self, stretches: &mut Vec<Stretch>, ranges: impl Fn(u32) -> Range<u32>, number: u32) {
        let new = ranges(number);
        let mut at = stretches.partition_point(|stretch| stretch.range.end <= new.start);
        let mut from = new.start;
        while let Some(stretch) = stretches.get(at).filter(|stretch| stretch.range.start < new.end).cloned() {
            // What nobody had before.
            if from < stretch.range.start {
                stretches.insert(at, Stretch { range: from..stretch.range.start, number });
                at += 1;
            }
            let both = stretch.range.start.max(new.start)..stretch.range.end.min(new.end);
            from = both.end;
            if self.keeps(&ranges(stretch.number), &new) {
                at += 1;
                continue;
            }
            let pieces = [
                (stretch.range.start..both.start, stretch.number),
                (both.clone(), number),
                (both.end..stretch.range.end, stretch.number),
            ];
            let pieces = pieces.into_iter().filter(|(range, _)| !range.is_empty());
            let before = stretches.len();
            stretches.splice(at..=at, pieces.map(|(range, number)| Stretch { range, number }));
            at += stretches.len() + 1 - before;
        }
        if from < new.end {
            stretches.insert(at, Stretch { range: from..new.end, number });
        }
    }
}

/// Bytes of a datagram that come from one fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub range: Range<u32>,
    pub number: u32,
}
