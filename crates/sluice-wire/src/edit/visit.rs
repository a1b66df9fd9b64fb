//! Visits every address or port of a packet, wherever it stands, and changes those that the visitor wants changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::sums::{Sums, write};
use crate::checksum::Delta;
use crate::decode::{self, arp, array, ipv6ext};
use crate::flow;
use crate::layers::{Layers, Proto};
use crate::pseudo::Routes;

/// Whose address or port it is, seen from the packet that travels.
///
/// An ICMP error quotes a packet that went the other way: the quoted destination is the sender's side here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The sender's.
    Source,
    /// The receiver's.
    Destination,
}

impl Side {
    fn turned(self, turn: bool) -> Self {
        match (self, turn) {
            (side, false) => side,
            (Self::Source, true) => Self::Destination,
            (Self::Destination, true) => Self::Source,
        }
    }
}

const ICMPV4_REDIRECT: u8 = 5;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
const ICMPV6_REDIRECT: u8 = 137;

/// Offers every address of the frame to `map` and writes what it returns. Returns whether anything changed.
///
/// Visited are: the IP header with source routes, routing headers and home addresses; the packet quoted in an ICMP
/// error, sides turned; the targets of neighbour discovery and redirects; sender and target of ARP. An answer of the
/// other family is ignored.
#[inline]
pub fn map_addresses(
    frame: &mut [u8],
    layers: &Layers,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) -> bool {
    if layers.network().is_some() {
        !packet(frame, layers, map, false).is_none()
    } else if let Some(at) = layers.find(Proto::Arp) {
        arp(frame, at, map)
    } else {
        false
    }
}

/// What an address becomes, if it stands at `at` and changes.
#[inline(always)]
fn changed_v4(
    frame: &[u8],
    at: usize,
    side: Side,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) -> Option<[u8; 4]> {
    let old = Ipv4Addr::from(*array(frame, at)?);
    match map(IpAddr::V4(old), side)? {
        IpAddr::V4(new) if new != old => Some(new.octets()),
        _ => None,
    }
}

#[inline(always)]
fn changed_v6(
    frame: &[u8],
    at: usize,
    side: Side,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) -> Option<[u8; 16]> {
    let old = Ipv6Addr::from(*array::<16>(frame, at)?);
    match map(IpAddr::V6(old), side)? {
        IpAddr::V6(new) if new != old => Some(new.octets()),
        _ => None,
    }
}

/// Maps the addresses of an IP packet. A quoted one counts as turned, and nothing quoted in it is looked for.
#[inline(always)]
fn packet(
    frame: &mut [u8],
    layers: &Layers,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
    is_quoted: bool,
) -> Delta {
    let (Some(mut sums), Some((proto, at))) = (Sums::of(frame, layers), layers.network()) else {
        return Delta::NONE;
    };
    let (source, destination) = (Side::Source.turned(is_quoted), Side::Destination.turned(is_quoted));
    if proto == Proto::Ipv4 {
        for (at, side) in [(at + 12, source), (at + 16, destination)] {
            if let Some(new) = changed_v4(frame, at, side, map) {
                sums.address(frame, at, new);
            }
        }
        if frame.get(at).is_some_and(|byte| *byte & 0x0F > 5) {
            source_routes(frame, at, &mut sums, destination, map);
        }
    } else {
        for (at, side) in [(at + 8, source), (at + 24, destination)] {
            if let Some(new) = changed_v6(frame, at, side, map) {
                sums.address(frame, at, new);
            }
        }
        extensions(frame, layers, &mut sums, (source, destination), map);
    }
    if let Some((proto @ (Proto::Icmpv4 | Proto::Icmpv6), at)) = layers.transport()
        && !is_quoted
    {
        let delta = control_message(frame, layers, proto, at, map);
        sums.upper_changed(delta);
    }
    sums.apply(frame)
}

fn source_routes(
    frame: &mut [u8],
    at: usize,
    sums: &mut Sums,
    side: Side,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) {
    // An address at an odd offset, after an option of odd length, is written as the words that it lies in.
    let mut places = [0usize; 10];
    let mut count = 0;
    for route in Routes::of(frame, at) {
        for index in 0..route.count {
            if let Some(place) = places.get_mut(count) {
                *place = route.first + 4 * index;
                count += 1;
            }
        }
    }
    for place in places.into_iter().take(count) {
        let Some([a, b, c, d]) = changed_v4(frame, place, side, map) else { continue };
        if (place - at).is_multiple_of(2) {
            sums.address(frame, place, [a, b, c, d]);
        } else if let (Some([before]), Some([after])) = (array(frame, place - 1), array(frame, place + 4)) {
            let words = [*before, a, b, c, d, *after];
            sums.odd_address(frame, place, words);
        }
    }
}

fn extensions(
    frame: &mut [u8],
    layers: &Layers,
    sums: &mut Sums,
    (source, destination): (Side, Side),
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) {
    for (proto, at) in layers.headers().skip(usize::from(layers.network) + 1) {
        match proto {
            Proto::Ipv6Routing => {
                let Some(route) = ipv6ext::route(frame, at) else { continue };
                for at in (0..route.count).map(|index| route.first + 16 * index) {
                    if let Some(new) = changed_v6(frame, at, destination, map) {
                        sums.address(frame, at, new);
                    }
                }
            }
            Proto::Ipv6DestOpts => {
                let Some(at) = ipv6ext::home_address(frame, at) else { continue };
                if let Some(new) = changed_v6(frame, at, source, map) {
                    sums.address(frame, at, new);
                }
            }
            Proto::Ipv4 | Proto::Ipv6 => break,
            _ => {}
        }
    }
}

/// Maps the addresses inside an ICMP message, and says how its sum changed.
fn control_message(
    frame: &mut [u8],
    layers: &Layers,
    proto: Proto,
    at: usize,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) -> Delta {
    let mut delta = Delta::NONE;
    let Some(kind) = frame.get(at).copied() else { return delta };
    if let Some(quoted) = flow::quoted(frame, layers) {
        delta += quoted_packet(frame, &quoted, map);
    }
    let end = layers.l3_end();
    if proto == Proto::Icmpv4 {
        if kind == ICMPV4_REDIRECT
            && at + 8 <= end
            && let Some(new) = changed_v4(frame, at + 4, Side::Source, map)
        {
            delta += write(frame, at + 4, new).unwrap_or_default();
        }
        return delta;
    }
    let targets: &[(usize, Side)] = match kind {
        NEIGHBOR_SOLICITATION => &[(8, Side::Destination)],
        NEIGHBOR_ADVERTISEMENT => &[(8, Side::Source)],
        ICMPV6_REDIRECT => &[(8, Side::Destination), (24, Side::Destination)],
        _ => &[],
    };
    for (offset, side) in targets {
        let at = at + offset;
        if at + 16 <= end
            && let Some(new) = changed_v6(frame, at, *side, map)
        {
            delta += write(frame, at, new).unwrap_or_default();
        }
    }
    delta
}

/// A level of its own, so that `packet` can be inlined into its fast caller.
#[inline(never)]
fn quoted_packet(
    frame: &mut [u8],
    quoted: &Layers,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) -> Delta {
    packet(frame, quoted, map, true)
}

fn arp(frame: &mut [u8], at: usize, map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>) -> bool {
    let Some(header) = arp::view(frame, at).filter(arp::Header::is_ipv4) else { return false };
    let mut changed = false;
    for (at, side) in
        [(header.sender_protocol(), Side::Source), (header.target_protocol(), Side::Destination)]
    {
        if let Some(new) = changed_v4(frame, at, side, map) {
            changed |= write(frame, at, new).is_some();
        }
    }
    changed
}

/// Offers every port of the frame to `map` and writes what it returns. Returns whether anything changed.
///
/// Visited are the transport header and the packet quoted in an ICMP error, sides turned. An SCTP packet in fragments
/// is left alone, as its CRC cannot be updated without knowing its length.
pub fn map_ports(frame: &mut [u8], layers: &Layers, map: &mut impl FnMut(u16, Side) -> Option<u16>) -> bool {
    let Some(mut sums) = Sums::of(frame, layers) else { return false };
    match layers.transport() {
        Some((proto, at)) if proto.has_ports() => transport(frame, layers, at, &mut sums, map, false),
        Some((Proto::Icmpv4 | Proto::Icmpv6, _)) => {
            let Some(quoted) = flow::quoted(frame, layers) else { return false };
            let (Some(mut inner), Some((proto, at))) = (Sums::of(frame, &quoted), quoted.transport()) else {
                return false;
            };
            if proto.has_ports() {
                transport(frame, &quoted, at, &mut inner, map, true);
            }
            sums.upper_changed(inner.apply(frame));
        }
        _ => return false,
    }
    !sums.apply(frame).is_none()
}

fn transport(
    frame: &mut [u8],
    layers: &Layers,
    at: usize,
    sums: &mut Sums,
    map: &mut impl FnMut(u16, Side) -> Option<u16>,
    is_quoted: bool,
) {
    let is_opaque = layers.find(Proto::Sctp) == Some(at) && layers.is_fragment();
    let Some(old) = decode::ports(frame, at).filter(|_| !is_opaque) else { return };
    let source = map(old.0, Side::Source.turned(is_quoted));
    let destination = map(old.1, Side::Destination.turned(is_quoted));
    let new = (source.unwrap_or(old.0), destination.unwrap_or(old.1));
    if new != old {
        sums.ports(frame, layers, at, new);
    }
}
