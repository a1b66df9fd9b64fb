//! One JSON object per packet.

use std::net::Ipv4Addr;

use super::text::Text;
use super::{fragment, tcp_flags, upper_len};
use crate::decode::{arp, be16, be32, ethernet, icmpv4, icmpv6, ipv4, ipv6, sctp, tcp, udp, vlan};
use crate::layers::{Layers, Proto, Stop};

/// Appends one JSON object that describes the packet, without a line ending.
///
/// Keys, always in this order and there only where the packet has them:
/// - `time` (RFC 3339, UTC, nanoseconds), `number` (the ordinal, from one), `interface`, `captured` and `length` in bytes
/// - `eth`: `source`, `destination`, `type`; `vlan`: a list of `id`, `priority`, `type`
/// - `arp`: `operation`, `sender_mac`, `sender`, `target_mac`, `target`
/// - `ip`: `source`, `destination`, `protocol`, `ttl`, `tos`, `id`, `length`, `dont_fragment`; `ipv6`: `source`,
///   `destination`, `protocol`, `hop_limit`, `traffic_class`, `flow_label`, `length`
/// - `fragment`: `id`, `offset` in bytes, `more`
/// - `tcp`: `source_port`, `destination_port`, `seq`, `ack`, `flags` (letters as in tcpdump), `window`; `udp`,
///   `udp_lite`: the ports; `sctp`: the ports, `tag`; `icmp`, `icmp6`: `type`, `code`, `id` and `seq` of an echo; and
///   in each of these `length`, that of the payload
/// - `stop`: why decoding went no further, if not at the payload: `fragment`, `truncated`, `bad_length`, `unsupported`,
///   `too_deep`, `malformed`
pub fn json(
    out: &mut Vec<u8>,
    time_ns: i64,
    ordinal: u64,
    interface: u32,
    frame: &[u8],
    layers: &Layers,
    wire_len: u32,
) {
    let mut json = Json { text: Text(out), comma: false };
    json.text.byte(b'{');
    json.key("time").byte(b'"').time(super::civil(time_ns), b'T', 9).str("Z\"");
    json.num("number", ordinal.saturating_add(1));
    json.num("interface", interface);
    json.num("captured", frame.len() as u64);
    json.num("length", wire_len);
    link(&mut json, frame, layers);
    arp(&mut json, frame, layers);
    network(&mut json, frame, layers);
    transport(&mut json, frame, layers);
    let stop = match layers.stop() {
        Stop::Payload => None,
        Stop::Fragment => Some("fragment"),
        Stop::Truncated => Some("truncated"),
        Stop::BadLength => Some("bad_length"),
        Stop::Unsupported => Some("unsupported"),
        Stop::TooDeep => Some("too_deep"),
        Stop::Malformed => Some("malformed"),
    };
    if let Some(stop) = stop {
        json.key("stop").byte(b'"').str(stop).byte(b'"');
    }
    json.text.byte(b'}');
}

/// An object being written. Keys and strings are our own, so that nothing needs an escape.
struct Json<'a> {
    text: Text<'a>,
    comma: bool,
}

impl<'a> Json<'a> {
    fn key(&mut self, key: &str) -> &mut Text<'a> {
        if self.comma {
            self.text.byte(b',');
        }
        self.comma = true;
        self.text.byte(b'"').str(key).str("\":")
    }

    fn num(&mut self, key: &str, number: impl Into<u64>) {
        self.key(key).num(number);
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key).str(if value { "true" } else { "false" });
    }

    fn mac(&mut self, key: &str, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.key(key).byte(b'"').mac(bytes).byte(b'"');
        }
    }

    fn v4(&mut self, key: &str, address: Ipv4Addr) {
        self.key(key).byte(b'"').v4(address).byte(b'"');
    }

    fn object(&mut self, key: &str) {
        self.key(key).byte(b'{');
        self.comma = false;
    }

    fn end(&mut self) {
        self.text.byte(b'}');
        self.comma = true;
    }
}

fn link(json: &mut Json<'_>, frame: &[u8], layers: &Layers) {
    if let Some((at, header)) =
        layers.find(Proto::Ethernet).and_then(|at| Some((at, ethernet::view(frame, at)?)))
    {
        json.object("eth");
        json.mac("source", frame.get(at + 6..at + 12));
        json.mac("destination", frame.get(at..at + 6));
        json.num("type", header.get_ethertype().0);
        json.end();
    }
    let tags = layers.headers().filter(|(proto, _)| *proto == Proto::Vlan);
    for (index, (_, at)) in tags.clone().enumerate() {
        let Some(tag) = vlan::view(frame, at) else { break };
        if index == 0 {
            json.key("vlan").byte(b'[');
        } else {
            json.text.byte(b',');
        }
        json.comma = false;
        json.text.byte(b'{');
        json.num("id", tag.get_vlan_identifier());
        json.num("priority", tag.get_priority_code_point().0);
        json.num("type", tag.get_ethertype().0);
        json.end();
    }
    if tags.clone().any(|(_, at)| vlan::view(frame, at).is_some()) {
        json.text.byte(b']');
    }
}

fn arp(json: &mut Json<'_>, frame: &[u8], layers: &Layers) {
    let Some(header) = layers.find(Proto::Arp).and_then(|at| arp::view(frame, at)) else { return };
    let addresses = header.addresses(frame);
    let mac = |at: usize| frame.get(at..at + 6).filter(|_| header.has_macs());
    json.object("arp");
    json.num("operation", header.operation);
    json.mac("sender_mac", mac(header.sender_hardware()));
    if let Some((sender, _)) = addresses {
        json.v4("sender", sender);
    }
    json.mac("target_mac", mac(header.target_hardware()));
    if let Some((_, target)) = addresses {
        json.v4("target", target);
    }
    json.end();
}

fn network(json: &mut Json<'_>, frame: &[u8], layers: &Layers) {
    let protocol = layers.ip_protocol().unwrap_or_default();
    match layers.network() {
        Some((Proto::Ipv4, at)) => {
            let Some(header) = ipv4::view(frame, at) else { return };
            json.object("ip");
            json.v4("source", header.get_source());
            json.v4("destination", header.get_destination());
            json.num("protocol", protocol);
            json.num("ttl", header.get_ttl());
            json.num("tos", header.get_dscp() << 2 | header.get_ecn());
            json.num("id", header.get_identification());
            json.num("length", header.get_total_length());
            json.flag(
                "dont_fragment",
                ipv4::fragment(frame, at).is_some_and(|word| word & ipv4::DONT_FRAGMENT != 0),
            );
            json.end();
        }
        Some((_, at)) => {
            let Some(header) = ipv6::view(frame, at) else { return };
            json.object("ipv6");
            json.key("source").byte(b'"').v6(header.get_source()).byte(b'"');
            json.key("destination").byte(b'"').v6(header.get_destination()).byte(b'"');
            json.num("protocol", protocol);
            json.num("hop_limit", header.get_hop_limit());
            json.num("traffic_class", header.get_traffic_class());
            json.num("flow_label", header.get_flow_label());
            json.num("length", header.get_payload_length());
            json.end();
        }
        None => return,
    }
    if layers.is_fragment()
        && let Some((id, offset, more)) = fragment(frame, layers)
    {
        json.object("fragment");
        json.num("id", id);
        json.num("offset", offset);
        json.flag("more", more);
        json.end();
    }
}

fn transport(json: &mut Json<'_>, frame: &[u8], layers: &Layers) {
    let Some((proto, at)) = layers.transport() else { return };
    let (name, header) = match proto {
        Proto::Tcp => ("tcp", tcp::LEN),
        Proto::Udp => ("udp", udp::LEN),
        Proto::UdpLite => ("udp_lite", udp::LEN),
        Proto::Sctp => ("sctp", sctp::LEN),
        Proto::Icmpv4 => ("icmp", icmpv4::LEN),
        Proto::Icmpv6 => ("icmp6", icmpv6::LEN),
        _ => return,
    };
    json.object(name);
    if let Some((source, destination)) = layers.ports(frame) {
        json.num("source_port", source);
        json.num("destination_port", destination);
    }
    let mut length = upper_len(layers, at).saturating_sub(header);
    match proto {
        Proto::Tcp => {
            if let Some(header) = tcp::view(frame, at) {
                json.num("seq", header.get_sequence());
                json.num("ack", header.get_acknowledgement());
                json.key("flags").byte(b'"');
                for letter in tcp_flags(header.get_flags()) {
                    json.text.byte(letter);
                }
                json.text.byte(b'"');
                json.num("window", header.get_window());
                length = upper_len(layers, at).saturating_sub(usize::from(header.get_data_offset()) * 4);
            }
        }
        Proto::Udp => {
            let claimed = be16(frame, at + 4).filter(|claimed| *claimed != 0).map(usize::from);
            length = claimed.map_or(length, |claimed| claimed.saturating_sub(header));
        }
        Proto::Sctp => {
            if let Some(tag) = be32(frame, at + 4) {
                json.num("tag", tag);
            }
        }
        Proto::Icmpv4 | Proto::Icmpv6 => control(json, frame, proto, at),
        _ => {}
    }
    json.num("length", length as u64);
    json.end();
}

fn control(json: &mut Json<'_>, frame: &[u8], proto: Proto, at: usize) {
    let Some([kind, code]) = frame.get(at..).and_then(|header| header.first_chunk().copied()) else { return };
    json.num("type", kind);
    json.num("code", code);
    let has_identifier = match proto {
        Proto::Icmpv4 => icmpv4::has_identifier(kind),
        _ => icmpv6::has_identifier(kind),
    };
    if let (true, Some(id), Some(sequence)) = (has_identifier, be16(frame, at + 4), be16(frame, at + 6)) {
        json.num("id", id);
        json.num("seq", sequence);
    }
}
