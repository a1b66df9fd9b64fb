//! What a name, number or address means under the qualifiers before it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::ast::{Dir, Expr, Family, HostProto, MacDir, Proto, Test, Transport};
use super::super::lexer::{self, Kind};
use super::super::names::{self, Names};
use super::{Parser, Qualifiers, Type};
use crate::error::{Error, Span, did_you_mean};

impl Parser<'_> {
    /// Reads one word and says what it means.
    pub(super) fn resolve(&mut self, qualifiers: Option<Qualifiers>) -> Result<Expr, Error> {
        let span = self.span();
        let kind = self.peek();
        let wanted = "a name, number or address";
        let (Some(kind), false) = (kind, matches!(kind, None | Some(Kind::Sym(_)))) else {
            return Err(self.unexpected(wanted));
        };
        if let Kind::Key(word) = kind {
            return Err(Error::new(
                span,
                format!("`{word}` is a word of the language: as a name it is written `\\{word}`"),
            ));
        }
        let Some(qualifiers) = qualifiers else {
            return Err(Error::new(
                span,
                "nothing before this says what it is: repeat `host`, `port` or the like",
            ));
        };
        self.at += 1;
        let test = match kind {
            Kind::Num(number) => self.numbered(number, span, &qualifiers)?,
            Kind::Dotted(text) => self.dotted(text, span, &qualifiers)?,
            Kind::V6(address) => self.v6(address, span, &qualifiers)?,
            Kind::Mac(address) => Test::Mac(mac_end(&qualifiers, span)?, address),
            Kind::Name(name) => named(name, span, &qualifiers)?,
            Kind::Key(_) | Kind::Sym(_) => return Err(self.unexpected(wanted)),
        };
        Ok(Expr::Test(test, qualifiers.span.to(self.last_span())))
    }

    fn numbered(&mut self, number: u32, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
        if self.peek() == Some(Kind::Sym("/")) {
            return Err(Error::new(
                span,
                format!("a network with a length is written out: `{number}.0.0.0/8`"),
            ));
        }
        match qualifiers.kind {
            Some(Type::Port | Type::PortRange) => port(number, number, Transport::Any, span, qualifiers),
            Some(Type::Proto) => protocol(number, span, qualifiers),
            Some(Type::ProtoChain) => protochain(number, span, qualifiers),
            Some(Type::Net) if qualifiers.proto != Some(Proto::Decnet) => {
                // `net 10` means 10.0.0.0/8.
                let missing = (number.leading_zeros() / 8 * 8).min(24);
                let shift = if number == 0 { 0 } else { missing };
                host(number << shift, u32::MAX << shift, span, qualifiers)
            }
            _ => host(number, u32::MAX, span, qualifiers),
        }
    }

    fn dotted(&mut self, text: &str, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
        address_kind(qualifiers, span)?;
        if qualifiers.proto == Some(Proto::Decnet) {
            return decnet(text, span, qualifiers);
        }
        let (address, given) = parts(text, span)?;
        let whole = mask(given);
        let networks_only = |parser: &Self| match qualifiers.kind {
            Some(Type::Net) => Ok(()),
            _ => Err(Error::new(parser.span(), "only networks have a length or mask: write `net`")),
        };
        if self.peek() == Some(Kind::Sym("/")) {
            networks_only(self)?;
            self.at += 1;
            let at = self.span();
            let length = self.number("the length of a network")?;
            if length > 32 {
                return Err(Error::new(
                    at,
                    format!("`{length}` is longer than the 32 bits of an IPv4 address"),
                ));
            }
            return network(address, mask(length), span.to(at), qualifiers);
        }
        if self.peek() == Some(Kind::Key("mask")) {
            networks_only(self)?;
            self.at += 1;
            let at = self.span();
            let Some(Kind::Dotted(text)) = self.peek() else {
                return Err(self.unexpected("a mask such as `255.0.0.0`"));
            };
            self.at += 1;
            return network(address, parts(text, at)?.0, span.to(at), qualifiers);
        }
        host(address, whole, span, qualifiers)
    }

    fn v6(&mut self, address: Ipv6Addr, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
        address_kind(qualifiers, span)?;
        let mut length = 128;
        if self.take(Kind::Sym("/")) {
            let at = self.span();
            let number = self.number("the length of a network")?;
            length = u8::try_from(number).ok().filter(|length| *length <= 128).ok_or_else(|| {
                Error::new(at, format!("`{number}` is longer than the 128 bits of an IPv6 address"))
            })?;
        }
        if length < 128 && qualifiers.kind != Some(Type::Net) {
            return Err(Error::new(span, "only networks have a length: write `net`"));
        }
        let host_bits = u128::MAX.checked_shr(length.into()).unwrap_or(0);
        if u128::from(address) & host_bits != 0 {
            return Err(Error::new(span, format!("`{address}` has bits behind the length of the network")));
        }
        match qualifiers.proto {
            None | Some(Proto::Ip6) => Ok(Test::V6(end(qualifiers)?, address, length)),
            Some(other) => {
                Err(Error::new(qualifiers.span, format!("`{}` has no IPv6 addresses", other.text())))
            }
        }
    }
}

/// The mask that so many leading ones make.
fn mask(ones: u32) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(ones)).unwrap_or(0)
}

/// The numbers of a dotted address, shifted to where they belong, and how many bits they are.
fn parts(text: &str, span: Span) -> Result<(u32, u32), Error> {
    let mut address = 0;
    let mut bits = 0;
    for part in text.split('.') {
        let byte =
            part.parse::<u8>().map_err(|_| Error::new(span, format!("`{text}` is no IPv4 address")))?;
        address = address << 8 | u32::from(byte);
        bits += 8;
    }
    Ok((address.checked_shl(32 - bits).unwrap_or(address), bits))
}

/// Refuses qualifiers that no address can have.
fn address_kind(qualifiers: &Qualifiers, span: Span) -> Result<(), Error> {
    match qualifiers.kind {
        None | Some(Type::Host | Type::Net) => Ok(()),
        Some(_) => Err(Error::new(span, "an address where a name or number should stand")),
    }
}

fn end(qualifiers: &Qualifiers) -> Result<Dir, Error> {
    match qualifiers.dir {
        None | Some(MacDir::Either) => Ok(Dir::Either),
        Some(MacDir::Src) => Ok(Dir::Src),
        Some(MacDir::Dst) => Ok(Dir::Dst),
        Some(MacDir::Both) => Ok(Dir::Both),
        Some(other) => Err(Error::new(
            qualifiers.span,
            format!("only 802.11 addresses have the direction `{}`", other.text()),
        )),
    }
}

fn host(address: u32, mask: u32, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    let proto = match qualifiers.proto {
        None => HostProto::Any,
        Some(Proto::Ip) => HostProto::Ip,
        Some(Proto::Arp) => HostProto::Arp,
        Some(Proto::Rarp) => HostProto::Rarp,
        Some(Proto::Decnet) => return Ok(Test::Decnet(end(qualifiers)?, address as u16)),
        Some(Proto::Link) => {
            return Err(Error::new(span, "the link layer has MAC addresses, such as `02:00:00:00:00:01`"));
        }
        Some(other) => {
            return Err(Error::new(qualifiers.span, format!("`{}` has no IPv4 addresses", other.text())));
        }
    };
    Ok(Test::V4(proto, end(qualifiers)?, Ipv4Addr::from(address), Ipv4Addr::from(mask)))
}

fn network(address: u32, mask: u32, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    if address & !mask != 0 {
        let network = Ipv4Addr::from(address & mask);
        return Err(Error::new(
            span,
            format!("the address has bits outside of the mask: did you mean `{network}`?"),
        ));
    }
    host(address, mask, span, qualifiers)
}

fn decnet(text: &str, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    let wrong = || Error::new(span, format!("`{text}` is no DECnet address such as `10.123`"));
    let (area, node) = text.split_once('.').ok_or_else(wrong)?;
    let (area, node): (u16, u16) = area.parse().ok().zip(node.parse().ok()).ok_or_else(wrong)?;
    if area > 63 || node > 1023 {
        return Err(wrong());
    }
    Ok(Test::Decnet(end(qualifiers)?, area << 10 | node))
}

fn mac_end(qualifiers: &Qualifiers, span: Span) -> Result<MacDir, Error> {
    let wireless = |dir: MacDir| !matches!(dir, MacDir::Either | MacDir::Src | MacDir::Dst | MacDir::Both);
    let link = qualifiers.proto == Some(Proto::Link);
    if !link || !matches!(qualifiers.kind, None | Some(Type::Host)) {
        let word = if qualifiers.dir.is_some_and(wireless) { "wlan" } else { "ether host" };
        return Err(Error::new(span, format!("a MAC address needs `{word}` before it")));
    }
    Ok(qualifiers.dir.unwrap_or(MacDir::Either))
}

fn port(low: u32, high: u32, over: Transport, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    let transport = match qualifiers.proto {
        None => Transport::Any,
        Some(Proto::Tcp) => Transport::Tcp,
        Some(Proto::Udp) => Transport::Udp,
        Some(Proto::Sctp) => Transport::Sctp,
        Some(other) => return Err(Error::new(qualifiers.span, format!("`{}` has no ports", other.text()))),
    };
    let number = |port: u32| {
        u16::try_from(port).map_err(|_| Error::new(span, format!("port `{port}` is larger than 65535")))
    };
    let (low, high) = (number(low)?, number(high)?);
    let transport = match (transport, over) {
        (asked, Transport::Any) => asked,
        (Transport::Any, over) => over,
        (asked, over) if asked == over => asked,
        (_, over) => return Err(Error::new(span, format!("this service runs over {}", over.text()))),
    };
    Ok(Test::Port(transport, end(qualifiers)?, low.min(high), low.max(high)))
}

fn protocol(number: u32, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    let byte = |test: fn(u32) -> Test| {
        if number <= 0xFF {
            Ok(test(number))
        } else {
            Err(Error::new(span, format!("protocol `{number}` is larger than 255")))
        }
    };
    match qualifiers.proto {
        None => byte(|number| Test::IpProto(Family::Any, number)),
        Some(Proto::Ip) => byte(|number| Test::IpProto(Family::V4, number)),
        Some(Proto::Ip6) => byte(|number| Test::IpProto(Family::V6, number)),
        Some(Proto::Iso) => byte(Test::IsoProto),
        Some(Proto::Isis) => byte(Test::IsisProto),
        Some(Proto::Link) if number <= 0xFFFF => Ok(Test::EtherType(number)),
        Some(Proto::Link) => Err(Error::new(span, format!("protocol `{number}` is larger than 65535"))),
        Some(other) => Err(Error::new(
            qualifiers.span,
            format!("`{}` does not say which protocol it carries", other.text()),
        )),
    }
}

fn protochain(number: u32, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    let family = match qualifiers.proto {
        None => Family::Any,
        Some(Proto::Ip) => Family::V4,
        Some(Proto::Ip6) => Family::V6,
        Some(other) => {
            return Err(Error::new(qualifiers.span, format!("`{}` has no chain of headers", other.text())));
        }
    };
    if number > 0xFF {
        return Err(Error::new(span, format!("protocol `{number}` is larger than 255")));
    }
    Ok(Test::ProtoChain(family, number))
}

/// What a table says of a name.
fn look_up<T: Copy>(names: Names<T>, name: &str, span: Span) -> Result<T, Error> {
    names.find(name).ok_or_else(|| {
        Error::new(
            span,
            format!("`{name}` is no {} known here{}", names.what, did_you_mean(name, names.all())),
        )
    })
}

fn named(name: &str, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    match qualifiers.kind {
        Some(Type::Port) => {
            let (number, over) = look_up(names::SERVICE, name, span)?;
            port(number.into(), number.into(), over, span, qualifiers)
        }
        Some(Type::PortRange) => range(name, span, qualifiers),
        Some(Type::Proto) => {
            let number = match qualifiers.proto {
                Some(Proto::Link) => look_up(names::ETHER_TYPE, name, span)?,
                Some(Proto::Iso) => look_up(names::ISO_PROTOCOL, name, span)?,
                _ => look_up(names::PROTOCOL, name, span)?,
            };
            protocol(number, span, qualifiers)
        }
        Some(Type::ProtoChain) => protochain(look_up(names::PROTOCOL, name, span)?, span, qualifiers),
        None | Some(Type::Host | Type::Net) => {
            let help = "names of hosts and networks are not looked up";
            let written = if qualifiers.proto == Some(Proto::Link) { "MAC address" } else { "address" };
            Err(Error::new(span, format!("`{name}` is no {written}: {help}")))
        }
    }
}

/// `80-90`, `ftp-data-ftp`, or one port: a dash may be part of a name.
fn range(text: &str, span: Span, qualifiers: &Qualifiers) -> Result<Test, Error> {
    let one = |name: &str| match lexer::number(name) {
        Ok(number) if name.starts_with(|c: char| c.is_ascii_digit()) => Some((number, Transport::Any)),
        _ => names::SERVICE.find(name).map(|(number, over)| (u32::from(number), over)),
    };
    if let Some((number, over)) = one(text) {
        return port(number, number, over, span, qualifiers);
    }
    let pair = text.match_indices('-').find_map(|(at, _)| one(text.get(..at)?).zip(one(text.get(at + 1..)?)));
    let Some(((low, first), (high, second))) = pair else {
        return Err(Error::new(span, format!("`{text}` is no range of ports such as `6000-6008`")));
    };
    let over = if first == second { first } else { Transport::Any };
    port(low, high, over, span, qualifiers)
}
