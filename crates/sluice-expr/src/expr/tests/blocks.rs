//! Asking a block of items at once gives what asking one after the other gives.

use proptest::prelude::*;
use sluice_core::{Batch, Flags, PacketBatch};
use sluice_testkit::{Packets, traffic};

use super::super::*;

/// Comparisons of all sorts: of one and several values, in headers that occur once, more often, seldom; with constants and
/// without.
const OF_PACKETS: &[&str] = &[
    "tcp.port == 443",
    "tcp.port != 443",
    "any tcp.port != 443",
    "tcp.port === 443",
    "all udp.port > 53",
    "udp.port in {53, 80, 1000..9999}",
    "all udp.port in {53, 80, 1000..65535}",
    "udp.length > 100",
    "ip.ttl < 65",
    "ip.ttl#2 == 64",
    "ip.len <= 100",
    "ip.addr == 10.0.0.0/9",
    "ip.addr != 10.1.0.0/16",
    "ip.src in {10.0.0.0/16, 10.2.0.0..10.2.0.99}",
    "ip.src == ip.dst",
    "ip.version == 4",
    "ip.flags.df",
    "ip.flags.df == 1",
    "ipv6.addr == 2001:db8::/40",
    "ipv6.flow == 0",
    "eth.src == 02:00:00:00:00:01",
    "eth.addr > 02:00:00:00:00:01",
    "vlan.id >= 2000",
    "all vlan.id < 2000",
    "llc.oui == 0",
    "arp.opcode == 1",
    "icmp.type in {3, 8}",
    "tcp.flags & 0x12",
    "tcp.flags & 0x12 == 0x10",
    "tcp.flags.ack",
    "tcp.checksum > tcp.urgent_pointer",
    "gre or vxlan or gtp",
    "udp",
    "sll",
    "mpls",
    "frame.len > 150",
    "frame.packet_flags_direction == 1",
    "frame.packet_flags_direction != 1",
    "frame.packet_flags_direction",
    "frame.number % 3 == 1",
    "payload contains \"a\"",
    "(if tcp then tcp.srcport else udp.srcport) == 80",
    "true",
    "false",
];

const OF_RECORDS: &[&str] = &[
    ".status >= 500",
    ".status != 200",
    ".took < 1.0",
    ".ok",
    ".none",
    ".user.name == \"Alice\"",
    ".tags == 2",
    "all .tags < 3",
    ".client == 10.0.0.0/8",
    "record.len > 5",
    "record.line contains \"r\"",
];

fn condition(comparisons: &'static [&'static str]) -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(comparisons).prop_map(|text| format!("({text})"));
    comparison.prop_recursive(4, 16, 3, |part| {
        let several = prop::collection::vec(part.clone(), 2..4);
        prop_oneof![
            (several, prop::sample::select(vec![" and ", " or ", " xor "]))
                .prop_map(|(parts, word)| format!("({})", parts.join(word))),
            part.clone().prop_map(|part| format!("(not {part})")),
            (part.clone(), part.clone(), part).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

/// Good and bad packets, of which some came in and some went out.
fn packets(good: usize, bad: usize, seed: u64) -> PacketBatch {
    let frames = traffic::mixture(good, seed).into_iter().chain(traffic::malformed(bad, seed));
    let mut batch = Packets::new().frames(frames).build();
    for (at, frame) in batch.frames_mut().iter_mut().enumerate() {
        frame.flags.set(Flags::INBOUND, at % 3 == 0);
        frame.flags.set(Flags::OUTBOUND, at % 3 == 1);
    }
    batch
}

fn both_ways(text: &str, mut batch: Batch) -> [Vec<bool>; 2] {
    let mut predicate = Predicate::new(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    let [mut at_once, mut one_by_one] = [vec![true], vec![true]];
    predicate.batch(&mut batch, &mut at_once);
    predicate.one_by_one(&mut batch, &mut one_by_one);
    [at_once, one_by_one]
}

proptest! {
    #[test]
    fn a_block_of_packets_is_judged_as_each_of_them(
        text in condition(OF_PACKETS),
        good in 0usize..150,
        bad in 0usize..80,
        seed: u64,
    ) {
        let [at_once, one_by_one] = both_ways(&text, packets(good, bad, seed).into());
        prop_assert_eq!(at_once.len(), good + bad);
        prop_assert_eq!(at_once, one_by_one, "{}", text);
    }

    #[test]
    fn a_block_of_records_is_judged_as_each_of_them(text in condition(OF_RECORDS)) {
        let [at_once, one_by_one] = both_ways(&text, super::records::batch().into());
        prop_assert_eq!(at_once, one_by_one, "{}", text);
    }
}

#[test]
fn every_comparison_is_judged_alike_in_batches_of_all_sizes() {
    for text in OF_PACKETS {
        for (good, bad) in [(0, 0), (1, 0), (63, 0), (60, 4), (65, 0), (100, 28), (400, 400)] {
            let [at_once, one_by_one] = both_ways(text, packets(good, bad, 3).into());
            assert_eq!(at_once, one_by_one, "{text}");
            assert_eq!(at_once.len(), good + bad, "{text}");
        }
    }
}

#[test]
fn every_number_is_read_alike() {
    for field in crate::fields::all().filter(|field| !field.is_of_records()) {
        for seed in 0..4 {
            let [at_once, one_by_one] = both_ways(field.name, packets(100, 100, seed).into());
            assert_eq!(at_once, one_by_one, "{}", field.name);
        }
        if field.kind == crate::Type::Int {
            for text in ["> 5", "!= 0", "in {0, 2..20, 100..99999}"] {
                let text = format!("{} {text}", field.name);
                let [at_once, one_by_one] = both_ways(&text, packets(200, 200, 9).into());
                assert_eq!(at_once, one_by_one, "{text}");
            }
        }
    }
}
