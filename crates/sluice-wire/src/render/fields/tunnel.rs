//! Headers of tunnels.

use super::{Fields, Scope};
use crate::decode::{erspan, etherip, geneve, gre, gtpu, l2tp, teredo, vxlan};
use crate::layers::Proto;
use crate::render::names;

pub(super) fn header<F: Fields>(out: &mut F, scope: &Scope<'_>, proto: Proto, at: usize) {
    out.begin(if proto == Proto::VxlanGpe { Proto::Vxlan.name() } else { proto.name() });
    let frame = scope.frame;
    // A header that is not all there has no fields.
    let _ = match proto {
        Proto::Gre => gre(out, scope, at),
        Proto::Vxlan | Proto::VxlanGpe => vxlan(out, frame, proto, at),
        Proto::EtherIp => etherip::view(frame, at).map(|version| out.num("ver", version)),
        Proto::Erspan => erspan(out, frame, at),
        Proto::Geneve => geneve(out, frame, at),
        Proto::GtpU => gtpu(out, frame, at),
        Proto::Teredo => teredo(out, frame, at),
        _ => l2tp(out, frame, at),
    };
    out.end();
}

fn gre<F: Fields>(out: &mut F, scope: &Scope<'_>, at: usize) -> Option<()> {
    let header = gre::view(scope.frame, at)?;
    out.num("flags.version", header.version);
    out.named("proto", header.protocol, 4, names::ethertype(header.protocol));
    match (header.version, header.key) {
        (0, Some(key)) => out.num("key", key),
        (1, Some(key)) => {
            out.num("key.payload_length", key >> 16);
            out.num("key.call_id", key & 0xFFFF);
        }
        _ => {}
    }
    if let Some(sequence) = header.sequence {
        out.num("sequence_number", sequence);
    }
    if let Some(acknowledgement) = header.acknowledgement {
        out.num("ack_number", acknowledgement);
    }
    if F::ALL
        && let Some(stored) = header.checksum
    {
        out.checksum("checksum", stored, 4, scope.verdict(|verdicts| verdicts.tunnel));
    }
    Some(())
}

fn vxlan<F: Fields>(out: &mut F, frame: &[u8], proto: Proto, at: usize) -> Option<()> {
    out.num("vni", vxlan::view(frame, at)?);
    if proto == Proto::Vxlan {
        if let Some(group) = vxlan::group(frame, at) {
            out.num("gbp", group);
        }
    } else if let Some(protocol) = vxlan::protocol(frame, at) {
        out.num("next_proto", protocol);
    }
    Some(())
}

fn erspan<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let header = erspan::view(frame, at)?;
    out.num("version", header.version);
    out.num("vlan", header.vlan);
    out.num("cos", header.class);
    out.flag("truncated", header.is_truncated);
    out.num("spanid", header.session);
    if let Some(index) = header.index {
        out.num("index", index);
    }
    if let Some(timestamp) = header.timestamp {
        out.num("timestamp", timestamp);
    }
    Some(())
}

fn geneve<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let header = geneve::view(frame, at)?;
    out.num("vni", header.vni);
    out.named("proto_type", header.protocol, 4, names::ethertype(header.protocol));
    if header.is_control {
        out.flag("flags.oam", true);
    }
    if header.is_critical {
        out.flag("flags.critical", true);
    }
    if header.length > geneve::LEN {
        out.begin_list("options");
        for option in geneve::options(frame, at) {
            out.begin_item();
            out.named("class", option.class, 4, None);
            out.named("type", option.kind, 2, None);
            out.bytes("data", option.data);
            out.end();
        }
        out.end_list();
    }
    Some(())
}

fn gtpu<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let header = gtpu::view(frame, at)?;
    out.num("message", header.kind);
    out.named("teid", header.teid, 8, None);
    out.num("length", header.length);
    if let Some(sequence) = header.sequence {
        out.num("seq_number", sequence);
    }
    if gtpu::extensions(frame, at).next().is_some() {
        out.begin_list("extensions");
        for (kind, place) in gtpu::extensions(frame, at) {
            out.begin_item();
            out.named("type", kind, 2, None);
            let length = usize::from(*frame.get(place).unwrap_or(&0)) * 4;
            // Without the length in front and the next type at the end.
            out.bytes("data", frame.get(place + 1..(place + length).saturating_sub(1)).unwrap_or_default());
            out.end();
        }
        out.end_list();
    }
    Some(())
}

fn teredo<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let header = teredo::view(frame, at)?;
    out.flag("auth", header.is_authenticated);
    if let Some((port, address)) = header.origin {
        out.ip("orig.addr", address.into());
        out.num("orig.port", port);
    }
    Some(())
}

fn l2tp<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let header = l2tp::view(frame, at)?;
    out.flag("type", header.is_control);
    out.num("tunnel", header.tunnel);
    out.num("session", header.session);
    if let Some((sent, expected)) = header.sequence {
        out.num("ns", sent);
        out.num("nr", expected);
    }
    Some(())
}
