//! Frames with right lengths and checksums, and mixtures of good and bad ones.

use std::net::{IpAddr, SocketAddr};

use sluice_wire::checksum;

use crate::Random;

mod fragment;
mod tunnel;

pub use fragment::fragments;
pub use tunnel::{Tunnel, tunnel};

/// The MAC address that [`ethernet`] frames come from.
pub const SOURCE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The MAC address that [`ethernet`] frames go to.
pub const DESTINATION_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// An Ethernet frame.
pub fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&DESTINATION_MAC[..], &SOURCE_MAC, &ethertype.to_be_bytes(), payload].concat()
}

/// The same frame with an 802.1Q tag of this id after the addresses.
pub fn vlan(id: u16, frame: &[u8]) -> Vec<u8> {
    tagged(0x8100, id, frame)
}

/// The same frame with a tag of any kind: priority, drop eligibility and id behind the type.
pub fn tagged(tpid: u16, tag: u16, frame: &[u8]) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(frame.len().min(12));
    [addresses, &tpid.to_be_bytes(), &tag.to_be_bytes(), rest].concat()
}

/// The IP packet of an Ethernet frame without tags behind two MPLS labels.
pub fn labelled(frame: &[u8]) -> Vec<u8> {
    ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64], frame.get(14..).unwrap_or_default()].concat())
}

/// A UDP datagram in an Ethernet frame. Both addresses are of one family.
pub fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    let mut segment = [&ports[..], &length.to_be_bytes(), &[0, 0], payload].concat();
    let sum = pseudo(source.ip(), destination.ip(), 17, segment.len()) + checksum::sum(&segment);
    segment[6..8].copy_from_slice(&checksum::finish_udp(sum).to_be_bytes());
    ip(source.ip(), destination.ip(), 17, &segment)
}

/// A TCP segment in an Ethernet frame, with these flags (2 is SYN, 16 is ACK).
pub fn tcp(source: SocketAddr, destination: SocketAddr, flags: u8, payload: &[u8]) -> Vec<u8> {
    let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    let rest = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0];
    let mut segment = [&ports[..], &rest, payload].concat();
    let sum = pseudo(source.ip(), destination.ip(), 6, segment.len()) + checksum::sum(&segment);
    segment[16..18].copy_from_slice(&checksum::finish(sum).to_be_bytes());
    ip(source.ip(), destination.ip(), 6, &segment)
}

/// An ICMP echo request between IPv4 addresses, or an ICMPv6 one.
pub fn echo(source: IpAddr, destination: IpAddr, id: u16) -> Vec<u8> {
    let (kind, protocol) = if source.is_ipv4() { (8, 1) } else { (128, 58) };
    message(source, destination, kind, protocol, id, &[7; 8])
}

/// The ICMP or ICMPv6 error "destination unreachable" with which `router` answers an Ethernet frame that carries IP.
pub fn unreachable(router: IpAddr, to: IpAddr, frame: &[u8]) -> Vec<u8> {
    let (kind, protocol) = if router.is_ipv4() { (3, 1) } else { (1, 58) };
    message(router, to, kind, protocol, 0, frame.get(14..).unwrap_or_default())
}

fn message(source: IpAddr, destination: IpAddr, kind: u8, protocol: u8, id: u16, rest: &[u8]) -> Vec<u8> {
    let mut message = [&[kind, 0, 0, 0], &id.to_be_bytes()[..], &[0, 0], rest].concat();
    let covered = if protocol == 58 { pseudo(source, destination, 58, message.len()) } else { 0 };
    let sum = checksum::finish(covered + checksum::sum(&message));
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ip(source, destination, protocol, &message)
}

/// An ARP request of one IPv4 address for another in an Ethernet frame.
pub fn arp(source: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let body = [&[0, 1, 8, 0, 6, 4, 0, 1], &SOURCE_MAC[..], &source, &[0; 6], &target].concat();
    ethernet(0x0806, &body)
}

fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> u64 {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            checksum::pseudo_v4(source, destination, protocol, length as u32)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            checksum::pseudo_v6(source, destination, protocol, length as u32)
        }
        _ => 0,
    }
}

/// An IP packet in an Ethernet frame. Addresses of two families make an IPv6 packet.
pub fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let length = ((20 + payload.len()) as u16).to_be_bytes();
            let start = [0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, protocol, 0, 0];
            let mut packet = [&start[..], &source.octets(), &destination.octets(), payload].concat();
            let sum = checksum::finish(checksum::sum(&packet[..20]));
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            ethernet(0x0800, &packet)
        }
        _ => {
            let [source, destination] = [source, destination].map(|address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            });
            let length = (payload.len() as u16).to_be_bytes();
            let start = [0x60, 0, 0, 0, length[0], length[1], protocol, 64];
            ethernet(0x86DD, &[&start[..], &source, &destination, payload].concat())
        }
    }
}

/// `count` good frames of many protocols, flows and sizes.
pub fn mixture(count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..count).map(|_| one(&mut random)).collect()
}

fn one(random: &mut Random) -> Vec<u8> {
    let host = |random: &mut Random, v6: bool| {
        let [a, b] = [random.below(4) as u8, random.below(250) as u8];
        if v6 {
            IpAddr::from([0x20, 1, 0xd, 0xb8, 0, a, 0, 0, 0, 0, 0, 0, 0, 0, 0, b])
        } else {
            [10, a, 0, b].into()
        }
    };
    let v6 = random.below(4) == 0;
    let (from, to) = (host(random, v6), host(random, v6));
    let ports = [80, 443, 53, 8080, 40_000 + random.below(100) as u16];
    let from = SocketAddr::new(from, ports[random.below(5)]);
    let to = SocketAddr::new(to, ports[random.below(5)]);
    let size = random.below(200);
    let payload = random.bytes(size);
    let mut frame = match random.below(12) {
        0 => echo(from.ip(), to.ip(), 7),
        1 => unreachable(to.ip(), from.ip(), &udp(from, to, &payload)),
        2 => arp([10, 0, 0, 1], [10, 0, 0, random.below(250) as u8]),
        3..6 => tcp(from, to, 16, &payload),
        _ => udp(from, to, &payload),
    };
    while random.below(5) == 0 {
        frame = in_tunnel(random, host, &frame);
    }
    match random.below(12) {
        0 | 1 => vlan(random.below(4095) as u16, &frame),
        2 if is_ip(&frame) => labelled(&frame),
        _ => frame,
    }
}

fn is_ip(frame: &[u8]) -> bool {
    matches!(frame.get(12..14), Some([0x08, 0x00] | [0x86, 0xDD]))
}

fn in_tunnel(random: &mut Random, host: impl Fn(&mut Random, bool) -> IpAddr, frame: &[u8]) -> Vec<u8> {
    let kind = Tunnel::ALL[random.below(Tunnel::ALL.len())];
    let kind = if is_ip(frame) || kind.is_ethernet() { kind } else { Tunnel::Vxlan };
    let v6 = random.below(3) == 0;
    let (from, to) = (host(random, v6), host(random, v6));
    if kind.is_ethernet() && random.below(3) == 0 {
        tunnel(kind, from, to, &vlan(random.below(4095) as u16, frame))
    } else {
        tunnel(kind, from, to, frame)
    }
}

/// `count` frames that are wrong in some way: cut off, with bytes changed, random, empty.
pub fn malformed(count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|at| {
            let mut frame = one(&mut random);
            match at % 4 {
                0 => frame.truncate(random.below(frame.len())),
                1 => {
                    for _ in 0..1 + random.below(4) {
                        let place = random.below(frame.len().min(64));
                        frame[place] = random.bits() as u8;
                    }
                }
                2 => {
                    let size = random.below(120);
                    frame.truncate(14);
                    frame.extend(random.bytes(size));
                }
                _ => {
                    let size = random.below(80);
                    frame = random.bytes(size);
                }
            }
            frame
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_wire::layers::{Layers, Stop};
    use sluice_wire::link::LinkType;
    use sluice_wire::verify::{self, Offload};

    #[test]
    fn the_mixture_is_good_throughout() {
        for frame in mixture(500, 1) {
            let layers = Layers::decode(LinkType::ETHERNET, &frame, frame.len() as u32);
            assert!(matches!(layers.stop(), Stop::Payload | Stop::TooDeep), "{frame:02x?}");
            for (layers, verdicts) in verify::check_all(&frame, &layers, frame.len() as u32, Offload::None) {
                assert!(verdicts.is_acceptable(), "{layers:?} {verdicts:?}");
            }
        }
    }

    #[test]
    fn the_mixture_has_tunnels_in_tunnels() {
        let depth = |frame: &Vec<u8>| {
            let layers = Layers::decode(LinkType::ETHERNET, frame, frame.len() as u32);
            std::iter::successors(Some(layers), |outer| outer.inner(frame)).count()
        };
        let frames = mixture(500, 1);
        assert!((1..=3).all(|wanted| frames.iter().any(|frame| depth(frame) == wanted)));
    }
}
