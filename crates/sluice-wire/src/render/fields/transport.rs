//! Transport headers and control messages.

use std::net::IpAddr;

use super::{Fields, Scope};
use crate::decode::options::HeaderOptions;
use crate::decode::{array, be16, be32, icmpv4, icmpv6, igmp, mobility, sctp, tcp, udp, udplite};
use crate::layers::Proto;
use crate::render::{names, tcp_flags};

pub(super) fn header<F: Fields>(out: &mut F, scope: &Scope<'_>, proto: Proto, at: usize) {
    out.begin(proto.name());
    if let Some((source, destination)) = scope.layers.ports(scope.frame) {
        out.num("srcport", source);
        out.num("dstport", destination);
    }
    let checksum = match proto {
        Proto::Tcp => tcp::CHECKSUM,
        Proto::Udp => udp::CHECKSUM,
        Proto::UdpLite => udplite::CHECKSUM,
        Proto::Sctp => sctp::CHECKSUM,
        Proto::Icmpv4 => icmpv4::CHECKSUM,
        Proto::Icmpv6 => icmpv6::CHECKSUM,
        Proto::Igmp => igmp::CHECKSUM,
        _ => mobility::CHECKSUM,
    };
    // What is not captured of a header has no fields.
    let _ = match proto {
        Proto::Tcp => tcp(out, scope, at),
        Proto::Udp => be16(scope.frame, at + 4).map(|length| out.num("length", length)),
        Proto::UdpLite => be16(scope.frame, at + 4).map(|coverage| out.num("checksum_coverage", coverage)),
        Proto::Sctp => be32(scope.frame, at + 4).map(|tag| out.num("verification_tag", tag)),
        Proto::Icmpv4 | Proto::Icmpv6 => control(out, scope.frame, proto, at),
        Proto::Igmp => group(out, scope.frame, at),
        Proto::Mobility => scope.frame.get(at + 2).map(|kind| out.num("mhtype", *kind)),
        _ => None,
    };
    let verdict = scope.verdict(|verdicts| verdicts.transport);
    if F::ALL
        && proto == Proto::Sctp
        && let Some(stored) = be32(scope.frame, at + checksum)
    {
        out.checksum("checksum", stored, 8, verdict);
    } else if F::ALL
        && let Some(stored) = be16(scope.frame, at + checksum)
    {
        out.checksum("checksum", stored, 4, verdict);
    }
    if proto == Proto::Tcp {
        options(out, scope, at);
    }
    out.end();
}

fn tcp<F: Fields>(out: &mut F, scope: &Scope<'_>, at: usize) -> Option<()> {
    let header = tcp::view(scope.frame, at)?;
    out.num("seq_raw", header.get_sequence());
    out.num("ack_raw", header.get_acknowledgement());
    out.num("flags", be16(scope.frame, at + 12)? & 0xFFF);
    out.word("flags.letters", tcp_flags(header.get_flags()));
    out.num("window_size_value", header.get_window());
    let length = usize::from(header.get_data_offset()) * 4;
    if F::ALL {
        out.num("urgent_pointer", header.get_urgent_ptr());
        out.num("hdr_len", length as u64);
    }
    let payload = scope.rest(at).checked_sub(length).filter(|_| length >= tcp::LEN)?;
    out.num("len", payload as u64);
    Some(())
}

fn options<F: Fields>(out: &mut F, scope: &Scope<'_>, at: usize) {
    let end = tcp::view(scope.frame, at).map_or(0, |header| at + usize::from(header.get_data_offset()) * 4);
    let bytes = scope.frame.get(at + tcp::LEN..end.min(scope.layers.l3_end())).unwrap_or_default();
    if bytes.is_empty() {
        return;
    }
    out.begin_list("options");
    for option in HeaderOptions::new(bytes) {
        out.begin_item();
        out.kind(option.kind, names::tcp_option(option.kind));
        match (option.kind, option.data) {
            (2, [a, b]) => out.num("value", u16::from_be_bytes([*a, *b])),
            (3, [shift]) => out.num("value", *shift),
            (5, blocks) => {
                for edges in blocks.as_chunks::<8>().0 {
                    let [left, right] = [be32(edges, 0), be32(edges, 4)].map(Option::unwrap_or_default);
                    out.num("left", left);
                    out.num("right", right);
                }
            }
            (8, data) => {
                if let (Some(value), Some(echo)) = (be32(data, 0), be32(data, 4)) {
                    out.num("value", value);
                    out.num("echo", echo);
                }
            }
            (_, []) => {}
            (_, data) => out.bytes("data", data),
        }
        out.end();
    }
    out.end_list();
}

fn control<F: Fields>(out: &mut F, frame: &[u8], proto: Proto, at: usize) -> Option<()> {
    let [kind, code] = *array(frame, at)?;
    out.num("type", kind);
    out.num("code", code);
    let has_identifier = match proto {
        Proto::Icmpv4 => icmpv4::has_identifier(kind),
        _ => icmpv6::has_identifier(kind),
    };
    if has_identifier {
        let (id, sequence) = (be16(frame, at + 4)?, be16(frame, at + 6)?);
        let keys = match proto {
            Proto::Icmpv4 => ["ident", "seq"],
            _ => ["echo.identifier", "echo.sequence_number"],
        };
        out.num(keys[0], id);
        out.num(keys[1], sequence);
    }
    let address = || array::<16>(frame, at + 8).map(|bytes| IpAddr::from(*bytes));
    match (proto, kind) {
        // Fragmentation needed, and packet too big.
        (Proto::Icmpv4, 3) if code == 4 => out.num("mtu", be16(frame, at + 6)?),
        (Proto::Icmpv6, 2) => out.num("mtu", be32(frame, at + 4)?),
        (Proto::Icmpv4, 5) => out.ip("redir_gw", (*array::<4>(frame, at + 4)?).into()),
        (Proto::Icmpv6, 135) => out.ip("nd.ns.target_address", address()?),
        (Proto::Icmpv6, 136) => out.ip("nd.na.target_address", address()?),
        (Proto::Icmpv6, 137) => out.ip("nd.rd.target_address", address()?),
        _ => {}
    }
    Some(())
}

fn group<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let kind = *frame.get(at)?;
    out.named("type", kind, 2, None);
    // A report of version 3 has a count there.
    if kind != 0x22 {
        out.ip("maddr", (*array::<4>(frame, at + 4)?).into());
    }
    Some(())
}
