//! Expressions as they are evaluated: names are looked up, types are settled.

use memchr::memmem::Finder;
use regex::bytes::Regex;
use sluice_core::Frame;
use sluice_wire::layers::Protos;

use super::ast::{Literal, Operator, Slice};
use super::functions::Function;
use super::ranges::Ranges;
use crate::fields::{Field, Numbers};

/// Something that holds for an item or does not.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Const(bool),
    Not(Box<Test>),
    And(Box<[Test]>),
    Or(Box<[Test]>),
    Xor(Box<[Test; 2]>),
    If(Box<[Test; 3]>),
    /// Numbers in headers or about the frame are in certain ranges.
    Within(Box<Within>),
    /// There is a header of one of these kinds.
    Header(Protos),
    /// There is a value; a field of records is also no `null` and no `false`.
    Present(Node),
    /// A value is true, or not zero.
    Truth(Node),
    Compare(Box<Compare>),
    In(Box<In>),
    Contains(Box<Contains>),
    Matches(Box<Matches>),
}

/// Whether one or all of several values have to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Any,
    All,
}

/// Where the numbers of [`Test::Within`] are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Headers(Numbers),
    Frame(fn(&Frame) -> Option<u64>),
}

#[derive(Debug, Clone)]
pub(crate) struct Within {
    pub(crate) place: Place,
    pub(crate) mask: u64,
    pub(crate) ranges: Ranges,
    pub(crate) mode: Mode,
}

/// What has to be true of how two values compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Order {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone)]
pub(crate) struct Compare {
    pub(crate) order: Order,
    pub(crate) mode: Mode,
    pub(crate) left: Node,
    pub(crate) right: Node,
}

#[derive(Debug, Clone)]
pub(crate) struct In {
    pub(crate) mode: Mode,
    pub(crate) value: Node,
    /// First and last of each range.
    pub(crate) members: Box<[(Literal, Literal)]>,
}

#[derive(Debug, Clone)]
pub(crate) enum Needle {
    Const(Box<Finder<'static>>),
    Value(Node),
}

#[derive(Debug, Clone)]
pub(crate) struct Contains {
    pub(crate) mode: Mode,
    pub(crate) value: Node,
    pub(crate) needle: Needle,
}

#[derive(Debug, Clone)]
pub(crate) struct Matches {
    pub(crate) mode: Mode,
    pub(crate) value: Node,
    pub(crate) regex: Regex,
}

/// A step on the way to a field of a record; names are numbered, so that their keys are looked up once per batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PathStep {
    Key(usize),
    Index(u32),
}

/// Something that has values.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Const(Literal),
    Field(&'static Field, Option<i32>),
    Path(Box<[PathStep]>),
    Test(Box<Test>),
    If(Box<(Test, Node, Node)>),
    Negative(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    Slice(Box<Node>, Slice),
    Call(&'static Function, Box<[Node]>),
}
