//! Fields of tunnels and of IPsec.

use sluice_wire::decode::gre;
use sluice_wire::layers::Proto;

use super::link::{flag, header, int};
use super::source::{FromHeader, Protos};
use super::{Field, Number, Source};
use crate::{Type, Value};

const fn gre_bits(shift: u8, mask: u64) -> Number {
    Number::bits(Proto::Gre, 0, 2, shift, mask)
}

const fn gre_field(name: &'static str, read: FromHeader, about: &'static str) -> Field {
    Field::new(name, Type::Int, Source::Header(Protos::of(&[Proto::Gre]), read), about)
}

const fn vxlan(at: u8, width: u8, shift: u8, mask: u64) -> Number {
    Number::bits(Proto::Vxlan, at, width, shift, mask).and(Proto::VxlanGpe)
}

pub(super) const TUNNEL: &[Field] = &[
    header("gre", Proto::Gre, "generic routing encapsulation"),
    int("gre.flags_and_version", &[gre_bits(0, 0xFFFF)], "flags and version"),
    flag("gre.flags.checksum", &[gre_bits(15, 1)], "whether there is a checksum"),
    flag("gre.flags.routing", &[gre_bits(14, 1)], "whether there are source routes"),
    flag("gre.flags.key", &[gre_bits(13, 1)], "whether there is a key"),
    flag("gre.flags.sequence_number", &[gre_bits(12, 1)], "whether there is a sequence number"),
    int("gre.flags.version", &[gre_bits(0, 7)], "the version; 1 is that of PPTP"),
    int("gre.proto", &[Number::new(Proto::Gre, 2, 2)], "the EtherType of what is carried"),
    gre_field(
        "gre.key",
        |packet, at, each| {
            let header = gre::view(packet.data, at).filter(|header| header.version == 0);
            header.and_then(|header| header.key).is_some_and(|key| each(Value::Int(key.into())))
        },
        "the key",
    ),
    gre_field(
        "gre.sequence_number",
        |packet, at, each| {
            let sequence = gre::view(packet.data, at).and_then(|header| header.sequence);
            sequence.is_some_and(|number| each(Value::Int(number.into())))
        },
        "the sequence number",
    ),
    Field::new(
        "vxlan",
        Type::Header,
        Source::Headers(Protos::of(&[Proto::Vxlan, Proto::VxlanGpe])),
        "VXLAN, with or without the generic protocol extension",
    ),
    int("vxlan.flags", &[vxlan(0, 2, 0, 0xFFFF)], "the flags"),
    int("vxlan.gbp", &[vxlan(2, 2, 0, 0xFFFF)], "the group policy"),
    int("vxlan.vni", &[vxlan(4, 3, 0, 0xFF_FFFF)], "the virtual network"),
    header("ah", Proto::Ah, "the IP authentication header"),
    int("ah.next_header", &[Number::new(Proto::Ah, 0, 1)], "the kind of the next header"),
    int("ah.spi", &[Number::new(Proto::Ah, 4, 4)], "the security association"),
    int("ah.sequence", &[Number::new(Proto::Ah, 8, 4)], "the sequence number"),
];
