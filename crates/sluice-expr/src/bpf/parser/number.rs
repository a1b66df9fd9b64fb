//! Arithmetic.

use super::super::ast::{Arith, Op, Proto, Relation, Test};
use super::super::lexer::Kind;
use super::Parser;
use crate::error::{Error, Span};

/// How tight an operator binds, or `None` for those that libpcap's grammar gives no rank: `%` and `^` take everything to
/// their right, and bind tighter than what stands to their left.
const fn rank(op: Op) -> Option<u8> {
    match op {
        Op::Or => Some(1),
        Op::And => Some(2),
        Op::Shl | Op::Shr => Some(3),
        Op::Add | Op::Sub => Some(4),
        Op::Mul | Op::Div => Some(5),
        Op::Mod | Op::Xor => None,
    }
}

/// How tight a sign binds.
const SIGN: u8 = 6;

/// The protocols whose headers can be looked into.
const INDEXABLE: [Proto; 22] = [
    Proto::Link,
    Proto::Radio,
    Proto::Ip,
    Proto::Ip6,
    Proto::Arp,
    Proto::Rarp,
    Proto::Tcp,
    Proto::Udp,
    Proto::Sctp,
    Proto::Icmp,
    Proto::Icmp6,
    Proto::Igmp,
    Proto::Igrp,
    Proto::Pim,
    Proto::Vrrp,
    Proto::Carp,
    Proto::Atalk,
    Proto::Decnet,
    Proto::Lat,
    Proto::Sca,
    Proto::Moprc,
    Proto::Mopdl,
];

impl Parser<'_> {
    /// Two numbers and how they compare.
    pub(super) fn comparison(&mut self) -> Result<Test, Error> {
        let left = self.arith(0)?;
        let relation = self.relation().ok_or_else(|| self.unexpected("a comparison such as `=` or `<`"))?;
        let right = self.arith(0)?;
        Ok(Test::Compare(left, relation, right))
    }

    /// Takes a comparison, if one is next.
    pub(super) fn relation(&mut self) -> Option<Relation> {
        let Some(Kind::Sym(symbol)) = self.peek() else { return None };
        let relation = Relation::of(symbol)?;
        self.at += 1;
        Some(relation)
    }

    /// A number whose operators bind tighter than `least`.
    fn arith(&mut self, least: u8) -> Result<Arith, Error> {
        let mut left = self.operand()?;
        let mut operators = 0;
        while let Some(Kind::Sym(symbol)) = self.peek() {
            let Some(op) = Op::of(symbol) else { break };
            if rank(op).is_some_and(|rank| rank <= least) {
                break;
            }
            let span = self.span();
            operators += 1;
            if self.depth + operators > super::MAX_DEPTH {
                return Err(Error::new(
                    span,
                    format!("more than {} operators in one number", super::MAX_DEPTH),
                ));
            }
            self.at += 1;
            let right = self.nested(|parser| parser.arith(rank(op).unwrap_or(0)))?;
            check(op, &right, span)?;
            left = Arith::Binary(op, Box::new(left), Box::new(right), span);
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Arith, Error> {
        let span = self.span();
        match self.peek() {
            Some(Kind::Num(number)) => {
                self.at += 1;
                Ok(Arith::Number(number))
            }
            Some(Kind::Key("len")) => {
                self.at += 1;
                Ok(Arith::Len)
            }
            Some(Kind::Sym("-")) => {
                self.at += 1;
                let inner = self.nested(|parser| parser.arith(SIGN))?;
                Ok(Arith::Negative(Box::new(inner)))
            }
            Some(Kind::Sym("(")) => {
                self.at += 1;
                let inner = self.nested(|parser| parser.arith(0))?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Kind::Key(word)) => match Proto::of(word) {
                Some(proto) => self.load(proto, span),
                None => Err(self.unexpected("a number")),
            },
            _ => Err(self.unexpected("a number")),
        }
    }

    /// `proto[at:size]`.
    fn load(&mut self, proto: Proto, start: Span) -> Result<Arith, Error> {
        self.at += 1;
        self.expect("[")?;
        let at = Box::new(self.nested(|parser| parser.arith(0))?);
        let mut size = 1;
        if self.take(Kind::Sym(":")) {
            let span = self.span();
            size = match self.number("a size of 1, 2 or 4")? {
                1 => 1,
                2 => 2,
                4 => 4,
                other => {
                    return Err(Error::new(
                        span,
                        format!("`{other}` bytes cannot be loaded, only 1, 2 or 4"),
                    ));
                }
            };
        }
        self.expect("]")?;
        let span = start.to(self.last_span());
        if !INDEXABLE.contains(&proto) {
            return Err(Error::new(span, format!("headers of `{}` cannot be looked into", proto.text())));
        }
        Ok(Arith::Load { proto, at, size, span })
    }
}

/// What can be seen to go wrong before there is a packet.
fn check(op: Op, right: &Arith, span: Span) -> Result<(), Error> {
    match (op, right) {
        (Op::Div, Arith::Number(0)) => Err(Error::new(span, "division by zero")),
        (Op::Mod, Arith::Number(0)) => Err(Error::new(span, "remainder of a division by zero")),
        (Op::Shl | Op::Shr, Arith::Number(32..)) => Err(Error::new(span, "shift by more than 31 bits")),
        _ => Ok(()),
    }
}
