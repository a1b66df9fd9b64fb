//! Evaluating conditions for a block of items at once.
//!
//! Only comparisons of numbers with constants have a way of their own here. All others are asked of the items one by one,
//! and of no more of them than it takes.

use super::block::Block;
use super::ranges::Ranges;
use super::set::Set;
use super::tree::{Mode, Place, Test, Within};

impl Test {
    /// Those of the items for which it holds.
    pub(super) fn select(&self, block: &mut Block<'_>, among: Set) -> Set {
        if among.is_empty() {
            return among;
        }
        match self {
            Self::Within(within) => within.select(block, among),
            Self::Header(kinds) => block.with_header(*kinds, among),
            Self::And(parts) => parts.iter().fold(among, |rest, part| part.select(block, rest)),
            Self::Or(parts) => {
                parts.iter().fold(Set::NONE, |found, part| found.or(part.select(block, among.without(found))))
            }
            Self::Not(part) => among.without(part.select(block, among)),
            Self::Const(true) => among,
            Self::Const(false) => Set::NONE,
            Self::Xor(parts) => {
                let [left, right] = &**parts;
                left.select(block, among).xor(right.select(block, among))
            }
            Self::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let those = condition.select(block, among);
                then.select(block, those).or(otherwise.select(block, among.without(those)))
            }
            _ => among.filter(|at| block.item(at).is_some_and(|item| self.holds(&item))),
        }
    }
}

impl Within {
    fn select(&self, block: &mut Block<'_>, among: Set) -> Set {
        let (mask, wanted) = (self.mask, self.wanted());
        match &self.ranges {
            Ranges::Many(_) => {
                self.look(block, among, |number| self.ranges.contains(number & mask) == wanted)
            }
            Ranges::One(first, last) | Ranges::But(first, last) => {
                let (first, span) = (*first, last - first);
                let inside = matches!(self.ranges, Ranges::One(..)) == wanted;
                self.look(block, among, |number| ((number & mask).wrapping_sub(first) <= span) == inside)
            }
        }
    }

    /// Whether numbers are looked for that fit. All of them do where there is one and none that does not.
    fn wanted(&self) -> bool {
        self.mode == Mode::Any
    }

    #[inline(always)]
    fn look(&self, block: &mut Block<'_>, among: Set, is_wanted: impl Fn(u64) -> bool) -> Set {
        let (mut seen, mut found) = (Set::NONE, Set::NONE);
        match self.place {
            Place::Headers(numbers) => {
                for number in numbers {
                    let (there, wanted) = block.numbers(number, among.without(found), &is_wanted);
                    (seen, found) = (seen.or(there), found.or(wanted));
                }
            }
            Place::Frame(read) => (seen, found) = block.facts(read, among, is_wanted),
        }
        if self.wanted() { found } else { seen.without(found) }
    }
}
