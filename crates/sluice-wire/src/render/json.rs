//! One JSON object per packet.

use std::net::IpAddr;

use super::fields::{self, Fields};
use super::text::Text;
use super::{Packet, stop_name};
use crate::verify::Verdict;

/// Appends one JSON object that describes the packet, without a line ending.
///
/// Keys, in the order in which the headers stand in the packet, and there only where it has them:
/// - `time` (RFC 3339, UTC, nanoseconds), `number` (the ordinal, from one), `interface`, `captured` and `length` in bytes
/// - `eth`: `source`, `destination`, `type`; `vlan`: a list of `id`, `priority`, `drop_eligible` (if so), `type`
/// - `llc`: `dsap`, `ssap`, `control`; `snap`: `oui`, `type`; `sll`, `sll2`: `interface`, `packet_type`, `hardware`,
///   `source`, `type`; `null`, `loop`: `family`; `ppp`: `protocol`; `hdlc`: `address`, `type`
/// - `mpls`: a list of `label`, `class`, `ttl`; `pw_control`: `sequence`; `fabricpath`: `tag`, `ttl`; `pppoe`,
///   `pppoe_discovery`: `code`, `session`, `length`
/// - `arp`: `operation`, `sender_mac`, `sender`, `target_mac`, `target`
/// - `ip`: `source`, `destination`, `protocol`, `ttl`, `tos`, `id`, `length`, `dont_fragment`, `options`; `ipv6`:
///   `source`, `destination`, `protocol`, `hop_limit`, `traffic_class`, `flow_label`, `length`
/// - `fragment`: `id`, `offset` in bytes, `more`
/// - `extensions`: a list of `header` (`hop_by_hop`, `routing`, `destination`, `other`), `length`, and `options` or
///   `type`, `segments_left`, `addresses`; `ah`, `esp`: `spi`, `seq`
/// - `tcp`: `source_port`, `destination_port`, `seq`, `ack`, `flags` (letters as in tcpdump), `window`, `options`; `udp`,
///   `udp_lite`: the ports; `sctp`: the ports, `tag`; `icmp`, `icmp6`: `type`, `code`, `id` and `seq` of an echo, `mtu`,
///   `gateway`, `target`; `igmp`: `type`, `group`; `mobility`: `type`; and in each of these `length`, that of the payload
/// - `gre`: `version`, `type`, `key`, `seq`, `ack`; `erspan`: `version`, `vlan`, `priority`, `truncated`, `session`,
///   `index`, `timestamp`; `etherip`: `version`
/// - `vxlan`: `vni`, `group`; `vxlan_gpe`: `vni`, `protocol`; `geneve`: `vni`, `type`, `control`, `critical`, `options`;
///   `gtp`: `type`, `teid`, `length`, `seq`, `extensions`; `teredo`: `authenticated`, `origin`, `origin_port`; `l2tp`:
///   `control`, `tunnel`, `session`, `seq`, `ack`
/// - `inner`: an object with the headers of what a tunnel carries, which may have an `inner` in turn; `quoted`: an object
///   with those of the packet that an ICMP error quotes
/// - `stop`: why decoding went no further, if not at the payload: `fragment`, `truncated`, `bad_length`, `unsupported`,
///   `too_deep`, `malformed`
///
/// Options are lists of `kind`, its `name` where it has one, and what the kind has: `value` and `echo`, `left` and `right`
/// of selective acknowledgements, `addresses` of routes, `data` in hexadecimal.
pub fn json(out: &mut Vec<u8>, packet: &Packet<'_>) {
    let mut json = Json { text: Text(out), comma: false };
    json.text.byte(b'{');
    json.key("time").byte(b'"').time(super::civil(packet.time), b'T', 9).str("Z\"");
    json.num("number", packet.ordinal.saturating_add(1));
    json.num("interface", packet.interface);
    json.num("captured", packet.frame.len() as u64);
    json.num("length", packet.wire_len);
    fields::packet(&mut json, packet.frame, packet.layers, packet.wire_len, packet.offload);
    if let Some(stop) = stop_name(packet.layers.stop()) {
        json.word("stop", stop.bytes());
    }
    json.text.byte(b'}');
}

/// An object being written. Keys and strings are our own, so that nothing needs an escape.
struct Json<'a> {
    text: Text<'a>,
    comma: bool,
}

impl<'a> Json<'a> {
    /// An element of a list has no key.
    fn key(&mut self, key: &str) -> &mut Text<'a> {
        if self.comma {
            self.text.byte(b',');
        }
        self.comma = true;
        if key.is_empty() { &mut self.text } else { self.text.byte(b'"').str(key).str("\":") }
    }
}

impl Fields for Json<'_> {
    const ALL: bool = false;

    fn begin(&mut self, key: &str) {
        self.key(key).byte(b'{');
        self.comma = false;
    }

    fn end(&mut self) {
        self.text.byte(b'}');
        self.comma = true;
    }

    fn begin_list(&mut self, key: &str) {
        self.key(key).byte(b'[');
        self.comma = false;
    }

    fn begin_item(&mut self) {
        self.begin("");
    }

    fn end_list(&mut self) {
        self.text.byte(b']');
        self.comma = true;
    }

    fn num(&mut self, key: &str, number: impl Into<u64>) {
        self.key(key).num(number);
    }

    fn named(&mut self, key: &str, number: impl Into<u64>, _: u32, _: Option<&str>) {
        self.num(key, number);
    }

    fn kind(&mut self, number: u8, name: Option<&str>) {
        self.num("kind", number);
        if let Some(name) = name {
            self.word("name", name.bytes());
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key).str(if value { "true" } else { "false" });
    }

    fn mac(&mut self, key: &str, bytes: &[u8]) {
        self.key(key).byte(b'"').mac(bytes).byte(b'"');
    }

    fn ip(&mut self, key: &str, address: IpAddr) {
        self.key(key).byte(b'"').ip(address).byte(b'"');
    }

    fn word(&mut self, key: &str, letters: impl Iterator<Item = u8>) {
        let text = self.key(key).byte(b'"');
        letters.for_each(|letter| {
            text.byte(letter);
        });
        text.byte(b'"');
    }

    fn bytes(&mut self, key: &str, bytes: &[u8]) {
        let text = self.key(key).byte(b'"');
        for byte in bytes {
            text.hex(u64::from(*byte), 2);
        }
        text.byte(b'"');
    }

    fn checksum(&mut self, key: &str, stored: impl Into<u64>, _: u32, _: Verdict) {
        self.num(key, stored);
    }
}
