//! The Internet checksum (RFC 1071), its incremental update (RFC 1624), and the CRCs of SCTP (RFC 9260) and
//! Ethernet.
//!
//! A *sum* is a one's-complement sum in a `u64` that has not been folded yet, so sums of separate pieces can be added.
//! Pieces must start at even offsets of what is being summed; [`swap`] turns the sum of a piece at an odd offset.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Sums `bytes` as big-endian 16-bit words, an odd last byte padded with a zero.
///
/// The result is below 2^16, so that 2^48 of them can be added without overflow.
#[inline]
pub fn sum(bytes: &[u8]) -> u64 {
    // Words are added as they stand in memory, four at a time: one's-complement addition commutes with swapping
    // bytes, so that one swap at the end replaces one per word.
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut total = 0u64;
    for chunk in chunks {
        let chunk = u64::from_ne_bytes(*chunk);
        total += (chunk & 0xFFFF_FFFF) + (chunk >> 32);
    }
    let (words, last) = rest.as_chunks::<2>();
    for word in words {
        total += u64::from(u16::from_ne_bytes(*word));
    }
    if let [last] = last {
        total += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    u64::from(u16::from_be(fold(total)))
}

/// Folds a sum to 16 bits. Zero comes out only for a sum of nothing but zeros.
#[inline(always)]
pub fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + ((sum >> 16) & 0xFFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    ((sum & 0xFFFF) + (sum >> 16)) as u16
}

/// The checksum field for a sum of everything it covers, taken with the field itself as zero.
#[inline]
pub fn finish(sum: u64) -> u16 {
    !fold(sum)
}

/// Like [`finish`], for UDP and UDP-Lite: a computed zero is stored as 0xFFFF, because zero means "no checksum".
#[inline]
pub fn finish_udp(sum: u64) -> u16 {
    nonzero(finish(sum))
}

/// 0xFFFF for zero, everything else as it is.
#[inline]
pub fn nonzero(checksum: u16) -> u16 {
    if checksum == 0 { 0xFFFF } else { checksum }
}

/// Whether a sum of everything covered, the checksum field included, says that the bytes are intact.
#[inline]
pub fn is_good(sum: u64) -> bool {
    fold(sum) == 0xFFFF
}

/// The sum of a piece that stands at an odd offset, from its sum as if it stood at an even one.
#[inline]
pub fn swap(sum: u64) -> u64 {
    u64::from(fold(sum).swap_bytes())
}

/// The sum of the IPv4 pseudo header: addresses, protocol, length of the upper-layer packet in bytes.
#[inline]
pub fn pseudo_v4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, length: u32) -> u64 {
    sum(&source.octets()) + sum(&destination.octets()) + u64::from(protocol) + u64::from(length)
}

/// The sum of the IPv6 pseudo header (RFC 8200, 8.1): final destination, upper-layer protocol, its length in bytes.
#[inline]
pub fn pseudo_v6(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, length: u32) -> u64 {
    sum(&source.octets()) + sum(&destination.octets()) + u64::from(protocol) + u64::from(length)
}

/// What a change of covered bytes adds to their sum: `~m + m'` of RFC 1624, for any number of words.
///
/// Changes of several fields under one checksum are added up and applied at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delta(u64);

impl Delta {
    /// No change at all.
    pub const NONE: Self = Self(0);

    /// The change of one word at an even offset.
    #[inline]
    pub fn word(old: u16, new: u16) -> Self {
        Self(u64::from(!old) + u64::from(new))
    }

    /// The change of two neighbouring words at an even offset, such as an IPv4 address.
    #[inline]
    pub fn word32(old: u32, new: u32) -> Self {
        // The upper half counts for as much as the lower one when the sum is folded.
        Self(u64::from(!old) + u64::from(new))
    }

    /// The change of a run of bytes that starts at `offset` from the first byte covered.
    ///
    /// `old` and `new` should have the same length; a shorter one counts as filled up with zeros.
    #[inline]
    pub fn bytes(offset: usize, old: &[u8], new: &[u8]) -> Self {
        // The complement of the folded sum is the sum of the complements, up to a multiple of 0xFFFF.
        let change = u64::from(!fold(sum(old))) + sum(new);
        Self(if offset.is_multiple_of(2) { change } else { swap(change) })
    }

    /// The change as seen by a sum in which the bytes stand at offsets of the other parity.
    #[inline]
    pub fn swapped(self) -> Self {
        Self(if self.is_none() { 0 } else { swap(self.0) })
    }

    /// The change as seen by a sum that starts `distance` bytes before what the change is counted from.
    #[inline]
    pub fn shifted(self, distance: usize) -> Self {
        if distance.is_multiple_of(2) { self } else { self.swapped() }
    }

    /// Whether nothing has been recorded.
    #[inline]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The checksum after the change: RFC 1624 equation 3, `HC' = ~(~HC + ~m + m')`.
    ///
    /// A wrong checksum stays wrong by the same difference. Equation 2 of that document would confuse 0x0000
    /// with 0xFFFF.
    #[inline(always)]
    pub fn apply(self, checksum: u16) -> u16 {
        if self.is_none() { checksum } else { !fold(u64::from(!checksum) + self.0) }
    }
}

impl std::ops::Add for Delta {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::AddAssign for Delta {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// RFC 1624 equation 3 for one word: the checksum after a covered word changed from `old` to `new`.
#[inline]
pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
    Delta::word(old, new).apply(checksum)
}

/// The checksum after the covered bytes at `offset` from the first covered byte, even or odd, changed.
#[inline]
pub fn update_bytes(checksum: u16, offset: usize, old: &[u8], new: &[u8]) -> u16 {
    Delta::bytes(offset, old, new).apply(checksum)
}

/// Slicing-by-8 tables of a reflected polynomial.
type Tables = [[u32; 256]; 8];

static CASTAGNOLI: Tables = tables(0x82F6_3B78);
static IEEE: Tables = tables(0xEDB8_8320);

const fn tables(polynomial: u32) -> Tables {
    let mut tables = [[0u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[inline]
fn crc_word(tables: &Tables, crc: u32, word: u64) -> u32 {
    let [a, b, c, d, e, f, g, h] = (word ^ u64::from(crc)).to_le_bytes();
    let [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
    t7[a as usize]
        ^ t6[b as usize]
        ^ t5[c as usize]
        ^ t4[d as usize]
        ^ t3[e as usize]
        ^ t2[f as usize]
        ^ t1[g as usize]
        ^ t0[h as usize]
}

#[inline]
fn crc_byte(tables: &Tables, crc: u32, byte: u8) -> u32 {
    (crc >> 8) ^ tables[0][((crc as u8) ^ byte) as usize]
}

fn crc_run(tables: &Tables, mut crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        crc = crc_word(tables, crc, u64::from_le_bytes(*word));
    }
    rest.iter().fold(crc, |crc, byte| crc_byte(tables, crc, *byte))
}

/// The CRC32c of several pieces one after the other.
pub fn crc32c(pieces: &[&[u8]]) -> u32 {
    !pieces.iter().fold(!0, |crc, piece| crc_run(&CASTAGNOLI, crc, piece))
}

/// The CRC32 of IEEE 802.3, as which the frame check sequence of Ethernet is stored, lowest byte first.
pub fn crc32(bytes: &[u8]) -> u32 {
    !crc_run(&IEEE, !0, bytes)
}

/// The CRC32c after four bytes changed from `old` to `new`, with `following` bytes after them up to the end.
///
/// The code is linear, so neither the bytes before nor those after need be known, and a wrong one stays wrong.
pub fn crc32c_update(crc: u32, old: [u8; 4], new: [u8; 4], following: usize) -> u32 {
    let difference = u32::from_ne_bytes(old) ^ u32::from_ne_bytes(new);
    let mut change = crc_run(&CASTAGNOLI, 0, &difference.to_ne_bytes());
    for _ in 0..following / 8 {
        change = crc_word(&CASTAGNOLI, change, 0);
    }
    for _ in 0..following % 8 {
        change = crc_byte(&CASTAGNOLI, change, 0);
    }
    crc ^ change
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
