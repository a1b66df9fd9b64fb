//! Visits the fields of a frame, wherever they stand, and changes those that are to be changed.

use std::net::IpAddr;

use super::change::{Change, Side, Wants};
use super::dhcp;
use super::link::Stations;
use super::sums::{Sums, write};
use crate::checksum::Delta;
use crate::decode::{self, array, ipv6ext};
use crate::flow::Endpoint;
use crate::layers::{Layers, Proto};
use crate::pseudo::Routes;

/// One frame on its way through the visitors.
///
/// A method that changes something says how the sum of what it is about changed, counted from the start of that.
pub(super) struct Pass<'a, C> {
    pub frame: &'a mut [u8],
    pub change: &'a mut C,
    pub wants: Wants,
    /// The addresses of the outermost link-layer header, before and after.
    pub stations: Stations,
    /// Whether a port has changed by which a tunnel is known.
    pub moved: bool,
}

/// Whether a tunnel may be known by the ports before or after a change.
#[inline(always)]
pub(super) fn is_tunnel(old: (u16, u16), new: (u16, u16)) -> bool {
    [old, new].into_iter().any(|(from, to)| decode::is_tunnel(from, to))
}

/// Where an IP packet was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the frame itself.
    Outermost,
    /// In a tunnel.
    Inner,
    /// In an ICMP error, going the other way.
    Quoted,
}

impl Place {
    /// The sides of the packet's source and destination.
    fn sides(self) -> (Side, Side) {
        let is_quoted = self == Self::Quoted;
        (Side::Source.turned(is_quoted), Side::Destination.turned(is_quoted))
    }
}

impl<C: Change> Pass<'_, C> {
    /// Writes what the IPv4 address at `at` becomes. `None` if it stays or is not there.
    #[inline(always)]
    fn changed_v4(&mut self, at: usize, side: Side) -> Option<[u8; 4]> {
        let old = u32::from_be_bytes(*array(self.frame, at)?);
        Some(self.change.v4(old, side)).filter(|new| *new != old).map(u32::to_be_bytes)
    }

    #[inline(always)]
    fn changed_v6(&mut self, at: usize, side: Side) -> Option<[u8; 16]> {
        let old = u128::from_be_bytes(*array(self.frame, at)?);
        Some(self.change.v6(old, side)).filter(|new| *new != old).map(u128::to_be_bytes)
    }

    /// Changes an IPv4 address that no checksum of its own covers.
    pub fn v4(&mut self, at: usize, side: Side) -> Delta {
        self.changed_v4(at, side).and_then(|new| write(self.frame, at, new)).unwrap_or_default()
    }

    /// Changes an IPv6 address that no checksum of its own covers.
    pub fn v6(&mut self, at: usize, side: Side) -> Delta {
        self.changed_v6(at, side).and_then(|new| write(self.frame, at, new)).unwrap_or_default()
    }

    /// Changes an IP packet with what it carries.
    pub fn packet(&mut self, layers: &Layers, place: Place) -> Delta {
        let (Some(sums), Some((proto, at))) = (Sums::of(self.frame, layers), layers.network()) else {
            return Delta::NONE;
        };
        let mut sums = sums.under(self.wants.checksums);
        if self.wants.inner {
            self.carried(layers, &mut sums, place);
        }
        let ends = if self.wants.sequence { self.ends(layers, &sums) } else { None };
        if self.wants.addresses {
            self.addresses(layers, proto, at, &mut sums, place);
        }
        if self.wants.header && place == Place::Outermost {
            self.header(proto, at, &mut sums);
        }
        match layers.transport() {
            Some((proto, at)) if proto.has_ports() => {
                let ports = decode::ports(self.frame, at)
                    .filter(|ports| proto == Proto::Udp && dhcp::is_between(*ports));
                if ports.is_some() && !layers.is_fragment() {
                    let delta = self.dhcp(at, layers.l3_end());
                    sums.upper_changed(delta);
                }
                if self.wants.ports {
                    self.ports(layers, proto, at, &mut sums, place);
                }
                if let (Proto::Tcp, Some(ends)) = (proto, ends) {
                    self.sequence(layers, at, &mut sums, ends);
                }
            }
            Some((proto @ (Proto::Icmpv4 | Proto::Icmpv6), at)) if place != Place::Quoted => {
                let delta = self.control_message(layers, proto, at);
                sums.upper_changed(delta);
            }
            Some((Proto::Igmp, at)) => {
                let delta = self.groups(Proto::Igmp, at, layers.l3_end());
                sums.upper_changed(delta);
            }
            _ => {}
        }
        sums.apply(self.frame)
    }

    #[inline(always)]
    fn addresses(&mut self, layers: &Layers, proto: Proto, at: usize, sums: &mut Sums, place: Place) {
        let (source, destination) = place.sides();
        if proto == Proto::Ipv4 {
            for (at, side) in [(at + 12, source), (at + 16, destination)] {
                if let Some(new) = self.changed_v4(at, side) {
                    sums.address(self.frame, at, new);
                }
            }
            if self.frame.get(at).is_some_and(|byte| *byte & 0x0F > 5) {
                self.source_routes(at, sums, destination);
            }
        } else {
            for (at, side) in [(at + 8, source), (at + 24, destination)] {
                if let Some(new) = self.changed_v6(at, side) {
                    sums.address(self.frame, at, new);
                }
            }
            self.extensions(layers, sums, place);
        }
    }

    fn source_routes(&mut self, at: usize, sums: &mut Sums, side: Side) {
        let mut places = [0usize; 10];
        let mut count = 0;
        for route in Routes::of(self.frame, at) {
            for index in 0..route.count {
                if let Some(place) = places.get_mut(count) {
                    *place = route.first + 4 * index;
                    count += 1;
                }
            }
        }
        for place in places.into_iter().take(count) {
            let Some([a, b, c, d]) = self.changed_v4(place, side) else { continue };
            if (place - at).is_multiple_of(2) {
                sums.address(self.frame, place, [a, b, c, d]);
            } else if let (Some([before]), Some([after])) =
                (array(self.frame, place - 1), array(self.frame, place + 4))
            {
                // At an odd offset, after an option of odd length, it is written as the words that it lies in.
                let words = [*before, a, b, c, d, *after];
                sums.odd_address(self.frame, place, words);
            }
        }
    }

    fn extensions(&mut self, layers: &Layers, sums: &mut Sums, place: Place) {
        let (source, destination) = place.sides();
        for (proto, at) in layers.headers().skip(usize::from(layers.network) + 1) {
            match proto {
                Proto::Ipv6Routing => {
                    let Some(route) = ipv6ext::route(self.frame, at) else { continue };
                    for at in (0..route.count).map(|index| route.first + 16 * index) {
                        if let Some(new) = self.changed_v6(at, destination) {
                            sums.address(self.frame, at, new);
                        }
                    }
                }
                Proto::Ipv6DestOpts => {
                    let Some(at) = ipv6ext::home_address(self.frame, at) else { continue };
                    if let Some(new) = self.changed_v6(at, source) {
                        sums.address(self.frame, at, new);
                    }
                }
                Proto::Ipv4 | Proto::Ipv6 => break,
                _ => {}
            }
        }
    }

    /// Time to live, traffic class and flow label.
    fn header(&mut self, proto: Proto, at: usize, sums: &mut Sums) {
        if proto == Proto::Ipv4 {
            if let Some([version, class]) = array(self.frame, at).copied() {
                let class = self.change.class(class, true);
                sums.header_changed(write(self.frame, at, [version, class]).unwrap_or_default());
            }
            if let Some([hops, protocol]) = array(self.frame, at + 8).copied() {
                let hops = self.change.hops(hops);
                sums.header_changed(write(self.frame, at + 8, [hops, protocol]).unwrap_or_default());
            }
            return;
        }
        // IPv6 has no checksum of its own, but its fields count as changed all the same.
        if let Some(old) = array(self.frame, at).map(|bytes| u32::from_be_bytes(*bytes)) {
            let class = self.change.class((old >> 20) as u8, false);
            let label = self.change.label(old & 0x000F_FFFF) & 0x000F_FFFF;
            let new = (old & 0xF000_0000) | (u32::from(class) << 20) | label;
            sums.header_changed(write(self.frame, at, new.to_be_bytes()).unwrap_or_default());
        }
        if let Some([next, hops]) = array(self.frame, at + 6).copied() {
            let hops = self.change.hops(hops);
            sums.header_changed(write(self.frame, at + 6, [next, hops]).unwrap_or_default());
        }
    }

    /// Source and destination port. An SCTP packet in fragments is left alone, as its CRC cannot be updated without
    /// knowing its length.
    fn ports(&mut self, layers: &Layers, proto: Proto, at: usize, sums: &mut Sums, place: Place) {
        let is_opaque = proto == Proto::Sctp && layers.is_fragment();
        let Some(old) = decode::ports(self.frame, at).filter(|_| !is_opaque) else { return };
        let (source, destination) = place.sides();
        let new = (self.change.port(old.0, source), self.change.port(old.1, destination));
        if new != old {
            self.moved |= proto == Proto::Udp && is_tunnel(old, new);
            sums.ports(self.frame, layers, at, new);
        }
    }

    /// Source and destination of a TCP segment as they are now.
    fn ends(&self, layers: &Layers, sums: &Sums) -> Option<(Endpoint, Endpoint)> {
        let (Proto::Tcp, at) = layers.transport()? else { return None };
        let ports = decode::ports(self.frame, at)?;
        let (source, destination) = sums.pseudo().or_else(|| match layers.network()? {
            (Proto::Ipv4, at) => Some((at + 12, at + 16)),
            (_, at) => Some((at + 8, at + 24)),
        })?;
        let is_v4 = layers.network()?.0 == Proto::Ipv4;
        let address = |at| -> Option<IpAddr> {
            if is_v4 {
                array::<4>(self.frame, at).map(|bytes| IpAddr::from(*bytes))
            } else {
                array::<16>(self.frame, at).map(|bytes| IpAddr::from(*bytes))
            }
        };
        let source = Endpoint { address: address(source)?, port: ports.0 };
        Some((source, Endpoint { address: address(destination)?, port: ports.1 }))
    }
}
