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
fn the_sides_have_ports_of_their_own() {
    let options = "  ports: {53: 5353, 1: 11}\n  source_ports: {1-9: 40000}\n  destination_ports: {53: 54}";
    assert_eq!(rewritten(options, &udp("10.0.0.1:1", "10.0.0.2:53")), udp("10.0.0.1:40000", "10.0.0.2:54"));
    assert_eq!(rewritten(options, &udp("10.0.0.1:53", "10.0.0.2:1")), udp("10.0.0.1:5353", "10.0.0.2:11"));
}

#[test]
fn random_addresses_go_by_the_seed_and_leave_kinds_alone() {
    let frame = udp("10.1.2.3:1", "10.1.2.4:2");
    let addresses = |options: &str, frame: &[u8]| rewritten(options, frame)[26..34].to_vec();
    let seeded = |seed: u64, more: &str| format!("  randomize: {{seed: {seed}{more}}}");
    let one = addresses(&seeded(1, ""), &frame);
    assert_ne!(one, frame[26..34]);
    assert_eq!(one, addresses(&seeded(1, ""), &frame));
    assert_ne!(one, addresses(&seeded(2, ""), &frame));
    let kept = udp("127.0.0.1:1", "239.1.2.3:2");
    assert_eq!(rewritten(&seeded(1, ""), &kept), kept);
    let all = addresses(&seeded(1, ", keep: [multicast]"), &kept);
    assert!(all[..4] != kept[26..30] && all[4..] == kept[30..34]);
    let near = addresses(&seeded(1, ", method: prefix_preserving"), &frame);
    assert_eq!((&near[..3], (near[3] ^ near[7]).leading_zeros()), (&near[4..7], 5));
    // What a map holds is not left to chance.
    let mapped = format!("  addresses: {{10.1.2.3: 1.1.1.1}}\n{}", seeded(1, ""));
    assert_eq!(addresses(&mapped, &frame), [&[1, 1, 1, 1], &one[4..]].concat());
}

#[test]
fn a_key_makes_the_addresses_of_crypto_pan() {
    let key = "1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202";
    let options = format!("  randomize: {{key: {key}, method: prefix_preserving, keep: []}}");
    assert_eq!(
        rewritten(&options, &udp("128.11.68.132:1", "192.102.249.13:2")),
        udp("135.242.180.132:1", "252.138.62.131:2")
    );
}

#[test]
fn broadcast_and_multicast_are_left_alone_on_demand() {
    let options = "  addresses: {0.0.0.0/0: 10.0.0.0/8}\n  destination_mac: 02:00:00:00:00:09";
    let group = |mac: [u8; 6], address: &str| {
        let mut frame = udp("11.0.0.1:1", address);
        frame[..6].copy_from_slice(&mac);
        frame
    };
    let everybody = group([0xFF; 6], "255.255.255.255:2");
    let some = group([1, 0, 0x5E, 0, 0, 1], "224.0.0.1:2");
    let both = format!("{options}\n  skip_broadcast: true\n  skip_multicast: true");
    for frame in [&everybody, &some] {
        let changed = rewritten(options, frame);
        assert_eq!((changed[30], &changed[..6]), (10, &[2, 0, 0, 0, 0, 9][..]));
        let kept = rewritten(&both, frame);
        assert_eq!((&kept[..6], &kept[30..34], kept[26]), (&frame[..6], &frame[30..34], 10));
    }
}

#[test]
fn all_conversations_get_two_ends() {
    let options = "  endpoints: {client: '1.0.0.1, fd00::1', server: '2.0.0.2, fd00::2', client_mac: 02:00:00:00:00:0c}";
    let run = |from: &str, to: &str, flag: Flags| {
        let mut batch = Packets::new().frame(udp(from, to)).build();
        batch.frames_mut()[0].flags.set(flag, true);
        harness(options).unwrap().pass(batch).unwrap().remove(0)
    };
    let client = run("10.0.0.1:1", "10.0.0.2:2", Flags::FROM_CLIENT);
    assert_eq!((&client[12..], client[11]), (&udp("1.0.0.1:1", "2.0.0.2:2")[12..], 0x0c));
    let server = run("10.0.0.2:2", "10.0.0.1:1", Flags::FROM_SERVER);
    assert_eq!((&server[12..], server[5]), (&udp("2.0.0.2:2", "1.0.0.1:1")[12..], 0x0c));
    let six = run("[fd01::9]:2", "[fd01::8]:1", Flags::FROM_SERVER);
    assert_eq!(six[12..], udp("[fd00::2]:2", "[fd00::1]:1")[12..]);
    assert_eq!(run("10.0.0.1:1", "10.0.0.2:2", Flags::default()), udp("10.0.0.1:1", "10.0.0.2:2"));
}

#[test]
fn header_fields_are_set() {
    let six = |options| rewritten(options, &udp("[fd00::1]:1", "[fd00::2]:2"))[14..18].to_vec();
    let four = |options| rewritten(options, &udp("10.0.0.1:1", "10.0.0.2:2"))[15];
    for (options, class_of_four, word_of_six) in [
        ("  dscp: 46", 0xB8, hex("6b800000")),
        ("  ecn: 3", 0x03, hex("60300000")),
        ("  dscp: 63\n  ecn: 1", 0xFD, hex("6fd00000")),
        ("  tos: 255", 0xFF, hex("60000000")),
        ("  traffic_class: 16\n  flow_label: 0xabcde", 0, hex("610abcde")),
    ] {
        assert_eq!((four(options), six(options)), (class_of_four, word_of_six), "{options}");
    }
}

#[test]
fn sequence_numbers_move_on() {
    let segment = |options| {
        let frame = traffic::tcp(socket("10.0.0.1:1"), socket("10.0.0.2:2"), 16, b"data");
        let frame = rewritten(options, &frame);
        let number = |at: usize| u32::from_be_bytes(*frame[at..].first_chunk().unwrap());
        (number(38), number(42))
    };
    assert_eq!(segment("  tcp_sequence_add: -2"), (u32::MAX, u32::MAX));
    assert_eq!(segment("  tcp_sequence_add: 4294967295"), (0, 0));
    let (sent, acknowledged) = segment("  tcp_sequence_seed: 7");
    assert_ne!(sent, acknowledged);
    let back = traffic::tcp(socket("10.0.0.2:2"), socket("10.0.0.1:1"), 16, b"");
    let back = rewritten("  tcp_sequence_seed: 7", &back);
    assert_eq!(back[38..46], [acknowledged.to_be_bytes(), sent.to_be_bytes()].concat());
}

#[test]
fn checksums_go_by_the_policy() {
    let mut frame = udp("10.0.0.1:1", "10.0.0.2:2");
    let good = udp("11.0.0.1:1", "11.0.0.2:2");
    let sums = |checksums: &str, frame: &[u8]| {
        let options = format!("  addresses: {{10.0.0.0/8: 11.0.0.0/8}}\n  checksums: {checksums}");
        let frame = rewritten(&options, frame);
        (frame[24..26].to_vec(), frame[40..42].to_vec())
    };
    let of = |frame: &[u8]| (frame[24..26].to_vec(), frame[40..42].to_vec());
    assert_eq!(sums("keep", &frame), of(&frame));
    let broken = sums("break", &frame);
    assert!(broken.0 != good[24..26] && broken.1 != good[40..42]);
    frame[41] ^= 1;
    assert_eq!(sums("recompute", &frame), of(&good));
    assert_ne!(sums("incremental", &frame), of(&good));
    assert_eq!(rewritten("  checksums: recompute", &frame), udp("10.0.0.1:1", "10.0.0.2:2"));
}

#[test]
fn a_check_sequence_that_the_file_tells_of_follows() {
    let framed = |frame: Vec<u8>| {
        let sum = sluice_wire::checksum::crc32(&frame).to_le_bytes();
        [frame, sum.to_vec()].concat()
    };
    let options = "  addresses: {10.0.0.0/8: 11.0.0.0/8}\n  source_mac: 02:00:00:00:00:07";
    let frame = framed(udp("10.0.0.1:1", "10.0.0.2:2"));
    let batch = Packets::new().with(frame.clone(), |frame| frame.fcs_len = 4).build();
    let mut expected = udp("11.0.0.1:1", "11.0.0.2:2");
    expected[11] = 7;
    assert_eq!(harness(options).unwrap().pass(batch).unwrap()[0], framed(expected.clone()));
    // Nobody told, so it is a trailer like any other.
    assert_eq!(rewritten(options, &frame), [&expected[..], &frame[frame.len() - 4..]].concat());
}

#[test]
fn tunnels_are_left_alone_on_demand() {
    let inner = udp("10.0.0.1:1", "10.0.0.2:2");
    let vxlan = |inner: &[u8]| {
        let payload = [&[8, 0, 0, 0, 0, 0, 5, 0], inner].concat();
        traffic::udp(socket("10.9.0.1:50000"), socket("10.9.0.2:4789"), &payload)
    };
    let options = "  source_addresses: {10.0.0.0/16: 11.0.0.0/16}\n  ports: {1: 9}";
    let frame = vxlan(&inner);
    assert_eq!(rewritten(options, &frame), vxlan(&udp("11.0.0.1:9", "10.0.0.2:2")));
    assert_eq!(rewritten(&format!("{options}\n  inner: false"), &frame), frame);
}

#[test]
fn a_port_may_make_or_end_a_tunnel() {
    let payload = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &udp("10.0.0.1:1", "10.0.0.2:2")].concat();
    let frame = |port: u16| {
        traffic::udp(socket("10.9.0.1:50000"), format!("10.9.0.2:{port}").parse().unwrap(), &payload)
    };
    for (from, to) in [(4789, 80), (80, 4789)] {
        let options = format!("  ports: {{{from}: {to}}}");
        let mut outcome = harness(&options).unwrap().give(Packets::new().frame(frame(from)).build()).unwrap();
        let Some(Batch::Packets(batch)) = outcome.take(MAIN) else { panic!("no packets") };
        let (frame, data) = batch.iter().next().unwrap();
        let fresh = sluice_core::Layers::decode(LinkType::ETHERNET, data, frame.wire);
        assert_eq!(batch.layers(), [fresh], "{options}");
    }
}

#[test]
fn the_user_is_told_once_of_check_values_that_need_a_key() {
    let mut signed = traffic::ip([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 51, &[17; 40]);
    signed[35] = 4;
    let mut stage = harness("  addresses: {10.0.0.0/8: 11.0.0.0/8}").unwrap();
    let frames = [udp("10.0.0.1:1", "10.0.0.2:2"), signed.clone(), signed];
    stage.give(Packets::new().frames(&frames).build()).unwrap();
    stage.give(Packets::new().frames(&frames).build()).unwrap();
    assert_eq!(stage.notices().len(), 1, "{:?}", stage.notices());
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
        ("  source_ports: {9-8: 80}", "source_ports.9-8: `9-8` ends before it starts"),
        ("  dscp: 1\n  tos: 1", "dscp: `tos` is given too: expected one of them"),
        (
            "  tcp_sequence_add: 1\n  tcp_sequence_seed: 1",
            "tcp_sequence_seed: `tcp_sequence_add` is given too: expected one of them",
        ),
        ("  randomize: {}", "randomize: expected one of `seed` and `key`"),
        ("  randomize: {key: 'abc'}", "randomize.key: a key has 64 hexadecimal digits"),
        ("  endpoints: {client: x, server: 10.0.0.1}", "endpoints.client: `x` is not an IP address"),
        (
            "  endpoints: {client: '10.0.0.1', server: '10.0.0.1,10.0.0.2'}",
            "endpoints.server: `10.0.0.1,10.0.0.2` has two addresses of one family",
        ),
        (
            "  endpoints: {client: '10.0.0.1', server: '10.0.0.2'}\n  randomize: {seed: 1}",
            "endpoints: other addresses are mapped too: expected either those or `endpoints`",
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

#[test]
fn layers_stay_true_where_a_mac_address_tells_what_mpls_carries() {
    let frame = hex(
        "0000 0000 0002 0200 0000 0001 0800 4500 00d6 0001 4000 402f 24d4 0a00 00cd 0a03 0056 0000 8847 0060 0040 \
         0002 01c7 baff ffb6 0000 0000 9967 318e 0001 4000 4006 252a 0a02 0041 0a03 0018 00d2 0002",
    );
    for seed in 0..64 {
        let mut rewrite = harness(&format!("  randomize_macs: {{seed: {seed}}}")).unwrap();
        let outcome = rewrite.give(Packets::new().frame(&frame).build()).unwrap();
        let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
        let (frame, data) = batch.iter().next().unwrap();
        let again = sluice_core::Layers::decode(LinkType::ETHERNET, data, frame.wire);
        assert_eq!(batch.layers(), [again], "{seed}");
    }
}
