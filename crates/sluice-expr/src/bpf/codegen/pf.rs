//! What pf logs: a header of its own before the packet.

use super::super::ast::Pf;
use super::super::build::Cond;
use super::super::build::values::Size;
use super::super::program::code;
use super::link::Link;
use super::{Gen, Place};
use crate::error::{Error, Span};

const ACTION: u32 = 2;
const REASON: u32 = 3;
const INTERFACE: u32 = 4;
const RULESET: u32 = 20;
const RULE: u32 = 36;
const SUB_RULE: u32 = 40;
const DIRECTION: u32 = 60;

impl Gen {
    /// The header says how long it is, without the padding to four bytes.
    pub(super) fn pf_payload(&mut self) {
        let length = self.load(Place::fixed(0), Size::Byte);
        let padded = self.values.alu_k(code::ADD, length, 3);
        let padded = self.values.alu_k(code::AND, padded, !3);
        self.payload = Place { base: Some(padded), at: 0 };
    }

    pub(super) fn pf_direction(&mut self, outbound: bool) -> Cond {
        self.equal(Place::fixed(DIRECTION), Size::Byte, if outbound { 2 } else { 1 })
    }

    pub(super) fn pf(&mut self, what: &Pf, span: Span) -> Result<Cond, Error> {
        if self.link != Link::Pflog {
            return Err(self.refuse(span, "packets were not logged by pf"));
        }
        Ok(match what {
            Pf::Interface(name) => self.begins(INTERFACE, name),
            Pf::Ruleset(name) => self.begins(RULESET, name),
            Pf::Rule(number) => self.equal(Place::fixed(RULE), Size::Word, *number),
            Pf::SubRule(number) => self.equal(Place::fixed(SUB_RULE), Size::Word, *number),
            Pf::Reason(number) => self.equal(Place::fixed(REASON), Size::Byte, *number),
            Pf::Action(number) => self.equal(Place::fixed(ACTION), Size::Byte, *number),
        })
    }

    /// Whether a name begins so.
    fn begins(&mut self, at: u32, name: &str) -> Cond {
        let bytes: Vec<_> = (at..)
            .zip(name.bytes())
            .map(|(at, byte)| self.equal(Place::fixed(at), Size::Byte, byte.into()))
            .collect();
        Cond::all(bytes)
    }
}
