use std::net::SocketAddr;

use proptest::prelude::*;
use sluice_core::{Flags, MAIN, Registry};
use sluice_testkit::{Harness, Packets, hex, traffic};
use sluice_wire::link::LinkType;
use sluice_wire::verify::{self, Offload};

use super::*;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: rewrite\n{options}"))
}

fn rewritten(options: &str, frame: &[u8]) -> Vec<u8> {
    harness(options).unwrap().pass(Packets::new().frame(frame).build()).unwrap().remove(0)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn udp(from: &str, to: &str) -> Vec<u8> {
    traffic::udp(socket(from), socket(to), b"payload")
}

#[test]
fn addresses_and_ports_come_out_as_if_sent_so() {
    let options =
        "  addresses: {10.0.0.0/8: 172.16.0.0/12, 'fd00::/16': '2001::/16'}\n  ports: {8000-8999: 80}";
    let both = "  addresses: {10.0.0.0/8: 11.0.0.0/8}";
    let from = "  source_addresses: {10.0.0.0/8: 12.0.0.0/8}";
    let to = "  destination_addresses: {10.0.0.0/8: 13.0.0.0/8}";
    let inside = ("10.1.2.3:8080", "10.1.2.4:53");
    for (options, (source, destination), expected) in [
        (options, inside, ("172.17.2.3:80", "172.17.2.4:53")),
        (options, ("192.168.0.1:1", "10.255.0.1:8999"), ("192.168.0.1:1", "172.31.0.1:80")),
        (options, ("[fd00::1]:1", "[fd01::1]:8000"), ("[2001::1]:1", "[fd01::1]:80")),
        (&format!("{both}\n{from}"), inside, ("12.1.2.3:8080", "11.1.2.4:53")),
        (to, inside, ("10.1.2.3:8080", "13.1.2.4:53")),
    ] {
        assert_eq!(rewritten(options, &udp(source, destination)), udp(expected.0, expected.1), "{options}");
    }
}

#[test]
fn addresses_stay_consistent_in_arp_and_icmp_errors() {
    let options = "  addresses: {10.0.0.0/8: 11.0.0.0/8}\n  ports: {53: 5353}";
    assert_eq!(
        rewritten(options, &traffic::arp([10, 0, 0, 1], [10, 0, 0, 2])),
        traffic::arp([11, 0, 0, 1], [11, 0, 0, 2])
    );
    let error = |router: [u8; 4], to: [u8; 4], quoted: Vec<u8>| {
        traffic::unreachable(router.into(), to.into(), &quoted)
    };
    assert_eq!(
        rewritten(options, &error([10, 9, 9, 9], [10, 0, 0, 1], udp("10.0.0.1:1", "10.0.0.2:53"))),
        error([11, 9, 9, 9], [11, 0, 0, 1], udp("11.0.0.1:1", "11.0.0.2:5353")),
    );
}

#[test]
fn the_time_to_live_is_set_or_moved_within_bounds() {
    for (options, old, new) in [
        ("  ttl: 9", 64, 9),
        ("  ttl_add: 1", 64, 65),
        ("  ttl_add: -1", 64, 63),
        ("  ttl_add: -100", 64, 1),
        ("  ttl_add: 255", 64, 255),
        ("  ttl_add: -1", 0, 1),
    ] {
        let mut four = udp("10.0.0.1:1", "10.0.0.2:2");
        four[22] = old;
        let four = rewritten(options, &four);
        assert_eq!(four[22], new, "{options}");
        let mut six = udp("[fd00::1]:1", "[fd00::2]:2");
        six[21] = old;
        assert_eq!(rewritten(options, &six)[21], new, "{options}");
    }
    let frame = rewritten("  ttl: 9", &udp("10.0.0.1:1", "10.0.0.2:2"));
    let layers = sluice_core::Layers::decode(LinkType::ETHERNET, &frame, frame.len() as u32);
    assert_eq!(
        verify::check(&frame, &layers, frame.len() as u32, Offload::None).network,
        verify::Verdict::Good
    );
}

#[test]
fn macs_are_mapped_or_set() {
    let frame = traffic::ethernet(0x88CC, b"any frame");
    let macs = |options| rewritten(options, &frame)[..12].to_vec();
    assert_eq!(macs("  macs: {02-00-00-00-00-01: '02:00:00:00:00:09'}"), hex("020000000002 020000000009"));
    assert_eq!(macs("  source_mac: 02:00:00:00:00:07"), hex("020000000002 020000000007"));
    assert_eq!(
        macs("  destination_mac: 02:00:00:00:00:07\n  macs: {'02:00:00:00:00:02': '02:00:00:00:00:09'}"),
        hex("020000000007 020000000001")
    );
    assert_eq!(rewritten("  source_mac: 02:00:00:00:00:07", &frame[..9]), frame[..9]);
}

#[test]
fn what_is_not_ip_passes_as_it_is_and_is_not_even_copied() {
    let frame = traffic::ethernet(0x88CC, b"any frame");
    let batch = Packets::new().frame(&frame).frame(udp("10.0.0.1:1", "10.0.0.2:2")).build();
    let _shared = batch.duplicate(&sluice_testkit::pools());
    let mut outcome =
        harness("  addresses: {10.0.0.0/8: 11.0.0.0/8}\n  ttl: 9").unwrap().give(batch).unwrap();
    let Some(Batch::Packets(batch)) = outcome.take(MAIN) else { panic!("no packets") };
    assert_eq!(batch.data(&batch.frames()[0]), frame);
    let moved: Vec<_> = batch.frames().iter().map(|f| f.flags != Flags::default()).collect();
    assert_eq!(moved, [false, true]);
}

#[test]
fn a_wrong_checksum_stays_wrong_and_trailing_bytes_stay() {
    let mut frame = udp("10.0.0.1:1", "10.0.0.2:2");
    frame[45] ^= 1;
    frame.extend([1, 2, 3]);
    let mut expected = udp("11.0.0.1:1", "11.0.0.2:2");
    expected[45] ^= 1;
    expected.extend([1, 2, 3]);
    assert_eq!(rewritten("  addresses: {10.0.0.0/8: 11.0.0.0/8}", &frame), expected);
}

#[test]
fn wrong_options_are_refused_where_they_stand() {
    for (options, message) in [
        ("", "nothing to rewrite"),
        ("  ttl: 1\n  ttl_add: 1", "ttl_add: `ttl` is given too: expected one of them"),
        (
            "  addresses: {10.0.0.1/8: 11.0.0.0/8}",
            "addresses.10.0.0.1/8: `10.0.0.1/8` has bits set after its prefix; the network is `10.0.0.0/8`",
        ),
        (
            "  addresses: {10.0.0.1: 11.0.0.1, 10.0.0.1/32: 11.0.0.2}",
            "addresses: `10.0.0.1/32` is mapped twice",
        ),
        (
            "  source_addresses: {10.0.0.0/8: 'fd00::/8'}",
            "source_addresses.10.0.0.0/8: `10.0.0.0/8` cannot become `fd00::/8`: one is IPv4 and the other IPv6",
        ),
        (
            "  ports: {http: 80}",
            "ports.http: `http` is not a port, a range such as `8000-8999`, or a list of those",
        ),
        ("  ports: {80-90: 1, 85: 2}", "ports: port `85` is mapped twice"),
        (
            "  macs: {'02:00': '02:00:00:00:00:01'}",
            "macs.02:00: `02:00` is not a MAC address such as `02:00:00:00:00:01`",
        ),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}

proptest! {
    #[test]
    fn a_map_and_its_inverse_restore_every_byte(seed: u64) {
        // Networks and ports that the traffic has not, so that nothing falls together.
        let there = "  addresses: {10.0.0.0/8: 77.0.0.0/8, '2001:db8::/32': '2001:db9::/32'}\n  ports: {80: 7080, 53: 7053}";
        let back = "  addresses: {77.0.0.0/8: 10.0.0.0/8, '2001:db9::/32': '2001:db8::/32'}\n  ports: {7080: 80, 7053: 53}";
        let frames = traffic::mixture(60, seed);
        let mut outcome = harness(there).unwrap().give(Packets::new().frames(&frames).build()).unwrap();
        prop_assert!(outcome.items(MAIN).iter().zip(&frames).all(|(new, old)| new != old));
        if let Some(batch) = outcome.take(MAIN) {
            prop_assert_eq!(harness(back).unwrap().pass(batch).unwrap(), frames);
        }
    }

    #[test]
    fn good_checksums_stay_good(seed: u64) {
        let options = "  addresses: {10.0.0.0/8: 192.168.0.0/16, '2001:db8::/32': 'fd00::/8'}\n  ports: {1-65535: 9}\n  ttl: 3";
        let mut outcome = harness(options).unwrap().give(Packets::new().frames(traffic::mixture(60, seed)).build()).unwrap();
        if let Some(Batch::Packets(mut batch)) = outcome.take(MAIN) {
            for (frame, data, layers) in batch.decoded() {
                let verdicts = verify::check(data, layers, frame.wire, Offload::None);
                prop_assert!(verdicts.is_acceptable(), "{:?} {:02x?}", verdicts, data);
            }
        }
    }
}
