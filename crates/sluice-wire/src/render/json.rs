//! One JSON object per packet.

use std::net::IpAddr;

use super::fields::{self, Fields};
use super::text::Text;
use super::{Packet, stop_name};
use crate::verify::Verdict;

/// Appends one JSON object that describes the packet, without a line ending.
///
/// Each header is an object and each field a key of it, both named as in the field catalogue: the field `tcp.srcport` of
/// expressions is the key `srcport` of `tcp`. Headers come in their order, and keys only where there is something to tell:
/// - `frame`: `time` (RFC 3339, UTC, nanoseconds), `number`, `interface_id`, `len` and `cap_len`
/// - a header such as `eth`, `ip` or `tcp`; tags and labels are lists, `vlan` and `mpls`; SNAP belongs to `llc`, and what
///   UDP-Lite shares with UDP has the names of `udp` under `udplite`
/// - `extensions`: a list of `header` (`hop_by_hop`, `routing`, `destination`, `other`), `length`, and `options` or
///   `type`, `segleft`, `addresses`
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
    json.begin("frame");
    json.key("time").byte(b'"').time(super::civil(packet.time), b'T', 9).str("Z\"");
    json.num("number", packet.ordinal.saturating_add(1));
    json.num("interface_id", packet.interface);
    json.num("len", packet.wire_len);
    json.num("cap_len", packet.frame.len() as u64);
    json.end();
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
