use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::{self, Kind, Spec, exercise};

mod links;
mod tunnels;

const UDP: [u8; 8] = [4, 0, 0, 80, 0, 8, 0, 0];

fn v4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    testing::ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), protocol, &[], fragment, payload)
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    testing::ipv6(1.into(), 2.into(), next, payload)
}

fn whole(link: LinkType, frame: &[u8]) -> Layers {
    Layers::decode(link, frame, frame.len() as u32)
}

fn list(layers: &Layers) -> Vec<(Proto, usize)> {
    layers.headers().collect()
}

fn protos(layers: &Layers) -> Vec<Proto> {
    layers.headers().map(|(proto, _)| proto).collect()
}

fn with(prefix: &[u8], packet: &[u8]) -> Vec<u8> {
    [prefix, packet].concat()
}

#[test]
fn every_link_type_leads_to_the_ip_header() {
    let (four, six) = (v4(17, 0, &UDP), v6(17, &UDP));
    let sll = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    let mut sll2 = [0u8; 20];
    sll2[..2].copy_from_slice(&[8, 0]);
    type Case<'a> = (LinkType, &'a [u8], &'a [u8], &'a [Proto]);
    let cases: &[Case<'_>] = &[
        (LinkType::RAW, &[], &four, &[]),
        (LinkType::RAW_12, &[], &six, &[]),
        (LinkType::RAW_14, &[], &four, &[]),
        (LinkType::IPV4, &[], &four, &[]),
        (LinkType::IPV6, &[], &six, &[]),
        (LinkType::NULL, &[2, 0, 0, 0], &four, &[Proto::Null]),
        (LinkType::NULL, &[0, 0, 0, 2], &four, &[Proto::Null]),
        (LinkType::NULL, &[24, 0, 0, 0], &six, &[Proto::Null]),
        (LinkType::NULL, &[0, 0, 0, 28], &six, &[Proto::Null]),
        (LinkType::NULL, &[30, 0, 0, 0], &six, &[Proto::Null]),
        (LinkType::LOOP, &[0, 0, 0, 24], &six, &[Proto::Loop]),
        (LinkType::PPP, &[0xFF, 3, 0, 0x21], &four, &[Proto::Ppp]),
        (LinkType::PPP, &[0, 0x57], &six, &[Proto::Ppp]),
        (LinkType::PPP, &[0x21], &four, &[Proto::Ppp]),
        (LinkType::PPP_HDLC, &[0x0F, 0, 8, 0], &four, &[Proto::Hdlc]),
        (LinkType::HDLC, &[0x8F, 0, 0x86, 0xDD], &six, &[Proto::Hdlc]),
        (LinkType::PPP_ETHER, &[0x11, 0, 0, 1, 0, 30, 0, 0x21], &four, &[Proto::Pppoe, Proto::Ppp]),
        (LinkType::LINUX_SLL, &sll, &four, &[Proto::Sll]),
        (LinkType::LINUX_SLL2, &sll2, &four, &[Proto::Sll2]),
    ];
    for (link, prefix, packet, headers) in cases {
        let layers = whole(*link, &with(prefix, packet));
        let network = if packet[0] >> 4 == 4 { Proto::Ipv4 } else { Proto::Ipv6 };
        assert_eq!(protos(&layers), [headers, &[network, Proto::Udp][..]].concat(), "{link} {prefix:?}");
        assert_eq!(layers.network(), Some((network, prefix.len())));
        assert_eq!(layers.stop(), Stop::Payload);
        assert_eq!(layers.ethertype(), if network == Proto::Ipv4 { 0x0800 } else { 0x86DD });
    }
}

#[test]
fn vlan_tags_of_every_kind_nest() {
    let mut frame = vec![0; 12];
    for tpid in vlan::TPIDS {
        frame.extend(tpid.to_be_bytes());
        frame.extend((tpid & 0xFFF).to_be_bytes());
    }
    frame.extend([8, 0]);
    frame.extend(v4(17, 0, &UDP));
    let layers = whole(LinkType::ETHERNET, &frame);
    assert_eq!(layers.vlan_ids(&frame).collect::<Vec<_>>(), [0x100, 0x8A8, 0x100, 0x200, 0x300]);
    assert_eq!(layers.find(Proto::Vlan), Some(14));
    assert_eq!(layers.network(), Some((Proto::Ipv4, 34)));
}

#[test]
fn a_type_below_0x600_is_a_length() {
    let ip = v4(17, 0, &UDP);
    let snap = [&[0; 12][..], &[0, 36, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0], &ip].concat();
    let layers = whole(LinkType::ETHERNET, &snap);
    let found = [Proto::Ethernet, Proto::Llc, Proto::Snap, Proto::Ipv4, Proto::Udp];
    assert_eq!((protos(&layers), layers.ethertype()), (found.to_vec(), 0x0800));
    let spanning_tree = [&[0; 12][..], &[0, 38, 0x42, 0x42, 3], &[0; 35]].concat();
    let layers = whole(LinkType::ETHERNET, &spanning_tree);
    assert_eq!((layers.stop(), layers.payload(), layers.ethertype()), (Stop::Unsupported, 17, 0));
}

fn step_by_step(frame: &[u8], wire_len: u32) -> Layers {
    let mut layers = Layers::default();
    general(LinkType::ETHERNET, frame, wire_len, DEFAULT_TUNNELS, &mut layers);
    layers
}

#[test]
fn the_common_frames_take_the_short_cut() {
    for (source, destination) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        for kind in [Kind::Tcp, Kind::Udp] {
            let frame = Spec::new(kind, source, destination).frame();
            let mut layers = Layers::default();
            let found = common::v4(&frame).or(common::v6(&frame, &mut layers).and(Some(layers)));
            let general = step_by_step(&frame, frame.len() as u32);
            assert_eq!(found, Some(general), "{kind:?} {source}");
            let flow = flow::Compact::of_frame(&frame);
            assert_eq!(flow, flow::Compact::of(&frame, &general));
            assert_eq!(flow.map(|flow| flow.hash()), source.contains('.').then(|| general.flow_hash()));
        }
    }
}

#[test]
fn padding_is_no_payload() {
    let mut spec = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2");
    spec.padding = 11;
    let frame = spec.frame();
    let layers = testing::decode(&frame);
    assert_eq!(list(&layers), [(Proto::Ethernet, 0), (Proto::Ipv4, 14), (Proto::Udp, 34)]);
    assert_eq!(layers.payload_bytes(&frame), b"payload");
    assert_eq!(layers.l3_end(), frame.len() - 11);
    assert_eq!(layers.ports(&frame), Some((1024, 80)));
}

#[test]
fn fragments_are_told_apart() {
    let first = whole(LinkType::RAW, &v4(17, 0x2000, &UDP));
    assert!(first.is_fragment() && !first.is_later_fragment() && first.transport().is_some());
    let later = whole(LinkType::RAW, &v4(17, 0x0001, &UDP));
    assert!(later.is_fragment() && later.is_later_fragment() && later.transport().is_none());
    assert_eq!((later.stop(), later.ip_protocol(), later.payload()), (Stop::Fragment, Some(17), 20));
    let unfragmented = whole(LinkType::RAW, &v4(17, 0x4000, &UDP));
    assert!(!unfragmented.is_fragment());
    for (word, is_fragment, is_later) in [(0u16, false, false), (1, true, false), (8, true, true)] {
        let [a, b] = word.to_be_bytes();
        let layers = whole(LinkType::RAW, &v6(44, &with(&[17, 0, a, b, 0, 0, 0, 9], &UDP)));
        assert_eq!((layers.is_fragment(), layers.is_later_fragment()), (is_fragment, is_later));
        assert_eq!((layers.ip_protocol(), layers.transport().is_some()), (Some(17), !is_later));
    }
}

#[test]
fn every_extension_header_is_walked() {
    let extension = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let mut packet = vec![];
    let mut expected = vec![Proto::Ipv6];
    let chain: [(u8, Proto); 8] = [
        (0, Proto::Ipv6HopByHop),
        (60, Proto::Ipv6DestOpts),
        (43, Proto::Ipv6Routing),
        (44, Proto::Ipv6Fragment),
        (51, Proto::Ah),
        (139, Proto::Ipv6Extension),
        (140, Proto::Ipv6Extension),
        (60, Proto::Ipv6DestOpts),
    ];
    for (index, (number, proto)) in chain.iter().enumerate() {
        let next = chain.get(index + 1).map_or(6, |(number, _)| *number);
        match *number {
            51 => packet.extend([&[next, 4, 0, 0][..], &[0; 20]].concat()),
            44 => packet.extend([next, 0, 0, 0, 0, 0, 0, 7]),
            _ => packet.extend(extension(next)),
        }
        expected.push(*proto);
    }
    packet.extend([&[0; 12][..], &[0x50, 0, 0, 0, 0, 0, 0, 0]].concat());
    expected.push(Proto::Tcp);
    let layers = whole(LinkType::IPV6, &v6(0, &packet));
    assert_eq!((protos(&layers), layers.ip_protocol(), layers.stop()), (expected, Some(6), Stop::Payload));
    let mobility = whole(LinkType::IPV6, &v6(135, &[59, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!((mobility.transport(), mobility.payload()), (Some((Proto::Mobility, 40)), 56));
    let nothing = whole(LinkType::IPV6, &v6(59, &[]));
    assert_eq!((nothing.stop(), nothing.is_gso()), (Stop::Payload, false));
}

#[test]
fn endless_nesting_ends() {
    let packet: Vec<u8> = [60, 0, 1, 4, 0, 0, 0, 0].repeat(30);
    let layers = whole(LinkType::IPV6, &v6(60, &packet));
    assert_eq!((layers.stop(), layers.headers().count()), (Stop::TooDeep, MAX_HEADERS));
    let tags = [0x81, 0].repeat(40_000);
    assert_eq!(whole(LinkType::ETHERNET, &tags).stop(), Stop::TooDeep);
}

#[test]
fn a_length_of_zero_means_all_that_was_captured() {
    let mut four = with(&v4(17, 0, &[4, 0, 0, 80, 0, 0, 0, 0]), &[7; 100]);
    four[2..4].fill(0);
    let layers = whole(LinkType::RAW, &four);
    assert!(layers.is_gso());
    assert_eq!((layers.l3_end(), layers.stop()), (128, Stop::Payload));
    let mut six = with(&v6(17, &[4, 0, 0, 80, 0, 0, 0, 0]), &[7; 100]);
    six[4..6].fill(0);
    assert!(whole(LinkType::RAW, &six).is_gso());
}

#[test]
fn a_jumbogram_says_its_length_in_an_option() {
    let length = 8 + 8 + 70_000u32;
    let mut jumbo = v6(0, &[17, 0, 0xC2, 4, 0, 1, 0x11, 0x80, 4, 0, 0, 80, 0, 0, 0, 0]);
    jumbo[4..6].fill(0);
    jumbo[44..48].copy_from_slice(&length.to_be_bytes());
    jumbo.extend(vec![0; 70_010]);
    let layers = whole(LinkType::RAW, &jumbo);
    assert_eq!((layers.l3_end(), layers.is_gso()), (40 + length as usize, false));
}

#[test]
fn a_cut_capture_is_not_a_bad_length() {
    let frame = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    for cut in 0..frame.len() {
        let short = &frame[..cut];
        let truncated = Layers::decode(LinkType::ETHERNET, short, frame.len() as u32);
        let expected = if cut < 54 { Stop::Truncated } else { Stop::Payload };
        assert_eq!(truncated.stop(), expected, "{cut}");
        assert_eq!(truncated.ports(short), (cut >= 38).then_some((1024, 80)), "{cut}");
        assert_eq!(truncated.is_cut(), cut >= 34);
        let lying = whole(LinkType::ETHERNET, short);
        assert_eq!(lying.stop(), if cut < 54 { Stop::BadLength } else { Stop::Payload }, "{cut}");
    }
}

#[test]
fn contradictions_are_named() {
    let change = |at: usize, value: u8| {
        let mut packet = v4(17, 0, &UDP);
        packet[at] = value;
        whole(LinkType::IPV4, &packet)
    };
    assert_eq!(change(0, 0x65).stop(), Stop::Malformed);
    assert_eq!(change(0, 0x44).stop(), Stop::BadLength);
    assert_eq!(change(3, 19).stop(), Stop::BadLength);
    assert_eq!(change(25, 7).stop(), Stop::BadLength);
    assert_eq!(change(25, 9).stop(), Stop::BadLength);
    assert_eq!(change(9, 89).stop(), Stop::Unsupported);
    assert_eq!(whole(LinkType(147), &[0; 60]).stop(), Stop::Unsupported);
    assert_eq!(whole(LinkType::RAW, &[0; 60]).stop(), Stop::Malformed);
}

#[test]
fn arp_is_measured_by_its_own_lengths() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    let frame = [&[0; 12][..], &[8, 6], &arp, &[0; 18]].concat();
    let layers = whole(LinkType::ETHERNET, &frame);
    let header = arp::view(&frame, layers.find(Proto::Arp).unwrap()).unwrap();
    assert_eq!(header.addresses(&frame), Some(([10, 0, 0, 1].into(), [10, 0, 0, 2].into())));
    assert_eq!((layers.payload(), layers.network(), layers.stop()), (42, None, Stop::Payload));
}

#[test]
fn an_exhausted_source_route_names_no_other_destination() {
    use crate::pseudo::Routes;
    let options = |pointer| [1, 131, 11, pointer, 10, 0, 0, 8, 10, 0, 0, 9];
    let packet = |pointer| testing::ipv4(1.into(), 2.into(), 17, &options(pointer), 0, &UDP);
    let last =
        |pointer| Routes::of(&packet(pointer), 0).map(|route| (route.count, route.last)).collect::<Vec<_>>();
    assert_eq!(last(4), [(2, Some(28))]);
    assert_eq!(last(12), [(2, None)]);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(frame in vec(any::<u8>(), 0..200), wire: u16, other in vec(any::<u8>(), 0..99)) {
        let links = [0u16, 1, 9, 12, 50, 101, 104, 108, 113, 228, 229, 276, 147];
        for link in links {
            let layers = Layers::decode(LinkType(link), &frame, wire.into());
            exercise(&frame, &layers, wire.into());
            exercise(&other, &layers, wire.into());
        }
    }

    #[test]
    fn the_short_cut_agrees_with_the_general_way(
        mut spec in testing::spec(), hits in vec((12usize..84, any::<u8>()), 0..3), cut: prop::sample::Index,
        plain in prop::option::of(prop::sample::select(&[Kind::Tcp, Kind::Udp])), is_tunnel: bool,
    ) {
        if let Some(kind) = plain {
            (spec.kind, spec.options, spec.route) = (kind, 0, None);
            spec.vlans.clear();
            spec.ports = if is_tunnel { (2152, 4789) } else { spec.ports };
        }
        let mut frame = spec.frame();
        for (at, value) in hits {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        let wire_len = frame.len() as u32;
        prop_assert_eq!(Layers::decode(LinkType::ETHERNET, &frame, wire_len), step_by_step(&frame, wire_len));
        frame.truncate(cut.index(frame.len() + 1));
        prop_assert_eq!(Layers::decode(LinkType::ETHERNET, &frame, wire_len), step_by_step(&frame, wire_len));
    }

    #[test]
    fn mutated_packets_never_panic(
        spec in testing::spec(), hits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut: prop::sample::Index,
    ) {
        let mut frame = spec.frame();
        let wire_len = frame.len() as u32;
        for (at, value) in hits {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        let layers = Layers::decode(LinkType::ETHERNET, &frame, wire_len);
        exercise(&frame, &layers, wire_len);
        frame.truncate(cut.index(frame.len() + 1));
        exercise(&frame, &layers, wire_len);
        exercise(&frame, &Layers::decode(LinkType::ETHERNET, &frame, wire_len), wire_len);
    }
}
