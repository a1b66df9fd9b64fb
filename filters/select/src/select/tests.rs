use std::net::SocketAddr;

use proptest::prelude::*;
use sluice_core::{MAIN, Registry};
use sluice_testkit::{Harness, Packets, traffic};

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: select\n{options}"))
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
fn each_option_selects_what_it_says() {
    for (options, expected) in [
        ("  protocols: [tcp]", &[0, 6][..]),
        ("  protocols: [arp, icmpv6]", &[2, 4]),
        ("  protocols: [icmp]", &[3, 4]),
        ("  protocols: [ip]", &[0, 1, 3, 4, 5, 6]),
        ("  protocols: [ipv6]", &[1, 4]),
        ("  ports: [80]", &[0, 5]),
        ("  ports: ['50-60', 40000]", &[0, 1, 5]),
        ("  source_ports: [80]", &[5]),
        ("  destination_ports: [80]", &[0]),
        ("  addresses: [10.0.0.0/8]", &[0, 3, 5, 6]),
        ("  source_addresses: [10.0.0.1, 'fd00::/16', 10.0.0.1]", &[0, 1, 3, 4, 6]),
        ("  destination_addresses: [10.0.0.0/8]", &[5]),
        ("  vlans: [9]", &[5]),
        ("  protocols: [tcp, udp]\n  ports: [80]\n  addresses: [10.0.0.0/8]", &[0, 5]),
        ("  protocols: [ip]\n  invert: true", &[2]),
        ("  protocols: [sctp, igmp, udplite]", &[]),
    ] {
        assert_eq!(selected(options), expected, "{options}");
    }
}

#[test]
fn the_rest_is_counted_or_goes_to_its_port() {
    let mut select = harness("  protocols: [arp]").unwrap();
    select.give(Packets::new().frames(sorts()).build()).unwrap();
    assert_eq!(select.dropped("not_selected"), 6);

    let mut select = harness("  protocols: [arp]\n  rest: port").unwrap();
    let outcome = select.give(Packets::new().frames(sorts()).build()).unwrap();
    assert_eq!((outcome.ordinals(MAIN), outcome.ordinals("rest")), (vec![2], vec![0, 1, 3, 4, 5, 6]));
    assert_eq!(outcome.items("rest")[0], sorts()[0]);
    assert_eq!((select.dropped("not_selected"), select.tally().passed), (0, 7));
}

#[test]
fn wrong_options_are_refused_where_they_stand() {
    for (options, message) in [
        ("", "nothing to select by"),
        ("  ports: [80, 70000]", "ports[1]: `70000` is above the last port, 65535"),
        ("  ports: [90-80]", "ports[0]: `90-80` is not a port or a range such as `8000-8999`"),
        (
            "  addresses: [10.0.0.1/8]",
            "addresses[0]: `10.0.0.1/8` has bits set after its prefix; the network is `10.0.0.0/8`",
        ),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}

proptest! {
    #[test]
    fn a_selection_and_its_inverse_part_the_input(seed: u64, option in 0usize..4) {
        let options = ["protocols: [udp]", "ports: [80, 443]", "addresses: [10.1.0.0/16]", "vlans: [1, 5]"][option];
        let batch = || {
            let frames = traffic::mixture(50, seed).into_iter().chain(traffic::malformed(50, seed));
            Packets::new().frames(frames).build()
        };
        let select = |text: &str| harness(text).unwrap().give(batch()).unwrap().ordinals(MAIN);
        let (these, others) = (select(&format!("  {options}")), select(&format!("  {options}\n  invert: true")));
        let mut all = [these.clone(), others.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..100).collect::<Vec<_>>());
        let mut split = harness(&format!("  {options}\n  rest: port")).unwrap();
        let outcome = split.give(batch()).unwrap();
        prop_assert_eq!((outcome.ordinals(MAIN), outcome.ordinals("rest")), (these, others));
    }
}
