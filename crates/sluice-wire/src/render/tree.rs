//! A tree of the headers of a packet, with every field on a line of its own.

use std::net::IpAddr;

use super::fields::{self, Fields};
use super::text::Text;
use super::{Packet, names, stop_name};
use crate::flow;
use crate::layers::Layers;
use crate::verify::Verdict;

/// How many bytes of the payload are shown.
const PREVIEW: usize = 16;

/// Appends a tree that describes the packet: a line for the packet, then indented lines for its headers and, indented
/// further, their fields. An empty line ends it.
///
/// Fields have the names that they have in [`json`](super::json()). There is more than in JSON: the lengths of headers,
/// checksums and whether they are right, the first bytes of the payload, and padding.
pub fn tree(out: &mut Vec<u8>, packet: &Packet<'_>) {
    let Packet { frame, layers, .. } = *packet;
    let mut tree = Tree { text: Text(out), depth: 1, inline: 0, first: false };
    tree.text.str("packet ").num(packet.ordinal.saturating_add(1)).str(": ");
    tree.text.time(super::civil(packet.time), b' ', 9).str(" UTC, length ").num(packet.wire_len);
    tree.text.str(", captured ").len(frame.len()).str(", interface ").num(packet.interface).byte(b'\n');
    fields::packet(&mut tree, frame, layers, packet.wire_len, packet.offload);
    // What is quoted was told already.
    let payload = layers.payload_bytes(frame);
    if !payload.is_empty() && innermost_quotes(frame, layers).is_none() {
        tree.payload("payload", payload);
    }
    if layers.network().is_some()
        && let Some(padding) = frame.get(layers.l3_end()..).filter(|padding| !padding.is_empty())
    {
        tree.payload("padding", padding);
    }
    if let Some(stop) = stop_name(layers.stop()) {
        tree.word("stop", stop.bytes());
    }
    tree.text.byte(b'\n');
}

fn innermost_quotes(frame: &[u8], layers: &Layers) -> Option<Layers> {
    let innermost = std::iter::successors(Some(*layers), |outer| outer.inner(frame)).last()?;
    flow::quoted(frame, &innermost)
}

/// A tree being written.
struct Tree<'a> {
    text: Text<'a>,
    depth: usize,
    /// How many lists are open. Inside of one, everything stands on one line.
    inline: usize,
    /// Whether nothing was written yet in the item or list at hand.
    first: bool,
}

impl<'a> Tree<'a> {
    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.str("  ");
        }
    }

    /// Writes a value after its key, on its own line unless it belongs to a list.
    fn field(&mut self, key: &str, value: impl FnOnce(&mut Text<'a>)) {
        if self.inline == 0 {
            self.indent();
            self.text.str(key).str(": ");
            value(&mut self.text);
            self.text.byte(b'\n');
            return;
        }
        if !std::mem::take(&mut self.first) {
            self.text.str(", ");
        }
        if !key.is_empty() {
            self.text.str(key).byte(b' ');
        }
        value(&mut self.text);
    }

    /// The length of some bytes and the first of them.
    fn payload(&mut self, key: &str, bytes: &[u8]) {
        self.field(key, |text| {
            text.len(bytes.len()).str(" bytes:");
            for byte in bytes.iter().take(PREVIEW) {
                text.byte(b' ').hex(u64::from(*byte), 2);
            }
            if bytes.len() > PREVIEW {
                text.str(" ...");
            }
        });
    }
}

impl Fields for Tree<'_> {
    const ALL: bool = true;

    fn begin(&mut self, key: &str) {
        self.indent();
        self.text.str(key).str(names::title(key)).byte(b'\n');
        self.depth += 1;
    }

    fn end(&mut self) {
        // An item has no depth of its own.
        if self.inline == 0 {
            self.depth -= 1;
        }
    }

    fn begin_list(&mut self, key: &str) {
        if self.inline == 0 {
            self.indent();
            self.text.str(key).str(":");
        } else {
            self.text.str(", ").str(key).str(" (");
        }
        (self.inline, self.first) = (self.inline + 1, true);
    }

    fn begin_item(&mut self) {
        let separator = match (self.inline, self.first) {
            (1, true) => " ",
            (_, true) => "",
            (_, false) => "; ",
        };
        self.text.str(separator);
        self.first = true;
    }

    fn end_list(&mut self) {
        self.inline -= 1;
        self.text.str(if self.inline == 0 { "\n" } else { ")" });
        self.first = false;
    }

    fn num(&mut self, key: &str, number: impl Into<u64>) {
        self.field(key, |text| {
            text.num(number);
        });
    }

    fn named(&mut self, key: &str, number: impl Into<u64>, digits: u32, name: Option<&str>) {
        self.field(key, |text| {
            match digits {
                0 => text.num(number),
                digits => text.str("0x").hex(number.into(), digits),
            };
            if let Some(name) = name {
                text.str(" (").str(name).byte(b')');
            }
        });
    }

    fn kind(&mut self, number: u8, name: Option<&str>) {
        match name {
            Some(name) => self.word("", name.bytes()),
            None => self.num("kind", number),
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.field(key, |text| {
            text.str(if value { "yes" } else { "no" });
        });
    }

    fn mac(&mut self, key: &str, bytes: &[u8]) {
        self.field(key, |text| {
            text.mac(bytes);
        });
    }

    fn ip(&mut self, key: &str, address: IpAddr) {
        self.field(key, |text| {
            text.ip(address);
        });
    }

    fn word(&mut self, key: &str, letters: impl Iterator<Item = u8>) {
        self.field(key, |text| {
            letters.for_each(|letter| {
                text.byte(letter);
            });
        });
    }

    fn bytes(&mut self, key: &str, bytes: &[u8]) {
        self.field(key, |text| {
            for byte in bytes {
                text.hex(u64::from(*byte), 2);
            }
        });
    }

    fn checksum(&mut self, key: &str, stored: impl Into<u64>, digits: u32, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Good => " (good)",
            Verdict::Bad => " (bad)",
            Verdict::Unverifiable => " (unverifiable)",
            Verdict::Offloaded => " (offloaded)",
            Verdict::Absent => " (absent)",
        };
        self.field(key, |text| {
            text.str("0x").hex(stored.into(), digits).str(verdict);
        });
    }
}
