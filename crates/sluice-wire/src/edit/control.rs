//! Addresses inside of ICMP messages: quoted packets, redirects, neighbour discovery.

use super::change::{Change, Side};
use super::sums::write;
use super::visit::{Pass, Place};
use crate::addr::Mac;
use crate::checksum::Delta;
use crate::decode::{self, array};
use crate::flow;
use crate::layers::{Layers, Proto};

const ICMPV4_REDIRECT: u8 = 5;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
const ICMPV6_REDIRECT: u8 = 137;
const OPTION_SOURCE_LINK: u8 = 1;
const OPTION_TARGET_LINK: u8 = 2;
const OPTION_PREFIX: u8 = 3;
const OPTION_REDIRECTED: u8 = 4;
const OPTION_DNS_SERVERS: u8 = 25;

impl<C: Change> Pass<'_, C> {
    /// Changes what stands in the ICMP message at `at`.
    pub(super) fn control_message(&mut self, layers: &Layers, proto: Proto, at: usize) -> Delta {
        let Some(kind) = self.frame.get(at).copied() else { return Delta::NONE };
        let mut delta = Delta::NONE;
        if let Some(quoted) = flow::quoted(self.frame, layers) {
            delta += self.packet(&quoted, Place::Quoted);
        }
        let end = layers.l3_end().min(self.frame.len());
        if proto == Proto::Icmpv6 {
            delta += self.neighbor(kind, at, end) + self.groups(proto, at, end);
        } else if kind == ICMPV4_REDIRECT && self.wants.addresses && at + 8 <= end {
            delta += self.v4(at + 4, Side::Source);
        }
        delta
    }

    /// Neighbour discovery (RFC 4861): fixed addresses, then options.
    fn neighbor(&mut self, kind: u8, at: usize, end: usize) -> Delta {
        let (targets, options): (&[(usize, Side)], usize) = match kind {
            ROUTER_SOLICITATION => (&[], 8),
            ROUTER_ADVERTISEMENT => (&[], 16),
            NEIGHBOR_SOLICITATION => (&[(8, Side::Destination)], 24),
            NEIGHBOR_ADVERTISEMENT => (&[(8, Side::Source)], 24),
            ICMPV6_REDIRECT => (&[(8, Side::Destination), (24, Side::Destination)], 40),
            _ => return Delta::NONE,
        };
        let mut delta = Delta::NONE;
        for (offset, side) in targets {
            if self.wants.addresses && at + offset + 16 <= end {
                delta += self.v6(at + offset, *side);
            }
        }
        let mut at = at + options;
        // An option is as long as it says, in units of eight bytes, and none is empty.
        while let Some([kind, units]) = array(self.frame, at).copied() {
            let next = at + 8 * usize::from(units);
            if units == 0 || next > end {
                break;
            }
            delta += self.option(kind, at, next);
            at = next;
        }
        delta
    }

    fn option(&mut self, kind: u8, at: usize, end: usize) -> Delta {
        let mut delta = Delta::NONE;
        match kind {
            OPTION_SOURCE_LINK | OPTION_TARGET_LINK if self.wants.macs && end - at == 8 => {
                delta += self.station(at + 2);
            }
            OPTION_PREFIX if self.wants.addresses && end - at == 32 => delta += self.prefix(at),
            OPTION_REDIRECTED => {
                if let Some(quoted) = decode::quoted(self.frame, at + 8, end) {
                    delta += self.packet(&quoted, Place::Quoted);
                }
            }
            OPTION_DNS_SERVERS if self.wants.addresses => {
                for at in (at + 8..end).step_by(16).filter(|at| at + 16 <= end) {
                    delta += self.v6(at, Side::Source);
                }
            }
            _ => {}
        }
        delta
    }

    /// The prefix that a router announces becomes what its first address becomes, as far as it goes.
    fn prefix(&mut self, option: usize) -> Delta {
        let at = option + 16;
        let (Some([length]), Some(old)) = (array(self.frame, option + 2).copied(), array(self.frame, at))
        else {
            return Delta::NONE;
        };
        let mask = crate::addr::mask_v6(length);
        let old = u128::from_be_bytes(*old);
        let new = (self.change.v6(old, Side::Source) & mask) | (old & !mask);
        write(self.frame, at, new.to_be_bytes()).unwrap_or_default()
    }

    /// Changes a MAC address other than those of the link-layer header.
    pub(super) fn station(&mut self, at: usize) -> Delta {
        let Some(old) = array(self.frame, at).map(|bytes| Mac(*bytes)) else { return Delta::NONE };
        let new = self.stations.get(old).unwrap_or_else(|| self.change.station(old));
        write(self.frame, at, new.0).unwrap_or_default()
    }
}
