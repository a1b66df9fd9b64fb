//! Fields of tunnels and of IPsec.

use sluice_wire::decode::{erspan, etherip, gre, gtpu, l2tp, mpls, teredo, vxlan as vxlan_header};
use sluice_wire::layers::{Proto, Protos};

use super::link::{flag, header, int, of_header};
use super::source::FromHeader;
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

const fn bits(proto: Proto, at: u8, width: u8, shift: u8, mask: u64) -> Number {
    Number::bits(proto, at, width, shift, mask)
}

const fn pppoe(at: u8, width: u8) -> Number {
    Number::new(Proto::Pppoe, at, width).and(Proto::PppoeDiscovery)
}

/// What PPTP has in place of a key.
fn pptp_key(frame: &[u8], at: usize) -> Option<u32> {
    gre::view(frame, at).filter(|header| header.version == 1)?.key
}

/// Something about every label of a stack.
macro_rules! mpls {
    ($name:literal, $kind:ident, $label:ident => $value:expr, $about:literal) => {
        Field::new(
            $name,
            Type::$kind,
            Source::Header(Protos::of(&[Proto::Mpls]), |packet, at, each| {
                let frame = packet.data.get(..packet.end()).unwrap_or_default();
                mpls::stack(frame, at).any(|$label| each($value))
            }),
            $about,
        )
    };
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
    of_header!(
        "gre.key.payload_length",
        Int,
        Gre,
        |frame, at| pptp_key(frame, at).map(|key| Value::Int((key >> 16).into())),
        "the length of what is carried, of PPTP"
    )
    .unit("bytes"),
    of_header!(
        "gre.key.call_id",
        Int,
        Gre,
        |frame, at| pptp_key(frame, at).map(|key| Value::Int((key & 0xFFFF).into())),
        "the call, of PPTP"
    ),
    of_header!(
        "gre.ack_number",
        Int,
        Gre,
        |frame, at| Some(Value::Int(gre::view(frame, at)?.acknowledgement?.into())),
        "the acknowledgement number, of PPTP"
    ),
    of_header!(
        "gre.checksum",
        Int,
        Gre,
        |frame, at| Some(Value::Int(gre::view(frame, at)?.checksum?.into())),
        "the checksum as it stands there"
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
    of_header!(
        "vxlan.next_proto",
        Int,
        VxlanGpe,
        |frame, at| Some(Value::Int(vxlan_header::protocol(frame, at)?.into())),
        "the kind of what is carried, with the generic protocol extension"
    ),
    header("geneve", Proto::Geneve, "Geneve"),
    int("geneve.version", &[bits(Proto::Geneve, 0, 1, 6, 3)], "the version"),
    flag("geneve.flags.oam", &[bits(Proto::Geneve, 1, 1, 7, 1)], "whether it is a control packet"),
    flag("geneve.flags.critical", &[bits(Proto::Geneve, 1, 1, 6, 1)], "whether an option must be understood"),
    int("geneve.proto_type", &[Number::new(Proto::Geneve, 2, 2)], "the EtherType of what is carried"),
    int("geneve.vni", &[Number::new(Proto::Geneve, 4, 3)], "the virtual network"),
    header("gtp", Proto::GtpU, "GTP-U"),
    int("gtp.flags", &[Number::new(Proto::GtpU, 0, 1)], "version and flags"),
    int("gtp.message", &[Number::new(Proto::GtpU, 1, 1)], "the kind of message; 255 carries a packet"),
    int("gtp.length", &[Number::new(Proto::GtpU, 2, 2)], "how much follows the first eight bytes")
        .unit("bytes"),
    int("gtp.teid", &[Number::new(Proto::GtpU, 4, 4)], "the tunnel endpoint"),
    of_header!(
        "gtp.seq_number",
        Int,
        GtpU,
        |frame, at| Some(Value::Int(gtpu::view(frame, at)?.sequence?.into())),
        "the sequence number"
    ),
    header("erspan", Proto::Erspan, "ERSPAN, type II or III"),
    int("erspan.version", &[bits(Proto::Erspan, 0, 2, 12, 15)], "1 for type II, 2 for type III"),
    int("erspan.vlan", &[bits(Proto::Erspan, 0, 2, 0, 0xFFF)], "the VLAN of the mirrored frame"),
    int("erspan.cos", &[bits(Proto::Erspan, 2, 2, 13, 7)], "the class of service of the mirrored frame"),
    int("erspan.spanid", &[bits(Proto::Erspan, 2, 2, 0, 0x3FF)], "the session that mirrors"),
    of_header!(
        "erspan.truncated",
        Bool,
        Erspan,
        |frame, at| Some(Value::Bool(erspan::view(frame, at)?.is_truncated)),
        "whether the mirrored frame was cut"
    ),
    of_header!(
        "erspan.index",
        Int,
        Erspan,
        |frame, at| Some(Value::Int(erspan::view(frame, at)?.index?.into())),
        "the port that mirrors, of type II"
    ),
    of_header!(
        "erspan.timestamp",
        Int,
        Erspan,
        |frame, at| Some(Value::Int(erspan::view(frame, at)?.timestamp?.into())),
        "the time of the mirroring device, of type III"
    ),
    header("teredo", Proto::Teredo, "Teredo"),
    of_header!(
        "teredo.auth",
        Bool,
        Teredo,
        |frame, at| Some(Value::Bool(teredo::view(frame, at)?.is_authenticated)),
        "whether there is an authentication"
    ),
    of_header!(
        "teredo.orig.addr",
        Ip,
        Teredo,
        |frame, at| teredo::view(frame, at)?.origin.map(|(_, address)| Value::Ip(address.into())),
        "the address that a relay saw"
    ),
    of_header!(
        "teredo.orig.port",
        Int,
        Teredo,
        |frame, at| teredo::view(frame, at)?.origin.map(|(port, _)| Value::Int(port.into())),
        "the port that a relay saw"
    ),
    header("etherip", Proto::EtherIp, "Ethernet in IP"),
    of_header!(
        "etherip.ver",
        Int,
        EtherIp,
        |frame, at| Some(Value::Int(etherip::view(frame, at)?.into())),
        "the version"
    ),
    header("l2tp", Proto::L2tp, "L2TP"),
    of_header!(
        "l2tp.type",
        Bool,
        L2tp,
        |frame, at| Some(Value::Bool(l2tp::view(frame, at)?.is_control)),
        "whether it is a control message"
    ),
    of_header!(
        "l2tp.tunnel",
        Int,
        L2tp,
        |frame, at| Some(Value::Int(l2tp::view(frame, at)?.tunnel.into())),
        "the tunnel"
    ),
    of_header!(
        "l2tp.session",
        Int,
        L2tp,
        |frame, at| Some(Value::Int(l2tp::view(frame, at)?.session.into())),
        "the session in the tunnel"
    ),
    of_header!(
        "l2tp.ns",
        Int,
        L2tp,
        |frame, at| l2tp::view(frame, at)?.sequence.map(|(sent, _)| Value::Int(sent.into())),
        "the sequence number"
    ),
    of_header!(
        "l2tp.nr",
        Int,
        L2tp,
        |frame, at| l2tp::view(frame, at)?.sequence.map(|(_, expected)| Value::Int(expected.into())),
        "the sequence number that is expected next"
    ),
    header("mpls", Proto::Mpls, "a stack of MPLS labels"),
    mpls!("mpls.label", Int, label => Value::Int(label.label.into()), "the labels, from the top"),
    mpls!("mpls.exp", Int, label => Value::Int(label.class.into()), "their traffic classes"),
    mpls!("mpls.bottom", Bool, label => Value::Bool(label.is_bottom), "whether they are the last one"),
    mpls!("mpls.ttl", Int, label => Value::Int(label.ttl.into()), "their times to live").unit("hops"),
    header("pppoes", Proto::Pppoe, "PPP over Ethernet, session"),
    header("pppoed", Proto::PppoeDiscovery, "PPP over Ethernet, discovery"),
    int("pppoe.code", &[pppoe(1, 1)], "what a discovery packet is for; 0 in a session"),
    int("pppoe.session_id", &[pppoe(2, 2)], "the session"),
    int("pppoe.payload_length", &[pppoe(4, 2)], "the length of what follows").unit("bytes"),
    header("esp", Proto::Esp, "the IP encapsulating security payload"),
    int("esp.spi", &[Number::new(Proto::Esp, 0, 4)], "the security association"),
    int("esp.sequence", &[Number::new(Proto::Esp, 4, 4)], "the sequence number"),
    header("ah", Proto::Ah, "the IP authentication header"),
    int("ah.next_header", &[Number::new(Proto::Ah, 0, 1)], "the kind of the next header"),
    int("ah.spi", &[Number::new(Proto::Ah, 4, 4)], "the security association"),
    int("ah.sequence", &[Number::new(Proto::Ah, 8, 4)], "the sequence number"),
];
