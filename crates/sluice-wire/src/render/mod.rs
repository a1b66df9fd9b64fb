//! Packets as text: one line as tcpdump users know it, a tree of all their headers, or one JSON object.
//!
//! All append to a buffer that the caller reuses, so that nothing is allocated per packet.

mod fields;
mod json;
mod line;
mod names;
mod text;
mod time;
mod tree;

pub use json::json;
pub use line::{Digits, LineOptions, Stamp, line};
pub use text::Text;
pub use time::{Civil, civil, rfc3339};
pub use tree::tree;

use crate::decode::{be16, ipv4, ipv6ext};
use crate::layers::{Layers, Proto, Stop};
use crate::verify::Offload;

/// A packet to be written, with what is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// When it was captured, in nanoseconds since the epoch.
    pub time: i64,
    /// Its number in its source, from 0.
    pub ordinal: u64,
    /// The interface that it was captured on.
    pub interface: u32,
    /// Its bytes, as far as they were captured.
    pub frame: &'a [u8],
    /// Its layers.
    pub layers: &'a Layers,
    /// Its length on the wire.
    pub wire_len: u32,
    /// What the capturing kernel said about its checksum.
    pub offload: Offload,
}

/// The fragment fields of a packet: identification, offset in bytes, whether more follow.
fn fragment(frame: &[u8], layers: &Layers) -> Option<(u32, u16, bool)> {
    match layers.network()? {
        (Proto::Ipv4, at) => {
            let word = ipv4::fragment(frame, at)?;
            let offset = (word & ipv4::FRAGMENT_OFFSET) * 8;
            Some((be16(frame, at + 4)?.into(), offset, word & ipv4::MORE_FRAGMENTS != 0))
        }
        _ => {
            let (_, offset, more, id) = ipv6ext::fragment(frame, layers.find(Proto::Ipv6Fragment)?)?;
            Some((id, offset, more))
        }
    }
}

/// Why decoding went no further, if it did not end at the payload.
fn stop_name(stop: Stop) -> Option<&'static str> {
    match stop {
        Stop::Payload => None,
        Stop::Fragment => Some("fragment"),
        Stop::Truncated => Some("truncated"),
        Stop::BadLength => Some("bad_length"),
        Stop::Unsupported => Some("unsupported"),
        Stop::TooDeep => Some("too_deep"),
        Stop::Malformed => Some("malformed"),
    }
}

/// How many bytes the transport header at `at` and its payload have.
fn upper_len(layers: &Layers, at: usize) -> usize {
    layers.l3_end().saturating_sub(at)
}

/// The TCP flags as tcpdump writes them, `.` for an acknowledgement; empty for none.
pub fn tcp_flags(flags: u8) -> impl Iterator<Item = u8> {
    const LETTERS: [(u8, u8); 8] =
        [(1, b'F'), (2, b'S'), (4, b'R'), (8, b'P'), (32, b'U'), (64, b'E'), (128, b'W'), (16, b'.')];
    LETTERS.into_iter().filter(move |(bit, _)| flags & bit != 0).map(|(_, letter)| letter)
}

#[cfg(test)]
mod tests;
