//! Trees, and the parts of JSON that are in trees, too.

use super::*;
use crate::testing::tunnel::{self, WRAPS, Wrap, nested};

fn shown(link: LinkType, frame: &[u8]) -> String {
    let layers = Layers::decode(link, frame, frame.len() as u32);
    let mut out = vec![];
    tree(&mut out, &packet(frame, &layers));
    String::from_utf8(out).unwrap()
}

/// A SYN with the options that systems send, and one that nobody knows.
fn syn() -> Vec<u8> {
    let options = [2, 4, 5, 0xB4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 1, 3, 3, 7, 200, 4, 0xAB, 0xCD];
    let tcp = [&[0, 80, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xB0, 2, 0, 100, 0, 0, 0, 0][..], &options].concat();
    testing::ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 6, &[], 0, &tcp)
}

#[test]
fn a_tree_has_every_field_and_the_verdict_on_every_checksum() {
    let mut spec = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2");
    spec.vlans = vec![5, 7];
    spec.padding = 20;
    let expected = "\
packet 5: 2024-05-01 12:00:00.123456789 UTC, length 89, captured 89, interface 1
  eth (Ethernet)
    src: 02:00:00:00:00:01
    dst: 02:00:00:00:00:02
    type: 0x8100 (VLAN)
  vlan: id 5, priority 0, etype 0x8100 (VLAN); id 7, priority 0, etype 0x0800 (IPv4)
  ip (IPv4)
    src: 10.0.0.1
    dst: 10.0.0.2
    proto: 6 (TCP)
    ttl: 64
    dsfield: 0
    id: 4660
    len: 47
    hdr_len: 20
    flags.df: no
    checksum: 0x5493 (good)
  tcp
    srcport: 1024
    dstport: 80
    seq_raw: 1
    ack_raw: 2
    flags: 24
    flags.letters: P.
    window_size_value: 65535
    urgent_pointer: 0
    hdr_len: 20
    len: 7
    checksum: 0xda40 (good)
  payload: 7 bytes: 70 61 79 6c 6f 61 64
  padding: 20 bytes: a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 ...

";
    let mut frame = spec.frame();
    assert_eq!(shown(LinkType::ETHERNET, &frame), expected);
    frame[30] ^= 1;
    frame[50] ^= 1;
    assert_eq!(shown(LinkType::ETHERNET, &frame).matches(" (bad)").count(), 2);
    let cut = &frame[..64];
    let layers = Layers::decode(LinkType::ETHERNET, cut, 89);
    let told = |offload| {
        let mut out = vec![];
        tree(&mut out, &Packet { wire_len: 89, offload, ..packet(cut, &layers) });
        String::from_utf8(out).unwrap()
    };
    assert!(
        told(Offload::None).contains("checksum: 0xda40 (unverifiable)\n  payload: 2 bytes: 70 61\n"),
        "{}",
        told(Offload::None)
    );
    assert!(told(Offload::NotReady).contains("(offloaded)"));
}

#[test]
fn options_have_names() {
    let text = shown(LinkType::RAW, &syn());
    let expected = "    options: mss, value 1460; sack_permitted; timestamps, value 9, echo 8; nop; window_scale, value 7; \
                    kind 200, data abcd\n";
    assert!(text.contains(expected), "{text}");
    let options = object_of(LinkType::RAW, &syn())["tcp"]["options"].clone();
    assert_eq!(options[0], serde_json::json!({"kind": 2, "name": "mss", "value": 1460}));
    assert_eq!(options[2], serde_json::json!({"kind": 8, "name": "timestamps", "value": 9, "echo": 8}));
    assert_eq!(options[5], serde_json::json!({"kind": 200, "data": "abcd"}));

    let routed = [148, 4, 0, 0, 131, 7, 4, 192, 0, 2, 9, 0];
    let ip =
        testing::ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17, &routed, 0, &[0, 1, 0, 2, 0, 8, 0, 0]);
    let text = shown(LinkType::RAW, &ip);
    assert!(
        text.contains("options: router_alert, data 0000; loose_route, addresses (192.0.2.9); end\n"),
        "{text}"
    );

    let mut spec = Spec::new(Kind::Udp, "fd00::1", "fd00::2");
    (spec.options, spec.route) = (1, Some("fd00::9".parse().unwrap()));
    let object = object(&spec.frame());
    let expected = serde_json::json!([
        {"header": "hop_by_hop", "length": 8, "options": []},
        {"header": "routing", "length": 24, "type": 0, "segleft": 1, "addresses": ["fd00::9"]},
    ]);
    assert_eq!((&object["extensions"], &object["ipv6"]["nxt"]), (&expected, &0.into()));
}

#[test]
fn what_is_inside_is_an_object_inside() {
    let inner = Spec::new(Kind::Error, "10.0.0.1", "10.0.0.2").ip();
    let frame = tunnel::ethernet(&tunnel::wrap(Wrap::Vxlan, false, &inner));
    let object = object(&frame);
    assert_eq!((&object["vxlan"], &object["udp"]["dstport"]), (&serde_json::json!({"vni": 5}), &4789.into()));
    assert_eq!(object["inner"]["eth"]["type"], 2048);
    assert_eq!(object["inner"]["ip"]["src"], "10.0.0.1");
    assert_eq!(object["inner"]["icmp"]["type"], 3);
    assert_eq!(object["inner"]["quoted"]["ip"]["src"], "10.0.0.2");
    assert_eq!(object["inner"]["quoted"]["udp"]["srcport"], 80);
    assert_eq!(
        short(&frame),
        "IP6 2001:db8::.49152 > ::2.4789: VXLAN, vni 5, length 81: IP 10.0.0.1 > 10.0.0.2: ICMP host unreachable, length 39"
            .replace("2001:db8::", "::2001:db8")
    );
}

#[test]
fn every_tunnel_has_its_line() {
    let inner = Spec::new(Kind::Udp, "fd00::1", "fd00::2").ip();
    let expected = [
        "",
        "GREv0, key=0x1, seq 2, length 67: ",
        "GREv0, length 63: ",
        "GREv0, key=0x701, length 77: ",
        "VXLAN, vni 5, length 77: ",
        "VXLAN-GPE, vni 5, length 63: ",
        "GREv0, length 67: MPLS (label 1, tc 0, ttl 64) (label 2, tc 0, [S], ttl 64) ",
        "GREv0, seq 1, ERSPAN, length 85: ",
        "GREv0, seq 1, ERSPAN, length 97: ",
        "EtherIP, length 71: ",
        "Geneve, vni 0x9, length 85: ",
        "GTP-U, teid 0x00000007, length 71: ",
        "Teredo, length 79: ",
        "l2tp (1/2), length 67: ",
    ];
    for (wrap, expected) in WRAPS.into_iter().zip(expected) {
        let line = short(&tunnel::ethernet(&tunnel::wrap(wrap, true, &inner)));
        let (_, behind) = line.split_once(": ").unwrap();
        assert_eq!(behind, format!("{expected}IP6 fd00::1.1024 > fd00::2.80: UDP, length 7"), "{wrap:?}");
    }
    let unknown =
        testing::ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 47, &[], 0, &[0, 0, 0x12, 0x34, 9, 9]);
    assert!(short(&tunnel::ethernet(&unknown)).ends_with(": GREv0, proto 0x1234, length 6"));
    let esp = testing::ipv4(
        [10, 0, 0, 1].into(),
        [10, 0, 0, 2].into(),
        50,
        &[],
        0,
        &[0, 0, 0, 9, 0, 0, 0, 1, 7, 7],
    );
    assert!(short(&tunnel::ethernet(&esp)).ends_with(": ESP(spi=0x00000009,seq=0x1), length 10"));
}

#[test]
fn the_frame_in_a_pseudowire_is_an_inner_one() {
    let inner = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").frame();
    let frame = [&[2; 12][..], &[0x88, 0x47, 0, 1, 0x01, 63, 0, 0, 0, 0], &inner].concat();
    let object = object(&frame);
    assert_eq!(object["mpls"], serde_json::json!([{"label": 16, "exp": 0, "ttl": 63}]));
    assert_eq!(object["inner"]["eth"]["src"], "02:00:00:00:00:01");
    assert_eq!(object["inner"]["ip"]["src"], "10.0.0.1");
    assert_eq!(object["ip"], Value::Null);
}

proptest! {
    #[test]
    fn packets_in_tunnels_are_one_line_one_object_and_one_tree(nested in nested(4), cut: prop::sample::Index) {
        let frame = nested.frame();
        let frame = &frame[..cut.index(frame.len() + 1)];
        let layers = decode(frame);
        let mut out = vec![];
        line(&mut out, TIME, frame, &layers, frame.len() as u32, LineOptions::default());
        prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        prop_assert!(out.is_ascii());
        out.clear();
        json(&mut out, &packet(frame, &layers));
        let mut object: &Value = &serde_json::from_slice(&out).unwrap();
        let mut depth = 0;
        while let Some(inner) = object.get("inner") {
            (object, depth) = (inner, depth + 1);
        }
        prop_assert!(depth <= nested.tunnels.len());
        out.clear();
        tree(&mut out, &packet(frame, &layers));
        prop_assert!(out.ends_with(b"\n\n") && out.is_ascii());
        prop_assert_eq!(String::from_utf8(out).unwrap().matches("\n\n").count(), 1);
    }
}
