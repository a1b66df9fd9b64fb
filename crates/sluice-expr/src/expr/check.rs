//! From what was written to what is evaluated: names are looked up, types are settled, constants are prepared.

mod constants;

use std::collections::BTreeMap;

use memchr::memmem::Finder;
use regex::bytes::RegexBuilder;

use super::arithmetic;
use super::ast::{Expr, Kind, Literal, Member, Operator, Quantifier, Relation, Step};
use super::functions::{self, Function, Gives, Takes};
use super::program::Needs;
use super::ranges::Ranges;
use super::tree::{Compare, Contains, In, Matches, Mode, Needle, Node, Order, PathStep, Place, Test, Within};
use crate::error::did_you_mean;
use crate::fields::{self, Field, Source};
use crate::{Error, Span, Type};

/// What a regular expression may take up once it is compiled, in bytes.
const REGEX_SIZE: usize = 4 << 20;

/// Checks one expression; keeps what was found out about it.
#[derive(Default)]
pub(crate) struct Checker {
    /// The first field of packets.
    packets: Option<(String, Span)>,
    needs_layers: bool,
    /// The first field of records.
    records: Option<(String, Span)>,
    /// The names in paths, numbered.
    names: BTreeMap<String, usize>,
}

impl Checker {
    /// What the expression needs, and the names in paths.
    pub(crate) fn finish(self) -> Result<(Needs, Vec<String>), Error> {
        let needs = match (&self.packets, &self.records) {
            (Some((packet, first)), Some((record, second))) => {
                let span = if first.start > second.start { *first } else { *second };
                let message = format!("`{packet}` is a field of packets and `{record}` one of records");
                return Err(Error::new(span, message));
            }
            (Some(_), None) if self.needs_layers => Needs::Layers,
            (Some(_), None) => Needs::Packets,
            (None, Some(_)) => Needs::Records,
            (None, None) => Needs::Nothing,
        };
        let mut names = vec![String::new(); self.names.len()];
        for (name, number) in self.names {
            if let Some(slot) = names.get_mut(number) {
                *slot = name;
            }
        }
        Ok((needs, names))
    }

    /// An expression as a condition.
    pub(crate) fn test(&mut self, expr: &Expr) -> Result<Test, Error> {
        let mut all =
            |parts: &[Expr]| parts.iter().map(|part| self.test(part)).collect::<Result<Vec<_>, _>>();
        Ok(match &expr.kind {
            Kind::Or(parts) => Test::Or(all(parts)?.into()),
            Kind::And(parts) => Test::And(all(parts)?.into()),
            Kind::Xor(parts) => Test::Xor(Box::new([self.test(&parts[0])?, self.test(&parts[1])?])),
            Kind::Not(part) => Test::Not(Box::new(self.test(part)?)),
            Kind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                Test::If(Box::new([self.test(condition)?, self.test(then)?, self.test(otherwise)?]))
            }
            Kind::Compare(of, relation, parts) => self.compare(*of, *relation, &parts[0], &parts[1])?,
            Kind::In(of, part, members) => self.within(*of, part, members)?,
            Kind::Literal(Literal::Bool(value)) => Test::Const(*value),
            Kind::Field(..) | Kind::Path(_) => present(self.value(expr, Type::Any)?.0),
            Kind::Binary(Operator::BitAnd, _) => any_bit(self.value(expr, Type::Any)?.0),
            _ => match self.value(expr, Type::Any)? {
                (node, Type::Bool) => Test::Truth(node),
                (_, kind) => {
                    let message = format!("`{expr}` is {}, not a condition: compare it", kind.a());
                    return Err(Error::new(expr.span, message));
                }
            },
        })
    }

    /// An expression as a value. A constant becomes one of the wanted type.
    pub(crate) fn value(&mut self, expr: &Expr, wanted: Type) -> Result<(Node, Type), Error> {
        match &expr.kind {
            Kind::Or(_) | Kind::Xor(_) | Kind::And(_) | Kind::Not(_) | Kind::Compare(..) | Kind::In(..) => {
                Ok((Node::Test(Box::new(self.test(expr)?)), Type::Bool))
            }
            Kind::Literal(literal) => {
                let literal = constants::coerce(literal, expr.span, wanted, None)?;
                let kind = literal.value().kind();
                Ok((Node::Const(literal), kind))
            }
            Kind::Field(name, occurrence) => self.field(name, *occurrence, expr.span),
            Kind::Path(steps) => {
                self.records.get_or_insert_with(|| (expr.to_string(), expr.span));
                Ok((Node::Path(steps.iter().map(|step| self.step(step)).collect()), Type::Any))
            }
            Kind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = self.test(condition)?;
                let (then, kind) = self.value(then, wanted)?;
                let (other, other_kind) =
                    self.value(otherwise, if wanted == Type::Any { kind } else { wanted })?;
                let kind = match (kind, other_kind) {
                    (a, b) if a == b => a,
                    (Type::Int | Type::Float, Type::Int | Type::Float) => Type::Float,
                    (a, b) if a == Type::Any || b == Type::Any => Type::Any,
                    (a, b) if a.is_bytes() && b.is_bytes() => Type::Bytes,
                    (a, b) => {
                        let message = format!("one branch gives {}, the other {}", a.a(), b.a());
                        return Err(Error::new(otherwise.span, message));
                    }
                };
                Ok((Node::If(Box::new((condition, then, other))), kind))
            }
            Kind::Negative(part) => {
                let (node, kind) = self.value(part, wanted)?;
                if !kind.is_number() && kind != Type::Duration {
                    return Err(Error::new(part.span, format!("`{part}` is {} and has no sign", kind.a())));
                }
                Ok((Node::Negative(Box::new(node)), kind))
            }
            Kind::Binary(operator, parts) => {
                let (left, a) = self.value(&parts[0], Type::Any)?;
                let (right, b) = self.value(&parts[1], Type::Any)?;
                let Some(kind) = arithmetic::kind(*operator, a, b) else {
                    let message = format!("`{operator}` cannot combine {} and {}", a.a(), b.a());
                    return Err(Error::new(expr.span, message));
                };
                Ok((Node::Binary(*operator, Box::new([left, right])), kind))
            }
            Kind::Slice(part, slice) => {
                let (node, kind) = self.value(part, Type::Any)?;
                let kind = match kind {
                    Type::Text | Type::Any => kind,
                    Type::Bytes | Type::Header | Type::Mac | Type::Ip => Type::Bytes,
                    _ => {
                        let message = format!("`{part}` is {} and has no bytes to take some of", kind.a());
                        return Err(Error::new(expr.span, message));
                    }
                };
                Ok((Node::Slice(Box::new(node), *slice), kind))
            }
            Kind::Call(name, arguments) => self.call(name, arguments, expr.span),
        }
    }

    fn field(&mut self, name: &str, occurrence: Option<i32>, span: Span) -> Result<(Node, Type), Error> {
        let Some(field) = fields::find(name) else { return Err(unknown_field(name, span)) };
        if field.is_of_records() {
            self.records.get_or_insert_with(|| (name.to_owned(), span));
        } else {
            self.packets.get_or_insert_with(|| (name.to_owned(), span));
            self.needs_layers |= !field.is_of_frame();
        }
        if occurrence.is_some() && field.protos().is_none() {
            return Err(Error::new(span, format!("`{name}` is not a field of a header: it occurs once")));
        }
        Ok((Node::Field(field, occurrence), field.kind))
    }

    fn step(&mut self, step: &Step) -> PathStep {
        match step {
            Step::Index(index) => PathStep::Index(*index),
            Step::Key(key) => {
                let next = self.names.len();
                PathStep::Key(*self.names.entry(key.clone()).or_insert(next))
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Expr], span: Span) -> Result<(Node, Type), Error> {
        let Some(function) = functions::find(name) else {
            let hint = did_you_mean(name, functions::FUNCTIONS.iter().map(|function| function.name));
            let span = Span { start: span.start, end: span.start + name.len() };
            return Err(Error::new(span, format!("there is no function `{name}`{hint}")));
        };
        let (least, most) = function.count;
        if !(least..=most).contains(&arguments.len()) {
            let message = format!(
                "`{name}` is written `{name}({})`, not with {} argument{}",
                function.arguments,
                arguments.len(),
                if arguments.len() == 1 { "" } else { "s" }
            );
            return Err(Error::new(span, message));
        }
        let mut nodes = Vec::new();
        let mut first = None;
        for argument in arguments {
            let (node, kind) = self.argument(function, argument, first)?;
            first.get_or_insert(kind);
            nodes.push(node);
        }
        let kind = match function.gives {
            Gives::A(kind) => kind,
            Gives::First => first.unwrap_or(Type::Any),
        };
        Ok((Node::Call(function, nodes.into()), kind))
    }

    fn argument(
        &mut self,
        function: &Function,
        expr: &Expr,
        first: Option<Type>,
    ) -> Result<(Node, Type), Error> {
        let wanted = match function.gives {
            Gives::First => first.unwrap_or(Type::Any),
            Gives::A(_) => Type::Any,
        };
        let (node, kind) = self.value(expr, wanted)?;
        let (fits, takes) = match function.takes {
            Takes::Anything => (true, ""),
            Takes::Bytes => (kind.is_bytes(), "text or bytes"),
            Takes::Number => (kind.is_number(), "a number"),
            Takes::Address => (matches!(kind, Type::Ip | Type::Mac | Type::Any), "an address"),
        };
        if !fits {
            let message = format!("`{}` takes {takes}, and `{expr}` is {}", function.name, kind.a());
            return Err(Error::new(expr.span, message));
        }
        if let (Gives::First, Some(first)) = (function.gives, first)
            && !first.compares_with(kind)
        {
            let message = format!("the first argument is {}, this one {}", first.a(), kind.a());
            return Err(Error::new(expr.span, message));
        }
        Ok((node, kind))
    }

    fn compare(
        &mut self,
        of: Option<Quantifier>,
        relation: Relation,
        left: &Expr,
        right: &Expr,
    ) -> Result<Test, Error> {
        let (order, default) = match relation {
            Relation::Equal => (Order::Equal, Mode::Any),
            Relation::NotEqual => (Order::NotEqual, Mode::All),
            Relation::AllEqual => (Order::Equal, Mode::All),
            Relation::AnyNotEqual => (Order::NotEqual, Mode::Any),
            Relation::Less => (Order::Less, Mode::Any),
            Relation::LessEqual => (Order::LessEqual, Mode::Any),
            Relation::Greater => (Order::Greater, Mode::Any),
            Relation::GreaterEqual => (Order::GreaterEqual, Mode::Any),
            Relation::Contains => return self.contains(mode(of, Mode::Any), left, right),
            Relation::Matches => return self.matches(mode(of, Mode::Any), left, right),
        };
        let mode = mode(of, default);
        if let Kind::Literal(constant) = &right.kind {
            let (node, kind) = self.value(left, Type::Any)?;
            let constant = constants::coerce(constant, right.span, kind, field_of(&node))?;
            constants::comparable(left, kind, right, constant.value().kind(), order)?;
            if matches!(constant, Literal::Net(_)) && !matches!(order, Order::Equal | Order::NotEqual) {
                return Err(Error::new(right.span, "a network has no order: use `==`, `!=` or `in`"));
            }
            if let Some((place, mask)) = place(&node)
                && let Some(ranges) = Ranges::compared(order, &constant.value())
            {
                return Ok(Test::Within(Box::new(Within { place, mask, ranges, mode })));
            }
            let right = Node::Const(constant);
            return Ok(Test::Compare(Box::new(Compare { order, mode, left: node, right })));
        }
        if matches!(left.kind, Kind::Literal(_)) && of.is_none() {
            return self.compare(of, turned(relation), right, left);
        }
        let (left_node, a) = self.value(left, Type::Any)?;
        let (right_node, b) = self.value(right, a)?;
        constants::comparable(left, a, right, b, order)?;
        Ok(Test::Compare(Box::new(Compare { order, mode, left: left_node, right: right_node })))
    }

    fn within(&mut self, of: Option<Quantifier>, expr: &Expr, members: &[Member]) -> Result<Test, Error> {
        let mode = mode(of, Mode::Any);
        let (value, kind) = self.value(expr, Type::Any)?;
        let field = field_of(&value);
        let mut ends = Vec::new();
        for member in members {
            let (span, first, last) = match member {
                Member::One(span, one) => (*span, one, one),
                Member::Range(span, first, last) => (*span, first, last),
            };
            let pair =
                (constants::coerce(first, span, kind, field)?, constants::coerce(last, span, kind, field)?);
            let other = pair.0.value().kind();
            if !kind.compares_with(other) || !other.compares_with(pair.1.value().kind()) {
                return Err(Error::new(span, format!("`{expr}` is {}, and this is {}", kind.a(), other.a())));
            }
            if let Member::Range(..) = member {
                if matches!(pair, (Literal::Net(_), _) | (_, Literal::Net(_))) {
                    return Err(Error::new(
                        span,
                        "a range goes from one address to another, not to a network",
                    ));
                }
                if pair.0.value().order(&pair.1.value()).is_none_or(std::cmp::Ordering::is_gt) {
                    return Err(Error::new(span, "the range is empty: it ends before it begins"));
                }
            }
            ends.push(pair);
        }
        let ranges = ends.iter().map(|(first, last)| Ranges::between(&first.value(), &last.value()));
        if let Some((place, mask)) = place(&value)
            && let Some(ranges) = ranges.collect::<Option<Vec<_>>>()
        {
            let ranges = Ranges::of(ranges.into_iter().flatten().collect());
            return Ok(Test::Within(Box::new(Within { place, mask, ranges, mode })));
        }
        Ok(Test::In(Box::new(In { mode, value, members: ends.into() })))
    }

    fn contains(&mut self, mode: Mode, left: &Expr, right: &Expr) -> Result<Test, Error> {
        let value = self.bytes(left, "`contains` looks into text and bytes")?;
        let needle = match &right.kind {
            Kind::Literal(constant) => {
                let constant = constants::coerce(constant, right.span, Type::Bytes, None)?;
                Needle::Const(Box::new(
                    Finder::new(constant.value().bytes().unwrap_or_default()).into_owned(),
                ))
            }
            _ => Needle::Value(self.bytes(right, "`contains` looks for text and bytes")?),
        };
        Ok(Test::Contains(Box::new(Contains { mode, value, needle })))
    }

    fn matches(&mut self, mode: Mode, left: &Expr, right: &Expr) -> Result<Test, Error> {
        let (value, kind) = self.value(left, Type::Any)?;
        if !kind.is_bytes() {
            let message = format!("`matches` looks into text and bytes, and `{left}` is {}", kind.a());
            return Err(Error::new(left.span, message));
        }
        let Kind::Literal(Literal::Text(pattern)) = &right.kind else {
            return Err(Error::new(right.span, "expected a regular expression in quotation marks"));
        };
        let Ok(pattern) = std::str::from_utf8(pattern) else {
            return Err(Error::new(right.span, "a regular expression is UTF-8; it may say `\\\\xff`"));
        };
        // As in Wireshark, case does not count unless `(?-i)` says so, and bytes are no characters.
        let is_text = matches!(kind, Type::Text | Type::Any);
        let built =
            RegexBuilder::new(pattern).case_insensitive(true).unicode(is_text).size_limit(REGEX_SIZE).build();
        let regex = built.map_err(|error| Error::new(right.span, regex_message(&error)))?;
        Ok(Test::Matches(Box::new(Matches { mode, value, regex })))
    }

    fn bytes(&mut self, expr: &Expr, wanted: &str) -> Result<Node, Error> {
        let (node, kind) = self.value(expr, Type::Any)?;
        match kind.is_bytes() {
            true => Ok(node),
            false => Err(Error::new(expr.span, format!("{wanted}, and `{expr}` is {}", kind.a()))),
        }
    }
}

/// What is wrong with a regular expression, on one line.
fn regex_message(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    format!("the regular expression is wrong: {}", last.strip_prefix("error: ").unwrap_or(last))
}

fn unknown_field(name: &str, span: Span) -> Error {
    if name == "tcp.seq" || name == "tcp.ack" {
        return Error::new(
            span,
            format!(
                "there is no field `{name}`, which would count from the first packet of a connection: did you mean `{name}_raw`?"
            ),
        );
    }
    let hint = did_you_mean(name, fields::all().map(|field| field.name));
    let hint = match hint.is_empty() {
        true if !name.contains('.') => format!(": a field of records is written `.{name}`"),
        _ => hint,
    };
    Error::new(span, format!("there is no field `{name}`{hint}"))
}

fn mode(of: Option<Quantifier>, default: Mode) -> Mode {
    match of {
        None => default,
        Some(Quantifier::Any) => Mode::Any,
        Some(Quantifier::All) => Mode::All,
    }
}

/// The same relation with its sides changed.
fn turned(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::Greater,
        Relation::LessEqual => Relation::GreaterEqual,
        Relation::Greater => Relation::Less,
        Relation::GreaterEqual => Relation::LessEqual,
        same => same,
    }
}

fn field_of(node: &Node) -> Option<&'static Field> {
    match node {
        Node::Field(field, _) => Some(field),
        _ => None,
    }
}

/// Whether there is a value.
fn present(node: Node) -> Test {
    match node {
        Node::Field(Field { source: Source::Headers(kinds), .. }, None) => Test::Header(*kinds),
        node => within(&node, Ranges::One(0, u64::MAX)).unwrap_or(Test::Present(node)),
    }
}

/// Whether a number has one of the bits that are left of it.
fn any_bit(node: Node) -> Test {
    within(&node, Ranges::But(0, 0)).unwrap_or(Test::Truth(node))
}

fn within(node: &Node, ranges: Ranges) -> Option<Test> {
    let (place, mask) = place(node)?;
    Some(Test::Within(Box::new(Within { place, mask, ranges, mode: Mode::Any })))
}

/// Where the numbers are that a value consists of, and which of their bits count.
fn place(node: &Node) -> Option<(Place, u64)> {
    match node {
        Node::Field(field, None) => match field.source {
            Source::Numbers(numbers) => Some((Place::Headers(numbers), u64::MAX)),
            Source::Frame(read) if field.kind != Type::Time => Some((Place::Frame(read), u64::MAX)),
            _ => None,
        },
        Node::Binary(Operator::BitAnd, parts) => match &**parts {
            [node @ Node::Field(field, None), Node::Const(Literal::Int(mask))] if field.kind == Type::Int => {
                Some((place(node)?.0, u64::try_from(*mask).ok()?))
            }
            _ => None,
        },
        _ => None,
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        })
    }
}
