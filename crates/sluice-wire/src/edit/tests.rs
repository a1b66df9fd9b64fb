use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

mod fields;
mod laws;

use super::*;
use crate::addr::Mac;
use crate::link::LinkType;
use crate::testing::{self, Kind, Spec, decode, octets};
use crate::verify::{self, Offload, Verdict};

fn add(address: IpAddr, amount: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address).wrapping_add(amount)).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address).wrapping_add(u128::from(amount))).into(),
    }
}

fn check(frame: &[u8]) -> verify::Verdicts {
    verify::check(frame, &decode(frame), frame.len() as u32, Offload::None)
}

const SUMMED: [Kind; 6] = [Kind::Tcp, Kind::Udp, Kind::UdpLite, Kind::Echo, Kind::Error, Kind::Neighbor];

#[test]
fn a_missing_udp_checksum_stays_missing() {
    let spec = Spec::new(Kind::UdpNoSum, "10.0.0.1", "10.0.0.2");
    let mut frame = spec.frame();
    let layers = decode(&frame);
    assert!(map_addresses(&mut frame, &layers, &mut |address, _| Some(add(address, 77))));
    assert!(map_ports(&mut frame, &layers, &mut |port, _| Some(port + 1)));
    assert_eq!(frame[40..42], [0, 0]);
    assert_eq!(check(&frame).network, Verdict::Good);
}

#[test]
fn a_udp_checksum_that_becomes_zero_is_stored_as_ones() {
    let frame = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").frame();
    let layers = decode(&frame);
    let mut seen = false;
    for port in 0..=u16::MAX {
        let mut frame = frame.clone();
        assert!(Editor::new(&mut frame, &layers).set_source_port(port));
        assert_ne!(frame[40..42], [0, 0]);
        seen |= frame[40..42] == [0xFF, 0xFF];
    }
    assert!(seen);
}

#[test]
fn fragments_are_patched_in_the_first_alone() {
    let whole = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").ip();
    let upper = whole[20..].to_vec();
    let (source, destination) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let mut first = testing::ipv4(source, destination, 17, &[], 0x2000, &upper[..8]);
    let mut later = testing::ipv4(source, destination, 17, &[], 0x0001, &upper[8..]);
    let mut map = |address, _| Some(add(address, 0x01_00_00));
    for fragment in [&mut first, &mut later] {
        let layers = Layers::decode(LinkType::RAW, fragment, fragment.len() as u32);
        assert!(map_addresses(fragment, &layers, &mut map));
        let verdicts = verify::check(fragment, &layers, fragment.len() as u32, Offload::None);
        assert_eq!((verdicts.network, verdicts.transport), (Verdict::Good, Verdict::Unverifiable));
    }
    assert_eq!(later[20..], upper[8..]);
    let expected = Spec::new(Kind::Udp, "10.1.0.1", "10.1.0.2").ip();
    assert_eq!([&first[20..], &later[20..]].concat(), expected[20..]);
}

#[test]
fn a_cut_packet_is_patched_if_the_field_was_captured() {
    let before = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    let after = Spec::new(Kind::Tcp, "10.0.0.9", "10.0.0.2").frame();
    for cut in [34, 40, 51, 52, 54] {
        let mut frame = before[..cut].to_vec();
        let layers = Layers::decode(LinkType::ETHERNET, &frame, before.len() as u32);
        assert!(Editor::new(&mut frame, &layers).set_source("10.0.0.9".parse().unwrap()));
        let end = if cut < 52 { cut.min(50) } else { cut };
        assert_eq!(frame[..end], after[..end], "{cut}");
    }
}

#[test]
fn the_header_destination_is_not_summed_while_a_routing_header_names_another() {
    let mut spec = Spec::new(Kind::Tcp, "fd00::1", "fd00::2");
    spec.route = Some("fd00::3".parse().unwrap());
    let mut frame = spec.frame();
    let layers = decode(&frame);
    let sum = layers.transport().unwrap().1 + 16;
    let before = frame[sum..sum + 2].to_vec();
    assert!(Editor::new(&mut frame, &layers).set_destination("fd00::99".parse().unwrap()));
    assert_eq!(frame[sum..sum + 2], before);
    assert!(map_addresses(&mut frame, &layers, &mut |address, _| Some(add(address, 5))));
    assert_ne!(frame[sum..sum + 2], before);
    assert_eq!(check(&frame).transport, Verdict::Good);
    let at = layers.find(Proto::Ipv6Routing).unwrap();
    assert_eq!(frame[at + 8..at + 24], octets("fd00::8".parse().unwrap()));
}

#[test]
fn a_source_route_is_mapped_at_odd_offsets_too() {
    for pad in [&[][..], &[1]] {
        let route = [pad, &[131, 7, 4, 10, 0, 0, 9, 0][..8 - pad.len()]].concat();
        let spec = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.9");
        // The sum is over the final destination, which the route names.
        let upper = spec.ip()[20..].to_vec();
        let mut ip = testing::ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17, &route, 0, &upper);
        let layers = Layers::decode(LinkType::RAW, &ip, ip.len() as u32);
        let verdicts = |ip: &[u8]| {
            let verdicts = verify::check(ip, &layers, ip.len() as u32, Offload::None);
            (verdicts.network, verdicts.transport)
        };
        assert_eq!(verdicts(&ip), (Verdict::Good, Verdict::Good));
        assert!(map_addresses(&mut ip, &layers, &mut |address, _| Some(add(address, 0x0102_0304))));
        assert_eq!(verdicts(&ip), (Verdict::Good, Verdict::Good));
        assert_eq!(ip[23 + pad.len()..27 + pad.len()], [11, 2, 3, 13]);
    }
}

#[test]
fn a_quoted_packet_is_seen_from_the_other_side() {
    let mut frame = Spec::new(Kind::Error, "10.0.0.1", "10.0.0.2").frame();
    let layers = decode(&frame);
    let mut seen = vec![];
    map_addresses(&mut frame, &layers, &mut |address, side| {
        seen.push((address.to_string(), side));
        None
    });
    let (one, two) = ("10.0.0.1".to_string(), "10.0.0.2".to_string());
    let outer = [(one.clone(), Side::Source), (two.clone(), Side::Destination)];
    assert_eq!(seen[..2], outer);
    assert_eq!(seen[2..], [(two, Side::Destination), (one, Side::Source)]);
}

#[test]
fn arp_names_sender_and_target() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    let mut frame = [&[0; 12][..], &[8, 6], &arp].concat();
    let layers = decode(&frame);
    assert!(map_addresses(&mut frame, &layers, &mut |address, side| {
        Some(add(address, if side == Side::Source { 8 } else { 9 }))
    }));
    assert_eq!((&frame[28..32], &frame[38..42]), (&[10, 0, 0, 9][..], &[10, 0, 0, 11][..]));
}

#[test]
fn the_other_family_is_refused() {
    let mut frame = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    let (before, layers) = (frame.clone(), decode(&frame));
    assert!(!Editor::new(&mut frame, &layers).set_source("::1".parse().unwrap()));
    assert!(!map_addresses(&mut frame, &layers, &mut |_, _| Some("::1".parse().unwrap())));
    assert_eq!(frame, before);
}

#[test]
fn macs_are_set_where_they_belong() {
    let mut frame = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    let layers = decode(&frame);
    let mut editor = Editor::new(&mut frame, &layers);
    assert!(editor.set_mac_destination(Mac([1; 6])) && editor.set_mac_source(Mac([2; 6])));
    assert_eq!(frame[..12], [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
}

proptest! {
    #[test]
    fn an_edited_packet_equals_one_built_that_way(spec in testing::spec(), amount: u32, ports: (u16, u16)) {
        // Built anew, the wrong-way-round zero of UDP cannot differ, so bytes are compared.
        let mut frame = spec.frame();
        let mut layers = decode(&frame);
        let mut wanted = spec.clone();
        wanted.source = add(spec.source, amount);
        wanted.destination = add(spec.destination, amount);
        wanted.route = spec.route.map(|route| match add(route.into(), amount) {
            IpAddr::V6(route) => route,
            IpAddr::V4(_) => unreachable!(),
        });
        map_addresses(&mut frame, &layers, &mut |address, _| Some(add(address, amount)));
        prop_assert_eq!(&frame, &wanted.frame());
        if spec.kind != Kind::Echo {
            wanted.ports = ports;
            map_ports(&mut frame, &layers, &mut |_, side| {
                Some(if side == Side::Source { ports.0 } else { ports.1 })
            });
            prop_assert_eq!(&frame, &wanted.frame());
        }
        layers.rehash(&frame);
        prop_assert_eq!(layers, decode(&frame));
    }

    #[test]
    fn there_and_back_restores_every_byte(spec in testing::spec(), amount: u32, shift: u16) {
        let before = spec.frame();
        let layers = decode(&before);
        let mut frame = before.clone();
        map_addresses(&mut frame, &layers, &mut |address, _| Some(add(address, amount)));
        map_ports(&mut frame, &layers, &mut |port, _| Some(port.wrapping_add(shift)));
        map_ports(&mut frame, &layers, &mut |port, _| Some(port.wrapping_sub(shift)));
        map_addresses(&mut frame, &layers, &mut |address, _| Some(add(address, amount.wrapping_neg())));
        // Of an address that ran over, IPv6 keeps the carry.
        if spec.source.is_ipv4() {
            prop_assert_eq!(frame, before);
        }
    }

    #[test]
    fn a_wrong_checksum_stays_wrong(spec in testing::spec_of(&SUMMED), amount: u32, damage in 1u16..0xFFFF) {
        let mut frame = spec.frame();
        let layers = decode(&frame);
        let (proto, at) = layers.transport().unwrap();
        let field = at + match proto { Proto::Tcp => 16, Proto::Udp | Proto::UdpLite => 6, _ => 2 };
        let sum = u16::from_be_bytes([frame[field], frame[field + 1]]);
        let wrong = u16::try_from((u32::from(sum) + u32::from(damage)) % 0xFFFF).unwrap();
        prop_assume!(wrong != 0 && wrong % 0xFFFF != sum % 0xFFFF);
        frame[field..field + 2].copy_from_slice(&wrong.to_be_bytes());
        map_addresses(&mut frame, &layers, &mut |address, _| Some(add(address, amount)));
        prop_assert_eq!(check(&frame).transport, Verdict::Bad);
    }

    #[test]
    fn setters_keep_a_packet_good(spec in testing::spec(), ends: (u32, u32), ttl: u8, ports: (u16, u16)) {
        let mut frame = spec.frame();
        let layers = decode(&frame);
        let mut editor = Editor::new(&mut frame, &layers);
        prop_assert!(editor.set_source(add(spec.source, ends.0)));
        prop_assert!(editor.set_destination(add(spec.destination, ends.1)));
        prop_assert!(editor.set_ttl(ttl));
        editor.set_ports(Some(ports.0), Some(ports.1));
        let verdicts = check(&frame);
        prop_assert!(verdicts.is_acceptable(), "{verdicts:?}");
        prop_assert_eq!(layers.addresses(&frame), Some((add(spec.source, ends.0), add(spec.destination, ends.1))));
    }
}
