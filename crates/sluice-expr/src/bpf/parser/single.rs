//! One test.

use super::super::ast::{Atm, AtmField, ByteOp, CastLayer, Expr, Llc, Pf, Proto, Test, Tunnel};
use super::super::lexer::Kind;
use super::super::names::{self, Names};
use super::{End, Parsed, Parser, Qualifiers, Type};
use crate::error::{Error, Span, did_you_mean};

impl Parser<'_> {
    /// One test, with the qualifiers that it leaves to what follows.
    pub(super) fn single(&mut self) -> Result<Parsed, Error> {
        let start = self.span();
        let word = match self.peek() {
            Some(Kind::Key(word)) => word,
            Some(Kind::Num(_) | Kind::Sym("-" | "(")) => return self.alone(start, Self::comparison),
            _ => return Err(self.unqualified()),
        };
        if word == "len" {
            return self.alone(start, Self::comparison);
        }
        let Some(proto) = Proto::of(word) else {
            return if self.at_qualifier() {
                self.qualified(None, start)
            } else {
                self.alone(start, Self::keyword)
            };
        };
        if self.token(self.at + 1) == Some(Kind::Sym("[")) {
            return self.alone(start, Self::comparison);
        }
        self.at += 1;
        match self.peek() {
            _ if self.at_qualifier() => self.qualified(Some(proto), start),
            Some(Kind::Key("broadcast" | "multicast")) => {
                self.alone(start, |parser| parser.cast(Some(proto)))
            }
            Some(Kind::Key("type" | "subtype" | "dir")) => self.alone(start, Self::wlan),
            _ => Ok((Expr::Test(Test::Proto(proto), start), None)),
        }
    }

    /// A test from which nothing is inherited.
    fn alone(
        &mut self,
        start: Span,
        read: impl FnOnce(&mut Self) -> Result<Test, Error>,
    ) -> Result<Parsed, Error> {
        let test = read(self)?;
        Ok((Expr::Test(test, start.to(self.last_span())), None))
    }

    /// What to say of a word that nothing before it explains.
    fn unqualified(&self) -> Error {
        match self.peek() {
            Some(Kind::Dotted(_) | Kind::V6(_)) => {
                Error::new(self.span(), "an address needs `host` or `net` before it")
            }
            Some(Kind::Mac(_)) => Error::new(self.span(), "a MAC address needs `ether host` before it"),
            _ => self.unexpected("a test such as `tcp port 80`"),
        }
    }

    fn at_qualifier(&self) -> bool {
        const WORDS: [&str; 15] = [
            "src",
            "dst",
            "host",
            "net",
            "port",
            "portrange",
            "proto",
            "protochain",
            "gateway",
            "addr1",
            "addr2",
            "addr3",
            "addr4",
            "ra",
            "ta",
        ];
        matches!(self.peek(), Some(Kind::Key(word)) if WORDS.contains(&word))
    }

    /// Direction and type, then the word that they qualify.
    fn qualified(&mut self, proto: Option<Proto>, start: Span) -> Result<Parsed, Error> {
        let dir = self.direction();
        let kind = match self.peek() {
            Some(Kind::Key("host")) => Some(Type::Host),
            Some(Kind::Key("net")) => Some(Type::Net),
            Some(Kind::Key("port")) => Some(Type::Port),
            Some(Kind::Key("portrange")) => Some(Type::PortRange),
            Some(Kind::Key("proto")) if dir.is_none() => Some(Type::Proto),
            Some(Kind::Key("protochain")) if dir.is_none() => Some(Type::ProtoChain),
            Some(Kind::Key("gateway")) => {
                let help = "say `ether host MAC and not host ADDRESS`";
                return Err(Error::new(
                    self.span(),
                    format!("`gateway` needs names that only a host knows: {help}"),
                ));
            }
            _ => None,
        };
        self.at += usize::from(kind.is_some());
        let qualifiers = Qualifiers { proto, dir, kind, span: start.to(self.last_span()) };
        let expr = self.word(Some(qualifiers))?;
        Ok((expr, Some(qualifiers)))
    }

    fn direction(&mut self) -> Option<End> {
        let joined = |parser: &Self, other| match (parser.token(parser.at + 1), parser.token(parser.at + 2)) {
            (Some(Kind::Key("or")), Some(Kind::Key(word))) if word == other => Some(End::Either),
            (Some(Kind::Key("and")), Some(Kind::Key(word))) if word == other => Some(End::Both),
            _ => None,
        };
        let Some(Kind::Key(word)) = self.peek() else { return None };
        let (end, both) = match word {
            "src" => (End::Src, joined(self, "dst")),
            "dst" => (End::Dst, joined(self, "src")),
            _ => (End::of(word).filter(|end| *end != End::Either)?, None),
        };
        self.at += if both.is_some() { 3 } else { 1 };
        Some(both.unwrap_or(end))
    }

    /// Tests that begin with a word of their own.
    fn keyword(&mut self) -> Result<Test, Error> {
        let start = self.span();
        let Some(Kind::Key(word)) = self.peek() else { return Err(self.unqualified()) };
        if let "broadcast" | "multicast" = word {
            return self.cast(None);
        }
        if let "type" | "subtype" | "dir" = word {
            return self.wlan();
        }
        self.at += 1;
        if let Some(tunnel) = Tunnel::of(word) {
            return self.tunnel(tunnel);
        }
        if let Some(kind) = Atm::of(word) {
            return Ok(Test::Atm(kind));
        }
        if let Some(field) = AtmField::of(word) {
            return self.atm(field);
        }
        Ok(match word {
            "less" => Test::Less(self.number("a length")?),
            "greater" => Test::Greater(self.number("a length")?),
            "inbound" => Test::Inbound,
            "outbound" => Test::Outbound,
            "ifindex" => Test::IfIndex(self.number("the index of an interface")?),
            "pppoed" => Test::Pppoed,
            "byte" => self.byte()?,
            "llc" => Test::Llc(self.llc()?),
            "ifname" => Test::Pf(Pf::Interface(self.name("the name of an interface", 15)?)),
            "rset" => Test::Pf(Pf::Ruleset(self.name("the name of a rule set", 15)?)),
            "rnr" => Test::Pf(Pf::Rule(self.number("the number of a rule")?)),
            "srnr" => Test::Pf(Pf::SubRule(self.number("the number of a rule")?)),
            "action" => Test::Pf(Pf::Action(self.named(names::PF_ACTION)?)),
            "reason" => Test::Pf(Pf::Reason(self.named_or_number(names::PF_REASON)?)),
            _ => {
                self.at -= 1;
                let error = self.unqualified();
                return Err(Error::new(start, error.message()));
            }
        })
    }

    fn cast(&mut self, proto: Option<Proto>) -> Result<Test, Error> {
        let broadcast = self.peek() == Some(Kind::Key("broadcast"));
        let span = self.span();
        self.at += 1;
        let layer = match proto {
            None | Some(Proto::Link) => CastLayer::Link,
            Some(Proto::Ip) => CastLayer::V4,
            Some(Proto::Ip6) if !broadcast => CastLayer::V6,
            Some(Proto::Ip6) => return Err(Error::new(span, "IPv6 has no broadcast")),
            Some(other) => {
                return Err(Error::new(
                    span,
                    format!("`{}` has no addresses that could be so", other.text()),
                ));
            }
        };
        Ok(if broadcast { Test::Broadcast(layer) } else { Test::Multicast(layer) })
    }

    fn tunnel(&mut self, tunnel: Tunnel) -> Result<Test, Error> {
        let span = self.span();
        let Some(number) = self.optional_number() else { return Ok(Test::Inside(tunnel, None)) };
        let (what, most) = match tunnel {
            Tunnel::Vlan => ("VLAN tag", 0xFFF),
            Tunnel::Mpls => ("MPLS label", 0xF_FFFF),
            Tunnel::Pppoes => ("PPPoE session", 0xFFFF),
            Tunnel::Geneve => ("Geneve VNI", 0xFF_FFFF),
            Tunnel::Vxlan => ("VXLAN VNI", 0xFF_FFFF),
        };
        if number > most {
            return Err(Error::new(span, format!("{what} `{number}` is larger than {most}")));
        }
        Ok(Test::Inside(tunnel, Some(number)))
    }

    /// A number, perhaps in parentheses.
    fn optional_number(&mut self) -> Option<u32> {
        let mut at = self.at;
        while self.token(at) == Some(Kind::Sym("(")) {
            at += 1;
        }
        let opened = at - self.at;
        let Some(Kind::Num(number)) = self.token(at) else { return None };
        let closed = (1..=opened).all(|behind| self.token(at + behind) == Some(Kind::Sym(")")));
        closed.then(|| {
            self.at = at + opened + 1;
            number
        })
    }

    fn byte(&mut self) -> Result<Test, Error> {
        let at = self.number("the offset of a byte")?;
        let op = match self.peek() {
            Some(Kind::Sym(symbol)) => ByteOp::of(symbol),
            _ => None,
        };
        let op = op.ok_or_else(|| self.unexpected("one of `=`, `<`, `>`, `&` and `|`"))?;
        self.at += 1;
        Ok(Test::Byte(at, op, self.number("a value")?))
    }

    fn llc(&mut self) -> Result<Option<Llc>, Error> {
        let name = match self.peek() {
            Some(Kind::Key("rnr")) => "rnr",
            Some(Kind::Name(name)) => name,
            _ => return Ok(None),
        };
        let known = Llc::ALL.iter().map(|kind| kind.text());
        let unknown = || format!("`{name}` is no kind of LLC frame{}", did_you_mean(name, known));
        let kind = Llc::of(&name.to_ascii_lowercase()).ok_or_else(|| Error::new(self.span(), unknown()))?;
        self.at += 1;
        Ok(Some(kind))
    }

    /// The next word as a name of at most so many bytes.
    fn name(&mut self, what: &str, most: usize) -> Result<String, Error> {
        let Some(Kind::Name(name)) = self.peek() else { return Err(self.unexpected(what)) };
        if name.len() > most {
            return Err(Error::new(self.span(), format!("`{name}` is longer than {most} bytes")));
        }
        self.at += 1;
        Ok(name.to_owned())
    }

    /// The next word as one of a table.
    fn named<T: Copy>(&mut self, names: Names<T>) -> Result<T, Error> {
        let Some(Kind::Name(name)) = self.peek() else {
            return Err(self.unexpected(&format!("a {}", names.what)));
        };
        let unknown = || format!("`{name}` is no {}{}", names.what, did_you_mean(name, names.all()));
        let found = names.find(name).ok_or_else(|| Error::new(self.span(), unknown()))?;
        self.at += 1;
        Ok(found)
    }

    fn named_or_number(&mut self, names: Names<u32>) -> Result<u32, Error> {
        match self.peek() {
            Some(Kind::Num(number)) => {
                self.at += 1;
                Ok(number)
            }
            _ => self.named(names),
        }
    }

    /// `type T [subtype S]`, `subtype S` and `dir D` of 802.11 frames.
    fn wlan(&mut self) -> Result<Test, Error> {
        let word = self.peek();
        self.at += 1;
        match word {
            Some(Kind::Key("dir")) => Ok(Test::WlanDir(self.named_or_number(names::WLAN_DIRECTION)?)),
            Some(Kind::Key("subtype")) => {
                let (kind, subtype) = self.named(names::WLAN_SUBTYPE)?;
                Ok(Test::WlanFrame(kind | subtype, 0xFC))
            }
            _ => {
                let kind = match self.bits(0x0C)? {
                    Some(bits) => bits,
                    None => self.named(names::WLAN_TYPE)?,
                };
                if !self.take(Kind::Key("subtype")) {
                    return Ok(Test::WlanFrame(kind, 0x0C));
                }
                let span = self.span();
                let subtype = match self.bits(0xF0)? {
                    Some(bits) => bits,
                    None => {
                        let (of, subtype) = self.named(names::WLAN_SUBTYPE)?;
                        if of != kind {
                            return Err(Error::new(
                                span,
                                "this subtype belongs to another type of 802.11 frames",
                            ));
                        }
                        subtype
                    }
                };
                Ok(Test::WlanFrame(kind | subtype, 0xFC))
            }
        }
    }

    /// A number that has no bits but these, if a number is next.
    fn bits(&mut self, mask: u8) -> Result<Option<u8>, Error> {
        let Some(Kind::Num(number)) = self.peek() else { return Ok(None) };
        match u8::try_from(number) {
            Ok(bits) if bits & !mask == 0 => {
                self.at += 1;
                Ok(Some(bits))
            }
            _ => Err(Error::new(self.span(), format!("`{number:#x}` has bits besides {mask:#x}"))),
        }
    }

    /// `vpi 3`, `vpi > 3`, `vpi (3 or 4)`.
    fn atm(&mut self, field: AtmField) -> Result<Test, Error> {
        if let Some(relation) = self.relation() {
            return Ok(Test::AtmCompare(field, relation, self.number("a number")?));
        }
        let grouped = self.take(Kind::Sym("("));
        let mut numbers = vec![self.number("a number")?];
        while grouped && self.take(Kind::Key("or")) {
            numbers.push(self.number("a number")?);
        }
        if grouped {
            self.expect(")")?;
        }
        Ok(Test::AtmIs(field, numbers))
    }
}
