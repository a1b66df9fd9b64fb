//! What IP carries: protocols, chains of headers, ports.

use super::super::ast::{Dir, Family, Transport};
use super::super::build::values::{Size, Value};
use super::super::build::{Cmp, Cond, Walk};
use super::super::program::code;
use super::address::ends;
use super::{Gen, Place, link};
use crate::error::{Error, Span};

const TCP: u32 = 6;
const UDP: u32 = 17;
const SCTP: u32 = 132;
const FRAGMENT: u32 = 44;
/// The length of an IPv6 header.
const V6_LEN: u32 = 40;

impl Gen {
    pub(super) fn ip_proto(&mut self, family: Family, number: u32, span: Span) -> Result<Cond, Error> {
        match family {
            Family::V4 => {
                let kind = self.linktype(link::IPV4, span)?;
                Ok(Cond::all([kind, self.equal(self.network().plus(9), Size::Byte, number)]))
            }
            Family::V6 => {
                let kind = self.linktype(link::IPV6, span)?;
                let next = self.network().plus(6);
                // A fragment header may stand in between, and no other.
                let direct = self.equal(next, Size::Byte, number);
                let fragment = self.equal(next, Size::Byte, FRAGMENT);
                let behind = self.equal(self.network().plus(V6_LEN), Size::Byte, number);
                Ok(Cond::all([kind, Cond::any([direct, Cond::all([fragment, behind])])]))
            }
            Family::Any => {
                let v4 = self.ip_proto(Family::V4, number, span)?;
                Ok(Cond::any([v4, self.ip_proto(Family::V6, number, span)?]))
            }
        }
    }

    pub(super) fn protochain(&mut self, family: Family, number: u32, span: Span) -> Result<Cond, Error> {
        let v6 = match family {
            Family::V4 => false,
            Family::V6 => true,
            Family::Any => {
                let v4 = self.protochain(Family::V4, number, span)?;
                return Ok(Cond::any([v4, self.protochain(Family::V6, number, span)?]));
            }
        };
        let kind = self.linktype(if v6 { link::IPV6 } else { link::IPV4 }, span)?;
        let network = self.network();
        let first = if v6 { network.plus(V6_LEN) } else { self.transport() };
        let walk = Walk {
            protocol: self.load(network.plus(if v6 { 6 } else { 9 }), Size::Byte),
            at: self.value(first),
            wanted: number,
            v6,
            slot: self.slot(span)?,
            scratch: self.slot(span)?,
        };
        let found = self.values.id(Value::Slot(walk.slot));
        Ok(Cond::all([kind, Cond::Walk(Box::new(walk)), self.is(found, Cmp::Eq, number)]))
    }

    /// Whether an IPv4 packet is no later fragment, which has no ports.
    pub(super) fn first_fragment(&mut self) -> Cond {
        self.any_bit(self.network().plus(6), Size::Half, 0x1FFF).negated()
    }

    pub(super) fn port(
        &mut self,
        transport: Transport,
        dir: Dir,
        low: u16,
        high: u16,
        span: Span,
    ) -> Result<Cond, Error> {
        let numbers: &[u32] = match transport {
            Transport::Any => &[SCTP, TCP, UDP],
            Transport::Tcp => &[TCP],
            Transport::Udp => &[UDP],
            Transport::Sctp => &[SCTP],
        };
        let v6 = self.linktype(link::IPV6, span)?;
        let next = self.network().plus(6);
        let over =
            Cond::any(numbers.iter().map(|number| self.equal(next, Size::Byte, *number)).collect::<Vec<_>>());
        let ports = self.ports(self.network().plus(V6_LEN), dir, low, high);
        let v6 = Cond::all([v6, over, ports]);

        let v4 = self.linktype(link::IPV4, span)?;
        let next = self.network().plus(9);
        let over =
            Cond::any(numbers.iter().map(|number| self.equal(next, Size::Byte, *number)).collect::<Vec<_>>());
        let first = self.first_fragment();
        let header = self.transport();
        let v4 = Cond::all([v4, over, first, self.ports(header, dir, low, high)]);
        Ok(Cond::any([v6, v4]))
    }

    fn ports(&mut self, header: Place, dir: Dir, low: u16, high: u16) -> Cond {
        ends(dir, |src| {
            let port = self.load(header.plus(if src { 0 } else { 2 }), Size::Half);
            if low == high {
                return self.is(port, Cmp::Eq, low.into());
            }
            let above = self.is(port, Cmp::Gt, high.into());
            Cond::all([self.is(port, Cmp::Ge, low.into()), above.negated()])
        })
    }

    /// A UDP datagram to a port, and where its payload begins: the offset is kept in memory, since it lies elsewhere behind
    /// IPv4 and IPv6.
    pub(super) fn udp_payload(
        &mut self,
        port: u32,
        inner: impl Fn(&mut Gen, Place) -> Cond,
        span: Span,
    ) -> Result<(Cond, Place), Error> {
        let slot = self.slot(span)?;
        let network = self.network();

        let kind = self.linktype(link::IPV4, span)?;
        let udp = self.equal(network.plus(9), Size::Byte, UDP);
        let first = self.first_fragment();
        let header = self.transport();
        let to_port = self.equal(header.plus(2), Size::Half, port);
        let test = inner(self, header.plus(8));
        let at = self.value(header.plus(8));
        let v4 = Cond::all([kind, udp, first, to_port, test, Cond::Keep(slot, at)]);

        let kind = self.linktype(link::IPV6, span)?;
        let udp = self.equal(network.plus(6), Size::Byte, UDP);
        let header = network.plus(V6_LEN);
        let to_port = self.equal(header.plus(2), Size::Half, port);
        let test = inner(self, header.plus(8));
        let at = self.value(header.plus(8));
        let v6 = Cond::all([kind, udp, to_port, test, Cond::Keep(slot, at)]);

        let payload = Place { base: Some(self.values.id(Value::Slot(slot))), at: 0 };
        Ok((Cond::any([v4, v6]), payload))
    }

    /// Two values added.
    pub(super) fn sum(&mut self, left: super::Id, right: super::Id) -> super::Id {
        self.values.alu(code::ADD, left, right)
    }
}
