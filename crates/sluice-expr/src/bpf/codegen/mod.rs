//! From tests to conditions: where each header begins and what is compared in it.
//!
//! As in libpcap, tests are read from left to right, and `vlan`, `mpls`, `pppoes`, `geneve`, `vxlan` and `lane` move what
//! comes after them one layer in.

mod address;
mod atm;
mod iso;
mod link;
mod number;
mod pf;
mod transport;
mod tunnel;
mod wlan;

use sluice_wire::link::LinkType;

use super::ast::{ByteOp, Expr, Join, Test};
use super::build::values::{Id, Size, Value, Values};
use super::build::{self, Cmp, Cond};
use super::machine::place;
use super::program::{MEMORY, Program, code};
use crate::error::{Error, Span};
use link::Link;

/// For what a program is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What frames begin with.
    pub link: LinkType,
    /// How many bytes of a packet that passes are wanted.
    pub snaplen: u32,
    /// Whether the program is for a Linux packet socket: a VLAN tag that the kernel took off the frame, the direction and
    /// the interface are asked of the kernel. [`Machine::run_live`](super::Machine::run_live) answers in its place.
    pub live: bool,
}

impl Options {
    /// For frames from a file, with the snapshot length of tcpdump.
    pub const fn file(link: LinkType) -> Self {
        Self { link, snaplen: 262_144, live: false }
    }
}

/// An offset in the frame: a constant, perhaps behind a value.
#[derive(Debug, Clone, Copy)]
struct Place {
    base: Option<Id>,
    at: u32,
}

impl Place {
    const fn fixed(at: u32) -> Self {
        Self { base: None, at }
    }

    const fn plus(self, bytes: u32) -> Self {
        Self { base: self.base, at: self.at.wrapping_add(bytes) }
    }
}

/// What is known of the frame at one point of the expression.
struct Gen {
    values: Values,
    options: Options,
    link: Link,
    /// Where the link header begins.
    header: Place,
    /// Where it says what follows it.
    kind: Place,
    /// Where it ends.
    payload: Place,
    /// The length of what stands between the link header and the network header.
    inner: u32,
    /// The same where an ISO header follows.
    inner_iso: u32,
    /// How many MPLS labels were asked for.
    labels: u32,
    /// How many VLAN tags were asked for.
    tags: u32,
    /// Whether a link header is there only if these two differ: the start of the frame that a tunnel carries, and what is
    /// behind the link header.
    optional_link: Option<(Id, Id)>,
    /// Where the two bytes before a frame of ATM LAN emulation are.
    lane_control: Option<Place>,
    /// How many words of memory are taken.
    kept: u8,
    /// What comes before everything else, where the word of memory that it fills is read.
    prologue: Vec<(u8, Cond)>,
}

/// The program for an expression; without one every packet passes.
pub(super) fn compile(expr: Option<&Expr>, options: Options) -> Result<Program, Error> {
    let mut state = Gen::new(options);
    let cond = match expr {
        Some(expr) => state.expr(expr)?,
        None => Cond::Is(true),
    };
    let cond = state.with_prologue(cond);
    let whole = expr.map_or(Span::default(), span);
    let too_much = |why| {
        let text = match why {
            build::TooMuch::Memory => format!("a number here needs more than {MEMORY} intermediate results"),
            build::TooMuch::Length => {
                format!("the program has more than {} instructions", super::program::MAX)
            }
        };
        Error::new(whole, text)
    };
    let insns = build::program(&cond, &state.values, state.kept, options.snaplen.max(1)).map_err(too_much)?;
    Program::new(insns).map_err(|defect| Error::new(whole, format!("this cannot be compiled: {defect}")))
}

/// Where an expression stands.
fn span(expr: &Expr) -> Span {
    match expr {
        Expr::Test(_, span) => *span,
        Expr::Not(inner) => span(inner),
        Expr::Chain(first, rest) => {
            let last = rest.last().map_or_else(|| span(first), |(_, expr)| span(expr));
            span(first).to(last)
        }
    }
}

impl Gen {
    /// The condition behind those steps that it needs.
    fn with_prologue(&mut self, cond: Cond) -> Cond {
        let mut reads = cond.reads(&self.values);
        let mut steps = vec![cond];
        while let Some((slot, step)) = self.prologue.pop() {
            if reads & 1 << slot != 0 {
                reads |= step.reads(&self.values);
                steps.push(step);
            }
        }
        steps.reverse();
        Cond::all(steps)
    }

    fn expr(&mut self, expr: &Expr) -> Result<Cond, Error> {
        match expr {
            Expr::Test(test, span) => self.test(test, *span),
            Expr::Not(inner) => Ok(self.expr(inner)?.negated()),
            Expr::Chain(first, rest) => {
                let mut links = vec![(true, self.expr(first)?)];
                for (join, expr) in rest {
                    links.push((*join == Join::And, self.expr(expr)?));
                }
                Ok(Cond::Chain(links))
            }
        }
    }

    fn test(&mut self, test: &Test, span: Span) -> Result<Cond, Error> {
        match test {
            Test::Proto(proto) => self.proto(*proto, span),
            Test::V4(proto, dir, address, mask) => self.v4(*proto, *dir, *address, *mask, span),
            Test::V6(dir, address, length) => self.v6(*dir, *address, *length, span),
            Test::Mac(dir, address) => self.mac(*dir, *address, span),
            Test::Decnet(dir, address) => self.decnet(*dir, *address, span),
            Test::Port(transport, dir, low, high) => self.port(*transport, *dir, *low, *high, span),
            Test::EtherType(number) => self.linktype(*number, span),
            Test::IpProto(family, number) => self.ip_proto(*family, *number, span),
            Test::ProtoChain(family, number) => self.protochain(*family, *number, span),
            Test::IsoProto(number) => self.iso_proto(*number, span),
            Test::IsisProto(number) => self.isis_proto(*number, span),
            Test::Broadcast(layer) => self.broadcast(*layer, span),
            Test::Multicast(layer) => self.multicast(*layer, span),
            Test::Less(length) => Ok(self.length(Cmp::Gt, *length).negated()),
            Test::Greater(length) => Ok(self.length(Cmp::Ge, *length)),
            Test::Byte(at, op, value) => Ok(self.byte(*at, *op, *value)),
            Test::Inbound => self.direction(false, span),
            Test::Outbound => self.direction(true, span),
            Test::IfIndex(number) => self.interface(*number, span),
            Test::Inside(tunnel, number) => self.inside(*tunnel, *number, span),
            Test::Pppoed => self.linktype(link::PPPOE_DISCOVERY, span),
            Test::Llc(kind) => self.llc(*kind, span),
            Test::Pf(what) => self.pf(what, span),
            Test::WlanFrame(value, mask) => self.wlan_frame(*value, *mask, span),
            Test::WlanDir(number) => self.wlan_dir(*number, span),
            Test::Atm(kind) => self.atm(*kind, span),
            Test::AtmIs(field, numbers) => self.atm_is(*field, numbers, span),
            Test::AtmCompare(field, relation, number) => self.atm_compare(*field, *relation, *number, span),
            Test::Compare(left, relation, right) => self.compare(left, *relation, right),
        }
    }

    /// What cannot be asked of this link type.
    fn refuse(&self, span: Span, what: &str) -> Error {
        Error::new(span, format!("{what} on link type `{}`", self.link.name(self.options.link)))
    }

    fn load(&mut self, place: Place, size: Size) -> Id {
        self.values.id(Value::Load(size, place.base, place.at))
    }

    fn is(&mut self, value: Id, cmp: Cmp, number: u32) -> Cond {
        let number = self.values.constant(number);
        Cond::Test(value, cmp, number)
    }

    /// Whether the bytes at a place are this number.
    fn equal(&mut self, place: Place, size: Size, number: u32) -> Cond {
        let value = self.load(place, size);
        self.is(value, Cmp::Eq, number)
    }

    /// Whether the bytes at a place are this number under a mask.
    fn masked(&mut self, place: Place, size: Size, mask: u32, number: u32) -> Cond {
        let value = self.load(place, size);
        let whole = match size {
            Size::Byte => 0xFF,
            Size::Half => 0xFFFF,
            Size::Word => u32::MAX,
        };
        let value = if mask == whole { value } else { self.values.alu_k(code::AND, value, mask) };
        self.is(value, Cmp::Eq, number)
    }

    /// Whether the bytes at a place have one of these bits.
    fn any_bit(&mut self, place: Place, size: Size, bits: u32) -> Cond {
        let value = self.load(place, size);
        self.is(value, Cmp::Set, bits)
    }

    /// The place as a value.
    fn value(&mut self, place: Place) -> Id {
        match place.base {
            Some(base) => self.values.alu_k(code::ADD, base, place.at),
            None => self.values.constant(place.at),
        }
    }

    /// A word of memory of one's own.
    fn slot(&mut self, span: Span) -> Result<u8, Error> {
        let slot = self.kept;
        if usize::from(slot) + 4 > MEMORY {
            return Err(Error::new(span, "too many headers whose place has to be computed"));
        }
        self.kept += 1;
        Ok(slot)
    }

    /// Keeps a value in a word of its own: the step that does it, and the value from there.
    fn keep(&mut self, value: Id, span: Span) -> Result<(Cond, Id), Error> {
        let slot = self.slot(span)?;
        Ok((Cond::Keep(slot, value), self.values.id(Value::Slot(slot))))
    }

    /// Where the network header begins.
    const fn network(&self) -> Place {
        self.payload.plus(self.inner)
    }

    fn length(&mut self, cmp: Cmp, length: u32) -> Cond {
        let len = self.values.id(Value::Len);
        self.is(len, cmp, length)
    }

    fn byte(&mut self, at: u32, op: ByteOp, number: u32) -> Cond {
        let value = self.load(self.header.plus(at), Size::Byte);
        match op {
            ByteOp::Equal => self.is(value, Cmp::Eq, number),
            ByteOp::Less => self.is(value, Cmp::Ge, number).negated(),
            ByteOp::Greater => self.is(value, Cmp::Gt, number),
            ByteOp::And => self.is(value, Cmp::Set, number),
            ByteOp::Or => {
                let value = self.values.alu_k(code::OR, value, number);
                self.is(value, Cmp::Eq, 0).negated()
            }
        }
    }

    /// Whether the capturing host sent the packet, or did not.
    fn direction(&mut self, outbound: bool, span: Span) -> Result<Cond, Error> {
        const SENT: u32 = 4;
        let sent = match self.link {
            _ if self.options.live => self.equal(Place::fixed(place::PACKET_TYPE), Size::Word, SENT),
            Link::Sll => self.equal(Place::fixed(0), Size::Half, SENT),
            Link::Sll2 => self.equal(Place::fixed(10), Size::Byte, SENT),
            Link::Pflog => return Ok(self.pf_direction(outbound)),
            _ => return Err(self.refuse(span, "frames do not tell their direction")),
        };
        Ok(if outbound { sent } else { sent.negated() })
    }

    fn interface(&mut self, number: u32, span: Span) -> Result<Cond, Error> {
        match self.link {
            _ if self.options.live => Ok(self.equal(Place::fixed(place::INTERFACE), Size::Word, number)),
            Link::Sll2 => Ok(self.equal(Place::fixed(4), Size::Word, number)),
            _ => Err(self.refuse(span, "frames do not tell their interface")),
        }
    }
}
