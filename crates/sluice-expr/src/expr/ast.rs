//! Expressions as they were written.

use std::net::IpAddr;

use sluice_wire::addr::{Cidr, Mac};

use crate::{Error, Span};

/// How deep expressions may be nested.
pub const MAX_DEPTH: u16 = 100;

/// An expression. Where in a text it stands does not count when two are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Its part of the text.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    depth: u16,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One of them is true; at least two.
    Or(Vec<Expr>),
    /// One of the two is true and the other is not.
    Xor(Box<[Expr; 2]>),
    /// All of them are true; at least two.
    And(Vec<Expr>),
    /// It is not true.
    Not(Box<Expr>),
    /// The second where the first is true, the third elsewhere.
    If(Box<[Expr; 3]>),
    /// How two values stand to each other.
    Compare(Option<Quantifier>, Relation, Box<[Expr; 2]>),
    /// Whether a value is one of a set.
    In(Option<Quantifier>, Box<Expr>, Vec<Member>),
    /// Two numbers combined.
    Binary(Operator, Box<[Expr; 2]>),
    /// The number with the other sign.
    Negative(Box<Expr>),
    /// Some of the bytes.
    Slice(Box<Expr>, Slice),
    /// A function of values.
    Call(String, Vec<Expr>),
    /// A field of the catalogue; with a number, only that one of its occurrences: 1 is the outermost, -1 the innermost.
    Field(String, Option<i32>),
    /// A field of records.
    Path(Vec<Step>),
    /// A value.
    Literal(Literal),
}

/// For how many of several values a comparison must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// Every one, of which there must be one.
    All,
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `==`: one pair of values is equal.
    Equal,
    /// `!=`: no pair of values is equal.
    NotEqual,
    /// `===`: all pairs of values are equal.
    AllEqual,
    /// `!==`: one pair of values is not equal.
    AnyNotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `contains`: the right bytes are somewhere in the left ones.
    Contains,
    /// `matches`: the regular expression fits somewhere.
    Matches,
}

/// How two numbers are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `&`: the bits that both have.
    BitAnd,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`: what is left after a division.
    Remainder,
}

/// A member of a set.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    /// One value or network.
    One(Span, Literal),
    /// All from the first to the second.
    Range(Span, Literal, Literal),
}

/// Some bytes: from `start` (below 0: from the end), all or `length` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The first byte.
    pub start: i32,
    /// How many; `None` is all that follow.
    pub length: Option<u32>,
}

/// A step on the way to a field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of this key.
    Key(String),
    /// The item at this place, from 0.
    Index(u32),
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `true`, `false`
    Bool(bool),
    /// `5`, `0x1f`, `64KiB`
    Int(i128),
    /// `1.5`, `10k/s` (a rate per second)
    Decimal(String),
    /// `"text"`
    Text(Vec<u8>),
    /// `47:45:54`
    Bytes(Vec<u8>),
    /// `00:11:22:33:44:55`
    Mac(Mac),
    /// `10.0.0.1`, `fe80::1`
    Ip(IpAddr),
    /// `10.0.0.0/8`
    Net(Cidr),
    /// `2024-05-01T12:00:00Z`: ns since the epoch.
    Time(i64),
    /// `1h30m`: ns.
    Duration(i64),
}

impl Expr {
    /// An expression, unless it would be nested too deep.
    pub(crate) fn new(span: Span, kind: Kind) -> Result<Self, Error> {
        let deepest = |parts: &[Expr]| parts.iter().map(|part| part.depth).max().unwrap_or(0);
        let below = match &kind {
            Kind::Or(parts) | Kind::And(parts) | Kind::Call(_, parts) => deepest(parts),
            Kind::Xor(parts) | Kind::Compare(_, _, parts) | Kind::Binary(_, parts) => deepest(&parts[..]),
            Kind::If(parts) => deepest(&parts[..]),
            Kind::Not(part) | Kind::In(_, part, _) | Kind::Negative(part) | Kind::Slice(part, _) => {
                part.depth
            }
            Kind::Field(..) | Kind::Path(_) | Kind::Literal(_) => 0,
        };
        match below < MAX_DEPTH {
            true => Ok(Self { span, kind, depth: below + 1 }),
            false => Err(too_deep(span)),
        }
    }

    /// One more part of an `or` or `and`.
    pub(crate) fn push(mut self, part: Expr, span: Span) -> Result<Self, Error> {
        if part.depth == MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.depth = self.depth.max(part.depth + 1);
        if let Kind::Or(parts) | Kind::And(parts) = &mut self.kind {
            parts.push(part);
        }
        Ok(self.at(span))
    }

    /// The same at another place of the text.
    pub(crate) fn at(self, span: Span) -> Self {
        Self { span, ..self }
    }
}

pub(crate) fn too_deep(span: Span) -> Error {
    Error::new(span, format!("the expression is nested deeper than {MAX_DEPTH} levels"))
}
