//! Changes of header fields that keep every checksum as true as it was.
//!
//! Checksums are updated by what changed (RFC 1624), never computed anew unless that is asked for: a wrong one stays
//! wrong by the same difference, a first fragment is updated although its payload is not all there, and so is a packet
//! cut by the snap length, provided that the checksum field itself was captured. A UDP checksum of zero ("none") stays
//! zero. What follows the IP packet, padding and trailer, is not touched.
//!
//! Offsets do not change, so that [`Layers`] stay true but for the flow hash, unless a port changes by which a tunnel is
//! known.
//!
//! Not kept true, because that would need a key: the check values of AH and ESP, and TCP's MD5 and AO options. See
//! [`is_signed`].

mod change;
mod common;
mod control;
mod dhcp;
mod fcs;
mod fields;
mod groups;
mod link;
mod others;
mod sums;
mod tcp;
mod tunnel;
mod visit;
mod whole;

pub use change::{Change, Checksums, Effect, Side, Wants};
pub use fcs::with_check_sequence;
pub use fields::Editor;
pub use whole::recompute;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decode::esp;
use crate::layers::{Layers, Proto};
use link::Stations;
use visit::{Pass, Place};

/// Offers the fields of the frame to `change` and writes what it answers, with the checksums and the flow hash.
///
/// Visited are: link-layer headers; ARP; the IP header with source routes, routing headers and home addresses; ports
/// and sequence numbers; the packet quoted in an ICMP error, sides turned; neighbour discovery and redirects; IGMP, MLD
/// and DHCP; and the same again in tunnels. An SCTP packet in fragments keeps its ports, as its CRC cannot be updated without knowing
/// its length.
#[inline]
pub fn apply<C: Change>(frame: &mut [u8], layers: &mut Layers, change: &mut C) -> Effect {
    if let Some(effect) = common::apply(frame, layers, change) {
        return effect;
    }
    let effect = visit(frame, layers, change);
    if effect != Effect::None {
        layers.rehash(frame);
    }
    effect
}

/// The same without the flow hash.
#[inline(never)]
fn visit<C: Change>(frame: &mut [u8], layers: &Layers, change: &mut C) -> Effect {
    let wants = change.wants();
    let mut pass = Pass { frame, change, wants, stations: Stations::default(), moved: false };
    let mut changed = wants.macs && pass.header_stations(layers);
    if layers.network().is_some() {
        changed |= !pass.packet(layers, Place::Outermost).is_none();
    } else if let Some(at) = layers.find(Proto::Arp) {
        changed |= !pass.arp(at).is_none();
    }
    // What MPLS carries is known by its first bits alone, which may be those of a MAC address.
    let is_guessed = wants.macs && layers.headers().any(|(proto, _)| proto == Proto::Mpls);
    let effect = if pass.moved || is_guessed { Effect::Structure } else { Effect::of(changed) };
    match wants.checksums {
        Checksums::Incremental | Checksums::Keep => {}
        Checksums::Recompute => whole::settle(frame, layers, false),
        Checksums::Break => whole::settle(frame, layers, true),
    }
    effect
}

/// Whether the outermost packet has a check value that a change makes invalid and that only a key can renew: an
/// authentication header, encryption, or a TCP header with an MD5 signature or authentication option.
#[inline]
pub fn is_signed(frame: &[u8], layers: &Layers) -> bool {
    let is_next = layers.transport == layers.network.wrapping_add(1);
    match layers.transport() {
        // Nearly all packets: nothing between the headers, and no TCP options.
        Some((Proto::Udp, _)) if is_next => false,
        Some((Proto::Tcp, at)) if is_next && frame.get(at + 12).is_some_and(|byte| byte >> 4 == 5) => false,
        transport => needs_key(frame, layers, transport),
    }
}

#[inline(never)]
fn needs_key(frame: &[u8], layers: &Layers, transport: Option<(Proto, usize)>) -> bool {
    match transport {
        Some((Proto::Tcp, at)) if tcp::is_signed(frame, at, layers.l3_end()) => true,
        _ => layers.ip_protocol() == Some(esp::NUMBER) || layers.find(Proto::Ah).is_some(),
    }
}

/// Offers every IP address of the frame to `map` and writes what it returns. Returns whether anything changed.
///
/// An answer of the other family is ignored. The flow hash is left as it is: call [`Layers::rehash`] when done.
pub fn map_addresses(
    frame: &mut [u8],
    layers: &Layers,
    map: &mut impl FnMut(IpAddr, Side) -> Option<IpAddr>,
) -> bool {
    struct Addresses<'a, F>(&'a mut F);

    impl<F: FnMut(IpAddr, Side) -> Option<IpAddr>> Change for Addresses<'_, F> {
        fn wants(&self) -> Wants {
            Wants { addresses: true, inner: true, ..Wants::default() }
        }

        fn v4(&mut self, address: u32, side: Side) -> u32 {
            match (self.0)(Ipv4Addr::from_bits(address).into(), side) {
                Some(IpAddr::V4(new)) => new.to_bits(),
                _ => address,
            }
        }

        fn v6(&mut self, address: u128, side: Side) -> u128 {
            match (self.0)(Ipv6Addr::from_bits(address).into(), side) {
                Some(IpAddr::V6(new)) => new.to_bits(),
                _ => address,
            }
        }
    }

    visit(frame, layers, &mut Addresses(map)) != Effect::None
}

/// Offers every port of the frame to `map` and writes what it returns. Returns whether anything changed.
///
/// The flow hash is left as it is: call [`Layers::rehash`] when done.
pub fn map_ports(frame: &mut [u8], layers: &Layers, map: &mut impl FnMut(u16, Side) -> Option<u16>) -> bool {
    struct Ports<'a, F>(&'a mut F);

    impl<F: FnMut(u16, Side) -> Option<u16>> Change for Ports<'_, F> {
        fn wants(&self) -> Wants {
            Wants { ports: true, inner: true, ..Wants::default() }
        }

        fn port(&mut self, port: u16, side: Side) -> u16 {
            (self.0)(port, side).unwrap_or(port)
        }
    }

    visit(frame, layers, &mut Ports(map)) != Effect::None
}

#[cfg(test)]
mod tests;
