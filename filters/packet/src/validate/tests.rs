use std::net::SocketAddr;

use sluice_core::{ERRORS, MAIN, Registry};
use sluice_testkit::{Harness, Packets, traffic};
use sluice_wire::checksum;

use super::*;

fn harness(options: &str) -> Harness {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: validate\n{options}")).unwrap()
}

/// A good packet and the same with one byte changed: total length, IPv4 checksum, UDP checksum.
fn packets() -> Packets {
    let good = traffic::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"payload");
    let wrong = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] ^= byte;
        frame
    };
    Packets::new().frame(&good).frame(wrong(16, 0x40)).frame(wrong(24, 1)).frame(wrong(41, 1))
}

#[test]
fn wrong_packets_are_dropped_with_their_reason() {
    let mut validate = harness("");
    assert_eq!(validate.give(packets().build()).unwrap().ordinals(MAIN), [0]);
    let dropped = ["bad_length", "bad_ipv4_checksum", "bad_udp_checksum"].map(|r| validate.dropped(r));
    assert_eq!(dropped, [1, 1, 1]);
}

#[test]
fn only_what_is_asked_for_is_checked() {
    let passed = |options| harness(options).give(packets().build()).unwrap().ordinals(MAIN);
    assert_eq!(passed("  checks: [lengths]"), [0, 2, 3]);
    assert_eq!(passed("  checks: [transport_checksum]"), [0, 1, 2]);
    assert_eq!(passed("  checks: [network_checksum]"), [0, 3]);
}

#[test]
fn wrong_packets_are_marked_or_set_apart() {
    let outcome = harness("  on_bad: mark").give(packets().build()).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    let marks: Vec<_> = batch.frames().iter().map(|f| f.flags.contains(Flags::INVALID)).collect();
    assert_eq!(marks, [false, true, true, true]);

    let mut apart = harness("  on_bad: errors");
    let outcome = apart.give(packets().build()).unwrap();
    assert_eq!((outcome.ordinals(MAIN), outcome.ordinals(ERRORS)), (vec![0], vec![1, 2, 3]));
    assert_eq!(apart.tally().errors, 3);
}

#[test]
fn what_cannot_be_told_passes() {
    let good = traffic::tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), 16, &[7; 100]);
    let mut wrong = good.clone();
    wrong[60] ^= 1;
    let packets = Packets::new()
        .with(&wrong, |f| f.flags.set(Flags::CHECKSUM_NOT_READY, true))
        .with(&wrong, |f| f.flags.set(Flags::CHECKSUM_VALID, true))
        .with(&good[..80], |f| f.wire = good.len() as u32)
        .frame([&good[..], &[1; 6]].concat())
        .frame(traffic::arp([1; 4], [2; 4]))
        .frame(traffic::ethernet(0x88CC, b"LLDP"));
    assert_eq!(harness("").pass(packets.build()).unwrap().len(), 6);
}

/// Good packets of every protocol with a checksum.
fn every_protocol() -> Vec<(&'static str, Vec<u8>)> {
    let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
    let (a, b, six) = (socket("10.0.0.1:1"), socket("10.0.0.2:2"), socket("[fd00::1]:1"));
    let ip = |protocol: u8, payload: &[u8]| traffic::ip(a.ip(), b.ip(), protocol, payload);
    let pseudo = |protocol: u8, bytes: &[u8]| {
        checksum::pseudo_v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), protocol, bytes.len() as u32)
    };
    let mut lite = [0, 1, 0, 2, 0, 0, 0, 0, 7, 7].to_vec();
    let sum = checksum::finish_udp(checksum::sum(&lite) + pseudo(136, &lite));
    lite[6..8].copy_from_slice(&sum.to_be_bytes());
    let mut sctp = [0, 1, 0, 2, 1, 2, 3, 4, 0, 0, 0, 0, 9, 9, 9, 9].to_vec();
    let crc = checksum::crc32c(&[&sctp]);
    sctp[8..12].copy_from_slice(&crc.to_le_bytes());
    let mut igmp = [0x16, 0, 0, 0, 224, 0, 0, 9].to_vec();
    let sum = checksum::finish(checksum::sum(&igmp));
    igmp[2..4].copy_from_slice(&sum.to_be_bytes());
    let inner = &traffic::udp(a, b, b"inside")[14..];
    let mut gre = [&[0x80, 0, 8, 0, 0, 0, 0, 0], inner].concat();
    let sum = checksum::finish(checksum::sum(&gre));
    gre[4..6].copy_from_slice(&sum.to_be_bytes());
    vec![
        ("bad_tcp_checksum", traffic::tcp(a, b, 16, b"payload")),
        ("bad_udp_checksum", traffic::udp(six, socket("[fd00::2]:2"), b"payload")),
        ("bad_udplite_checksum", ip(136, &lite)),
        ("bad_sctp_checksum", ip(132, &sctp)),
        ("bad_icmp_checksum", traffic::echo(a.ip(), b.ip(), 1)),
        ("bad_icmpv6_checksum", traffic::echo(six.ip(), six.ip(), 1)),
        ("bad_igmp_checksum", ip(2, &igmp)),
        ("bad_gre_checksum", ip(47, &gre)),
    ]
}

#[test]
fn every_checksum_has_a_reason_of_its_own() {
    for (reason, good) in every_protocol() {
        assert_eq!(harness("").pass(Packets::new().frame(&good).build()).unwrap(), [&good[..]], "{reason}");
        let mut wrong = good;
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        let mut validate = harness("");
        validate.give(Packets::new().frame(&wrong).build()).unwrap();
        assert_eq!(validate.dropped(reason), 1, "{reason}");
    }
}

#[test]
fn packets_in_tunnels_are_checked_unless_told() {
    let mut inside = traffic::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"inside");
    inside[45] ^= 1;
    let frame = traffic::ip([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), 4, &inside[14..]);
    let passed = |options| harness(options).pass(Packets::new().frame(&frame).build()).unwrap().len();
    assert_eq!((passed(""), passed("  tunnels: false")), (0, 1));
}

#[test]
fn udp_over_ipv6_without_a_checksum_is_wrong_or_not_as_told() {
    let datagram = |port: u16, payload: &[u8]| {
        let to = SocketAddr::new("fd00::2".parse().unwrap(), port);
        let mut frame = traffic::udp("[fd00::1]:1".parse().unwrap(), to, payload);
        frame[60..62].fill(0);
        frame
    };
    let inside = traffic::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"inside");
    let tunnel = datagram(4789, &[&[8, 0, 0, 0, 0, 0, 5, 0], &inside[..]].concat());
    let packets = Packets::new().frame(datagram(53, b"payload")).frame(tunnel);
    let passed = |options| harness(options).give(packets.build()).unwrap().ordinals(MAIN);
    assert_eq!(passed(""), [1]);
    assert!(passed("  udp_zero_v6: bad").is_empty());
    assert_eq!(passed("  udp_zero_v6: good"), [0, 1]);
}

#[test]
fn a_header_that_contradicts_what_announced_it_is_wrong() {
    let frame = traffic::ethernet(0x0800, &[0x65; 40]);
    let mut validate = harness("");
    assert!(validate.pass(Packets::new().frame(&frame).build()).unwrap().is_empty());
    assert_eq!(validate.dropped("bad_header"), 1);
    let lenient =
        harness("  checks: [lengths, transport_checksum]").pass(Packets::new().frame(&frame).build());
    assert_eq!(lenient.unwrap(), [frame]);
}

#[test]
fn the_summary_counts_verdicts() {
    let [good, udp_zero] = [&b"payload"[..], b"none"]
        .map(|payload| traffic::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), payload));
    let with = |frame: &[u8], at: usize, bytes: &[u8]| {
        let mut frame = frame.to_vec();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let packets = Packets::new()
        .frames([&good, &good, &with(&good, 45, b"X"), &with(&udp_zero, 40, &[0; 2])])
        .with(&good[..45], |f| f.wire = 49)
        .with(&good, |f| f.flags.set(Flags::CHECKSUM_NOT_READY, true))
        .frame(traffic::tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), 2, b""));
    let mut validate = harness("  summary: true\n  on_bad: mark");
    validate.give(packets.build()).unwrap();
    assert!(validate.notices().is_empty());
    validate.finish().unwrap();
    let notices: Vec<_> = validate.notices().iter().map(|n| n.message.clone()).collect();
    let expected =
        "checksums: ipv4 7 good; tcp 1 good; udp 2 good, 1 bad, 1 unverifiable, 1 offloaded, 1 absent";
    assert_eq!(notices, [expected]);

    let mut nothing = harness("  summary: true");
    nothing.finish().unwrap();
    assert_eq!(nothing.notices()[0].message, "no checksum was found to check");
}

#[test]
fn the_last_of_several_workers_tells_the_sum() {
    let summary = Arc::new(Summary::default());
    let mut one = Counts::default();
    one.add(What::Tcp, Verdict::Good);
    let members = [summary.join(), summary.join()];
    let told = members.map(|member| member.leave(one).map(|total| total.to_string()));
    assert_eq!(told, [None, Some("checksums: tcp 2 good".into())]);
}
