//! From tests to instructions, knowing nothing of protocols.
//!
//! A filter is a [`Cond`]: comparisons of [`values`] joined by and, or, not. `graph` turns it into blocks that each end in
//! one comparison, and leads every path round comparisons whose outcome it has already seen; `emit` writes the
//! instructions, from the last one to the first, so that it knows how far each jump goes.

mod emit;
mod graph;
pub mod values;

pub(super) use emit::TooMuch;
use values::{Id, Values};

use super::program::Insn;

/// The instructions of a condition; packets of which it is so return `accept`. The first `kept` words of memory are the
/// condition's own.
pub(super) fn program(cond: &Cond, values: &Values, kept: u8, accept: u32) -> Result<Vec<Insn>, TooMuch> {
    emit::emit(&graph::graph(cond, values), values, kept, accept)
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cmp {
    /// Equal.
    Eq,
    /// The first is greater.
    Gt,
    /// The first is greater or equal.
    Ge,
    /// They have a bit in common.
    Set,
}

/// Something that a packet is or is not.
#[derive(Debug, Clone)]
pub enum Cond {
    /// Always so, or never.
    Is(bool),
    /// Two values compare so.
    Test(Id, Cmp, Id),
    /// Always so; keeps a value in a word of memory.
    Keep(u8, Id),
    /// Always so; follows the header chain.
    Walk(Box<Walk>),
    /// What the inner one is not.
    Not(Box<Cond>),
    /// Joined from left to right, where `true` stands for and; the first one's does not count.
    Chain(Vec<(bool, Cond)>),
}

/// A loop over headers that each tell the protocol and the length of the next: what no comparison can do.
///
/// At the end a word of memory holds the protocol that the walk stopped at.
#[derive(Debug, Clone)]
pub struct Walk {
    /// The first protocol.
    pub protocol: Id,
    /// The offset of the first header.
    pub at: Id,
    /// Where to stop, besides at protocols that have no next one.
    pub wanted: u32,
    /// Whether the extension headers of IPv6 are followed, and not the authentication header alone.
    pub v6: bool,
    /// The word of memory that the protocol is left in.
    pub slot: u8,
    /// A word of memory for the offset.
    pub scratch: u8,
}

impl Cond {
    /// All of them, tested in this order.
    pub fn all(conds: impl IntoIterator<Item = Cond>) -> Cond {
        Cond::Chain(conds.into_iter().map(|cond| (true, cond)).collect())
    }

    /// At least one of them, tested in this order.
    pub fn any(conds: impl IntoIterator<Item = Cond>) -> Cond {
        Cond::Chain(conds.into_iter().map(|cond| (false, cond)).collect())
    }

    /// The words of memory that it reads, one bit each.
    pub fn reads(&self, values: &Values) -> u32 {
        match self {
            Cond::Is(_) => 0,
            Cond::Test(a, _, b) => values.reads(*a) | values.reads(*b),
            Cond::Keep(_, value) => values.reads(*value),
            Cond::Walk(walk) => values.reads(walk.protocol) | values.reads(walk.at),
            Cond::Not(inner) => inner.reads(values),
            Cond::Chain(links) => links.iter().fold(0, |all, (_, link)| all | link.reads(values)),
        }
    }

    /// What this is not.
    pub fn negated(self) -> Cond {
        Cond::Not(Box::new(self))
    }
}
