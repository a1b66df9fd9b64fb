//! Typed expressions: what is asked of an item, or computed from it.
//!
//! Text goes through three steps. [`parse`] makes a tree of what was written and knows nothing of fields. The check looks
//! up names, settles types and turns comparisons of header fields with constants into tests of ranges of numbers. What it
//! makes is evaluated without an allocation, for 64 items at once: see `block`.
//!
//! A field may have several values in one item. Each of them is tried: `==`, `<` and the like hold when one of them does,
//! `!=` when there is a value and none of them is equal. A field that is not there makes every comparison false.

mod arithmetic;
mod ast;
mod block;
mod check;
mod eval;
mod functions;
mod item;
mod lex;
mod literal;
mod parse;
mod print;
mod program;
mod ranges;
mod select;
mod set;
mod tree;

pub use ast::{Expr, Kind, Literal, MAX_DEPTH, Member, Operator, Quantifier, Relation, Slice, Step};
pub use functions::{FUNCTIONS, Function};
pub use item::Line;
pub use parse::parse;
pub use program::{Computation, Needs, Predicate};

#[cfg(test)]
mod tests;
