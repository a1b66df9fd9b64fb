//! ARP, IP with its options, and what belongs to it.

use std::net::IpAddr;

use super::{Fields, Scope};
use crate::decode::options::HeaderOptions;
use crate::decode::{ah, arp, array, esp, ipv4, ipv6, ipv6ext};
use crate::layers::Proto;
use crate::pseudo::Routes;
use crate::render::{fragment, names};

pub(super) fn header<F: Fields>(out: &mut F, scope: &Scope<'_>, proto: Proto, at: usize) {
    if proto.is_extension() {
        return extensions(out, scope);
    }
    out.begin(proto.name());
    // A header that is not all there has no fields.
    let _ = match proto {
        Proto::Arp => arp(out, scope.frame, at),
        Proto::Ipv4 => v4(out, scope, at),
        Proto::Ipv6 => v6(out, scope, at),
        Proto::Ah => ah::view(scope.frame, at).and_then(|_| secured(out, scope.frame, at + 4)),
        _ => secured(out, scope.frame, at),
    };
    out.end();
}

fn arp<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let header = arp::view(frame, at)?;
    let addresses = header.addresses(frame);
    let mac = |at: usize| frame.get(at..at + 6).filter(|_| header.has_macs());
    out.num("opcode", header.operation);
    if F::ALL {
        out.num("hw.type", header.hardware);
        out.named("proto.type", header.protocol, 4, names::ethertype(header.protocol));
    }
    if let Some(mac) = mac(header.sender_hardware()) {
        out.mac("src.hw_mac", mac);
    }
    if let Some((sender, _)) = addresses {
        out.ip("src.proto_ipv4", sender.into());
    }
    if let Some(mac) = mac(header.target_hardware()) {
        out.mac("dst.hw_mac", mac);
    }
    if let Some((_, target)) = addresses {
        out.ip("dst.proto_ipv4", target.into());
    }
    Some(())
}

fn v4<F: Fields>(out: &mut F, scope: &Scope<'_>, at: usize) -> Option<()> {
    let header = ipv4::view(scope.frame, at)?;
    let protocol = header.get_next_level_protocol().0;
    out.ip("src", header.get_source().into());
    out.ip("dst", header.get_destination().into());
    out.named("proto", protocol, 0, names::protocol(protocol));
    out.num("ttl", header.get_ttl());
    out.num("dsfield", header.get_dscp() << 2 | header.get_ecn());
    out.num("id", header.get_identification());
    out.num("len", header.get_total_length());
    if F::ALL {
        out.num("hdr_len", header.get_header_length() * 4);
    }
    let word = ipv4::fragment(scope.frame, at)?;
    out.flag("flags.df", word & ipv4::DONT_FRAGMENT != 0);
    if scope.layers.is_fragment() {
        out.flag("flags.mf", word & ipv4::MORE_FRAGMENTS != 0);
        out.num("frag_offset", word & ipv4::FRAGMENT_OFFSET);
    }
    if F::ALL {
        out.checksum("checksum", header.get_checksum(), 4, scope.verdict(|verdicts| verdicts.network));
    }
    let end = at + usize::from(header.get_header_length()) * 4;
    let bytes =
        scope.frame.get(at + ipv4::LEN..end.min(scope.layers.l3_end())).filter(|bytes| !bytes.is_empty())?;
    out.begin_list("options");
    let mut routes = Routes::of(scope.frame, at);
    for option in HeaderOptions::new(bytes) {
        out.begin_item();
        out.kind(option.kind, names::ip_option(option.kind));
        if matches!(option.kind, 7 | 131 | 137) {
            out.begin_list("addresses");
            let route = routes.next();
            let places = route
                .into_iter()
                .flat_map(|route| (0..route.count).map(move |index| route.first + 4 * index));
            for address in places.filter_map(|at| array::<4>(scope.frame, at)) {
                out.ip("", IpAddr::from(*address));
            }
            out.end_list();
        } else if !option.data.is_empty() {
            out.bytes("data", option.data);
        }
        out.end();
    }
    out.end_list();
    Some(())
}

fn v6<F: Fields>(out: &mut F, scope: &Scope<'_>, at: usize) -> Option<()> {
    let header = ipv6::view(scope.frame, at)?;
    let next = header.get_next_header().0;
    out.ip("src", header.get_source().into());
    out.ip("dst", header.get_destination().into());
    out.named("nxt", next, 0, names::protocol(next));
    out.num("hlim", header.get_hop_limit());
    out.num("tclass", header.get_traffic_class());
    out.num("flow", header.get_flow_label());
    out.num("plen", header.get_payload_length());
    if scope.layers.is_fragment() {
        let (id, offset, more) = fragment(scope.frame, scope.layers)?;
        out.num("fraghdr.ident", id);
        out.num("fraghdr.offset", offset / 8);
        out.flag("fraghdr.more", more);
    }
    Some(())
}

/// The security parameters index and the sequence number of AH and ESP.
fn secured<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let (spi, sequence) = esp::view(frame, at)?;
    out.named("spi", spi, 8, None);
    out.num("sequence", sequence);
    Some(())
}

/// All extension headers but those of fragments, in their order.
fn extensions<F: Fields>(out: &mut F, scope: &Scope<'_>) {
    out.begin_list("extensions");
    for (proto, at) in scope.layers.own().filter(|(proto, _)| proto.is_extension()) {
        let Some((_, length)) = ipv6ext::view(scope.frame, at) else { continue };
        out.begin_item();
        let name = match proto {
            Proto::Ipv6HopByHop => "hop_by_hop",
            Proto::Ipv6Routing => "routing",
            Proto::Ipv6DestOpts => "destination",
            _ => "other",
        };
        out.word("header", name.bytes());
        out.num("length", length as u64);
        match proto {
            Proto::Ipv6Routing => {
                let _ = routing(out, scope.frame, at);
            }
            Proto::Ipv6HopByHop | Proto::Ipv6DestOpts => options(out, scope.frame, at, length),
            _ => {}
        }
        out.end();
    }
    out.end_list();
}

fn routing<F: Fields>(out: &mut F, frame: &[u8], at: usize) -> Option<()> {
    let [kind, left] = *array(frame, at + 2)?;
    out.num("type", kind);
    out.num("segleft", left);
    let route = ipv6ext::route(frame, at)?;
    out.begin_list("addresses");
    for address in (0..route.count).filter_map(|index| array::<16>(frame, route.first + 16 * index)) {
        out.ip("", IpAddr::from(*address));
    }
    out.end_list();
    Some(())
}

fn options<F: Fields>(out: &mut F, frame: &[u8], at: usize, length: usize) {
    let is_padding = |kind| kind < 2;
    let Some(bytes) = frame.get(at + 2..at + length) else { return };
    out.begin_list("options");
    for option in HeaderOptions::v6(bytes).filter(|option| F::ALL || !is_padding(option.kind)) {
        out.begin_item();
        out.kind(option.kind, names::ipv6_option(option.kind));
        if !option.data.is_empty() {
            out.bytes("data", option.data);
        }
        out.end();
    }
    out.end_list();
}
