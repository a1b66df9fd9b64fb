//! Headers of the link layer.

use super::{Fields, Scope};
use crate::decode::{be16, be32, ethernet, fabricpath, hdlc, llc, mpls, null, ppp, pppoe, sll, sll2, vlan};
use crate::layers::Proto;
use crate::render::names;

pub(super) fn header<F: Fields>(out: &mut F, scope: &Scope<'_>, proto: Proto, at: usize) {
    match proto {
        Proto::Vlan => return tags(out, scope, at),
        Proto::Mpls => return labels(out, scope.frame, at),
        // Its fields were told with those of the header before it.
        Proto::Snap => return,
        _ => out.begin(key(proto)),
    }
    // A header that is not all there has no fields.
    let _ = fields(out, scope, proto, at);
    out.end();
}

/// What the fields of a header are called by: both versions of a header share their names.
fn key(proto: Proto) -> &'static str {
    match proto {
        Proto::Sll2 => Proto::Sll.name(),
        Proto::Loop => Proto::Null.name(),
        Proto::PppoeDiscovery => Proto::Pppoe.name(),
        Proto::FabricPath => "cfp",
        Proto::PwControl => "pwmcw",
        _ => proto.name(),
    }
}

fn fields<F: Fields>(out: &mut F, scope: &Scope<'_>, proto: Proto, at: usize) -> Option<()> {
    let frame = scope.frame;
    match proto {
        Proto::Ethernet => {
            let header = ethernet::view(frame, at)?;
            out.mac("src", frame.get(at + 6..at + 12)?);
            out.mac("dst", frame.get(at..at + 6)?);
            match header.get_ethertype().0 {
                length @ ..ethernet::MIN_ETHERTYPE => out.num("len", length),
                ethertype => kind(out, "type", ethertype),
            }
        }
        Proto::Llc => {
            let [destination, source, control] = llc::view(frame, at)?;
            out.named("dsap", destination, 2, None);
            out.named("ssap", source, 2, None);
            out.named("control", control, 2, None);
            let (_, snap) = scope.layers.own().find(|(proto, start)| *proto == Proto::Snap && *start > at)?;
            out.named("oui", be32(frame, snap)? >> 8, 6, None);
            kind(out, "type", be16(frame, snap + 3)?);
        }
        Proto::Sll => {
            let header = sll::view(frame, at)?;
            out.num("pkttype", header.get_packet_type());
            out.num("hatype", header.get_link_layer_address_type());
            let length = header.get_link_layer_address_len();
            out.num("halen", length);
            sender(out, length, frame.get(at + 6..at + 14)?);
            kind(out, "etype", header.get_protocol().0);
        }
        Proto::Sll2 => {
            let header = sll2::view(frame, at)?;
            out.num("ifindex", be32(frame, at + 4)?);
            out.num("pkttype", *frame.get(at + 10)?);
            out.num("hatype", header.get_arphrd_type());
            let length = *frame.get(at + 11)?;
            out.num("halen", length);
            sender(out, length.into(), frame.get(at + 12..at + 20)?);
            kind(out, "etype", header.get_protocol_type().0);
        }
        Proto::Null | Proto::Loop => out.num("family", null::view(frame, at)?),
        Proto::Ppp => out.named("protocol", ppp::view(frame, at)?.0, 4, None),
        Proto::Hdlc => {
            out.named("address", *frame.get(at)?, 2, None);
            kind(out, "protocol", hdlc::view(frame, at)?);
        }
        Proto::PwControl => out.num("sequence_number", be16(frame, at + 2)?),
        Proto::FabricPath => {
            let (tag, ttl) = fabricpath::view(frame, at)?;
            out.num("ftag", tag);
            out.num("ttl", ttl);
        }
        _ => {
            let header = pppoe::view(frame, at)?;
            out.named("code", header.code, 2, None);
            out.num("session_id", header.session);
            out.num("payload_length", header.length);
        }
    }
    Some(())
}

fn kind<F: Fields>(out: &mut F, key: &str, ethertype: u16) {
    out.named(key, ethertype, 4, names::ethertype(ethertype));
}

/// The address of the sender in a cooked header, which has room for eight bytes.
fn sender<F: Fields>(out: &mut F, length: u16, room: &[u8]) {
    if length == 6
        && let Some(mac) = room.get(..6)
    {
        out.mac("src.eth", mac);
    }
}

fn tags<F: Fields>(out: &mut F, scope: &Scope<'_>, first: usize) {
    out.begin_list("vlan");
    let later = scope.layers.own().skip_while(|(_, at)| *at != first);
    for (_, at) in later.take_while(|(proto, _)| *proto == Proto::Vlan) {
        let Some(tag) = vlan::view(scope.frame, at) else { continue };
        out.begin_item();
        out.num("id", tag.get_vlan_identifier());
        out.num("priority", tag.get_priority_code_point().0);
        if tag.get_drop_eligible_indicator() != 0 {
            out.flag("dei", true);
        }
        kind(out, "etype", tag.get_ethertype().0);
        out.end();
    }
    out.end_list();
}

fn labels<F: Fields>(out: &mut F, frame: &[u8], at: usize) {
    out.begin_list("mpls");
    for label in mpls::stack(frame, at) {
        out.begin_item();
        out.num("label", label.label);
        out.num("exp", label.class);
        out.num("ttl", label.ttl);
        out.end();
    }
    out.end_list();
}
