//! Addresses: IPv4, IPv6, MAC, DECnet, broadcast and multicast.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::ast::{CastLayer, Dir, HostProto, MacDir};
use super::super::build::values::Size;
use super::super::build::{Cmp, Cond};
use super::link::{self, Link};
use super::{Gen, Place};
use crate::error::{Error, Span};

/// Tests of both ends joined as the direction says.
pub(super) fn ends(dir: Dir, mut test: impl FnMut(bool) -> Cond) -> Cond {
    match dir {
        Dir::Src => test(true),
        Dir::Dst => test(false),
        Dir::Both => Cond::all([test(true), test(false)]),
        Dir::Either => Cond::any([test(true), test(false)]),
    }
}

impl Gen {
    pub(super) fn v4(
        &mut self,
        proto: HostProto,
        dir: Dir,
        address: Ipv4Addr,
        mask: Ipv4Addr,
        span: Span,
    ) -> Result<Cond, Error> {
        let mut found = Vec::new();
        let all = [
            (HostProto::Ip, link::IPV4, 12, 16),
            (HostProto::Arp, link::ARP, 14, 24),
            (HostProto::Rarp, link::RARP, 14, 24),
        ];
        for (of, number, source, destination) in all {
            if proto != of && proto != HostProto::Any {
                continue;
            }
            // Behind MPLS labels there is no ARP.
            if proto == HostProto::Any && self.labels > 0 && of != HostProto::Ip {
                continue;
            }
            let kind = self.linktype(number, span)?;
            let network = self.network();
            let ends = ends(dir, |src| {
                let place = network.plus(if src { source } else { destination });
                self.under_mask(place, address.into(), mask.into())
            });
            found.push(Cond::all([kind, ends]));
        }
        Ok(Cond::any(found))
    }

    fn under_mask(&mut self, place: Place, number: u32, mask: u32) -> Cond {
        // Nothing needs to be loaded where nothing is compared.
        if mask == 0 { Cond::Is(true) } else { self.masked(place, Size::Word, mask, number) }
    }

    pub(super) fn v6(&mut self, dir: Dir, address: Ipv6Addr, length: u8, span: Span) -> Result<Cond, Error> {
        let kind = self.linktype(link::IPV6, span)?;
        let network = self.network();
        let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0);
        let address = u128::from(address);
        let ends = ends(dir, |src| {
            let start = network.plus(if src { 8 } else { 24 });
            let words = (0..4).map(|word| {
                let shift = 96 - 32 * word;
                self.under_mask(start.plus(4 * word), (address >> shift) as u32, (mask >> shift) as u32)
            });
            Cond::all(words)
        });
        Ok(Cond::all([kind, ends]))
    }

    /// Whether these six bytes stand at a place: the last four, then the first two.
    pub(super) fn mac_at(&mut self, place: Place, [a, b, c, d, e, f]: [u8; 6]) -> Cond {
        let end = self.equal(place.plus(2), Size::Word, u32::from_be_bytes([c, d, e, f]));
        Cond::all([end, self.equal(place, Size::Half, u16::from_be_bytes([a, b]).into())])
    }

    pub(super) fn mac(&mut self, dir: MacDir, address: [u8; 6], span: Span) -> Result<Cond, Error> {
        if self.link == Link::Wlan {
            return Ok(self.wlan_mac(dir, address));
        }
        let dir = match dir {
            MacDir::Src => Dir::Src,
            MacDir::Dst => Dir::Dst,
            MacDir::Either => Dir::Either,
            MacDir::Both => Dir::Both,
            other => return Err(self.refuse(span, &format!("there is no address `{}`", other.text()))),
        };
        if !self.link.is_ethernet() {
            return Err(self.refuse(span, "there are no MAC addresses"));
        }
        let header = self.header;
        let ends = ends(dir, |src| self.mac_at(header.plus(if src { 6 } else { 0 }), address));
        Ok(self.with_link(ends))
    }

    /// A test of the link header, which a tunnel may lack.
    fn with_link(&mut self, test: Cond) -> Cond {
        match self.optional_link {
            Some((header, payload)) => Cond::all([Cond::Test(header, Cmp::Eq, payload).negated(), test]),
            None => self.lane_data(test),
        }
    }

    pub(super) fn broadcast(&mut self, layer: CastLayer, span: Span) -> Result<Cond, Error> {
        match layer {
            CastLayer::Link if matches!(self.link, Link::Ethernet | Link::Wlan) => {
                self.mac(MacDir::Dst, [0xFF; 6], span)
            }
            CastLayer::Link => Err(self.refuse(span, "there is no broadcast")),
            _ => {
                let kind = self.linktype(link::IPV4, span)?;
                let destination = self.network().plus(16);
                // The netmask of the network is not known here, so that only the two universal addresses count.
                let zeros = self.equal(destination, Size::Word, 0);
                let ones = self.equal(destination, Size::Word, u32::MAX);
                Ok(Cond::all([kind, Cond::any([zeros, ones])]))
            }
        }
    }

    pub(super) fn multicast(&mut self, layer: CastLayer, span: Span) -> Result<Cond, Error> {
        match layer {
            CastLayer::Link if self.link == Link::Wlan => Ok(self.wlan_multicast()),
            CastLayer::Link if self.link.is_ethernet() => {
                let group = self.any_bit(self.header, Size::Byte, 1);
                Ok(self.with_link(group))
            }
            CastLayer::Link => Err(self.refuse(span, "there is no multicast")),
            CastLayer::V4 => {
                let kind = self.linktype(link::IPV4, span)?;
                let first = self.load(self.network().plus(16), Size::Byte);
                Ok(Cond::all([kind, self.is(first, Cmp::Ge, 224)]))
            }
            CastLayer::V6 => {
                let kind = self.linktype(link::IPV6, span)?;
                Ok(Cond::all([kind, self.equal(self.network().plus(24), Size::Byte, 0xFF)]))
            }
        }
    }

    /// DECnet phase IV: a short or a long header, perhaps behind a byte of padding.
    pub(super) fn decnet(&mut self, dir: Dir, address: u16, span: Span) -> Result<Cond, Error> {
        const SHORT: u32 = 2;
        const LONG: u32 = 6;
        const PADDING: u32 = 0x8100;
        let kind = self.linktype(link::DECNET, span)?;
        // The length of the packet comes first; addresses are little-endian.
        let flags = self.network().plus(2);
        let number = u32::from(address.swap_bytes());
        let ends = ends(dir, |src| {
            let headers = [(SHORT, if src { 3 } else { 1 }), (LONG, if src { 15 } else { 7 })];
            let conds = headers.map(|(header, at)| {
                let bare = self.masked(flags, Size::Byte, 0x07, header);
                let bare = Cond::all([bare, self.equal(flags.plus(at), Size::Half, number)]);
                let padded = self.masked(flags, Size::Half, 0xFF07, PADDING | header);
                let padded = Cond::all([padded, self.equal(flags.plus(at + 1), Size::Half, number)]);
                Cond::any([bare, padded])
            });
            Cond::any(conds)
        });
        Ok(Cond::all([kind, ends]))
    }
}
