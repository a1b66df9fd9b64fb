//! The sequence numbers of TCP: those of the header and of selective acknowledgements (RFC 2018).

use super::change::Change;
use super::sums::{Sums, write};
use super::visit::Pass;
use crate::checksum::Delta;
use crate::decode::{array, tcp};
use crate::flow::Endpoint;
use crate::layers::Layers;

const FLAGS: usize = 13;
const ACK: u8 = 0x10;
const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_SACK: u8 = 5;
const OPTION_MD5: u8 = 19;
const OPTION_AO: u8 = 29;

impl<C: Change> Pass<'_, C> {
    /// Moves what the segment says about its sender's stream and about the receiver's.
    pub(super) fn sequence(
        &mut self,
        layers: &Layers,
        at: usize,
        sums: &mut Sums,
        (source, destination): (Endpoint, Endpoint),
    ) {
        let end = layers.l3_end().min(self.frame.len());
        let sent = self.change.shift(source, destination);
        sums.upper_changed(move_on(self.frame, at + 4, end, sent));
        let is_answer = self
            .frame
            .get(..end)
            .and_then(|frame| frame.get(at + FLAGS))
            .is_some_and(|flags| flags & ACK != 0);
        if !is_answer {
            return;
        }
        let received = self.change.shift(destination, source);
        sums.upper_changed(move_on(self.frame, at + 8, end, received));
        // A segment has room for four blocks of two edges.
        let mut edges = [0usize; 8];
        let mut count = 0;
        for (kind, place, length) in Options::of(self.frame, at, end) {
            if kind == OPTION_SACK {
                for edge in (place..).step_by(4).take(length / 4) {
                    if let Some(slot) = edges.get_mut(count) {
                        *slot = edge;
                        count += 1;
                    }
                }
            }
        }
        for edge in edges.into_iter().take(count) {
            sums.upper_changed(move_on(self.frame, edge, end, received).shifted(edge - at));
        }
    }
}

/// Adds to the number at `at`, if that ends at `end` at the latest.
fn move_on(frame: &mut [u8], at: usize, end: usize, by: u32) -> Delta {
    if at + 4 > end {
        return Delta::NONE;
    }
    let Some(old) = array(frame, at).map(|bytes| u32::from_be_bytes(*bytes)) else { return Delta::NONE };
    write(frame, at, old.wrapping_add(by).to_be_bytes()).unwrap_or_default()
}

/// The options of a TCP header that are whole: kind, offset of the data in the frame, length of the data.
struct Options<'a> {
    header: &'a [u8],
    base: usize,
    at: usize,
}

impl<'a> Options<'a> {
    /// Those of the header at `at`, as far as they were captured.
    fn of(frame: &'a [u8], at: usize, end: usize) -> Self {
        let length = frame.get(at + 12).map_or(0, |byte| usize::from(byte >> 4) * 4);
        let header = frame.get(at..end.min(at + length)).unwrap_or_default();
        Self { header, base: at, at: tcp::LEN }
    }
}

impl Iterator for Options<'_> {
    type Item = (u8, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = self.at;
            match *self.header.get(at)? {
                OPTION_END => return None,
                OPTION_NOP => self.at += 1,
                kind => {
                    let length = usize::from(*self.header.get(at + 1)?);
                    if length < 2 || at + length > self.header.len() {
                        return None;
                    }
                    self.at += length;
                    return Some((kind, self.base + at + 2, length - 2));
                }
            }
        }
    }
}

/// Whether the TCP header at `at` carries a check value that covers addresses and ports and needs a key: the MD5
/// signature (RFC 2385) or the authentication option (RFC 5925).
pub(super) fn is_signed(frame: &[u8], at: usize, end: usize) -> bool {
    Options::of(frame, at, end).any(|(kind, ..)| matches!(kind, OPTION_MD5 | OPTION_AO))
}
