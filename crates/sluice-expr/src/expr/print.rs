//! From a tree to text that is read as the same tree.

use std::fmt;

use super::ast::{Expr, Kind, Literal, Member, Operator, Quantifier, Relation, Slice, Step};
use super::literal::quote;

/// How tightly what an expression is made of binds; see the parser.
fn level(expr: &Expr) -> u8 {
    match &expr.kind {
        Kind::If(_) => 0,
        Kind::Or(_) => 1,
        Kind::Xor(_) => 2,
        Kind::And(_) => 3,
        Kind::Not(_) => 4,
        Kind::Compare(..) | Kind::In(..) => 5,
        Kind::Binary(Operator::BitAnd, _) => 6,
        Kind::Binary(Operator::Add | Operator::Subtract, _) => 7,
        Kind::Binary(..) => 8,
        Kind::Negative(_) => 9,
        Kind::Literal(literal) if is_negative(literal) => 9,
        Kind::Slice(..) | Kind::Call(..) | Kind::Field(..) | Kind::Path(_) | Kind::Literal(_) => 10,
    }
}

fn is_negative(literal: &Literal) -> bool {
    match literal {
        Literal::Int(number) => *number < 0,
        Literal::Decimal(text) => text.starts_with('-'),
        Literal::Duration(span) => *span < 0,
        _ => false,
    }
}

/// In parentheses unless it binds at least as tightly as `least`.
struct Part<'e>(&'e Expr, u8);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if level(self.0) < self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    between: &str,
) -> fmt::Result {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

fn quantifier(quantifier: Option<Quantifier>) -> &'static str {
    match quantifier {
        Some(Quantifier::Any) => "any ",
        Some(Quantifier::All) => "all ",
        None => "",
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Or(parts) => list(f, parts.iter().map(|part| Part(part, 2)), " or "),
            Kind::Xor(parts) => write!(f, "{} xor {}", Part(&parts[0], 2), Part(&parts[1], 3)),
            Kind::And(parts) => list(f, parts.iter().map(|part| Part(part, 4)), " and "),
            Kind::Not(part) => write!(f, "not {}", Part(part, 4)),
            Kind::If(parts) => write!(f, "if {} then {} else {}", parts[0], parts[1], parts[2]),
            Kind::Compare(of, relation, parts) => {
                write!(f, "{}{} {relation} {}", quantifier(*of), Part(&parts[0], 6), Part(&parts[1], 6))
            }
            Kind::In(of, part, members) => {
                write!(f, "{}{} in {{", quantifier(*of), Part(part, 6))?;
                list(f, members, ", ")?;
                f.write_str("}")
            }
            Kind::Binary(operator, parts) => {
                let level = level(self);
                write!(f, "{} {operator} {}", Part(&parts[0], level), Part(&parts[1], level + 1))
            }
            Kind::Negative(part) => write!(f, "-{}", Negated(part)),
            Kind::Slice(part, slice) => write!(f, "{}{slice}", Part(part, 10)),
            Kind::Call(name, arguments) => {
                write!(f, "{name}(")?;
                list(f, arguments, ", ")?;
                f.write_str(")")
            }
            Kind::Field(name, None) => f.write_str(name),
            Kind::Field(name, Some(number)) => write!(f, "{name}#{number}"),
            Kind::Path(steps) => list(f, steps, ""),
            Kind::Literal(literal) => literal.fmt(f),
        }
    }
}

/// What stands behind a sign: nothing that begins with a number, which would become one with that sign.
struct Negated<'e>(&'e Expr);

impl fmt::Display for Negated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = self.0;
        while let Kind::Slice(part, _) = &first.kind {
            first = part;
        }
        match &first.kind {
            Kind::Literal(literal) if !is_negative(literal) => write!(f, "({})", self.0),
            _ => Part(self.0, 9).fmt(f),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AllEqual => "===",
            Self::AnyNotEqual => "!==",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Contains => "contains",
            Self::Matches => "matches",
        })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BitAnd => "&",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(_, value) => value.fmt(f),
            Self::Range(_, first, last) => write!(f, "{first}..{last}"),
        }
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            Some(length) => write!(f, "[{}:{length}]", self.start),
            None => write!(f, "[{}:]", self.start),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key(key) => {
                f.write_str(".")?;
                let mut chars = key.chars();
                let is_plain = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
                    && chars.all(|c| c.is_alphanumeric() || c == '_');
                if is_plain { f.write_str(key) } else { quote(f, key.as_bytes()) }
            }
        }
    }
}
