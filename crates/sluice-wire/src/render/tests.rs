use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::link::LinkType;
use crate::testing::{self, Kind, Spec, decode};

mod full;

const TIME: i64 = 1_714_564_800_123_456_789;

fn text(frame: &[u8], options: LineOptions) -> String {
    let mut out = vec![];
    line(&mut out, TIME, frame, &decode(frame), frame.len() as u32, options);
    String::from_utf8(out).unwrap()
}

fn short(frame: &[u8]) -> String {
    text(frame, LineOptions::default())["2024-05-01 12:00:00.123456 ".len()..].trim_end().to_string()
}

fn packet<'a>(frame: &'a [u8], layers: &'a Layers) -> Packet<'a> {
    let wire_len = frame.len() as u32;
    Packet { time: TIME, ordinal: 4, interface: 1, frame, layers, wire_len, offload: Offload::None }
}

fn object(frame: &[u8]) -> Value {
    object_of(LinkType::ETHERNET, frame)
}

fn object_of(link: LinkType, frame: &[u8]) -> Value {
    let layers = Layers::decode(link, frame, frame.len() as u32);
    let mut out = vec![];
    json(&mut out, &packet(frame, &layers));
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
}

#[test]
fn lines_look_like_those_of_tcpdump() {
    let mut frame = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    let nano = LineOptions { digits: Digits::Nano, ..LineOptions::default() };
    assert_eq!(
        text(&frame, nano),
        "2024-05-01 12:00:00.123456789 IP 10.0.0.1.1024 > 10.0.0.2.80: Flags [P.], seq 1:8, ack 2, win 65535, length 7\n"
    );
    frame[47] = 0x12;
    frame[17] = 40;
    let expected = "IP 10.0.0.1.1024 > 10.0.0.2.80: Flags [S.], seq 1, ack 2, win 65535, length 0";
    assert_eq!(short(&frame), expected);
    let link = LineOptions { link: true, ..LineOptions::default() };
    assert!(text(&frame, link).contains(" 02:00:00:00:00:01 > 02:00:00:00:00:02, IP 10"));
    frame[47] = 0;
    assert!(short(&frame).contains("Flags [none], seq 1, win"));
}

#[test]
fn times_are_written_as_wished() {
    let stamped = |time, stamp, digits| {
        let frame = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").frame();
        let mut out = vec![];
        let options = LineOptions { stamp, digits, link: false };
        line(&mut out, time, &frame, &decode(&frame), frame.len() as u32, options);
        let line = String::from_utf8(out).unwrap();
        line.split_once("IP 10").map(|(stamp, _)| stamp.to_owned()).unwrap()
    };
    for (stamp, micro, nano) in [
        (Stamp::Date, "2024-05-01 12:00:00.123456 ", "2024-05-01 12:00:00.123456789 "),
        (Stamp::Clock, "12:00:00.123456 ", "12:00:00.123456789 "),
        (Stamp::Seconds, "1714564800.123456 ", "1714564800.123456789 "),
        (Stamp::None, "", ""),
    ] {
        assert_eq!(stamped(TIME, stamp, Digits::Micro), micro);
        assert_eq!(stamped(TIME, stamp, Digits::Nano), nano);
    }
    assert_eq!(stamped(-1_000_000_001, Stamp::Seconds, Digits::Nano), "-1.000000001 ");
    assert_eq!(stamped(i64::MIN, Stamp::Seconds, Digits::Micro), "-9223372036.854775 ");
}

#[test]
fn every_kind_of_packet_has_its_line() {
    let cases = [
        (Kind::Udp, "10.0.0.1", "10.0.0.2", "IP 10.0.0.1.1024 > 10.0.0.2.80: UDP, length 7"),
        (Kind::Udp, "fd00::1", "fd00::2", "IP6 fd00::1.1024 > fd00::2.80: UDP, length 7"),
        (Kind::UdpLite, "fd00::1", "fd00::2", "IP6 fd00::1.1024 > fd00::2.80: UDP-Lite, length 7"),
        (Kind::Sctp, "10.0.0.1", "10.0.0.2", "IP 10.0.0.1.1024 > 10.0.0.2.80: sctp, length 7"),
        (
            Kind::Echo,
            "10.0.0.1",
            "10.0.0.2",
            "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1024, seq 1, length 15",
        ),
        (Kind::Error, "10.0.0.1", "10.0.0.2", "IP 10.0.0.1 > 10.0.0.2: ICMP host unreachable, length 39"),
        (
            Kind::Echo,
            "fd00::1",
            "fd00::2",
            "IP6 fd00::1 > fd00::2: ICMP6, echo request, id 1024, seq 1, length 15",
        ),
        (
            Kind::Neighbor,
            "fd00::1",
            "fd00::2",
            "IP6 fd00::1 > fd00::2: ICMP6, neighbor solicitation, who has fd00::2, length 31",
        ),
    ];
    for (kind, source, destination, expected) in cases {
        assert_eq!(short(&Spec::new(kind, source, destination).frame()), expected);
    }
}

#[test]
fn what_is_not_ip_has_a_line_too() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    let mut frame = [&[0; 12][..], &[8, 6], &arp].concat();
    assert_eq!(short(&frame), "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28");
    frame[21] = 2;
    assert_eq!(short(&frame), "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28");
    frame[12..14].copy_from_slice(&[0x88, 0xCC]);
    let macs = "00:00:00:00:00:00 > 00:00:00:00:00:00";
    assert_eq!(short(&frame), format!("{macs}, LLDP, length 42"));
    frame[12..14].copy_from_slice(&[0x88, 0xB5]);
    assert_eq!(short(&frame), format!("{macs}, ethertype 0x88b5, length 42"));
    frame[12..14].copy_from_slice(&[0, 28]);
    assert_eq!(short(&frame), format!("{macs}, LLC, length 42"));
    frame[14..17].copy_from_slice(&[0x42, 0x42, 3]);
    assert_eq!(short(&frame), format!("{macs}, STP, length 42"));
    assert_eq!(short(&frame[..9]), "unknown, length 9 [bad length]");
}

#[test]
fn tags_and_fragments_show() {
    let mut spec = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2");
    spec.vlans = vec![5, 7];
    let mut frame = spec.frame();
    assert!(short(&frame).starts_with("vlan 5, p 0, vlan 7, p 0, IP 10.0.0.1.1024 >"));
    frame[22 + 6..22 + 8].copy_from_slice(&[0, 2]);
    let expected = "IP 10.0.0.1 > 10.0.0.2: TCP, length 27 (frag id 4660, offset 16, last)";
    assert!(short(&frame).ends_with(expected), "{}", short(&frame));
    let object = object(&frame);
    assert_eq!((&object["ip"]["frag_offset"], &object["ip"]["flags.mf"]), (&2.into(), &false.into()));
    assert_eq!(object["vlan"][1], serde_json::json!({"id": 7, "priority": 0, "etype": 0x0800}));
    assert_eq!(object["stop"], "fragment");
}

#[test]
fn json_has_the_documented_fields() {
    let object = object(&Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame());
    assert_eq!(
        object,
        serde_json::json!({
            "frame": {"time": "2024-05-01T12:00:00.123456789Z", "number": 5, "interface_id": 1, "len": 61,
                      "cap_len": 61},
            "eth": {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02", "type": 2048},
            "ip": {"src": "10.0.0.1", "dst": "10.0.0.2", "proto": 6, "ttl": 64, "dsfield": 0, "id": 4660,
                   "len": 47, "flags.df": false},
            "tcp": {"srcport": 1024, "dstport": 80, "seq_raw": 1, "ack_raw": 2, "flags": 24, "flags.letters": "P.",
                    "window_size_value": 65535, "len": 7},
        })
    );
}

proptest! {
    #[test]
    fn every_packet_is_one_line_and_proper_json(spec in testing::spec(), cut: prop::sample::Index, time: i64) {
        let frame = spec.frame();
        let frame = &frame[..cut.index(frame.len() + 1)];
        let layers = decode(frame);
        let mut out = vec![];
        line(&mut out, time, frame, &layers, frame.len() as u32, LineOptions::default());
        prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        prop_assert!(out.ends_with(b"\n") && out.is_ascii());
        out.clear();
        json(&mut out, &Packet { time, ..packet(frame, &layers) });
        prop_assert!(serde_json::from_slice::<Value>(&out).unwrap().is_object());
    }

    #[test]
    fn random_bytes_make_proper_json(frame in prop::collection::vec(any::<u8>(), 0..120)) {
        for link in [LinkType::ETHERNET, LinkType::RAW, LinkType::LINUX_SLL] {
            let layers = Layers::decode(link, &frame, 4000);
            let mut out = vec![];
            json(&mut out, &Packet { wire_len: 4000, ..packet(&frame, &layers) });
            prop_assert!(serde_json::from_slice::<Value>(&out).unwrap().is_object());
        }
    }
}
