//! From text to a tree.

use super::ast::{Expr, Kind, Literal, MAX_DEPTH, Member, Operator, Quantifier, Relation, too_deep};
use super::lex::{Lexer, Token};
use crate::{Error, Span};

/// Reads an expression. Names of fields and functions are not looked up.
pub fn parse(text: &str) -> Result<Expr, Error> {
    let mut lexer = Lexer::new(text);
    let (token, span) = lexer.next()?;
    let mut parser = Parser { lexer, token, span, before: Span::default(), depth: 0 };
    if parser.token == Token::End {
        return Err(Error::new(parser.span, "the expression is empty"));
    }
    let expr = parser.binary(OR)?;
    match parser.token {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// How tightly operators bind; `not` stands between `and` and comparisons.
type Level = u8;
const OR: Level = 1;
const XOR: Level = 2;
const AND: Level = 3;
const NOT: Level = 4;
const COMPARE: Level = 5;
const BITS: Level = 6;
const SUM: Level = 7;
const PRODUCT: Level = 8;
const OPERAND: Level = 9;

/// An operator between two operands.
#[derive(Clone, Copy, PartialEq)]
enum Between {
    Or,
    Xor,
    And,
    Compare(Relation),
    In,
    NotIn,
    Number(Operator),
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    span: Span,
    /// The place of the token before.
    before: Span,
    depth: u16,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, Error> {
        let (token, span) = self.lexer.next()?;
        (self.before, self.span) = (self.span, span);
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if found == word)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(found) if found == sign)
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found = match &self.token {
            Token::End => return Error::new(self.span, format!("expected {wanted} here")),
            Token::Word(word) => format!("`{word}`"),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::Literal(literal) => format!("`{literal}`"),
            Token::Path(_) => "a field of records".to_owned(),
            Token::Slice(_) => "brackets".to_owned(),
            Token::Occurrence(_) => "an occurrence".to_owned(),
        };
        Error::new(self.span, format!("expected {wanted}, found {found}"))
    }

    fn sign(&mut self, sign: &str, wanted: &str) -> Result<(), Error> {
        if !self.is_sign(sign) {
            return Err(self.unexpected(wanted));
        }
        self.advance().map(drop)
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        if !self.is_word(word) {
            return Err(self.unexpected(&format!("`{word}`")));
        }
        self.advance().map(drop)
    }

    /// Goes one level down.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return Err(too_deep(self.span));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// The operator here, with how tightly it binds.
    fn between(&self) -> Option<(Between, Level)> {
        use Between::*;
        let word = match &self.token {
            Token::Word(word) => word.as_str(),
            Token::Sign(sign) => sign,
            _ => return None,
        };
        let relation = match word {
            "==" | "eq" | "any_eq" => Relation::Equal,
            "!=" | "ne" | "all_ne" => Relation::NotEqual,
            "===" | "all_eq" => Relation::AllEqual,
            "!==" | "any_ne" => Relation::AnyNotEqual,
            "<" | "lt" => Relation::Less,
            "<=" | "le" => Relation::LessEqual,
            ">" | "gt" => Relation::Greater,
            ">=" | "ge" => Relation::GreaterEqual,
            "contains" => Relation::Contains,
            "matches" | "~" => Relation::Matches,
            _ => {
                return Some(match word {
                    "or" | "||" => (Or, OR),
                    "xor" | "^^" => (Xor, XOR),
                    "and" | "&&" => (And, AND),
                    "in" => (In, COMPARE),
                    "not" => (NotIn, COMPARE),
                    "&" | "bitand" | "bitwise_and" => (Number(Operator::BitAnd), BITS),
                    "+" => (Number(Operator::Add), SUM),
                    "-" => (Number(Operator::Subtract), SUM),
                    "*" => (Number(Operator::Multiply), PRODUCT),
                    "/" => (Number(Operator::Divide), PRODUCT),
                    "%" => (Number(Operator::Remainder), PRODUCT),
                    _ => return None,
                });
            }
        };
        Some((Compare(relation), COMPARE))
    }

    /// An expression of operators that bind at least as tightly as `level`.
    fn binary(&mut self, level: Level) -> Result<Expr, Error> {
        let start = self.span;
        let quantifier = if level <= COMPARE { self.quantifier()? } else { None };
        let mut left = if quantifier.is_some() { self.binary(BITS)? } else { self.prefix(level)? };
        if let Some(quantifier) = quantifier {
            left = self.quantified(start, quantifier, left)?;
        }
        // What this loop put together last; only that may grow, for `a or (b or c)` is not `a or b or c`.
        let mut grown = quantifier.map(|_| (Between::In, COMPARE));
        while let Some((between, tightness)) = self.between() {
            if tightness < level {
                break;
            }
            if tightness == COMPARE && matches!(grown, Some((_, COMPARE))) {
                return Err(Error::new(self.span, "comparisons do not go on: join two of them with `and`"));
            }
            self.advance()?;
            left =
                self.join(start, left, between, tightness, grown.is_some_and(|(last, _)| last == between))?;
            grown = Some((between, tightness));
        }
        Ok(left)
    }

    /// `any` or `all` in front of a comparison.
    fn quantifier(&mut self) -> Result<Option<Quantifier>, Error> {
        let quantifier = match &self.token {
            Token::Word(word) if word == "any" => Quantifier::Any,
            Token::Word(word) if word == "all" => Quantifier::All,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(quantifier))
    }

    fn quantified(&mut self, start: Span, quantifier: Quantifier, left: Expr) -> Result<Expr, Error> {
        match self.between() {
            Some((between, COMPARE)) => {
                self.advance()?;
                self.compare(start, Some(quantifier), left, between)
            }
            _ => Err(self.unexpected("a comparison after `any` or `all`")),
        }
    }

    fn join(
        &mut self,
        start: Span,
        left: Expr,
        between: Between,
        tightness: Level,
        grows: bool,
    ) -> Result<Expr, Error> {
        if tightness == COMPARE {
            return self.compare(start, None, left, between);
        }
        let right = self.binary(tightness + 1)?;
        let span = start.to(self.before);
        if grows && matches!(left.kind, Kind::Or(_) | Kind::And(_)) {
            return left.push(right, span);
        }
        let kind = match (between, left) {
            (Between::Or, left) => Kind::Or(vec![left, right]),
            (Between::And, left) => Kind::And(vec![left, right]),
            (Between::Number(operator), left) => Kind::Binary(operator, Box::new([left, right])),
            (_, left) => Kind::Xor(Box::new([left, right])),
        };
        Expr::new(span, kind)
    }

    fn compare(
        &mut self,
        start: Span,
        quantifier: Option<Quantifier>,
        left: Expr,
        between: Between,
    ) -> Result<Expr, Error> {
        if let Between::Compare(relation) = between {
            let right = self.binary(BITS)?;
            return Expr::new(
                start.to(self.before),
                Kind::Compare(quantifier, relation, Box::new([left, right])),
            );
        }
        if between == Between::NotIn {
            self.word("in")?;
        }
        let set = self.set()?;
        let span = start.to(self.before);
        let within = Expr::new(span, Kind::In(quantifier, Box::new(left), set))?;
        match between {
            Between::NotIn => Expr::new(span, Kind::Not(Box::new(within))),
            _ => Ok(within),
        }
    }

    /// `{1, 5..9, 10.0.0.0/8}`
    fn set(&mut self) -> Result<Vec<Member>, Error> {
        self.sign("{", "a set such as `{80, 443, 8000..8999}`")?;
        let mut members = Vec::new();
        while !self.is_sign("}") {
            if !members.is_empty() {
                self.sign(",", "`,` or `}`")?;
            }
            let start = self.span;
            let first = self.literal()?;
            members.push(if self.is_sign("..") {
                self.advance()?;
                let last = self.literal()?;
                Member::Range(start.to(self.before), first, last)
            } else {
                Member::One(start.to(self.before), first)
            });
        }
        if members.is_empty() {
            return Err(Error::new(self.span, "the set is empty"));
        }
        self.advance()?;
        Ok(members)
    }

    fn literal(&mut self) -> Result<Literal, Error> {
        let is_negative = self.is_sign("-");
        if is_negative {
            self.advance()?;
        }
        match (&self.token, is_negative) {
            (Token::Literal(_), _) | (Token::Word(_), false) => {}
            _ => return Err(self.unexpected("a value")),
        }
        let span = self.span;
        match self.advance()? {
            Token::Literal(literal) if !is_negative => Ok(literal),
            Token::Literal(literal) => {
                negative(&literal).ok_or_else(|| Error::new(span, format!("`{literal}` has no sign")))
            }
            Token::Word(word) => truth(&word).map(Literal::Bool).ok_or_else(|| {
                Error::new(span, format!("expected a value, found `{word}`: text stands in quotes"))
            }),
            _ => Err(Error::new(span, "expected a value")),
        }
    }

    /// What stands before an operand.
    fn prefix(&mut self, level: Level) -> Result<Expr, Error> {
        let start = self.span;
        if self.is_word("not") || self.is_sign("!") {
            if level > NOT {
                return Err(self.unexpected("a value"));
            }
            self.advance()?;
            let part = self.nested(|parser| parser.binary(NOT))?;
            return Expr::new(start.to(self.before), Kind::Not(Box::new(part)));
        }
        if self.is_word("if") {
            self.advance()?;
            return self.nested(|parser| {
                let condition = parser.binary(OR)?;
                parser.word("then")?;
                let then = parser.binary(OR)?;
                parser.word("else")?;
                let otherwise = parser.binary(OR)?;
                Expr::new(start.to(parser.before), Kind::If(Box::new([condition, then, otherwise])))
            });
        }
        if self.is_sign("-") {
            self.advance()?;
            if let Token::Literal(literal) = &self.token
                && let Some(literal) = negative(literal)
            {
                self.advance()?;
                return Expr::new(start.to(self.before), Kind::Literal(literal));
            }
            let part = self.nested(|parser| parser.prefix(OPERAND))?;
            return Expr::new(start.to(self.before), Kind::Negative(Box::new(part)));
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Expr, Error> {
        let start = self.span;
        let mut operand = self.operand()?;
        while let Token::Slice(slice) = self.token {
            self.advance()?;
            operand = Expr::new(start.to(self.before), Kind::Slice(Box::new(operand), slice))?;
        }
        Ok(operand)
    }

    fn operand(&mut self) -> Result<Expr, Error> {
        let start = self.span;
        if self.is_sign("(") {
            self.advance()?;
            let inside = self.nested(|parser| parser.binary(OR))?;
            self.sign(")", "`)` or an operator")?;
            return Ok(inside.at(start.to(self.before)));
        }
        if !matches!(self.token, Token::Word(_) | Token::Literal(_) | Token::Path(_))
            || self.between().is_some()
            || ["then", "else"].into_iter().any(|word| self.is_word(word))
        {
            return Err(self.unexpected("a field, a value or `(`"));
        }
        let kind = match self.advance()? {
            Token::Literal(literal) => Kind::Literal(literal),
            Token::Path(steps) => Kind::Path(steps),
            Token::Word(name) if self.is_sign("(") => Kind::Call(name, self.arguments()?),
            Token::Word(word) => match truth(&word) {
                Some(value) => Kind::Literal(Literal::Bool(value)),
                None => Kind::Field(word, self.occurrence()?),
            },
            _ => return Err(self.unexpected("a value")),
        };
        Expr::new(start.to(self.before), kind)
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Error> {
        self.advance()?;
        let mut arguments = Vec::new();
        while !self.is_sign(")") {
            if !arguments.is_empty() {
                self.sign(",", "`,` or `)`")?;
            }
            arguments.push(self.nested(|parser| parser.binary(OR))?);
        }
        self.advance()?;
        Ok(arguments)
    }

    fn occurrence(&mut self) -> Result<Option<i32>, Error> {
        let Token::Occurrence(number) = self.token else { return Ok(None) };
        self.advance()?;
        Ok(Some(number))
    }
}

fn truth(word: &str) -> Option<bool> {
    match word {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn negative(literal: &Literal) -> Option<Literal> {
    match literal {
        Literal::Int(number) => Some(Literal::Int(-number)),
        Literal::Decimal(text) => Some(Literal::Decimal(format!("-{text}"))),
        Literal::Duration(span) => Some(Literal::Duration(-span)),
        _ => None,
    }
}
