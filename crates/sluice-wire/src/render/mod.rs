//! Packets as text: one line as tcpdump users know it, or one JSON object.
//!
//! Both append to a buffer that the caller reuses, so that nothing is allocated per packet.

mod json;
mod line;
mod text;
mod time;

pub use json::json;
pub use line::{Digits, LineOptions, line};
pub use time::{Civil, civil};

use crate::decode::{be16, ipv4, ipv6ext};
use crate::layers::{Layers, Proto};

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
