//! Headers of the link layer.

use super::{Fields, Scope};
use crate::decode::{be16, be32, ethernet, fabricpath, hdlc, llc, mpls, null, ppp, pppoe, sll, sll2, vlan};
use crate::layers::Proto;
use crate::render::names;

pub(super) fn header<F: Fields>(out: &mut F, scope: &Scope<'_>, proto: Proto, at: usize) {
    match proto {
        Proto::Vlan => return tags(out, scope, at),
        Proto::Mpls => return labels(out, scope.frame, at),
        _ => out.begin(proto.name()),
    }
    // A header that is not all there has no fields.
    let _ = fields(out, scope.frame, proto, at);
    out.end();
}

fn fields<F: Fields>(out: &mut F, frame: &[u8], proto: Proto, at: usize) -> Option<()> {
    match proto {
        Proto::Ethernet => {
            let header = ethernet::view(frame, at)?;
            out.mac("source", frame.get(at + 6..at + 12)?);
            out.mac("destination", frame.get(at..at + 6)?);
            kind(out, header.get_ethertype().0);
        }
        Proto::Llc => {
            let [destination, source, control] = llc::view(frame, at)?;
            out.named("dsap", destination, 2, None);
            out.named("ssap", source, 2, None);
            out.named("control", control, 2, None);
        }
        Proto::Snap => {
            out.named("oui", be32(frame, at)? >> 8, 6, None);
            kind(out, be16(frame, at + 3)?);
        }
        Proto::Sll => {
            let header = sll::view(frame, at)?;
            out.num("packet_type", header.get_packet_type());
            out.num("hardware", header.get_link_layer_address_type());
            let length = usize::from(header.get_link_layer_address_len()).min(8);
            out.mac("source", frame.get(at + 6..at + 6 + length)?);
            kind(out, header.get_protocol().0);
        }
        Proto::Sll2 => {
            let header = sll2::view(frame, at)?;
            out.num("interface", be32(frame, at + 4)?);
            out.num("packet_type", *frame.get(at + 10)?);
            out.num("hardware", header.get_arphrd_type());
            let length = usize::from(*frame.get(at + 11)?).min(8);
            out.mac("source", frame.get(at + 12..at + 12 + length)?);
            kind(out, header.get_protocol_type().0);
        }
        Proto::Null | Proto::Loop => out.num("family", null::view(frame, at)?),
        Proto::Ppp => out.named("protocol", ppp::view(frame, at)?.0, 4, None),
        Proto::Hdlc => {
            out.named("address", *frame.get(at)?, 2, None);
            kind(out, hdlc::view(frame, at)?);
        }
        Proto::PwControl => out.num("sequence", be16(frame, at + 2)?),
        Proto::FabricPath => {
            let (tag, ttl) = fabricpath::view(frame, at)?;
            out.num("tag", tag);
            out.num("ttl", ttl);
        }
        _ => {
            let header = pppoe::view(frame, at)?;
            out.named("code", header.code, 2, None);
            out.num("session", header.session);
            out.num("length", header.length);
        }
    }
    Some(())
}

fn kind<F: Fields>(out: &mut F, ethertype: u16) {
    out.named("type", ethertype, 4, names::ethertype(ethertype));
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
            out.flag("drop_eligible", true);
        }
        kind(out, tag.get_ethertype().0);
        out.end();
    }
    out.end_list();
}

fn labels<F: Fields>(out: &mut F, frame: &[u8], at: usize) {
    out.begin_list("mpls");
    for label in mpls::stack(frame, at) {
        out.begin_item();
        out.num("label", label.label);
        out.num("class", label.class);
        out.num("ttl", label.ttl);
        out.end();
    }
    out.end_list();
}
