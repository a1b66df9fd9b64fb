//! Fields that stand in few packets.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::laws::All;
use super::*;
use crate::checksum;
use crate::testing::{ipv4, ipv6};

fn wants(change: impl FnOnce(&mut Wants)) -> Wants {
    let mut wants = Wants { inner: true, ..Wants::default() };
    change(&mut wants);
    wants
}

fn ethernet(ethertype: u16, packet: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &ethertype.to_be_bytes(), packet].concat()
}

/// A frame of an upper-layer packet over IPv4 or IPv6, with the checksum that it should have.
fn frame(is_v4: bool, protocol: u8, upper: &[u8]) -> Vec<u8> {
    let mut frame = if is_v4 {
        ethernet(0x0800, &ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), protocol, &[], 0, upper))
    } else {
        ethernet(0x86DD, &ipv6(1.into(), 2.into(), protocol, upper))
    };
    let layers = decode(&frame);
    recompute(&mut frame, &layers);
    frame
}

fn changed(frame: &mut [u8], change: &mut impl Change) -> Effect {
    let mut layers = decode(frame);
    let effect = apply(frame, &mut layers, change);
    assert_eq!(layers, decode(frame));
    effect
}

/// Adds 1 to the last byte of each MAC address and knows whether it was asked about the header.
struct Counting;

impl Change for Counting {
    fn wants(&self) -> Wants {
        wants(|wants| (wants.macs, wants.addresses) = (true, true))
    }

    fn v4(&mut self, address: u32, _: Side) -> u32 {
        address + 0x0100_0000
    }

    fn v6(&mut self, address: u128, _: Side) -> u128 {
        address + (1 << 120)
    }

    fn mac(&mut self, _: Mac, side: Side) -> Mac {
        Mac(if side == Side::Source { [6; 6] } else { [8; 6] })
    }

    fn station(&mut self, mac: Mac) -> Mac {
        let Mac([a, b, c, d, e, f]) = mac;
        Mac([a, b, c, d, e, f + 1])
    }
}

fn counted(frame: &mut [u8]) {
    assert_eq!(changed(frame, &mut Counting), Effect::Fields);
    assert!(check(frame).is_acceptable(), "{:?}", check(frame));
}

#[test]
fn sequence_numbers_move_with_what_acknowledges_them() {
    for pad in [0, 1] {
        // Ports, sequence and acknowledgement number, then NOPs and a SACK option with two blocks.
        let mut tcp = vec![0x10, 0, 0, 80, 0, 0, 0, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0xB0, 0x10, 1, 0, 0, 0, 0, 0];
        tcp.extend(vec![1; 2 - pad]);
        tcp.extend([5, 18]);
        for edge in 100..104u32 {
            tcp.extend(edge.to_be_bytes());
        }
        tcp.extend(vec![1; 2 + pad]);
        tcp.extend([0; 2]);
        tcp.extend(b"data");
        let mut frame = frame(true, 6, &tcp);
        let mut all = All { wants: wants(|wants| wants.sequence = true), amount: 3 };
        changed(&mut frame, &mut all);
        assert_eq!(check(&frame).transport, Verdict::Good);
        let number = |at: usize| u32::from_be_bytes(*frame[34 + at..].first_chunk().unwrap());
        // What a client with port 4096 sends to port 80 moves by 3 * 4096 + 80, and the other way by 3 * 80 + 4096.
        assert_eq!(number(4), 9 + 3 * 4096 + 80);
        assert_eq!(number(8), 3 * 80 + 4096 - 1);
        let sack = 24 - pad;
        assert_eq!(
            [0, 1, 2, 3].map(|at| number(sack + 4 * at)),
            [100, 101, 102, 103].map(|edge| edge + 4336)
        );
    }
}

#[test]
fn what_is_not_acknowledged_does_not_move() {
    let syn = [0x10, 0, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 1, 0, 0, 0, 0, 0];
    let mut frame = frame(false, 6, &syn);
    let mut all = All { wants: wants(|wants| wants.sequence = true), amount: 3 };
    changed(&mut frame, &mut all);
    assert_eq!(frame[54 + 8..54 + 12], [0; 4]);
    assert_eq!(check(&frame).transport, Verdict::Good);
}

#[test]
fn class_label_and_hops_are_those_of_the_outermost_header() {
    let inner = ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17, &[], 0, &[0; 8]);
    let mut frame = frame(false, 4, &inner);
    let mut all = All { wants: wants(|wants| wants.header = true), amount: 0x0000_1203 };
    assert_eq!(changed(&mut frame, &mut all), Effect::Fields);
    assert_eq!(frame[14..18], [0x61, 0x20, 0x12, 0x03]);
    assert_eq!(frame[21], 67);
    assert_eq!(frame[54..], inner);
}

#[test]
fn a_neighbor_is_known_by_one_address_everywhere() {
    let target: Ipv6Addr = "fd00::7".parse().unwrap();
    // An advertisement with the sender's address in an option, then a prefix, a DNS server and an empty option.
    let mut advertisement =
        [&[136, 0, 0, 0, 0x60, 0, 0, 0][..], &target.octets(), &[2, 1, 2, 0, 0, 0, 0, 1]].concat();
    advertisement.extend([&[3, 4, 8, 0xC0][..], &[0; 12], &target.octets()].concat());
    advertisement.extend([&[25, 3, 0, 0, 0, 0, 0, 9][..], &target.octets()].concat());
    advertisement.extend([1, 1, 2, 0, 0, 0, 0, 5, 9, 0, 1, 1]);
    let mut frame = frame(false, 58, &advertisement);
    counted(&mut frame);
    let message = &frame[54..];
    assert_eq!(frame[..12], [8, 8, 8, 8, 8, 8, 6, 6, 6, 6, 6, 6]);
    assert_eq!(message[8], 0xFE);
    // What stands in the header becomes what that became, and what does not is asked about.
    assert_eq!(message[24..32], [2, 1, 6, 6, 6, 6, 6, 6]);
    assert_eq!(message[48..64], [&[0xFE][..], &target.octets()[1..]].concat());
    assert_eq!(message[72], 0xFE);
    assert_eq!(message[88..96], [1, 1, 2, 0, 0, 0, 0, 6]);
}

#[test]
fn a_redirect_quotes_what_went_the_other_way() {
    let quoted = Spec::new(Kind::Udp, "fd00::1", "fd00::2").ip();
    let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let units = (8 + quoted.len()).div_ceil(8);
    let mut redirect = [&[137, 0, 0, 0, 0, 0, 0, 0][..], &octets("fd00::9"), &octets("fd00::2")].concat();
    redirect.extend([&[4, units as u8, 0, 0, 0, 0, 0, 0][..], &quoted].concat());
    redirect.resize(40 + 8 * units, 0);
    let mut frame = frame(false, 58, &redirect);
    counted(&mut frame);
    let expected = Spec::new(Kind::Udp, "fe00::1", "fe00::2").ip();
    assert_eq!(frame[54 + 48..54 + 48 + quoted.len()], expected);
}

#[test]
fn arp_and_cooked_headers_have_the_same_stations() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    let mut frame = ethernet(0x0806, &arp);
    counted(&mut frame);
    assert_eq!(frame[22..42], [6, 6, 6, 6, 6, 6, 11, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0, 0, 2]);
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 6];
    let mut frame = [&cooked[..], &arp].concat();
    let mut layers = Layers::decode(LinkType::LINUX_SLL, &frame, frame.len() as u32);
    apply(&mut frame, &mut layers, &mut Counting);
    assert_eq!((&frame[6..12], &frame[24..30]), (&[6; 6][..], &[6; 6][..]));
}

#[test]
fn arp_in_a_tunnel_counts_for_the_checksum_outside() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 5, 10, 0, 0, 1, 2, 0, 0, 0, 0, 6, 10, 0, 0, 2];
    let inner = ethernet(0x0806, &arp);
    let udp = [&[0xC0, 0, 0x12, 0xB5, 0, 58, 0, 1, 8, 0, 0, 0, 0, 0, 5, 0][..], &inner].concat();
    let mut frame = frame(true, 17, &udp);
    assert_eq!(check(&frame).transport, Verdict::Good);
    counted(&mut frame);
    assert_eq!(frame[50..62], [8, 8, 8, 8, 8, 8, 6, 6, 6, 6, 6, 6]);
    assert_eq!(frame[72..92], [2, 0, 0, 0, 0, 6, 11, 0, 0, 1, 2, 0, 0, 0, 0, 7, 11, 0, 0, 2]);
}

#[test]
fn dhcp_names_addresses_in_fields_and_options() {
    let mut message = [&[2, 1, 6, 0][..], &[0; 12], &[10, 0, 0, 7, 10, 0, 0, 1], &[0; 4]].concat();
    message.extend([2, 0, 0, 0, 0, 1]);
    message.resize(236, 0);
    message.extend([99, 130, 83, 99, 53, 1, 5, 54, 4, 10, 0, 0, 1, 61, 7, 1, 2, 0, 0, 0, 0, 5, 0, 3, 8]);
    message.extend([10, 0, 0, 2, 10, 0, 0, 3, 255, 54, 4]);
    let length = (message.len() + 8) as u16;
    let udp = [&[0, 67, 0, 68][..], &length.to_be_bytes(), &[0, 1], &message].concat();
    let mut frame = frame(true, 17, &udp);
    counted(&mut frame);
    let message = &frame[42..];
    assert_eq!(message[12..34], [0, 0, 0, 0, 11, 0, 0, 7, 11, 0, 0, 1, 0, 0, 0, 0, 6, 6, 6, 6, 6, 6]);
    assert_eq!(
        message[240..],
        [
            53, 1, 5, 54, 4, 11, 0, 0, 1, 61, 7, 1, 2, 0, 0, 0, 0, 6, 0, 3, 8, 11, 0, 0, 2, 11, 0, 0, 3, 255,
            54, 4
        ]
    );
}

#[test]
fn check_values_that_need_a_key_are_seen() {
    let tcp = |options: &[u8]| {
        let offset = (5 + options.len() / 4) as u8;
        let header = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, offset << 4, 16, 0, 0, 0, 0, 0, 0];
        let frame = frame(true, 6, &[&header[..], options].concat());
        is_signed(&frame, &decode(&frame))
    };
    let timestamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    assert!(!tcp(&[]) && !tcp(&timestamps));
    assert!(tcp(&[&[19, 18][..], &[7; 16], &[0, 0]].concat()));
    assert!(tcp(&[&timestamps[..], &[1, 1, 1, 29, 4, 1, 1, 0]].concat()));
    let protected = |protocol| {
        let frame = frame(true, protocol, &[&[17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &[0; 20]].concat());
        is_signed(&frame, &decode(&frame))
    };
    assert!(protected(51) && protected(50));
    assert!(!protected(17));
}

#[test]
fn udp_over_ipv6_without_a_checksum_stays_without_around_a_tunnel_alone() {
    let inner = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").frame();
    let length = (16 + inner.len()) as u16;
    let udp = |port: [u8; 2]| {
        [&[0xC0, 0][..], &port, &length.to_be_bytes(), &[0, 0, 8, 0, 0, 0, 0, 0, 5, 0], &inner].concat()
    };
    let sum = |frame: &[u8]| [frame[60], frame[61]];
    assert_eq!(sum(&frame(false, 17, &udp([0x12, 0xB5]))), [0, 0]);
    let plain = frame(false, 17, &udp([0, 53]));
    assert_ne!(sum(&plain), [0, 0]);
    assert_eq!(check(&plain).transport, Verdict::Good);
}

#[test]
fn what_is_not_all_there_is_not_computed() {
    let whole = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    let mut cut = whole[..60].to_vec();
    cut[50..52].copy_from_slice(&[1, 2]);
    cut[24..26].copy_from_slice(&[0, 0]);
    let layers = Layers::decode(LinkType::ETHERNET, &cut, whole.len() as u32);
    recompute(&mut cut, &layers);
    assert_eq!((&cut[24..26], &cut[50..52]), (&whole[24..26], &[1, 2][..]));
    let upper = [&[0, 1, 0, 2, 0, 32, 0, 9][..], &[0; 8]].concat();
    let first = ipv4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 17, &[], 0x2000, &upper);
    let mut copy = first.clone();
    recompute(&mut copy, &Layers::decode(LinkType::RAW, &first, first.len() as u32));
    assert_eq!(copy, first);
    assert!(checksum::is_good(checksum::sum(&copy[..20])));
}

#[test]
fn groups_and_their_sources_are_named_as_in_the_header() {
    let octets = |last: u8| [&[0xFD][..], &[0; 14], &[last]].concat();
    let mut report = vec![143, 0, 0, 0, 0, 0, 0, 2];
    report.extend([&[1, 1, 0, 2][..], &octets(1), &octets(2), &octets(3), &[0xFD; 4]].concat());
    report.extend([&[4, 0, 0, 0][..], &octets(4)].concat());
    let mut six = frame(false, 58, &report);
    counted(&mut six);
    let changed: Vec<usize> = (54..six.len()).filter(|at| six[*at] == 0xFE).map(|at| at - 54).collect();
    assert_eq!(changed, [12, 28, 44, 68]);
    let mut four = frame(true, 2, &[0x22, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 239, 1, 1, 1, 10, 0, 0, 9]);
    counted(&mut four);
    assert_eq!(four[46..], [240, 1, 1, 1, 11, 0, 0, 9]);
    for (query, expected) in [([0; 4], [0; 4]), ([239, 0, 0, 1], [240, 0, 0, 1])] {
        let mut four = frame(true, 2, &[&[0x11, 0, 0, 0][..], &query, &[0, 0, 0, 1, 10, 0, 0, 9]].concat());
        counted(&mut four);
        assert_eq!(four[38..], [&expected[..], &[0, 0, 0, 1, 11, 0, 0, 9]].concat());
    }
}

#[test]
fn a_check_sequence_stays_as_right_or_wrong_as_it_was() {
    for damage in [0, 7] {
        let mut frame = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").frame();
        let sum = |body: &[u8]| (checksum::crc32(body) ^ damage).to_le_bytes();
        frame.extend(sum(&frame));
        let layers = decode(&frame);
        let map = &mut |address, _| Some(add(address, 77));
        assert!(with_check_sequence(&mut frame, |frame| map_addresses(frame, &layers, map)));
        let (body, sequence) = frame.split_at(frame.len() - 4);
        assert_eq!(sequence, sum(body));
    }
    let mut short = [1, 2, 3];
    with_check_sequence(&mut short, |frame| frame[0] = 9);
    assert_eq!(short, [9, 2, 3]);
}

#[test]
fn checksums_over_addresses_follow_in_protocols_that_are_not_decoded() {
    let sum = |frame: &[u8], field: usize| u16::from_be_bytes([frame[field], frame[field + 1]]);
    // DCCP, OSPF, PIM and VRRP of version 3 and 2: where the checksum is, and whether it covers the addresses.
    for (is_v4, protocol, first, offset, covers) in [
        (true, 33, 0, 6, true),
        (false, 33, 0, 6, true),
        (false, 89, 3, 12, true),
        (true, 89, 2, 12, false),
        (false, 103, 0x20, 2, true),
        (true, 103, 0x20, 2, false),
        (true, 112, 0x31, 6, true),
        (false, 112, 0x31, 6, true),
        (true, 112, 0x21, 6, false),
    ] {
        let mut frame = frame(is_v4, protocol, &[&[first][..], &[7; 19]].concat());
        let field = if is_v4 { 34 } else { 54 } + offset;
        let before = sum(&frame, field);
        let mut all = All { wants: wants(|wants| wants.addresses = true), amount: 0x0102_0304 };
        let old = frame.clone();
        changed(&mut frame, &mut all);
        let addresses = if is_v4 { 26..34 } else { 22..54 };
        let delta = checksum::Delta::bytes(0, &old[addresses.clone()], &frame[addresses]);
        let expected = if covers { delta.apply(before) } else { before };
        assert_eq!(sum(&frame, field), expected, "{is_v4} {protocol}");
    }
}
