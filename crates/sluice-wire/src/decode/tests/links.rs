use super::*;

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ethertype.to_be_bytes(), payload].concat()
}

fn udp_packet() -> Vec<u8> {
    v4(17, 0, &UDP)
}

#[test]
fn a_label_stack_leads_to_what_its_first_bits_say() {
    use Proto::{Ethernet, Ipv4, Ipv6, Mpls, PwControl, Udp};
    let (four, six) = (udp_packet(), v6(17, &UDP));
    // From a maker of network cards: with zeros in front, like a control word.
    let frame = [&[0, 0x1B, 0x21, 1, 2, 3, 0, 0x1B, 0x21, 4, 5, 6, 8, 0][..], &four].concat();
    let other = [&[0x52; 12][..], &[8, 0], &four].concat();
    let ending = [0, 0, 0x11, 64];
    let mpls = |rest: &[u8]| ethernet(mpls::UNICAST, &[&[0, 1, 0, 63][..], &ending, rest].concat());
    let cases: [(Vec<u8>, &[Proto], Stop); 8] = [
        (mpls(&four), &[Ethernet, Mpls, Ipv4, Udp], Stop::Payload),
        (mpls(&six), &[Ethernet, Mpls, Ipv6, Udp], Stop::Payload),
        (
            mpls(&with(&[0, 0, 0, 1], &frame)),
            &[Ethernet, Mpls, PwControl, Ethernet, Ipv4, Udp],
            Stop::Payload,
        ),
        (mpls(&frame), &[Ethernet, Mpls, Ethernet, Ipv4, Udp], Stop::Payload),
        (mpls(&other), &[Ethernet, Mpls, Ethernet, Ipv4, Udp], Stop::Payload),
        (mpls(&[0; 40]), &[Ethernet, Mpls, PwControl], Stop::Unsupported),
        (mpls(&[0x10, 0, 0, 0x21]), &[Ethernet, Mpls], Stop::Unsupported),
        (ethernet(mpls::MULTICAST, &[0, 1, 0, 63]), &[Ethernet, Mpls], Stop::BadLength),
    ];
    for (frame, expected, stop) in cases {
        let layers = whole(LinkType::ETHERNET, &frame);
        assert_eq!((protos(&layers), layers.stop()), (expected.to_vec(), stop));
    }
    let frame = mpls(&four);
    let labels: Vec<_> = mpls::stack(&frame, 14).collect();
    let [top, bottom] = labels[..] else { panic!("{labels:?}") };
    assert_eq!((top.label, top.ttl, top.is_bottom), (16, 63, false));
    assert_eq!((bottom.label, bottom.class, bottom.is_bottom), (1, 0, true));
    // A pseudowire is no tunnel: the IP packet is the outermost one.
    let layers = whole(LinkType::ETHERNET, &mpls(&with(&[0, 0, 0, 1], &other)));
    assert_eq!(
        (layers.ports(&mpls(&with(&[0, 0, 0, 1], &other))), layers.ethertype()),
        (Some((1024, 80)), 0x0800)
    );
}

#[test]
fn sessions_over_ethernet_end_where_they_say() {
    let packet = udp_packet();
    let session = |length: u16, ppp: &[u8]| {
        let [a, b] = length.to_be_bytes();
        ethernet(pppoe::SESSION, &[&[0x11, 0, 0, 7, a, b][..], ppp, &[0; 9]].concat())
    };
    let frame = session(2 + packet.len() as u16, &with(&[0, 0x21], &packet));
    let layers = whole(LinkType::ETHERNET, &frame);
    assert_eq!(protos(&layers), [Proto::Ethernet, Proto::Pppoe, Proto::Ppp, Proto::Ipv4, Proto::Udp]);
    assert_eq!((layers.l3_end(), layers.ethertype()), (frame.len() - 9, 0x0800));
    let view = pppoe::view(&frame, 14).unwrap();
    assert_eq!((view.session, view.code, usize::from(view.length)), (7, 0, packet.len() + 2));
    let echo = session(10, &[0xC0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4]);
    let layers = whole(LinkType::ETHERNET, &echo);
    assert_eq!(
        (layers.stop(), layers.payload_bytes(&echo)),
        (Stop::Unsupported, &[9, 1, 0, 8, 1, 2, 3, 4][..])
    );
    assert_eq!(whole(LinkType::ETHERNET, &session(200, &[0, 0x21])).stop(), Stop::BadLength);
    let discovery = ethernet(pppoe::DISCOVERY, &[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0, 0, 0]);
    let layers = whole(LinkType::ETHERNET, &discovery);
    assert_eq!(protos(&layers), [Proto::Ethernet, Proto::PppoeDiscovery]);
    assert_eq!((layers.stop(), layers.payload_bytes(&discovery)), (Stop::Payload, &[1, 1, 0, 0][..]));
    let labelled = session(2 + 4 + packet.len() as u16, &[&[2, 0x81, 0, 0, 1, 9][..], &packet].concat());
    assert!(protos(&whole(LinkType::ETHERNET, &labelled)).ends_with(&[Proto::Mpls, Proto::Ipv4, Proto::Udp]));
}

#[test]
fn fabricpath_stands_between_two_ethernet_headers() {
    let inner = ethernet(0x0800, &udp_packet());
    let frame = ethernet(fabricpath::ETHERTYPE, &with(&[0x05, 0xA0], &inner));
    let layers = whole(LinkType::ETHERNET, &frame);
    let found = [Proto::Ethernet, Proto::FabricPath, Proto::Ethernet, Proto::Ipv4, Proto::Udp];
    assert_eq!(protos(&layers), found);
    assert_eq!(fabricpath::view(&frame, 14), Some((22, 32)));
}

#[test]
fn esp_and_ethernet_in_ip_are_headers_too() {
    let esp = v4(50, 0, &[0, 0, 0, 9, 0, 0, 0, 1, 0xAA, 0xBB]);
    let layers = whole(LinkType::RAW, &esp);
    assert_eq!((list(&layers), layers.stop()), (vec![(Proto::Ipv4, 0), (Proto::Esp, 20)], Stop::Payload));
    assert_eq!((esp::view(&esp, 20), layers.payload_bytes(&esp)), (Some((9, 1)), &[0xAA, 0xBB][..]));
    assert_eq!(whole(LinkType::IPV6, &v6(50, &[0; 7])).stop(), Stop::BadLength);
    let routed = v6(ethernet::NUMBER, &ethernet(0x0800, &udp_packet()));
    let found = [Proto::Ipv6, Proto::Ethernet, Proto::Ipv4, Proto::Udp];
    assert_eq!(protos(&whole(LinkType::RAW, &routed)), found);
    let other_version = v4(97, 0, &[0x40, 0, 1, 2, 3]);
    assert_eq!(whole(LinkType::RAW, &other_version).stop(), Stop::Unsupported);
}

#[test]
fn labels_in_ip_lead_to_a_packet() {
    let frame = v4(mpls::NUMBER, 0, &with(&[0, 1, 1, 64], &udp_packet()));
    let layers = whole(LinkType::RAW, &frame);
    assert_eq!(protos(&layers), [Proto::Ipv4, Proto::Mpls, Proto::Ipv4, Proto::Udp]);
    assert_eq!(
        (layers.transport(), layers.inner(&frame).unwrap().transport()),
        (None, Some((Proto::Udp, 44)))
    );
}
