use proptest::prelude::*;

use super::*;
use crate::testing::tunnel::{self, Nested, WRAPS, Wrap, nested, wrap};

fn udp_packet() -> Vec<u8> {
    Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").ip()
}

/// The same layers as if the frame had begun `by` bytes later.
fn shifted(layers: &Layers, by: usize) -> Vec<(Proto, usize)> {
    layers.headers().map(|(proto, at)| (proto, at - by)).collect()
}

#[test]
fn every_tunnel_leads_to_the_packet_in_it() {
    let (four, six) = (udp_packet(), Spec::new(Kind::Tcp, "fd00::1", "fd00::2").ip());
    for kind in WRAPS {
        for (packet, is_v4) in [(&four, true), (&four, false), (&six, true), (&six, false)] {
            if kind == Wrap::Teredo && std::ptr::eq(packet, &four) {
                continue;
            }
            let outer = wrap(kind, is_v4, packet);
            let layers = whole(LinkType::RAW, &outer);
            assert_eq!(layers.stop(), Stop::Payload, "{kind:?}");
            let network = if is_v4 { Proto::Ipv4 } else { Proto::Ipv6 };
            assert_eq!(layers.network(), Some((network, 0)));
            assert_eq!(layers.l3_end(), outer.len());
            assert_eq!(layers.payload_bytes(&outer), b"payload");
            let inner = layers.inner(&outer).unwrap();
            assert_eq!(inner.network().unwrap().1, outer.len() - packet.len());
            assert_eq!(inner.payload_bytes(&outer), b"payload");
            assert_eq!(inner.inner(&outer), None);
        }
    }
}

#[test]
fn what_a_tunnel_carries_says_nothing_about_the_packet_that_it_is_in() {
    let mut fragment = v4(6, 0x2001, &[0; 40]);
    fragment[3] = 80;
    let gre = wrap(Wrap::Gre, true, &fragment);
    let layers = whole(LinkType::RAW, &gre);
    assert_eq!((layers.transport(), layers.ip_protocol(), layers.ethertype()), (None, Some(47), 0x0800));
    assert!(!layers.is_fragment() && !layers.is_cut());
    assert_eq!((layers.stop(), layers.find(Proto::Gre)), (Stop::Fragment, Some(20)));
    let inner = layers.inner(&gre).unwrap();
    assert!(inner.is_later_fragment() && inner.is_cut());
    assert_eq!(inner.ip_protocol(), Some(6));

    let vxlan = wrap(Wrap::Vxlan, false, &udp_packet());
    let layers = whole(LinkType::RAW, &vxlan);
    assert_eq!((layers.transport(), layers.find(Proto::Ethernet)), (Some((Proto::Udp, 40)), None));
    assert_eq!(layers.ports(&vxlan), Some((0xC000, 4789)));
    assert_eq!(vxlan::view(&vxlan, layers.find(Proto::Vxlan).unwrap()), Some(5));
    let own: Vec<_> = layers.own().map(|(proto, _)| proto).collect();
    assert_eq!(own, [Proto::Ipv6, Proto::Udp, Proto::Vxlan]);
}

#[test]
fn tunnels_are_looked_into_as_deep_as_told() {
    let spec = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2");
    let tunnels = vec![(Wrap::Ip, true), (Wrap::Gre, true), (Wrap::Ip, false), (Wrap::Vxlan, true)];
    let frame = Nested { inner: spec, tunnels }.frame();
    let found = |tunnels| {
        let layers = Layers::decode_to(LinkType::ETHERNET, &frame, frame.len() as u32, tunnels);
        let packets = std::iter::successors(Some(layers), |outer| outer.inner(&frame)).count();
        let stops = std::iter::successors(Some(layers), |outer| outer.inner(&frame)).map(|l| l.stop());
        assert!(stops.clone().all(|stop| stop == layers.stop()), "{:?}", stops.collect::<Vec<_>>());
        (packets, layers.headers().count(), layers.stop())
    };
    assert_eq!(found(0), (1, 2, Stop::TooDeep));
    assert_eq!(found(1), (2, 4, Stop::TooDeep));
    assert_eq!(found(2), (3, 5, Stop::TooDeep));
    assert_eq!(found(3), (4, 8, Stop::TooDeep));
    assert_eq!(found(4), (5, 11, Stop::Payload));
    assert_eq!(found(255), (5, 11, Stop::Payload));
}

#[test]
fn headers_beyond_the_list_are_found_from_inside() {
    let inner = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2");
    let frame = Nested { inner, tunnels: vec![(Wrap::Vxlan, true); 3] }.frame();
    let layers = testing::decode(&frame);
    assert_eq!((layers.headers().count(), layers.stop()), (MAX_HEADERS, Stop::TooDeep));
    let packets: Vec<_> = std::iter::successors(Some(layers), |outer| outer.inner(&frame)).collect();
    assert_eq!(packets.len(), 4);
    assert_eq!(packets[3].ports(&frame), Some((1024, 80)));
}

#[test]
fn gre_is_measured_by_its_flags() {
    let packet = udp_packet();
    let cases: [(&[u8], &[Proto], Stop); 7] = [
        (&[0, 0, 8, 0], &[Proto::Ipv4, Proto::Gre, Proto::Ipv4, Proto::Udp], Stop::Payload),
        (&[0xB0, 0, 8, 0, 1, 2, 0, 0, 3, 3, 3, 3, 4, 4, 4, 4], &[], Stop::Payload),
        (&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 9, 9, 9, 9, 0, 0, 0, 0], &[], Stop::Payload),
        (&[0x30, 0x81, 0x88, 0x0B, 0, 40, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0x21], &[], Stop::Payload),
        (&[0x20, 0x81, 0x88, 0x0B, 0, 0, 0, 9, 0, 0, 0, 2], &[Proto::Ipv4, Proto::Gre], Stop::Payload),
        (&[0, 0, 0, 0], &[Proto::Ipv4, Proto::Gre], Stop::Payload),
        (&[0, 2, 8, 0], &[Proto::Ipv4, Proto::Gre], Stop::Unsupported),
    ];
    for (header, expected, stop) in cases {
        let frame = v4(47, 0, &with(header, &packet));
        let layers = whole(LinkType::RAW, &frame);
        assert_eq!(layers.stop(), stop, "{header:?}");
        if expected.is_empty() {
            assert_eq!(layers.inner(&frame).unwrap().ports(&frame), Some((1024, 80)), "{header:?}");
        } else {
            assert_eq!(protos(&layers), expected, "{header:?}");
        }
    }
    let header = [0xB0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4];
    let view = gre::view(&header, 0).unwrap();
    assert_eq!((view.checksum, view.key, view.sequence), (Some(0x0102), Some(3), Some(4)));
    assert_eq!(whole(LinkType::RAW, &v4(47, 0, &header[..12])).stop(), Stop::BadLength);
}

#[test]
fn a_port_alone_makes_no_tunnel() {
    let datagram = |port: u16, payload: &[u8]| {
        let length = (payload.len() + 8) as u16;
        let udp = [&[0xC0, 0][..], &port.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat();
        protos(&whole(LinkType::RAW, &v4(17, 0, &udp))).len()
    };
    let frame = tunnel::ethernet(&udp_packet());
    let vxlan = |header: [u8; 8]| with(&header, &frame);
    assert_eq!(datagram(4789, &vxlan([8, 0, 0, 0, 0, 0, 1, 0])), 6);
    assert_eq!(datagram(8472, &vxlan([0x88, 0, 0, 7, 0, 0, 1, 0])), 6);
    assert_eq!(datagram(4789, &vxlan([0, 0, 0, 0, 0, 0, 1, 0])), 2);
    assert_eq!(datagram(4789, &vxlan([0x48, 0, 0, 0, 0, 0, 1, 0])), 2);
    assert_eq!(datagram(4789, &[8, 0, 0, 0]), 2);
    assert_eq!(datagram(4790, &vxlan([0x0C, 0, 0, 3, 0, 0, 1, 0])), 6);
    assert_eq!(datagram(4790, &vxlan([0x3C, 0, 0, 3, 0, 0, 1, 0])), 2);
    assert_eq!(datagram(6081, &vxlan([0, 0, 0x65, 0x58, 0, 0, 1, 0])), 6);
    assert_eq!(datagram(6081, &vxlan([0x40, 0, 0x65, 0x58, 0, 0, 1, 0])), 2);
    assert_eq!(datagram(6081, &vxlan([0, 1, 0x65, 0x58, 0, 0, 1, 0])), 2);
    assert_eq!(datagram(6081, &vxlan([0, 0, 0, 1, 0, 0, 1, 0])), 2);
    let packet = udp_packet();
    let gtp = |header: [u8; 8]| with(&header, &packet);
    assert_eq!(datagram(2152, &gtp([0x30, 255, 0, 35, 0, 0, 0, 1])), 5);
    assert_eq!(datagram(2152, &gtp([0x30, 1, 0, 35, 0, 0, 0, 1])), 3);
    assert_eq!(datagram(2152, &gtp([0x50, 255, 0, 35, 0, 0, 0, 1])), 2);
    assert_eq!(datagram(2152, &gtp([0x30, 255, 0, 36, 0, 0, 0, 1])), 2);
    assert_eq!(datagram(3544, &Spec::new(Kind::Udp, "fd00::1", "fd00::2").ip()), 5);
    assert_eq!(datagram(3544, &packet), 2);
    assert_eq!(datagram(1701, &with(&[0, 2, 0, 1, 0, 1, 0x21], &packet)), 6);
    assert_eq!(datagram(1701, &with(&[0, 3, 0, 1, 0, 1, 0x21], &packet)), 2);
    assert_eq!(datagram(1701, &with(&[0x40, 2, 0xFF, 0, 0, 1, 0, 1, 0x21], &packet)), 2);
}

#[test]
fn gtp_extensions_are_walked() {
    let header = [0x37, 255, 0, 0, 0, 0, 0, 7, 0x12, 0x34, 0, 0xC0, 1, 5, 6, 0x85, 2, 1, 2, 3, 4, 5, 6, 0];
    let view = gtpu::view(&header, 0).unwrap();
    assert_eq!((view.kind, view.teid, view.sequence), (255, 7, Some(0x1234)));
    assert_eq!(gtpu::extensions(&header, 0).collect::<Vec<_>>(), [(0xC0, 12), (0x85, 16)]);
    let mut endless = wrap(Wrap::GtpU, true, &udp_packet());
    endless[40] = 0;
    let layers = whole(LinkType::RAW, &endless);
    assert_eq!((layers.stop(), layers.inner(&endless)), (Stop::BadLength, None));
}

#[test]
fn teredo_tells_where_a_packet_came_from() {
    let outer = wrap(Wrap::Teredo, true, &Spec::new(Kind::Udp, "fd00::1", "fd00::2").ip());
    let header = teredo::view(&outer, 28).unwrap();
    assert!(header.is_authenticated);
    assert_eq!((header.origin, header.length), (Some((256, [10, 0, 0, 1])), 24));
}

#[test]
fn geneve_options_are_listed() {
    let outer = wrap(Wrap::Geneve, true, &udp_packet());
    let header = geneve::view(&outer, 28).unwrap();
    assert_eq!((header.vni, header.protocol, header.length), (9, 0x6558, 16));
    let options: Vec<_> = geneve::options(&outer, 28).collect();
    assert_eq!(options, [geneve::GeneveOption { class: 0x0102, kind: 3, data: &[7; 4] }]);
}

#[test]
fn erspan_comes_in_three_types() {
    let frame = tunnel::ethernet(&udp_packet());
    let first = v4(47, 0, &with(&[0, 0, 0x88, 0xBE], &frame));
    let expected = [Proto::Ipv4, Proto::Gre, Proto::Ethernet, Proto::Ipv4, Proto::Udp];
    assert_eq!(protos(&whole(LinkType::RAW, &first)), expected);
    let second = wrap(Wrap::Erspan2, true, &udp_packet());
    let header = erspan::view(&second, 28).unwrap();
    assert_eq!((header.vlan, header.class, header.session, header.index), (5, 7, 9, Some(1)));
    let third = wrap(Wrap::Erspan3, true, &udp_packet());
    let header = erspan::view(&third, 28).unwrap();
    assert_eq!((header.version, header.session, header.length), (2, 9, 20));
    let mut unknown = second;
    unknown[28] = 0x30;
    assert_eq!(whole(LinkType::RAW, &unknown).stop(), Stop::Unsupported);
}

#[test]
fn what_is_carried_has_its_link_layer() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    let frame = [&[2; 12][..], &[0x81, 0, 0, 7, 8, 6], &arp].concat();
    let outer = v4(47, 0, &with(&[0, 0, 0x65, 0x58], &frame));
    let layers = whole(LinkType::RAW, &outer);
    assert_eq!((layers.inner(&outer), layers.vlan_ids(&outer).count()), (None, 0));
    let carried = layers.carried(&outer).unwrap();
    assert_eq!(list(&carried), [(Proto::Ethernet, 24), (Proto::Vlan, 38), (Proto::Arp, 42)]);
    assert_eq!((carried.ethertype(), carried.network()), (0x0806, None));
    assert_eq!(carried.vlan_ids(&outer).collect::<Vec<_>>(), [7]);
    assert_eq!(carried.carried(&outer), None);
}

#[test]
fn a_first_fragment_cuts_what_it_carries() {
    let packet = udp_packet();
    let gre = with(&[0, 0, 8, 0], &packet);
    let first = v4(47, 0x2000, &gre[..32]);
    let layers = whole(LinkType::RAW, &first);
    assert_eq!((layers.is_fragment(), layers.stop()), (true, Stop::Payload));
    let inner = layers.inner(&first).unwrap();
    assert!(inner.is_cut() && !inner.is_fragment());
    let shorter = v4(47, 0x2000, &gre[..24 + 2]);
    assert_eq!(whole(LinkType::RAW, &shorter).stop(), Stop::Truncated);
}

#[test]
fn a_packet_cannot_be_longer_than_the_one_it_is_in() {
    let mut packet = udp_packet();
    packet[3] += 1;
    let outer = with(&wrap(Wrap::Gre, true, &packet), &[0; 10]);
    let inner = whole(LinkType::RAW, &outer).inner(&outer).unwrap();
    assert!(inner.is_cut());
    assert_eq!(inner.l3_end(), outer.len() - 10);
    let mut shortened = outer;
    shortened[3] -= 12;
    assert_eq!(whole(LinkType::RAW, &shortened).stop(), Stop::BadLength);
}

proptest! {
    #[test]
    fn an_inner_packet_is_like_one_alone(nested in nested(4), padding in 0usize..8) {
        let frame = with(&nested.frame(), &vec![0; padding]);
        let mut layers = testing::decode(&frame);
        let packets = nested.packets();
        for (depth, packet) in packets.iter().enumerate() {
            let tunnels = DEFAULT_TUNNELS - depth as u8;
            let alone = Layers::decode_to(LinkType::RAW, packet, packet.len() as u32, tunnels);
            if depth > 0 {
                let by = layers.network().unwrap().1;
                prop_assert_eq!(shifted(&layers, by), list(&alone));
                prop_assert_eq!(layers.stop(), alone.stop());
                prop_assert_eq!(layers.l3_end() - by, packet.len());
                prop_assert_eq!(layers.flow_hash(), alone.flow_hash());
                prop_assert_eq!(layers.payload_bytes(&frame), alone.payload_bytes(packet));
                prop_assert_eq!((layers.flags, layers.protocol), (alone.flags, alone.protocol));
                prop_assert_eq!((layers.network, layers.transport), (alone.network, alone.transport));
                prop_assert_eq!(layers.ethertype(), alone.ethertype());
            } else {
                prop_assert_eq!(layers.flow_hash(), alone.flow_hash());
            }
            match layers.inner(&frame) {
                Some(inner) => layers = inner,
                None => {
                    prop_assert!(depth + 1 == packets.len() || layers.stop() == Stop::TooDeep);
                    break;
                }
            }
        }
    }

    #[test]
    fn mutated_tunnels_never_panic(
        nested in nested(5), hits in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut: prop::sample::Index,
        tunnels in 0u8..6,
    ) {
        let mut frame = nested.frame();
        let wire_len = frame.len() as u32;
        for (at, value) in hits {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        let whole = Layers::decode_to(LinkType::ETHERNET, &frame, wire_len, tunnels);
        frame.truncate(cut.index(frame.len() + 1));
        let cut = Layers::decode_to(LinkType::ETHERNET, &frame, wire_len, tunnels);
        for layers in [whole, cut] {
            for packet in std::iter::successors(Some(layers), |outer| outer.inner(&frame)) {
                exercise(&frame, &packet, wire_len);
            }
        }
    }
}
