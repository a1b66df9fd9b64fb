use proptest::prelude::*;

use super::*;
use crate::testing::{self, Kind, Spec, decode};

const WITH_PORTS: [Kind; 5] = [Kind::Tcp, Kind::Udp, Kind::UdpNoSum, Kind::UdpLite, Kind::Sctp];

#[test]
fn hashes_stay_what_they_are() {
    // Other machines and later versions must agree on these.
    let four = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    let six = Spec::new(Kind::Udp, "fd00::1", "fd00::2").frame();
    let arp = [&[2; 12][..], &[8, 6], &[0; 28]].concat();
    let hashes = [&four, &six, &arp].map(|frame| decode(frame).flow_hash());
    assert_eq!(hashes, [2_545_468_236_666_346_212, 944_364_344_082_810_646, 15_449_112_321_630_278_646]);
}

#[test]
fn an_icmp_error_goes_with_the_flow_that_it_quotes() {
    for (source, destination) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let error = Spec::new(Kind::Error, source, destination);
        let original = error.reverse(Kind::Udp).frame();
        let mut error = error.frame();
        let layers = decode(&error);
        assert_eq!(layers.flow_hash(), decode(&original).flow_hash());
        // A router on the way reports it: the sender of the error is no end of the flow.
        let at = layers.network().unwrap().1 + if source.contains('.') { 12 } else { 8 };
        error[at + 3] ^= 0x55;
        let ((key, direction), (original, forth)) =
            (Key::of(&error, &decode(&error)).unwrap(), Key::of(&original, &decode(&original)).unwrap());
        assert_eq!(key, original);
        assert_ne!(direction, forth);
    }
}

#[test]
fn echo_request_and_reply_share_a_flow_by_their_id() {
    let request = Spec::new(Kind::Echo, "10.0.0.1", "10.0.0.2");
    let mut reply = request.reverse(Kind::Echo);
    reply.ports = request.ports;
    let mut frame = reply.frame();
    frame[34] = 0;
    assert_eq!(decode(&frame).flow_hash(), decode(&request.frame()).flow_hash());
    reply.ports.0 += 1;
    assert_ne!(decode(&reply.frame()).flow_hash(), decode(&request.frame()).flow_hash());
}

#[test]
fn later_fragments_have_no_ports() {
    let fragment =
        |ports: u8| testing::ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17, &[], 1, &[ports; 16]);
    let hash = |ip: &[u8]| Layers::decode(crate::link::LinkType::RAW, ip, ip.len() as u32).flow_hash();
    assert_eq!(hash(&fragment(1)), hash(&fragment(2)));
}

#[test]
fn an_outer_priority_tag_is_no_vlan() {
    let mut spec = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2");
    let plain = decode(&spec.frame()).flow_hash();
    spec.vlans = vec![0];
    assert_eq!(decode(&spec.frame()).flow_hash(), plain);
    spec.vlans = vec![1];
    assert_ne!(decode(&spec.frame()).flow_hash(), plain);
}

proptest! {
    #[test]
    fn both_directions_hash_alike_and_like_their_key(mut spec in testing::spec_of(&WITH_PORTS)) {
        // A routing header makes the addresses of the header differ between the directions.
        spec.route = None;
        let (frame, mut back) = (spec.frame(), spec.reverse(spec.kind));
        back.vlans = spec.vlans.clone();
        let back = back.frame();
        prop_assert_eq!(decode(&frame).flow_hash(), decode(&back).flow_hash());
        let (forth, from) = Key::of(&frame, &decode(&frame)).unwrap();
        let (key, to) = Key::of(&back, &decode(&back)).unwrap();
        prop_assert_eq!(forth, key);
        prop_assert!(from != to || forth.lower == forth.upper);
        prop_assert_eq!(hash(&key), decode(&frame).flow_hash());
    }

    #[test]
    fn every_part_of_the_key_counts(spec in testing::spec_of(&WITH_PORTS), port: u16) {
        prop_assume!(port != spec.ports.0);
        let mut other = spec.clone();
        other.ports.0 = port;
        prop_assume!((other.source, other.ports.0) != (spec.destination, spec.ports.1) || spec.ports.1 != port);
        prop_assert_ne!(decode(&spec.frame()).flow_hash(), decode(&other.frame()).flow_hash());
    }

    #[test]
    fn keys_of_every_packet_hash_like_its_layers(spec in testing::spec()) {
        let frame = spec.frame();
        let layers = decode(&frame);
        prop_assert_eq!(hash(&Key::of(&frame, &layers).unwrap().0), layers.flow_hash());
    }
}
