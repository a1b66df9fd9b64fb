//! Fields of IPv4, IPv6 and the control protocols on top of them.

use sluice_wire::decode::{icmpv4, icmpv6};
use sluice_wire::layers::{Proto, Protos};

use super::link::{address, flag, header, int};
use super::source::{Each, FromHeader, be, v6};
use super::{Field, Number, Packet, Source, transport};
use crate::{Type, Value};

const fn v4(at: u8, width: u8, shift: u8, mask: u64) -> Number {
    Number::bits(Proto::Ipv4, at, width, shift, mask)
}

const SRC: Number = Number::new(Proto::Ipv4, 12, 4);
const DST: Number = Number::new(Proto::Ipv4, 16, 4);

pub(super) const IPV4: &[Field] = &[
    header("ip", Proto::Ipv4, "IPv4"),
    int("ip.version", &[v4(0, 1, 4, 15)], "the version"),
    Field::new(
        "ip.hdr_len",
        Type::Int,
        Source::Header(Protos::of(&[Proto::Ipv4]), |packet, at, each| {
            packet.data.get(at).is_some_and(|byte| each(Value::Int(i128::from(byte & 15) * 4)))
        }),
        "the length of the header",
    )
    .unit("bytes"),
    int("ip.dsfield", &[v4(1, 1, 0, 0xFF)], "the byte with DSCP and ECN, formerly type of service"),
    int("ip.dsfield.dscp", &[v4(1, 1, 2, 63)], "the differentiated services code point"),
    int("ip.dsfield.ecn", &[v4(1, 1, 0, 3)], "the congestion notification"),
    int("ip.len", &[v4(2, 2, 0, 0xFFFF)], "the length of header and payload").unit("bytes"),
    int("ip.id", &[v4(4, 2, 0, 0xFFFF)], "the identification, which fragments share"),
    int("ip.flags", &[v4(6, 1, 5, 7)], "the three flags"),
    flag("ip.flags.rb", &[v4(6, 1, 7, 1)], "the reserved flag"),
    flag("ip.flags.df", &[v4(6, 1, 6, 1)], "whether it must not be fragmented"),
    flag("ip.flags.mf", &[v4(6, 1, 5, 1)], "whether more fragments follow"),
    int("ip.frag_offset", &[v4(6, 2, 0, 0x1FFF)], "where the fragment belongs").unit("8 bytes"),
    int("ip.ttl", &[v4(8, 1, 0, 0xFF)], "the time to live").unit("hops"),
    int("ip.proto", &[v4(9, 1, 0, 0xFF)], "the protocol of the payload").words(&[
        ("icmp", 1),
        ("igmp", 2),
        ("tcp", 6),
        ("udp", 17),
        ("gre", 47),
        ("esp", 50),
        ("sctp", 132),
    ]),
    int("ip.checksum", &[v4(10, 2, 0, 0xFFFF)], "the checksum as it stands there"),
    transport::status("ip.checksum.status", transport::of_ip, "whether the checksum of the header is right"),
    address("ip.src", Type::Ip, &[SRC], "the source"),
    address("ip.dst", Type::Ip, &[DST], "the destination"),
    address("ip.addr", Type::Ip, &[SRC, DST], "source or destination"),
];

const fn v6_bits(at: u8, width: u8, shift: u8, mask: u64) -> Number {
    Number::bits(Proto::Ipv6, at, width, shift, mask)
}

const fn fragment(at: u8, width: u8, shift: u8, mask: u64) -> Number {
    Number::bits(Proto::Ipv6Fragment, at, width, shift, mask)
}

pub(super) const IPV6: &[Field] = &[
    header("ipv6", Proto::Ipv6, "IPv6"),
    int("ipv6.version", &[v6_bits(0, 1, 4, 15)], "the version"),
    int("ipv6.tclass", &[v6_bits(0, 2, 4, 0xFF)], "the traffic class"),
    int("ipv6.tclass.dscp", &[v6_bits(0, 2, 6, 63)], "the differentiated services code point"),
    int("ipv6.tclass.ecn", &[v6_bits(0, 2, 4, 3)], "the congestion notification"),
    int("ipv6.flow", &[v6_bits(0, 4, 0, 0xF_FFFF)], "the flow label"),
    int("ipv6.plen", &[v6_bits(4, 2, 0, 0xFFFF)], "the length of what follows").unit("bytes"),
    int("ipv6.nxt", &[v6_bits(6, 1, 0, 0xFF)], "the kind of the next header"),
    int("ipv6.hlim", &[v6_bits(7, 1, 0, 0xFF)], "the hop limit").unit("hops"),
    Field::new("ipv6.src", Type::Ip, Source::V6(&[8]), "the source"),
    Field::new("ipv6.dst", Type::Ip, Source::V6(&[24]), "the destination"),
    Field::new("ipv6.addr", Type::Ip, Source::V6(&[8, 24]), "source or destination"),
    header("ipv6.hopopts", Proto::Ipv6HopByHop, "hop-by-hop options"),
    header("ipv6.dstopts", Proto::Ipv6DestOpts, "destination options"),
    header("ipv6.routing", Proto::Ipv6Routing, "a routing header"),
    int("ipv6.routing.type", &[Number::new(Proto::Ipv6Routing, 2, 1)], "the kind of routing header"),
    int("ipv6.routing.segleft", &[Number::new(Proto::Ipv6Routing, 3, 1)], "how many segments are left"),
    header("ipv6.fraghdr", Proto::Ipv6Fragment, "a fragment header"),
    int("ipv6.fraghdr.nxt", &[fragment(0, 1, 0, 0xFF)], "the kind of the next header"),
    int("ipv6.fraghdr.offset", &[fragment(2, 2, 3, 0x1FFF)], "where the fragment belongs").unit("8 bytes"),
    flag("ipv6.fraghdr.more", &[fragment(2, 2, 0, 1)], "whether more fragments follow"),
    int("ipv6.fraghdr.ident", &[fragment(4, 4, 0, u64::MAX)], "the identification, which fragments share"),
];

const fn icmp(name: &'static str, read: FromHeader, about: &'static str) -> Field {
    Field::new(name, Type::Int, Source::Header(Protos::of(&[Proto::Icmpv4]), read), about)
}

const fn icmpv6(name: &'static str, kind: Type, read: FromHeader, about: &'static str) -> Field {
    Field::new(name, kind, Source::Header(Protos::of(&[Proto::Icmpv6]), read), about)
}

/// Two bytes at `offset` of a message that has an identifier and a sequence number.
fn echo(packet: &Packet<'_>, at: usize, has: fn(u8) -> bool, offset: usize, each: Each<'_>) -> bool {
    packet.data.get(at).is_some_and(|kind| has(*kind)) && be(packet, at + offset, 2).is_some_and(each)
}

fn is_kind(packet: &Packet<'_>, at: usize, kinds: &[u8]) -> bool {
    packet.data.get(at).is_some_and(|kind| kinds.contains(kind))
}

/// The IPv4 address at this place.
fn v4_at(packet: &Packet<'_>, at: usize) -> Option<Value<'static>> {
    let bytes = packet.data.get(at..packet.end())?.first_chunk::<4>()?;
    Some(Value::Ip(std::net::Ipv4Addr::from(*bytes).into()))
}

pub(super) const CONTROL: &[Field] = &[
    header("icmp", Proto::Icmpv4, "ICMP of IPv4"),
    int("icmp.type", &[Number::new(Proto::Icmpv4, 0, 1)], "the kind of message"),
    int("icmp.code", &[Number::new(Proto::Icmpv4, 1, 1)], "the kind more exactly"),
    int("icmp.checksum", &[Number::new(Proto::Icmpv4, 2, 2)], "the checksum as it stands there"),
    transport::status("icmp.checksum.status", transport::of_icmp, "whether the checksum is right"),
    icmp(
        "icmp.ident",
        |packet, at, each| echo(packet, at, icmpv4::has_identifier, 4, each),
        "the identifier of a query",
    ),
    icmp(
        "icmp.seq",
        |packet, at, each| echo(packet, at, icmpv4::has_identifier, 6, each),
        "the sequence number of a query",
    ),
    icmp(
        "icmp.mtu",
        |packet, at, each| {
            packet.data.get(at..at + 2) == Some(&[3, 4]) && be(packet, at + 6, 2).is_some_and(each)
        },
        "the largest packet that the next hop takes",
    )
    .unit("bytes"),
    Field::new(
        "icmp.redir_gw",
        Type::Ip,
        Source::Header(Protos::of(&[Proto::Icmpv4]), |packet, at, each| {
            is_kind(packet, at, &[5]) && v4_at(packet, at + 4).is_some_and(each)
        }),
        "the gateway to use instead",
    ),
    header("icmpv6", Proto::Icmpv6, "ICMP of IPv6"),
    int("icmpv6.type", &[Number::new(Proto::Icmpv6, 0, 1)], "the kind of message"),
    int("icmpv6.code", &[Number::new(Proto::Icmpv6, 1, 1)], "the kind more exactly"),
    int("icmpv6.checksum", &[Number::new(Proto::Icmpv6, 2, 2)], "the checksum as it stands there"),
    transport::status("icmpv6.checksum.status", transport::of_icmpv6, "whether the checksum is right"),
    icmpv6(
        "icmpv6.echo.identifier",
        Type::Int,
        |packet, at, each| echo(packet, at, icmpv6::has_identifier, 4, each),
        "the identifier of an echo",
    ),
    icmpv6(
        "icmpv6.echo.sequence_number",
        Type::Int,
        |packet, at, each| echo(packet, at, icmpv6::has_identifier, 6, each),
        "the sequence number of an echo",
    ),
    icmpv6(
        "icmpv6.mtu",
        Type::Int,
        |packet, at, each| is_kind(packet, at, &[2]) && be(packet, at + 4, 4).is_some_and(each),
        "the largest packet that the next hop takes",
    )
    .unit("bytes"),
    icmpv6(
        "icmpv6.nd.ns.target_address",
        Type::Ip,
        |packet, at, each| is_kind(packet, at, &[135]) && v6(packet, at + 8).is_some_and(each),
        "the address that a neighbour solicitation asks about",
    ),
    icmpv6(
        "icmpv6.nd.na.target_address",
        Type::Ip,
        |packet, at, each| is_kind(packet, at, &[136]) && v6(packet, at + 8).is_some_and(each),
        "the address that a neighbour advertisement tells about",
    ),
    icmpv6(
        "icmpv6.nd.rd.target_address",
        Type::Ip,
        |packet, at, each| is_kind(packet, at, &[137]) && v6(packet, at + 8).is_some_and(each),
        "the address to use instead",
    ),
    header("igmp", Proto::Igmp, "IGMP"),
    int("igmp.type", &[Number::new(Proto::Igmp, 0, 1)], "the kind of message"),
    int("igmp.checksum", &[Number::new(Proto::Igmp, 2, 2)], "the checksum as it stands there"),
    transport::status("igmp.checksum.status", transport::of_igmp, "whether the checksum is right"),
    Field::new(
        "igmp.maddr",
        Type::Ip,
        Source::Header(Protos::of(&[Proto::Igmp]), |packet, at, each| {
            // A report of version 3 has a count there.
            !is_kind(packet, at, &[0x22]) && v4_at(packet, at + 4).is_some_and(each)
        }),
        "the group",
    ),
    header("mipv6", Proto::Mobility, "the mobility header of IPv6"),
    int("mipv6.mhtype", &[Number::new(Proto::Mobility, 2, 1)], "the kind of message"),
];
