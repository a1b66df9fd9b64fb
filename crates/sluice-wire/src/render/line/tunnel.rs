//! Tunnels and what they carry, in one line.

use super::packet;
use crate::decode::{geneve, gre, gtpu, l2tp, vxlan};
use crate::layers::{Layers, Proto};
use crate::render::text::Text;
use crate::render::{names, upper_len};

/// Writes the header of the tunnel in an IP packet, and what that carries. `false` if there is none.
pub(super) fn write(text: &mut Text<'_>, frame: &[u8], layers: &Layers) -> bool {
    let carried = layers.carried(frame).filter(|carried| carried.headers().next().is_some());
    let mut headers = layers.own().filter(|(proto, _)| proto.is_tunnel());
    match (headers.next(), carried) {
        (None, None) => return false,
        (None, Some(carried)) => content(text, frame, &carried),
        (Some((proto, at)), carried) => {
            header(text, frame, proto, at);
            if headers.next().is_some() {
                text.str(", ERSPAN");
            }
            text.str(", length ").len(upper_len(layers, at));
            if let Some(carried) = carried {
                text.str(": ");
                content(text, frame, &carried);
            }
        }
    }
    true
}

fn content(text: &mut Text<'_>, frame: &[u8], carried: &Layers) {
    let start = carried.headers().next().map_or(0, |(_, at)| at);
    packet(text, frame, carried, (carried.end as usize).saturating_sub(start));
}

fn header(text: &mut Text<'_>, frame: &[u8], proto: Proto, at: usize) {
    match proto {
        Proto::Gre => {
            text.str("GRE");
            let Some(header) = gre::view(frame, at) else { return };
            text.byte(b'v').num(header.version);
            if let Some(key) = header.key {
                text.str(", key=0x").hex(key.into(), 1);
            }
            if let Some(sequence) = header.sequence {
                text.str(", seq ").num(sequence);
            }
            if names::ethertype(header.protocol).is_none() {
                text.str(", proto 0x").hex(header.protocol.into(), 4);
            }
        }
        Proto::Vxlan => {
            text.str("VXLAN, vni ").num(vxlan::view(frame, at).unwrap_or(0));
        }
        Proto::VxlanGpe => {
            text.str("VXLAN-GPE, vni ").num(vxlan::view(frame, at).unwrap_or(0));
        }
        Proto::Geneve => {
            text.str("Geneve, vni 0x").hex(geneve::view(frame, at).map_or(0, |header| header.vni).into(), 1);
        }
        Proto::GtpU => {
            let Some(header) = gtpu::view(frame, at) else { return };
            text.str("GTP-U, teid 0x").hex(header.teid.into(), 8);
            if header.kind != gtpu::G_PDU {
                text.str(", type ").num(header.kind);
            }
        }
        Proto::L2tp => {
            let Some(header) = l2tp::view(frame, at) else { return };
            text.str(if header.is_control { "l2tp control (" } else { "l2tp (" });
            text.num(header.tunnel).byte(b'/').num(header.session).byte(b')');
        }
        Proto::Teredo => {
            text.str("Teredo");
        }
        _ => {
            text.str("EtherIP");
        }
    }
}
