//! ATM cells as SunATM captures them: a byte of type, the path, the channel.

use super::super::ast::{Atm, AtmField, Relation};
use super::super::build::values::Size;
use super::super::build::{Cmp, Cond};
use super::link::Link;
use super::{Gen, Place};
use crate::error::{Error, Span};

const TYPE: Place = Place::fixed(0);
const VPI: Place = Place::fixed(1);
const VCI: Place = Place::fixed(2);
const LANE: u32 = 1;
const LLC: u32 = 2;
/// The type of a Q.2931 message.
const MESSAGE: Place = Place::fixed(9);

impl Gen {
    pub(super) fn atm_llc(&mut self) -> Cond {
        self.masked(TYPE, Size::Byte, 0x0F, LLC)
    }

    fn need_atm(&self, span: Span) -> Result<(), Error> {
        if self.link == Link::Atm { Ok(()) } else { Err(self.refuse(span, "there are no ATM cells")) }
    }

    pub(super) fn atm(&mut self, kind: Atm, span: Span) -> Result<Cond, Error> {
        self.need_atm(span)?;
        Ok(match kind {
            Atm::Lane => {
                let lane = self.masked(TYPE, Size::Byte, 0x0F, LANE);
                self.enter_lane();
                lane
            }
            Atm::Metac => self.circuit(&[1]),
            Atm::Bcc => self.circuit(&[2]),
            Atm::Oamf4sc => self.circuit(&[3]),
            Atm::Oamf4ec => self.circuit(&[4]),
            Atm::Sc => self.circuit(&[5]),
            Atm::Ilmic => self.circuit(&[16]),
            Atm::Oam | Atm::Oamf4 => self.circuit(&[3, 4]),
            // Setup, call proceeding, connect, connect acknowledge, release, release complete.
            Atm::Connectmsg => self.message(5, &[0x5A, 0x4D, 0x0F, 0x07, 0x05, 0x02]),
            Atm::Metaconnect => self.message(1, &[0x5A, 0x4D, 0x07, 0x05, 0x02]),
        })
    }

    /// One of these channels of path 0.
    fn circuit(&mut self, channels: &[u32]) -> Cond {
        let path = self.equal(VPI, Size::Byte, 0);
        let channels: Vec<_> = channels.iter().map(|channel| self.equal(VCI, Size::Half, *channel)).collect();
        Cond::all([path, Cond::any(channels)])
    }

    fn message(&mut self, channel: u32, types: &[u32]) -> Cond {
        let circuit = self.circuit(&[channel]);
        let types: Vec<_> = types.iter().map(|number| self.equal(MESSAGE, Size::Byte, *number)).collect();
        Cond::all([circuit, Cond::any(types)])
    }

    fn field(&mut self, field: AtmField) -> super::Id {
        match field {
            AtmField::Vpi => self.load(VPI, Size::Byte),
            AtmField::Vci => self.load(VCI, Size::Half),
        }
    }

    pub(super) fn atm_is(&mut self, field: AtmField, numbers: &[u32], span: Span) -> Result<Cond, Error> {
        self.need_atm(span)?;
        let value = self.field(field);
        Ok(Cond::any(numbers.iter().map(|number| self.is(value, Cmp::Eq, *number)).collect::<Vec<_>>()))
    }

    pub(super) fn atm_compare(
        &mut self,
        field: AtmField,
        relation: Relation,
        number: u32,
        span: Span,
    ) -> Result<Cond, Error> {
        self.need_atm(span)?;
        let value = self.field(field);
        let number = self.values.constant(number);
        Ok(self.relation(value, relation, number))
    }

    /// LAN emulation: two bytes, then an Ethernet header, unless they say that it is a control frame.
    fn enter_lane(&mut self) {
        self.lane_control = Some(self.payload);
        self.header = self.payload.plus(2);
        self.kind = self.header.plus(12);
        self.payload = self.header.plus(14);
        self.link = Link::Ethernet;
        self.inner = 0;
        self.inner_iso = 3;
    }

    /// Whether a frame of LAN emulation is no control frame.
    pub(super) fn lane_data(&mut self, test: Cond) -> Cond {
        match self.lane_control {
            Some(at) => {
                let control = self.equal(at, Size::Half, 0xFF00);
                Cond::all([control.negated(), test])
            }
            None => test,
        }
    }
}
