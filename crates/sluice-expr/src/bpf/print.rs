//! Expressions as text that parses to the same tree.

use std::fmt::{self, Display, Formatter};

use super::ast::{Arith, CastLayer, Dir, Expr, Join, MacDir, Pf, Test};
use super::names;

/// Words with a space behind each that is not empty.
struct Words<'a>(&'a [&'a str]);

impl Display for Words<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().filter(|word| !word.is_empty()).try_for_each(|word| write!(f, "{word} "))
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Test(test, _) => test.fmt(f),
            Expr::Not(inner) => write!(f, "not {}", Grouped(inner)),
            Expr::Chain(first, rest) => {
                Grouped(first).fmt(f)?;
                rest.iter().try_for_each(|(join, expr)| {
                    let word = if *join == Join::And { "and" } else { "or" };
                    write!(f, " {word} {}", Grouped(expr))
                })
            }
        }
    }
}

/// An expression that stands in parentheses where it is a chain.
struct Grouped<'a>(&'a Expr);

impl Display for Grouped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::Chain(..) => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Test::Proto(proto) => f.write_str(proto.text()),
            Test::V4(proto, dir, address, mask) => {
                let (bits, mask_bits) = (u32::from(*address), u32::from(*mask));
                let qualifiers = [proto.text(), dir.text()];
                match mask_bits.leading_ones() {
                    32 => write!(f, "{}host {address}", Words(&qualifiers)),
                    ones if mask_bits.count_ones() == ones && bits & !mask_bits == 0 => {
                        write!(f, "{}net {address}/{ones}", Words(&qualifiers))
                    }
                    _ => write!(f, "{}net {address} mask {mask}", Words(&qualifiers)),
                }
            }
            Test::V6(dir, address, 128) => write!(f, "{}host {address}", Words(&[dir.text()])),
            Test::V6(dir, address, length) => write!(f, "{}net {address}/{length}", Words(&[dir.text()])),
            Test::Mac(dir, address) => mac(f, *dir, *address),
            Test::Decnet(dir, address) => {
                let dir = if *dir == Dir::Either { "host" } else { dir.text() };
                write!(f, "decnet {dir} {}.{}", address >> 10, address & 0x3FF)
            }
            Test::Port(transport, dir, low, high) => {
                let qualifiers = [transport.text(), dir.text()];
                match low == high {
                    true => write!(f, "{}port {low}", Words(&qualifiers)),
                    false => write!(f, "{}portrange {low}-{high}", Words(&qualifiers)),
                }
            }
            Test::EtherType(number) => write!(f, "ether proto {number:#x}"),
            Test::IpProto(family, number) => write!(f, "{}proto {number}", Words(&[family.text()])),
            Test::ProtoChain(family, number) => write!(f, "{}protochain {number}", Words(&[family.text()])),
            Test::IsoProto(number) => write!(f, "iso proto {number}"),
            Test::IsisProto(number) => write!(f, "isis proto {number}"),
            Test::Broadcast(layer) => cast(f, *layer, "broadcast"),
            Test::Multicast(layer) => cast(f, *layer, "multicast"),
            Test::Less(length) => write!(f, "less {length}"),
            Test::Greater(length) => write!(f, "greater {length}"),
            Test::Byte(at, op, value) => write!(f, "byte {at} {} {value}", op.text()),
            Test::Inbound => f.write_str("inbound"),
            Test::Outbound => f.write_str("outbound"),
            Test::IfIndex(number) => write!(f, "ifindex {number}"),
            Test::Inside(tunnel, None) => f.write_str(tunnel.text()),
            Test::Inside(tunnel, Some(number)) => write!(f, "{} {number}", tunnel.text()),
            Test::Pppoed => f.write_str("pppoed"),
            Test::Llc(None) => f.write_str("llc"),
            Test::Llc(Some(kind)) => write!(f, "llc {}", kind.text()),
            Test::Pf(what) => what.fmt(f),
            Test::WlanFrame(value, mask) => {
                write!(f, "type {:#x}", value & 0x0C)?;
                if *mask == 0xFC { write!(f, " subtype {:#x}", value & 0xF0) } else { Ok(()) }
            }
            Test::WlanDir(number) => write!(f, "dir {number}"),
            Test::Atm(kind) => f.write_str(kind.text()),
            Test::AtmIs(field, numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                write!(f, "{} ({})", field.text(), numbers.join(" or "))
            }
            Test::AtmCompare(field, relation, number) => {
                write!(f, "{} {} {number}", field.text(), relation.text())
            }
            Test::Compare(left, relation, right) => write!(f, "{left} {} {right}", relation.text()),
        }
    }
}

fn mac(f: &mut Formatter<'_>, dir: MacDir, [a, b, c, d, e, g]: [u8; 6]) -> fmt::Result {
    write!(f, "ether {}host {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}", Words(&[dir.text()]))
}

fn cast(f: &mut Formatter<'_>, layer: CastLayer, word: &str) -> fmt::Result {
    write!(f, "{} {word}", layer.text())
}

impl Display for Pf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Pf::Interface(name) => write!(f, "ifname \\{name}"),
            Pf::Ruleset(name) => write!(f, "rset \\{name}"),
            Pf::Rule(number) => write!(f, "rnr {number}"),
            Pf::SubRule(number) => write!(f, "srnr {number}"),
            Pf::Reason(number) => write!(f, "reason {number}"),
            Pf::Action(number) => write!(f, "action {}", names::pf_action_text(*number)),
        }
    }
}

impl Display for Arith {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Arith::Number(number) => write!(f, "{number}"),
            Arith::Len => f.write_str("len"),
            Arith::Load { proto, at, size: 1, .. } => write!(f, "{}[{at}]", proto.text()),
            Arith::Load { proto, at, size, .. } => write!(f, "{}[{at}:{size}]", proto.text()),
            Arith::Negative(inner) => write!(f, "- {}", Operand(inner)),
            Arith::Binary(op, left, right, _) => {
                write!(f, "{} {} {}", Operand(left), op.text(), Operand(right))
            }
        }
    }
}

/// A number that stands in parentheses where it is made from others.
struct Operand<'a>(&'a Arith);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Arith::Negative(_) | Arith::Binary(..) => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
        }
    }
}
