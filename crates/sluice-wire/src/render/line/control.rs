//! Control messages in one line.

use crate::decode::{be16, be32, icmpv4, icmpv6};
use crate::layers::Layers;
use crate::render::text::Text;
use crate::render::upper_len;

pub(super) fn icmpv4(text: &mut Text<'_>, frame: &[u8], layers: &Layers, at: usize) {
    text.str("ICMP ");
    let Some([kind, code]) = frame.get(at..).and_then(|header| header.first_chunk()) else { return };
    match (kind, code) {
        (0, _) => text.str("echo reply"),
        (8, _) => text.str("echo request"),
        (3, 0) => text.str("net unreachable"),
        (3, 1) => text.str("host unreachable"),
        (3, 2) => text.str("protocol unreachable"),
        (3, 3) => text.str("port unreachable"),
        (3, 4) => {
            text.str("unreachable - need to frag (mtu ").num(be16(frame, at + 6).unwrap_or(0)).byte(b')')
        }
        (3, 13) => text.str("unreachable - admin prohibited"),
        (3, _) => text.str("unreachable - code ").num(*code),
        (4, _) => text.str("source quench"),
        (5, _) => text.str("redirect"),
        (9, _) => text.str("router advertisement"),
        (10, _) => text.str("router solicitation"),
        (11, 0) => text.str("time exceeded in-transit"),
        (11, _) => text.str("time exceeded in reassembly"),
        (12, _) => text.str("parameter problem"),
        (13, _) => text.str("time stamp query"),
        (14, _) => text.str("time stamp reply"),
        _ => text.str("type-").num(*kind),
    };
    if icmpv4::has_identifier(*kind) {
        identifier(text, frame, at);
    }
    text.str(", length ").len(upper_len(layers, at));
}

fn identifier(text: &mut Text<'_>, frame: &[u8], at: usize) {
    if let (Some(id), Some(sequence)) = (be16(frame, at + 4), be16(frame, at + 6)) {
        text.str(", id ").num(id).str(", seq ").num(sequence);
    }
}

pub(super) fn icmpv6(text: &mut Text<'_>, frame: &[u8], layers: &Layers, at: usize) {
    text.str("ICMP6, ");
    let Some([kind, code]) = frame.get(at..).and_then(|header| header.first_chunk()) else { return };
    match (kind, code) {
        (1, 4) => text.str("destination unreachable, unreachable port"),
        (1, _) => text.str("destination unreachable, code ").num(*code),
        (2, _) => text.str("packet too big, mtu ").num(be32(frame, at + 4).unwrap_or(0)),
        (3, 0) => text.str("time exceeded in-transit"),
        (3, _) => text.str("time exceeded in reassembly"),
        (4, _) => text.str("parameter problem"),
        (128, _) => text.str("echo request"),
        (129, _) => text.str("echo reply"),
        (130, _) => text.str("multicast listener query"),
        (131, _) => text.str("multicast listener report"),
        (132, _) => text.str("multicast listener done"),
        (133, _) => text.str("router solicitation"),
        (134, _) => text.str("router advertisement"),
        (135, _) => text.str("neighbor solicitation, who has "),
        (136, _) => text.str("neighbor advertisement, tgt is "),
        (137, _) => text.str("redirect"),
        (143, _) => text.str("multicast listener report v2"),
        _ => text.str("type-").num(*kind),
    };
    if matches!(kind, 135 | 136)
        && let Some(target) = frame.get(at + 8..).and_then(|rest| rest.first_chunk::<16>())
    {
        text.v6((*target).into());
    }
    if icmpv6::has_identifier(*kind) {
        identifier(text, frame, at);
    }
    text.str(", length ").len(upper_len(layers, at));
}
