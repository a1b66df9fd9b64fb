//! Arithmetic.

use super::super::ast::{Arith, Op, Proto, Relation};
use super::super::build::values::{Id, Size, Value};
use super::super::build::{Cmp, Cond};
use super::super::program::code;
use super::link::Link;
use super::{Gen, Place, link};
use crate::error::{Error, Span};

impl Gen {
    pub(super) fn compare(&mut self, left: &Arith, relation: Relation, right: &Arith) -> Result<Cond, Error> {
        // The headers that numbers are taken from have to be there.
        let mut needs = Vec::new();
        let left = self.arith(left, &mut needs)?;
        let right = self.arith(right, &mut needs)?;
        needs.push(self.relation(left, relation, right));
        Ok(Cond::all(needs))
    }

    pub(super) fn relation(&mut self, left: Id, relation: Relation, right: Id) -> Cond {
        // A comparison with a constant needs no second register.
        let flipped = self.values.as_constant(left).is_some() && self.values.as_constant(right).is_none();
        let (left, relation, right) =
            if flipped { (right, mirrored(relation), left) } else { (left, relation, right) };
        match relation {
            Relation::Equal => Cond::Test(left, Cmp::Eq, right),
            Relation::NotEqual => Cond::Test(left, Cmp::Eq, right).negated(),
            Relation::Greater => Cond::Test(left, Cmp::Gt, right),
            Relation::AtLeast => Cond::Test(left, Cmp::Ge, right),
            Relation::Less => Cond::Test(left, Cmp::Ge, right).negated(),
            Relation::AtMost => Cond::Test(left, Cmp::Gt, right).negated(),
        }
    }

    fn arith(&mut self, arith: &Arith, needs: &mut Vec<Cond>) -> Result<Id, Error> {
        Ok(match arith {
            Arith::Number(number) => self.values.constant(*number),
            Arith::Len => self.values.id(Value::Len),
            Arith::Negative(inner) => {
                let inner = self.arith(inner, needs)?;
                self.values.neg(inner)
            }
            Arith::Binary(op, left, right, at) => {
                let left = self.arith(left, needs)?;
                let right = self.arith(right, needs)?;
                self.binary(*op, left, right, *at)?
            }
            Arith::Load { proto, at, size, span } => {
                let index = self.arith(at, needs)?;
                let header = self.header_of(*proto, needs, *span)?;
                let place = match (self.values.as_constant(index), header.base) {
                    (Some(number), _) => header.plus(number),
                    (None, None) => Place { base: Some(index), ..header },
                    (None, Some(base)) => Place { base: Some(self.sum(index, base)), ..header },
                };
                let size = match size {
                    1 => Size::Byte,
                    2 => Size::Half,
                    _ => Size::Word,
                };
                self.load(place, size)
            }
        })
    }

    fn binary(&mut self, op: Op, left: Id, right: Id, span: Span) -> Result<Id, Error> {
        let operation = match op {
            Op::Add => code::ADD,
            Op::Sub => code::SUB,
            Op::Mul => code::MUL,
            Op::Div => code::DIV,
            Op::Mod => code::MOD,
            Op::And => code::AND,
            Op::Or => code::OR,
            Op::Xor => code::XOR,
            Op::Shl => code::LSH,
            Op::Shr => code::RSH,
        };
        // The parser saw plain numbers; `1 - 1` shows only here.
        match (op, self.values.as_constant(right)) {
            (Op::Div | Op::Mod, Some(0)) => Err(Error::new(span, "division by zero")),
            (Op::Shl | Op::Shr, Some(32..)) => Err(Error::new(span, "shift by more than 31 bits")),
            _ => Ok(self.values.alu(operation, left, right)),
        }
    }

    /// Where a header begins, and what has to be so for it to be there.
    fn header_of(&mut self, proto: Proto, needs: &mut Vec<Cond>, span: Span) -> Result<Place, Error> {
        match proto {
            Proto::Radio if self.link == Link::Wlan && self.has_radio_header() => Ok(Place::fixed(0)),
            Proto::Radio => Err(self.refuse(span, "there is no radio header")),
            Proto::Link => Ok(self.header),
            Proto::Icmp6 => {
                needs.push(self.linktype(link::IPV6, span)?);
                needs.push(self.equal(self.network().plus(6), Size::Byte, 58));
                Ok(self.network().plus(40))
            }
            Proto::Tcp
            | Proto::Udp
            | Proto::Sctp
            | Proto::Icmp
            | Proto::Igmp
            | Proto::Igrp
            | Proto::Pim
            | Proto::Vrrp
            | Proto::Carp => {
                needs.push(self.linktype(link::IPV4, span)?);
                needs.push(self.proto(proto, span)?);
                needs.push(self.first_fragment());
                Ok(self.transport())
            }
            _ => {
                needs.push(self.proto(proto, span)?);
                Ok(self.network())
            }
        }
    }
}

/// The relation with its sides changed.
const fn mirrored(relation: Relation) -> Relation {
    match relation {
        Relation::Equal | Relation::NotEqual => relation,
        Relation::Greater => Relation::Less,
        Relation::AtLeast => Relation::AtMost,
        Relation::Less => Relation::Greater,
        Relation::AtMost => Relation::AtLeast,
    }
}
