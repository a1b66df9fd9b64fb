//! Tokens to a tree.
//!
//! A word such as `443` in `tcp port 80 or 443` takes its qualifiers from what stands before it. So every function that
//! reads an expression also tells which qualifiers the next one would inherit.

mod number;
mod resolve;
mod single;

use super::ast::{Expr, Join, Proto};
use super::lexer::{self, Kind, Token};
use super::words;
use crate::error::{Error, Span, did_you_mean};

/// How deep parentheses, negations and operators may be nested.
const MAX_DEPTH: usize = 128;
/// How long an expression may be, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// Which end a qualifier names.
type End = super::ast::MacDir;

/// What a word after the qualifiers is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    Host,
    Net,
    Port,
    PortRange,
    Proto,
    ProtoChain,
}

/// What stands before a name or number and says what it is.
#[derive(Debug, Clone, Copy)]
struct Qualifiers {
    proto: Option<Proto>,
    dir: Option<End>,
    kind: Option<Type>,
    span: Span,
}

/// An expression, and what the next word inherits.
type Parsed = (Expr, Option<Qualifiers>);

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// For each opening parenthesis the token that closes it.
    closing: Vec<usize>,
    depth: usize,
    /// Where the text ends.
    end: Span,
}

/// The expression that the text is; `None` where it is empty and means every packet.
pub(super) fn parse(text: &str) -> Result<Option<Expr>, Error> {
    let end = Span { start: text.len(), end: text.len() };
    if text.len() > MAX_LENGTH {
        return Err(Error::new(end, format!("the expression is longer than {MAX_LENGTH} bytes")));
    }
    let tokens = lexer::tokens(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let closing = closing(&tokens)?;
    let mut parser = Parser { tokens, at: 0, closing, depth: 0, end };
    let (expr, _) = parser.expr(None)?;
    match parser.peek() {
        None => Ok(Some(expr)),
        Some(_) => Err(parser.unexpected("`and` or `or`")),
    }
}

/// For each token the one that closes what it opens, or itself.
fn closing(tokens: &[Token<'_>]) -> Result<Vec<usize>, Error> {
    let mut closing: Vec<usize> = (0..tokens.len()).collect();
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Sym("(") => open.push((at, token.span)),
            Kind::Sym(")") => match open.pop() {
                Some((opened, _)) => {
                    if let Some(slot) = closing.get_mut(opened) {
                        *slot = at;
                    }
                }
                None => return Err(Error::new(token.span, "nothing was opened that `)` could close")),
            },
            _ => {}
        }
    }
    match open.pop() {
        Some((_, span)) => Err(Error::new(span, "`(` is never closed")),
        None => Ok(closing),
    }
}

impl<'a> Parser<'a> {
    fn token(&self, at: usize) -> Option<Kind<'a>> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn peek(&self) -> Option<Kind<'a>> {
        self.token(self.at)
    }

    /// Where the next token stands, or the end of the text.
    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, |token| token.span)
    }

    /// Where the token before stands.
    fn last_span(&self) -> Span {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(self.end, |token| token.span)
    }

    /// Takes the next token if it is this one.
    fn take(&mut self, kind: Kind<'_>) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), Error> {
        if self.take(Kind::Sym(symbol)) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    /// The next token as a number.
    fn number(&mut self, what: &str) -> Result<u32, Error> {
        match self.peek() {
            Some(Kind::Num(number)) => {
                self.at += 1;
                Ok(number)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Goes one level deeper for as long as `inner` runs.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::new(self.span(), format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let text = match self.peek() {
            None => return Error::new(self.end, format!("the expression ends where {wanted} should follow")),
            Some(Kind::Key(word) | Kind::Sym(word)) => word.to_owned(),
            Some(Kind::Name(word) | Kind::Dotted(word)) => word.to_owned(),
            Some(Kind::Num(number)) => number.to_string(),
            Some(Kind::V6(address)) => address.to_string(),
            Some(Kind::Mac(_)) => {
                return Error::new(self.span(), format!("a MAC address where {wanted} should stand"));
            }
        };
        let near = match self.peek() {
            Some(Kind::Name(word)) => did_you_mean(word, words::all()),
            _ => String::new(),
        };
        Error::new(self.span(), format!("`{text}` where {wanted} should stand{near}"))
    }

    /// Terms joined by `and` and `or`, up to the end or a closing parenthesis.
    fn expr(&mut self, inherited: Option<Qualifiers>) -> Result<Parsed, Error> {
        let (first, mut inherited) = self.term(inherited)?;
        let mut rest = Vec::new();
        loop {
            let join = match self.peek() {
                Some(Kind::Key("and")) => Join::And,
                Some(Kind::Key("or")) => Join::Or,
                _ => break,
            };
            self.at += 1;
            let expr;
            (expr, inherited) =
                if self.at_word() { (self.word(inherited)?, inherited) } else { self.term(inherited)? };
            rest.push((join, expr));
        }
        Ok((chain(first, rest), inherited))
    }

    /// Whether a word follows that inherits its qualifiers, perhaps behind `not` and parentheses.
    fn at_word(&self) -> bool {
        let opens = |kind: Option<Kind<'_>>| matches!(kind, Some(Kind::Key("not") | Kind::Sym("(")));
        let mut at = self.at;
        while opens(self.token(at)) {
            at += 1;
        }
        match self.token(at) {
            Some(Kind::Name(_) | Kind::Dotted(_) | Kind::V6(_) | Kind::Mac(_)) => true,
            Some(Kind::Num(_)) => {
                at += 1;
                while self.token(at) == Some(Kind::Sym(")")) {
                    at += 1;
                }
                !self.is_operator(at)
            }
            _ => false,
        }
    }

    /// A word that takes its qualifiers from `qualifiers`: `not x`, `(x or y)`, `x`.
    fn word(&mut self, qualifiers: Option<Qualifiers>) -> Result<Expr, Error> {
        if self.take(Kind::Key("not")) {
            let inner = self.nested(|parser| parser.word(qualifiers))?;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if !self.take(Kind::Sym("(")) {
            return self.resolve(qualifiers);
        }
        let expr = self.nested(|parser| {
            let first = parser.word(qualifiers)?;
            let mut rest = Vec::new();
            loop {
                let join = match parser.peek() {
                    Some(Kind::Key("and")) => Join::And,
                    Some(Kind::Key("or")) => Join::Or,
                    _ => break,
                };
                parser.at += 1;
                rest.push((join, parser.word(qualifiers)?));
            }
            Ok(chain(first, rest))
        })?;
        self.expect(")")?;
        Ok(expr)
    }

    /// One test, a group of them, or the negation of either.
    fn term(&mut self, inherited: Option<Qualifiers>) -> Result<Parsed, Error> {
        if self.take(Kind::Key("not")) {
            let (inner, inherited) = self.nested(|parser| parser.term(inherited))?;
            return Ok((Expr::Not(Box::new(inner)), inherited));
        }
        let closes = self.closing.get(self.at).copied().unwrap_or_default();
        if self.peek() == Some(Kind::Sym("(")) && !self.is_operator(closes + 1) {
            self.at += 1;
            let (expr, _) = self.nested(|parser| parser.expr(inherited))?;
            self.expect(")")?;
            return Ok((expr, inherited));
        }
        self.single()
    }

    /// Whether an operator of numbers stands there.
    fn is_operator(&self, at: usize) -> bool {
        matches!(self.token(at), Some(Kind::Sym(symbol)) if !["(", ")", "[", "]", ":"].contains(&symbol))
    }
}

fn chain(first: Expr, rest: Vec<(Join, Expr)>) -> Expr {
    if rest.is_empty() { first } else { Expr::Chain(Box::new(first), rest) }
}
