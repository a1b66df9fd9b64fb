//! Fields of the link layer and of ARP.

use sluice_wire::decode::{arp, fabricpath, null, ppp};
use sluice_wire::layers::{Proto, Protos};

use super::source::{Each, be};
use super::{Field, Number, Numbers, Packet, Source};
use crate::{Type, Value};
use sluice_wire::addr::Mac;

/// Something that the view of a header tells.
macro_rules! of_header {
    ($name:literal, $kind:ident, $proto:ident, $read:expr, $about:literal) => {
        Field::new(
            $name,
            Type::$kind,
            Source::Header(Protos::of(&[Proto::$proto]), |packet, at, each| {
                let read: fn(&[u8], usize) -> Option<Value<'static>> = $read;
                read(packet.data.get(..packet.end()).unwrap_or_default(), at).is_some_and(each)
            }),
            $about,
        )
    };
}
pub(super) use of_header;

/// A header as a field.
pub(super) const fn header(name: &'static str, proto: Proto, about: &'static str) -> Field {
    Field::new(name, Type::Header, Source::Headers(Protos::of(&[proto])), about)
}

/// Numbers in headers as a field.
pub(super) const fn int(name: &'static str, numbers: Numbers, about: &'static str) -> Field {
    Field::new(name, Type::Int, Source::Numbers(numbers), about)
}

/// Bits in headers as a field.
pub(super) const fn flag(name: &'static str, numbers: Numbers, about: &'static str) -> Field {
    Field::new(name, Type::Bool, Source::Numbers(numbers), about)
}

/// Addresses as numbers in headers as a field.
pub(super) const fn address(name: &'static str, kind: Type, numbers: Numbers, about: &'static str) -> Field {
    Field::new(name, kind, Source::Numbers(numbers), about)
}

const ETH_DST: Number = Number::new(Proto::Ethernet, 0, 6);
const ETH_SRC: Number = Number::new(Proto::Ethernet, 6, 6);
const fn eth(at: u8, bit: u8) -> Number {
    Number::bits(Proto::Ethernet, at, 1, bit, 1)
}

pub(super) const ETHERNET: &[Field] = &[
    header("eth", Proto::Ethernet, "Ethernet"),
    address("eth.dst", Type::Mac, &[ETH_DST], "the destination"),
    address("eth.src", Type::Mac, &[ETH_SRC], "the source"),
    address("eth.addr", Type::Mac, &[ETH_DST, ETH_SRC], "destination or source"),
    flag("eth.dst.ig", &[eth(0, 0)], "whether the destination is a group"),
    flag("eth.dst.lg", &[eth(0, 1)], "whether the destination is locally administered"),
    flag("eth.src.ig", &[eth(6, 0)], "whether the source claims to be a group"),
    flag("eth.src.lg", &[eth(6, 1)], "whether the source is locally administered"),
    flag("eth.ig", &[eth(0, 0), eth(6, 0)], "whether destination or source is a group"),
    flag("eth.lg", &[eth(0, 1), eth(6, 1)], "whether destination or source is locally administered"),
    Field::new(
        "eth.type",
        Type::Int,
        Source::Header(Protos::of(&[Proto::Ethernet]), |packet, at, each| {
            type_or_length(packet, at, true, each)
        }),
        "the EtherType of what follows",
    ),
    Field::new(
        "eth.len",
        Type::Int,
        Source::Header(Protos::of(&[Proto::Ethernet]), |packet, at, each| {
            type_or_length(packet, at, false, each)
        }),
        "the length of what follows, where that stands in place of the EtherType",
    )
    .unit("bytes"),
];

/// What stands where an EtherType does; below 0x600 it is a length.
fn type_or_length(packet: &Packet<'_>, at: usize, wants_type: bool, each: Each<'_>) -> bool {
    let found = be(packet, at + 12, 2).filter(|value| matches!(value, Value::Int(0x600..)) == wants_type);
    found.is_some_and(each)
}

const fn vlan(shift: u8, mask: u64) -> Number {
    Number::bits(Proto::Vlan, 0, 2, shift, mask)
}

pub(super) const VLAN: &[Field] = &[
    header("vlan", Proto::Vlan, "a tag of 802.1Q or 802.1ad"),
    int("vlan.priority", &[vlan(13, 7)], "the priority"),
    flag("vlan.dei", &[vlan(12, 1)], "whether it may be dropped first"),
    int("vlan.id", &[vlan(0, 0xFFF)], "the VLAN"),
    int("vlan.etype", &[Number::new(Proto::Vlan, 2, 2)], "the EtherType of what follows"),
];

pub(super) const OTHER: &[Field] = &[
    header("llc", Proto::Llc, "IEEE 802.2"),
    int("llc.dsap", &[Number::new(Proto::Llc, 0, 1)], "the destination service access point"),
    int("llc.ssap", &[Number::new(Proto::Llc, 1, 1)], "the source service access point"),
    int("llc.control", &[Number::new(Proto::Llc, 2, 1)], "the first byte of the control field"),
    int("llc.oui", &[Number::new(Proto::Snap, 0, 3)], "the organisation, of SNAP"),
    int("llc.type", &[Number::new(Proto::Snap, 3, 2)], "the EtherType, of SNAP"),
    Field::new(
        "sll",
        Type::Header,
        Source::Headers(Protos::of(&[Proto::Sll, Proto::Sll2])),
        "Linux cooked capture, either version",
    ),
    int(
        "sll.pkttype",
        &[Number::new(Proto::Sll, 0, 2), Number::new(Proto::Sll2, 10, 1)],
        "whether it was sent to us (0), to all (1), to a group (2), to another host (3) or by us (4)",
    ),
    int(
        "sll.hatype",
        &[Number::new(Proto::Sll, 2, 2), Number::new(Proto::Sll2, 8, 2)],
        "the kind of hardware, an ARPHRD number",
    ),
    int(
        "sll.halen",
        &[Number::new(Proto::Sll, 4, 2), Number::new(Proto::Sll2, 11, 1)],
        "the length of the address",
    )
    .unit("bytes"),
    Field::new(
        "sll.src.eth",
        Type::Mac,
        Source::Header(Protos::of(&[Proto::Sll, Proto::Sll2]), sll_source),
        "the address of the sender, where it has the length of a MAC address",
    ),
    int(
        "sll.etype",
        &[Number::new(Proto::Sll, 14, 2), Number::new(Proto::Sll2, 0, 2)],
        "the EtherType of what follows",
    ),
    int(
        "sll.ifindex",
        &[Number::new(Proto::Sll2, 4, 4)],
        "the number of the interface on the capturing host",
    ),
    Field::new(
        "null.family",
        Type::Int,
        Source::Header(Protos::of(&[Proto::Null, Proto::Loop]), |packet, at, each| {
            null::view(packet.data, at).is_some_and(|family| each(Value::Int(family.into())))
        }),
        "the address family of BSD loopback",
    ),
    header("ppp", Proto::Ppp, "PPP"),
    Field::new(
        "ppp.protocol",
        Type::Int,
        Source::Header(Protos::of(&[Proto::Ppp]), |packet, at, each| {
            ppp::view(packet.data, at).is_some_and(|(protocol, _)| each(Value::Int(protocol.into())))
        }),
        "the PPP protocol number of what follows",
    ),
    header("chdlc", Proto::Hdlc, "Cisco HDLC"),
    int(
        "chdlc.address",
        &[Number::new(Proto::Hdlc, 0, 1)],
        "whether it was sent to one (15) or to all (143)",
    ),
    int("chdlc.protocol", &[Number::new(Proto::Hdlc, 2, 2)], "the EtherType of what follows"),
    header("cfp", Proto::FabricPath, "Cisco FabricPath"),
    of_header!(
        "cfp.ftag",
        Int,
        FabricPath,
        |frame, at| fabricpath::view(frame, at).map(|(tag, _)| Value::Int(tag.into())),
        "the forwarding tag"
    ),
    of_header!(
        "cfp.ttl",
        Int,
        FabricPath,
        |frame, at| fabricpath::view(frame, at).map(|(_, ttl)| Value::Int(ttl.into())),
        "the time to live"
    )
    .unit("hops"),
    header("pwmcw", Proto::PwControl, "the control word of a pseudowire"),
    int("pwmcw.sequence_number", &[Number::new(Proto::PwControl, 2, 2)], "the sequence number"),
];

fn sll_source(packet: &Packet<'_>, at: usize, each: Each<'_>) -> bool {
    let is_second = packet.layers.headers().any(|(proto, start)| proto == Proto::Sll2 && start == at);
    let (length, address) = if is_second { ((11, 1), 12) } else { ((4, 2), 6) };
    let is_mac = be(packet, at + length.0, length.1) == Some(Value::Int(6));
    is_mac && mac(packet, at + address, each)
}

fn mac(packet: &Packet<'_>, at: usize, each: Each<'_>) -> bool {
    let bytes = packet.data.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.is_some_and(|bytes| each(Value::Mac(Mac(*bytes))))
}

const fn arp_field(
    name: &'static str,
    kind: Type,
    read: super::source::FromHeader,
    about: &'static str,
) -> Field {
    Field::new(name, kind, Source::Header(Protos::of(&[Proto::Arp]), read), about)
}

fn arp_mac(packet: &Packet<'_>, at: usize, place: fn(&arp::Header) -> usize, each: Each<'_>) -> bool {
    let header = arp::view(packet.data, at).filter(arp::Header::has_macs);
    header.is_some_and(|header| mac(packet, place(&header), each))
}

pub(super) const ARP: &[Field] = &[
    header("arp", Proto::Arp, "address resolution"),
    int("arp.hw.type", &[Number::new(Proto::Arp, 0, 2)], "the kind of hardware; 1 is Ethernet"),
    int("arp.proto.type", &[Number::new(Proto::Arp, 2, 2)], "the EtherType of the protocol that is resolved"),
    int("arp.hw.size", &[Number::new(Proto::Arp, 4, 1)], "the length of a hardware address").unit("bytes"),
    int("arp.proto.size", &[Number::new(Proto::Arp, 5, 1)], "the length of a protocol address").unit("bytes"),
    int("arp.opcode", &[Number::new(Proto::Arp, 6, 2)], "what it does")
        .words(&[("request", 1), ("reply", 2)]),
    arp_field(
        "arp.src.hw_mac",
        Type::Mac,
        |packet, at, each| arp_mac(packet, at, arp::Header::sender_hardware, each),
        "the MAC address of the sender",
    ),
    arp_field(
        "arp.src.proto_ipv4",
        Type::Ip,
        |packet, at, each| {
            let addresses = arp::view(packet.data, at).and_then(|header| header.addresses(packet.data));
            addresses.is_some_and(|(sender, _)| each(Value::Ip(sender.into())))
        },
        "the IPv4 address of the sender",
    ),
    arp_field(
        "arp.dst.hw_mac",
        Type::Mac,
        |packet, at, each| arp_mac(packet, at, arp::Header::target_hardware, each),
        "the MAC address of the target",
    ),
    arp_field(
        "arp.dst.proto_ipv4",
        Type::Ip,
        |packet, at, each| {
            let addresses = arp::view(packet.data, at).and_then(|header| header.addresses(packet.data));
            addresses.is_some_and(|(_, target)| each(Value::Ip(target.into())))
        },
        "the IPv4 address of the target",
    ),
];
