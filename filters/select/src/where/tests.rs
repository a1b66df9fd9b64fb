use std::net::SocketAddr;
use std::sync::Arc;

use proptest::prelude::*;
use sluice_core::{CaptureInfo, Interface, MAIN, Registry};
use sluice_testkit::{Harness, Packets, records, traffic};
use sluice_wire::link::LinkType;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: where\n{options}"))
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// One packet of each sort; the tests name them by their place.
fn sorts() -> Vec<Vec<u8>> {
    let (a, b) = (socket("10.0.0.1:40000"), socket("192.168.0.2:80"));
    let (c, d) = (socket("[fd00::1]:8080"), socket("[fd00::2]:53"));
    let mut fragment = traffic::ip(a.ip(), b.ip(), 6, &[1; 40]);
    fragment[20..22].copy_from_slice(&[0, 10]);
    vec![
        traffic::tcp(a, b, 2, b""),
        traffic::udp(c, d, b"question"),
        traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]),
        traffic::echo(a.ip(), b.ip(), 1),
        traffic::echo(c.ip(), d.ip(), 1),
        traffic::vlan(7, &traffic::vlan(9, &traffic::udp(b, a, b"answer"))),
        fragment,
    ]
}

fn selected(options: &str) -> Vec<u64> {
    harness(options).unwrap().give(Packets::new().frames(sorts()).build()).unwrap().ordinals(MAIN)
}

#[test]
fn expressions_and_tcpdump_syntax_select() {
    for (options, expected) in [
        ("  where: tcp", &[0][..]),
        ("  where: tcp or flow.protocol == 6", &[0, 6]),
        ("  where: arp or icmpv6", &[2, 4]),
        ("  where: ip or ipv6", &[0, 1, 3, 4, 5, 6]),
        ("  where: 'tcp.port == 80 or udp.port in {50..60, 40000}'", &[0, 1, 5]),
        ("  where: ip.src == 10.0.0.0/8", &[0, 3, 6]),
        ("  where: vlan.id == 9", &[5]),
        ("  where: not (ip or ipv6)", &[2]),
        ("  where: frame contains \"question\"", &[1]),
        ("  bpf: tcp", &[0, 6]),
        ("  bpf: vlan 7 and vlan 9 and udp port 80", &[5]),
        ("  bpf: ''", &[0, 1, 2, 3, 4, 5, 6]),
    ] {
        assert_eq!(selected(options), expected, "{options}");
    }
    let mut lines = harness("  where: record.line matches \"e$\"").unwrap();
    assert_eq!(lines.pass(records(["one", "two", "three"])).unwrap(), [&b"one"[..], b"three"]);
}

#[test]
fn the_rest_is_counted_or_goes_to_its_port() {
    let mut filter = harness("  where: arp").unwrap();
    filter.give(Packets::new().frames(sorts()).build()).unwrap();
    assert_eq!(filter.dropped("not_selected"), 6);

    let mut filter = harness("  where: arp\n  rest: port").unwrap();
    let outcome = filter.give(Packets::new().frames(sorts()).build()).unwrap();
    assert_eq!((outcome.ordinals(MAIN), outcome.ordinals("rest")), (vec![2], vec![0, 1, 3, 4, 5, 6]));
    assert_eq!(outcome.items("rest")[0], sorts()[0]);
    assert_eq!((filter.dropped("not_selected"), filter.tally().passed), (0, 7));
}

#[test]
fn tcpdump_syntax_is_compiled_for_the_link_type_that_comes() {
    let mut filter = harness("  bpf: ip host 10.0.0.1").unwrap();
    let raw = traffic::tcp(socket("10.0.0.1:1"), socket("10.0.0.2:2"), 2, b"")[14..].to_vec();
    let batch = Packets::of(LinkType::RAW).frame(raw.clone()).build();
    assert_eq!(filter.pass(batch).unwrap(), [raw]);
    assert_eq!(filter.pass(Packets::new().frames(sorts()).build()).unwrap().len(), 3);
    assert!(filter.pass(Packets::of(LinkType(999)).frames(sorts()).build()).unwrap().is_empty());
    assert!(filter.notices()[0].message.starts_with("`ip host 10.0.0.1` cannot be asked of 999 frames"));
}

#[test]
fn interfaces_of_several_link_types_may_take_turns() {
    let whole = traffic::tcp(socket("10.0.0.1:1"), socket("10.0.0.2:2"), 2, b"");
    let raw = whole[14..].to_vec();
    let frames = [&whole, &raw, &raw, &whole, &whole, &raw].map(Clone::clone);
    let mut batch = Packets::new().frames(frames).build();
    let interfaces = [LinkType::ETHERNET, LinkType::RAW, LinkType(999)].map(Interface::of).into();
    batch.set_info(Arc::new(CaptureInfo { section: None, interfaces }));
    for (frame, interface) in batch.frames_mut().iter_mut().zip([0, 1, 0, 1, 2, 1]) {
        frame.interface = interface;
    }
    let mut filter = harness("  bpf: ip host 10.0.0.1").unwrap();
    assert_eq!(filter.give(batch).unwrap().ordinals(MAIN), [0, 1, 5]);
}

#[test]
fn wrong_options_are_refused_where_they_stand() {
    for (options, message) in [
        ("", "expected one of `where` and `bpf`"),
        ("  where: tcp\n  bpf: tcp", "expected one of `where` and `bpf`"),
        ("  where: tcp.prt == 80", "where: there is no field `tcp.prt`: did you mean `tcp.port`?"),
        ("  where: tcp.len", ""),
    ] {
        assert_eq!(harness(options).err().map_or(String::new(), |e| e.to_string()), message);
    }
    assert!(harness("  bpf: prot 6").is_err());
}

proptest! {
    #[test]
    fn a_selection_and_its_inverse_part_the_input(seed: u64, option in 0usize..4) {
        let text = ["udp", "tcp.port in {80, 443}", "ip.addr == 10.1.0.0/16", "vlan.id in {1, 5}"][option];
        let batch = || {
            let frames = traffic::mixture(50, seed).into_iter().chain(traffic::malformed(50, seed));
            Packets::new().frames(frames).build()
        };
        let select = |options: &str| harness(options).unwrap().give(batch()).unwrap().ordinals(MAIN);
        let these = select(&format!("  where: {text}"));
        let others = select(&format!("  where: not ({text})"));
        let mut all = [these.clone(), others.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..100).collect::<Vec<_>>());
        let mut split = harness(&format!("  where: {text}\n  rest: port")).unwrap();
        let outcome = split.give(batch()).unwrap();
        prop_assert_eq!((outcome.ordinals(MAIN), outcome.ordinals("rest")), (these, others));
    }
}
