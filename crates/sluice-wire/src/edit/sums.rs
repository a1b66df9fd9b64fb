//! The checksums of one IP packet while its fields change.

use super::change::Checksums;
use super::others;
use crate::checksum::{self, Delta};
use crate::decode::{array, be16, gre, igmp, mobility, sctp, tcp, udp, udplite};
use crate::decode::{icmpv4, icmpv6};
use crate::layers::{Layers, Proto, Stop};
use crate::pseudo::{Pseudo, claimed_end};

/// Writes a field of an even number of bytes at an even offset, and says how its sum changed; `None` if it is not there.
#[inline(always)]
pub(super) fn write<const N: usize>(frame: &mut [u8], at: usize, new: [u8; N]) -> Option<Delta> {
    let field: &mut [u8; N] = frame.get_mut(at..)?.first_chunk_mut()?;
    let mut delta = Delta::NONE;
    if *field != new {
        // Counts as zero in a sum, but tells a change that happens to leave the sum alone from none.
        delta += Delta::word(0, 0);
        let ((old_words, old_rest), (new_words, new_rest)) = (field.as_chunks::<4>(), new.as_chunks::<4>());
        for (old, new) in old_words.iter().zip(new_words) {
            delta += Delta::word32(u32::from_be_bytes(*old), u32::from_be_bytes(*new));
        }
        for (old, new) in old_rest.as_chunks::<2>().0.iter().zip(new_rest.as_chunks::<2>().0) {
            delta += Delta::word(u16::from_be_bytes(*old), u16::from_be_bytes(*new));
        }
        *field = new;
    }
    Some(delta)
}

/// Where the checksums of a packet are, and what has changed under them so far.
pub(super) struct Sums {
    /// The offset of the IPv4 header checksum.
    header: Option<usize>,
    /// The offset of the upper-layer checksum.
    upper: Option<usize>,
    /// Whether a zero in the upper-layer checksum means that there is none.
    zero_is_none: bool,
    /// The addresses that the upper-layer checksum covers.
    pseudo: Option<(usize, usize)>,
    /// Where the IP packet and what it carries begin.
    starts: (usize, usize),
    header_delta: Delta,
    upper_delta: Delta,
    /// Whether the checksums stay as they are.
    keeps: bool,
    /// All changes together, those of the checksums themselves included.
    total: Delta,
}

impl Sums {
    /// The checksums of the outermost IP packet.
    #[inline(always)]
    pub fn of(frame: &[u8], layers: &Layers) -> Option<Self> {
        let (network, at) = layers.network()?;
        let header = (network == Proto::Ipv4).then_some(at + 10);
        let (mut upper, mut zero_is_none, mut covers_addresses) = (None, false, true);
        let mut starts = (at, at);
        if let Some((proto, at)) = layers.transport() {
            starts.1 = at;
            let offset = match proto {
                Proto::Tcp => Some(tcp::CHECKSUM),
                Proto::Udp => {
                    zero_is_none = true;
                    Some(udp::CHECKSUM)
                }
                Proto::UdpLite => {
                    zero_is_none = true;
                    Some(udplite::CHECKSUM)
                }
                Proto::Icmpv6 => Some(icmpv6::CHECKSUM),
                Proto::Mobility => Some(mobility::CHECKSUM),
                Proto::Icmpv4 | Proto::Igmp => {
                    covers_addresses = false;
                    Some(if proto == Proto::Igmp { igmp::CHECKSUM } else { icmpv4::CHECKSUM })
                }
                _ => None,
            };
            // What stands after the end of the IP packet is padding, even where a checksum would be.
            upper = offset.map(|offset| at + offset).filter(|at| at + 2 <= layers.l3_end());
        } else if let Some(at) = layers.find(Proto::Gre) {
            starts.1 = at;
            covers_addresses = false;
            let has_checksum = gre::view(frame, at).is_some_and(|header| header.checksum.is_some());
            upper = has_checksum.then_some(at + gre::CHECKSUM);
        } else if layers.stop() == Stop::Unsupported {
            starts.1 = layers.payload();
            upper = others::checksum(frame, layers).filter(|at| at + 2 <= layers.l3_end());
        }
        let pseudo = match upper {
            Some(_) if covers_addresses => {
                Pseudo::of(frame, layers).map(|found| (found.source, found.destination))
            }
            _ => None,
        };
        Some(Self {
            header,
            upper,
            zero_is_none,
            pseudo,
            starts,
            keeps: false,
            header_delta: Delta::NONE,
            upper_delta: Delta::NONE,
            total: Delta::NONE,
        })
    }

    /// The same, by a policy.
    #[inline(always)]
    pub fn under(mut self, checksums: Checksums) -> Self {
        self.keeps = checksums == Checksums::Keep;
        self
    }

    /// Writes an address of the IP header, its options or its extension headers. `false` if it is not there.
    #[inline(always)]
    pub fn address<const N: usize>(&mut self, frame: &mut [u8], at: usize, new: [u8; N]) -> bool {
        let Some(delta) = write(frame, at, new) else { return false };
        self.header_delta += delta;
        self.total += delta;
        if self.pseudo.is_some_and(|(source, destination)| at == source || at == destination) {
            self.upper_delta += delta;
        }
        true
    }

    /// Writes an address that starts at an odd offset, given with the byte before and the byte after it.
    pub fn odd_address(&mut self, frame: &mut [u8], at: usize, words: [u8; 6]) {
        let Some(delta) = at.checked_sub(1).and_then(|start| write(frame, start, words)) else { return };
        self.header_changed(delta);
        if self.pseudo.is_some_and(|(_, destination)| at == destination) {
            // In the pseudo header the address stands at an even offset, so its bytes change places in the words.
            self.upper_delta += delta.swapped();
        }
    }

    /// Notes a change of the IPv4 header.
    pub fn header_changed(&mut self, delta: Delta) {
        self.header_delta += delta;
        self.total += delta;
    }

    /// Notes a change of the upper-layer packet, at an even offset from its start.
    pub fn upper_changed(&mut self, delta: Delta) {
        self.upper_delta += delta;
        self.total += delta;
    }

    /// Notes a change of what is carried in a tunnel, counted from `at`, where that begins.
    pub fn carried(&mut self, delta: Delta, at: usize) {
        let (packet, upper) = self.starts;
        self.total += delta.shifted(at.wrapping_sub(packet));
        self.upper_delta += delta.shifted(at.wrapping_sub(upper));
    }

    /// The addresses that the upper-layer checksum covers.
    pub fn pseudo(&self) -> Option<(usize, usize)> {
        self.pseudo
    }

    /// Writes both ports of the transport header at `at`. `false` if they are not there.
    pub fn ports(&mut self, frame: &mut [u8], layers: &Layers, at: usize, new: (u16, u16)) -> bool {
        let Some(old) = array(frame, at).copied() else { return false };
        let [a, b] = new.0.to_be_bytes();
        let [c, d] = new.1.to_be_bytes();
        let Some(delta) = write(frame, at, [a, b, c, d]) else { return false };
        self.upper_changed(delta);
        if let Some((Proto::Sctp, at)) = layers.transport() {
            self.sctp_ports(frame, layers, at, old, [a, b, c, d]);
        }
        true
    }

    fn sctp_ports(&mut self, frame: &mut [u8], layers: &Layers, at: usize, old: [u8; 4], new: [u8; 4]) {
        let field = at + sctp::CHECKSUM;
        let Some(length) = claimed_end(frame, layers).checked_sub(at + old.len()) else { return };
        if field + 4 > layers.l3_end() || old == new || self.keeps {
            return;
        }
        let Some(crc) = array(frame, field).map(|bytes| u32::from_le_bytes(*bytes)) else { return };
        let crc = checksum::crc32c_update(crc, old, new, length);
        if let Some(delta) = write(frame, field, crc.to_le_bytes()) {
            self.total += delta;
        }
    }

    /// Updates the checksums, unless they stay. Returns what changed in all, for a checksum that covers the whole packet.
    #[inline(always)]
    pub fn apply(mut self, frame: &mut [u8]) -> Delta {
        if self.keeps {
            return self.total;
        }
        if let Some(at) = self.header.filter(|_| !self.header_delta.is_none())
            && let Some(old) = be16(frame, at)
            && let Some(delta) = write(frame, at, self.header_delta.apply(old).to_be_bytes())
        {
            self.total += delta;
        }
        if let Some(at) = self.upper.filter(|_| !self.upper_delta.is_none())
            && let Some(old) = be16(frame, at)
            && !(self.zero_is_none && old == 0)
        {
            let new = self.upper_delta.apply(old);
            let new = if self.zero_is_none { checksum::nonzero(new) } else { new };
            if let Some(delta) = write(frame, at, new.to_be_bytes()) {
                self.total += delta;
            }
        }
        self.total
    }
}
