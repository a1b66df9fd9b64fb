//! Blocks that lead to one another and never back.

use std::collections::HashMap;

use super::values::{Id, Values};
use super::{Cmp, Cond, Walk};

/// A block in its graph.
pub(super) type At = usize;

/// What a block does at its end.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// Ends the program: [`REJECT`] or [`ACCEPT`].
    Return,
    /// Goes on at the first where two values compare so, else at the second.
    Test(Id, Cmp, Id, At, At),
    /// Keeps a value in memory and goes on.
    Keep(u8, Id, At),
    /// Follows the header chain and goes on.
    Walk(Walk, At),
}

/// The blocks of a filter: those that a block leads to have smaller numbers than it.
#[derive(Debug)]
pub(super) struct Graph {
    pub blocks: Vec<Block>,
    pub entry: At,
}

pub(super) const REJECT: At = 0;
pub(super) const ACCEPT: At = 1;

/// How often tests are left out, which may show that others decide nothing.
const ROUNDS: usize = 4;

/// How many outcomes a path remembers.
const REMEMBERED: usize = 24;

/// The blocks of a condition.
pub(super) fn graph(cond: &Cond, values: &Values) -> Graph {
    let mut builder = Builder { values, blocks: vec![Block::Return, Block::Return], tests: HashMap::new() };
    let entry = builder.build(cond, ACCEPT, REJECT);
    let mut graph = Graph { blocks: builder.blocks, entry };
    for _ in 0..ROUNDS {
        graph.thread(values);
        if !graph.drop_idle() {
            break;
        }
    }
    graph
}

struct Builder<'a> {
    values: &'a Values,
    blocks: Vec<Block>,
    /// Equal tests that lead to the same places are one block.
    tests: HashMap<(Id, Cmp, Id, At, At), At>,
}

impl Builder<'_> {
    /// The block that a condition begins with, when it leads to `yes` or `no` at its end.
    fn build(&mut self, cond: &Cond, yes: At, no: At) -> At {
        match cond {
            Cond::Is(so) => {
                if *so {
                    yes
                } else {
                    no
                }
            }
            Cond::Not(inner) => self.build(inner, no, yes),
            Cond::Keep(slot, value) => self.push(Block::Keep(*slot, *value, yes)),
            Cond::Walk(walk) => self.push(Block::Walk((**walk).clone(), yes)),
            Cond::Test(a, cmp, b) => match self.values.as_constant(*a).zip(self.values.as_constant(*b)) {
                Some((a, b)) if compare(a, *cmp, b) => yes,
                Some(_) => no,
                None => {
                    let next = self.blocks.len();
                    let at = *self.tests.entry((*a, *cmp, *b, yes, no)).or_insert(next);
                    if at == next { self.push(Block::Test(*a, *cmp, *b, yes, no)) } else { at }
                }
            },
            Cond::Chain(links) => {
                let (mut yes, mut no) = (yes, no);
                let mut entry = yes;
                // The last link decides where no later one does: from back to front, each knows what comes after it.
                for (index, (and, link)) in links.iter().enumerate().rev() {
                    entry = self.build(link, yes, no);
                    match *and {
                        _ if index == 0 => {}
                        true => yes = entry,
                        false => no = entry,
                    }
                }
                entry
            }
        }
    }

    fn push(&mut self, block: Block) -> At {
        self.blocks.push(block);
        self.blocks.len() - 1
    }
}

fn compare(a: u32, cmp: Cmp, b: u32) -> bool {
    match cmp {
        Cmp::Eq => a == b,
        Cmp::Gt => a > b,
        Cmp::Ge => a >= b,
        Cmp::Set => a & b != 0,
    }
}

/// The outcomes that every path to a block has seen.
type Known = Vec<((Id, Cmp, Id), bool)>;

impl Graph {
    /// Leads paths round tests whose outcome they know.
    ///
    /// A test that a path has seen has been evaluated on it, so that leaving it out loads nothing less.
    fn thread(&mut self, values: &Values) {
        let mut known: Vec<Option<Known>> = vec![None; self.blocks.len()];
        if let Some(slot) = known.get_mut(self.entry) {
            *slot = Some(Known::new());
        }
        for at in (0..=self.entry).rev() {
            let Some(here) = known.get_mut(at).and_then(Option::take) else { continue };
            match self.blocks.get(at).cloned() {
                Some(Block::Test(a, cmp, b, yes, no)) => {
                    let test = (a, cmp, b);
                    let (seen, missed) = (with(&here, test, true), with(&here, test, false));
                    let (yes, no) = (self.skip(yes, &seen, values), self.skip(no, &missed, values));
                    if let Some(block) = self.blocks.get_mut(at) {
                        *block = Block::Test(a, cmp, b, yes, no);
                    }
                    meet(&mut known, yes, seen);
                    meet(&mut known, no, missed);
                }
                Some(Block::Keep(slot, value, next)) => {
                    let next = self.skip(next, &here, values);
                    if let Some(block) = self.blocks.get_mut(at) {
                        *block = Block::Keep(slot, value, next);
                    }
                    meet(&mut known, next, here);
                }
                Some(Block::Walk(_, next)) => meet(&mut known, next, here),
                Some(Block::Return) | None => {}
            }
        }
    }

    /// Leads all paths round tests that go on at the same place whatever their outcome, and tells whether there were any.
    ///
    /// What such a test would load need not have been captured: the packet passes or not for what is known of it.
    fn drop_idle(&mut self) -> bool {
        let mut instead: Vec<At> = (0..self.blocks.len()).collect();
        let mut dropped = false;
        for at in 0..self.blocks.len() {
            let to = |next: At| instead.get(next).copied().unwrap_or(next);
            let Some(block) = self.blocks.get_mut(at) else { continue };
            match block {
                Block::Return => {}
                Block::Keep(_, _, next) | Block::Walk(_, next) => *next = to(*next),
                Block::Test(_, _, _, yes, no) => {
                    (*yes, *no) = (to(*yes), to(*no));
                    if yes == no {
                        dropped = true;
                        let next = *yes;
                        if let Some(slot) = instead.get_mut(at) {
                            *slot = next;
                        }
                    }
                }
            }
        }
        self.entry = instead.get(self.entry).copied().unwrap_or(self.entry);
        dropped
    }

    /// The first block from `at` on whose outcome is not known.
    fn skip(&self, mut at: At, known: &Known, values: &Values) -> At {
        while let Some(Block::Test(a, cmp, b, yes, no)) = self.blocks.get(at) {
            match decided(known, (*a, *cmp, *b), values) {
                Some(true) => at = *yes,
                Some(false) => at = *no,
                None => break,
            }
        }
        at
    }
}

/// What is known behind a test.
fn with(known: &Known, test: (Id, Cmp, Id), outcome: bool) -> Known {
    let skipped = (known.len() + 1).saturating_sub(REMEMBERED);
    let mut more: Known = known.iter().skip(skipped).copied().collect();
    more.push((test, outcome));
    more
}

/// A block knows what all paths to it know.
fn meet(known: &mut [Option<Known>], at: At, coming: Known) {
    if let Some(slot) = known.get_mut(at) {
        match slot {
            Some(there) => there.retain(|fact| coming.contains(fact)),
            None => *slot = Some(coming),
        }
    }
}

/// The outcome of a test, where what is known decides it.
fn decided(known: &Known, (a, cmp, b): (Id, Cmp, Id), values: &Values) -> Option<bool> {
    let constant = values.as_constant(b);
    known.iter().rev().find_map(|((value, by, with), outcome)| {
        if *value != a {
            return None;
        }
        if (*by, *with) == (cmp, b) {
            return Some(*outcome);
        }
        let (with, constant) = (values.as_constant(*with)?, constant?);
        match (*by, *outcome) {
            (Cmp::Eq, true) => Some(compare(with, cmp, constant)),
            (Cmp::Gt, true) if cmp == Cmp::Eq && constant <= with => Some(false),
            (Cmp::Gt, false) if cmp == Cmp::Eq && constant > with => Some(false),
            (Cmp::Ge, true) if cmp == Cmp::Eq && constant < with => Some(false),
            (Cmp::Ge, false) if cmp == Cmp::Eq && constant >= with => Some(false),
            _ => None,
        }
    })
}
