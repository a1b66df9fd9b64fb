//! What can be looked inside of: tags, labels, sessions and tunnels. Each moves what comes after it.

use super::super::ast::Tunnel;
use super::super::build::values::{Size, Value};
use super::super::build::{Cmp, Cond};
use super::super::machine::place;
use super::super::program::code;
use super::link::{self, Link};
use super::{Gen, Place};
use crate::error::{Error, Span};

const VLAN_TAGS: [u32; 3] = [0x8100, 0x88A8, 0x9100];
const GENEVE_PORT: u32 = 6081;
const VXLAN_PORT: u32 = 4789;
/// What Geneve calls a frame with an Ethernet header.
const BRIDGED: u32 = 0x6558;

impl Gen {
    pub(super) fn inside(&mut self, tunnel: Tunnel, number: Option<u32>, span: Span) -> Result<Cond, Error> {
        match tunnel {
            Tunnel::Vlan => self.vlan(number, span),
            Tunnel::Mpls => self.mpls(number, span),
            Tunnel::Pppoes => self.pppoes(number, span),
            Tunnel::Geneve => self.geneve(number, span),
            Tunnel::Vxlan => self.vxlan(number, span),
        }
    }

    fn vlan(&mut self, number: Option<u32>, span: Span) -> Result<Cond, Error> {
        if self.labels > 0 {
            return Err(Error::new(span, "there is no VLAN tag behind MPLS labels"));
        }
        if !matches!(self.link, Link::Ethernet | Link::Wlan) {
            return Err(self.refuse(span, "there are no VLAN tags"));
        }
        // Only the outermost tag of the frame itself can have been taken off it.
        let outermost = self.tags == 0 && self.header.base.is_none() && self.header.at == 0;
        self.tags += 1;
        if self.options.live && outermost && self.link == Link::Ethernet {
            return self.vlan_live(number, span);
        }
        let mut tagged = Vec::new();
        for tag in VLAN_TAGS {
            tagged.push(self.linktype(tag, span)?);
        }
        let mut test = Cond::any(tagged);
        if let Some(number) = number {
            test = Cond::all([test, self.masked(self.payload, Size::Half, 0x0FFF, number)]);
        }
        self.kind = self.kind.plus(4);
        self.payload = self.payload.plus(4);
        Ok(test)
    }

    /// The kernel may have taken the tag off the frame; what follows then stands where it would without a tag.
    fn vlan_live(&mut self, number: Option<u32>, span: Span) -> Result<Cond, Error> {
        let slot = self.slot(span)?;
        let present = self.load(Place::fixed(place::VLAN_PRESENT), Size::Byte);
        let mut taken = self.is(present, Cmp::Eq, 1);
        let mut tagged = Vec::new();
        for tag in VLAN_TAGS {
            tagged.push(self.linktype(tag, span)?);
        }
        let mut inside = Cond::any(tagged);
        if let Some(number) = number {
            taken =
                Cond::all([taken, self.masked(Place::fixed(place::VLAN_TAG), Size::Half, 0x0FFF, number)]);
            inside = Cond::all([inside, self.masked(self.payload, Size::Half, 0x0FFF, number)]);
        }
        // Four bytes further on where the tag is in the frame, and none where it is not.
        let one = self.values.constant(1);
        let absent = self.values.alu(code::SUB, one, present);
        let shift = self.values.alu_k(code::MUL, absent, 4);
        let base = Some(self.values.id(Value::Slot(slot)));
        self.kind = Place { base, ..self.kind };
        self.payload = Place { base, ..self.payload };
        self.prologue.push((slot, Cond::Keep(slot, shift)));
        let untaken = self.is(present, Cmp::Eq, 0);
        Ok(Cond::any([taken, Cond::all([untaken, inside])]))
    }

    fn mpls(&mut self, number: Option<u32>, span: Span) -> Result<Cond, Error> {
        let mut test = match self.link {
            _ if self.labels > 0 => self.last_label(false),
            Link::Ethernet | Link::Hdlc => self.linktype(link::MPLS, span)?,
            Link::Ppp => self.linktype(link::PPP_MPLS, span)?,
            _ => return Err(self.refuse(span, "there are no MPLS labels")),
        };
        if let Some(number) = number {
            test = Cond::all([test, self.masked(self.network(), Size::Word, 0xFFFF_F000, number << 12)]);
        }
        self.inner += 4;
        self.inner_iso += 4;
        self.labels += 1;
        Ok(test)
    }

    fn pppoes(&mut self, number: Option<u32>, span: Span) -> Result<Cond, Error> {
        let mut test = self.linktype(link::PPPOE_SESSION, span)?;
        if let Some(number) = number {
            test = Cond::all([test, self.masked(self.network(), Size::Word, 0xFFFF, number)]);
        }
        // The PPP header behind it has no address and control bytes.
        self.header = self.network().plus(6);
        self.kind = self.header;
        self.payload = self.header.plus(2);
        self.link = Link::Ppp;
        self.inner = 0;
        self.inner_iso = 0;
        self.optional_link = None;
        self.lane_control = None;
        Ok(test)
    }

    fn geneve(&mut self, number: Option<u32>, span: Span) -> Result<Cond, Error> {
        let header = move |state: &mut Gen, at: Place| {
            let version = state.masked(at, Size::Byte, 0xC0, 0);
            match number {
                Some(number) => {
                    Cond::all([version, state.masked(at.plus(4), Size::Word, 0xFFFF_FF00, number << 8)])
                }
                None => version,
            }
        };
        let (test, at) = self.udp_payload(GENEVE_PORT, header, span)?;
        // Behind the options stands an Ethernet header, or at once what the protocol field says.
        let first = self.load(at, Size::Byte);
        let words = self.values.alu_k(code::AND, first, 0x3F);
        let options = self.values.alu_k(code::LSH, words, 2);
        let start = self.value(at.plus(8));
        let end = self.sum(options, start);
        let (keep_end, end) = self.keep(end, span)?;
        let bridged = self.equal(at.plus(2), Size::Half, BRIDGED);
        let (kind, payload) = (self.slot(span)?, self.slot(span)?);
        let ethernet_kind = self.values.alu_k(code::ADD, end, 12);
        let ethernet_payload = self.values.alu_k(code::ADD, end, 14);
        let own_kind = self.value(at.plus(2));
        let with =
            Cond::all([bridged, Cond::Keep(kind, ethernet_kind), Cond::Keep(payload, ethernet_payload)]);
        let without = Cond::all([Cond::Keep(kind, own_kind), Cond::Keep(payload, end)]);
        let payload = self.values.id(Value::Slot(payload));
        let kind = self.values.id(Value::Slot(kind));
        self.enter(end, kind, payload);
        self.optional_link = Some((end, payload));
        Ok(Cond::all([test, keep_end, Cond::any([with, without])]))
    }

    fn vxlan(&mut self, number: Option<u32>, span: Span) -> Result<Cond, Error> {
        let header = move |state: &mut Gen, at: Place| {
            // The bit that says that there is a network identifier.
            let flags = state.masked(at, Size::Byte, 0x08, 0x08);
            match number {
                Some(number) => {
                    Cond::all([flags, state.masked(at.plus(4), Size::Word, 0xFFFF_FF00, number << 8)])
                }
                None => flags,
            }
        };
        let (test, at) = self.udp_payload(VXLAN_PORT, header, span)?;
        self.enter_at(at.plus(8));
        Ok(test)
    }

    /// Goes on behind an Ethernet header whose parts lie at these offsets.
    fn enter(&mut self, header: super::Id, kind: super::Id, payload: super::Id) {
        let place = |base| Place { base: Some(base), at: 0 };
        self.enter_at(place(header));
        self.kind = place(kind);
        self.payload = place(payload);
    }

    fn enter_at(&mut self, header: Place) {
        self.header = header;
        self.kind = header.plus(12);
        self.payload = header.plus(14);
        self.link = Link::Ethernet;
        self.inner = 0;
        self.inner_iso = 3;
        self.labels = 0;
        self.optional_link = None;
        self.lane_control = None;
    }
}
