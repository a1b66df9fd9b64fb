//! Addresses in the messages about multicast groups: IGMP (RFC 3376) and MLD (RFC 3810).

use super::change::{Change, Side};
use super::visit::Pass;
use crate::checksum::Delta;
use crate::decode::{array, be16};
use crate::layers::Proto;

const IGMP_QUERY: u8 = 0x11;
const IGMP_REPORT: u8 = 0x22;
/// Reports of versions 1 and 2, and that a group is left.
const IGMP_SINGLE: [u8; 3] = [0x12, 0x16, 0x17];
const MLD_QUERY: u8 = 130;
const MLD_REPORT: u8 = 143;
/// The report of version 1, and that a group is left.
const MLD_SINGLE: [u8; 2] = [131, 132];

impl<C: Change> Pass<'_, C> {
    /// Changes the groups and sources that the message at `at` names.
    pub(super) fn groups(&mut self, proto: Proto, at: usize, end: usize) -> Delta {
        let Some(kind) = self.frame.get(at).copied().filter(|_| self.wants.addresses) else {
            return Delta::NONE;
        };
        let is_v4 = proto == Proto::Igmp;
        // Where the group stands, and how long an address is.
        let (group, length) = if is_v4 { (at + 4, 4) } else { (at + 8, 16) };
        match kind {
            IGMP_QUERY if is_v4 => self.query(group, length, end),
            MLD_QUERY if !is_v4 => self.query(group, length, end),
            IGMP_REPORT if is_v4 => self.report(at, length, end),
            MLD_REPORT if !is_v4 => self.report(at, length, end),
            kind if is_v4 && IGMP_SINGLE.contains(&kind) => self.named(group, length, end),
            kind if !is_v4 && MLD_SINGLE.contains(&kind) => self.named(group, length, end),
            _ => Delta::NONE,
        }
    }

    /// A group, and in the later versions the number of sources and the sources.
    fn query(&mut self, group: usize, length: usize, end: usize) -> Delta {
        let sources = group + length;
        self.named(group, length, end) + self.sources(sources + 2, sources + 4, length, end)
    }

    /// Records: kind, length of what comes last in words, number of sources, group, sources.
    fn report(&mut self, message: usize, length: usize, end: usize) -> Delta {
        let mut delta = Delta::NONE;
        let records = be16(self.frame, message + 6).unwrap_or_default();
        let mut at = message + 8;
        for _ in 0..records {
            let Some([_, words]) = array(self.frame, at).copied().filter(|_| at + 4 + length <= end) else {
                break;
            };
            let sources = be16(self.frame, at + 2).map_or(0, usize::from);
            delta += self.named(at + 4, length, end);
            delta += self.sources(at + 2, at + 4 + length, length, end);
            at += 4 + length * (1 + sources) + 4 * usize::from(words);
        }
        delta
    }

    fn sources(&mut self, count: usize, first: usize, length: usize, end: usize) -> Delta {
        let count = be16(self.frame, count).filter(|_| count + 2 <= end).map_or(0, usize::from);
        let mut delta = Delta::NONE;
        for at in (first..end).step_by(length).take(count) {
            delta += self.named(at, length, end);
        }
        delta
    }

    /// Changes one address, unless it stands for none.
    fn named(&mut self, at: usize, length: usize, end: usize) -> Delta {
        match self.frame.get(at..at + length) {
            Some(address) if at + length <= end && address.iter().any(|byte| *byte != 0) => {
                if length == 4 {
                    self.v4(at, Side::Destination)
                } else {
                    self.v6(at, Side::Destination)
                }
            }
            _ => Delta::NONE,
        }
    }
}
