//! Checksums computed anew, where every byte that they cover is there.

use super::{Verdict, cover, udp_zero};
use crate::layers::{Layers, Proto};

/// What is computed anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repair {
    /// Whether UDP over IPv4 gets a checksum where it did without.
    pub zero_v4: bool,
    /// Whether UDP over IPv6 does.
    pub zero_v6: bool,
}

/// Puts right checksums in the place of wrong ones, in the packets of tunnels too. Returns whether anything changed.
///
/// Left as they are: checksums of which covered bytes are missing (fragments, packets that were cut or left whole by
/// offloading), and right ones. So a packet whose every checksum is wrong by design, such as the outgoing packets of a
/// capture with checksum offload, comes out as it was on the wire.
pub fn repair(frame: &mut [u8], layers: &Layers, what: Repair) -> bool {
    // What is inside first, for the checksums outside cover it. Tunnels are at most 15, one inside of the other.
    let mut changed = layers.inner(frame).is_some_and(|inner| repair(frame, &inner, what));
    let wants_udp = match layers.network() {
        Some((Proto::Ipv4, _)) => what.zero_v4,
        _ => what.zero_v6,
    };
    if !udp_zero(frame, layers) {
        changed |= set(frame, cover::transport(frame, layers));
    } else if wants_udp && let Ok(found) = cover::transport(frame, layers) {
        // Zero is what stands for none, even where the sum comes to it.
        found.write(frame);
        changed = true;
    }
    changed |= set(frame, cover::tunnel(frame, layers));
    changed | set(frame, cover::network(frame, layers))
}

fn set(frame: &mut [u8], found: Result<cover::Covered, Verdict>) -> bool {
    let wrong = found.ok().filter(|found| found.verdict(frame) == Verdict::Bad);
    if let Some(found) = wrong {
        found.write(frame);
    }
    wrong.is_some()
}
