use std::ops::Range;

use proptest::prelude::*;
use sluice_core::{Batch, Layers, MAIN, Registry};
use sluice_testkit::{Harness, Outcome, Packets, traffic};
use sluice_wire::checksum;
use sluice_wire::link::LinkType;
use sluice_wire::verify::{self, Offload, Verdict};

const SECOND: i64 = 1_000_000_000;
/// Ethernet and an IPv4 header without options; the same with IPv6.
const V4: usize = 34;
const V6: usize = 54;

fn harness(options: &str) -> Harness {
    let yaml = format!("- filter: defragment\n{options}");
    Harness::from_yaml(&Registry::collect().unwrap(), &yaml).unwrap()
}

fn set(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// An IPv4 header with these bytes behind it, as a fragment.
fn raw4(head: &[u8], id: u16, offset: usize, more: bool, bytes: &[u8]) -> Vec<u8> {
    let mut frame = [head, bytes].concat();
    set(&mut frame, 16, (20 + bytes.len()) as u16);
    set(&mut frame, 18, id);
    set(&mut frame, 20, (offset / 8) as u16 | if more { 0x2000 } else { 0 });
    set(&mut frame, 24, 0);
    let sum = checksum::finish(checksum::sum(&frame[14..V4]));
    set(&mut frame, 24, sum);
    frame
}

/// The bytes in `range` of what an IPv4 packet carries.
fn fragment4(whole: &[u8], range: Range<usize>) -> Vec<u8> {
    let bytes = &whole[V4..];
    raw4(&whole[..V4], 77, range.start, range.end < bytes.len(), &bytes[range])
}

/// The same of IPv6, whose headers up to `headers` are in every fragment; `next` is where the last one tells what follows.
fn fragment6(whole: &[u8], headers: usize, next: usize, range: Range<usize>) -> Vec<u8> {
    let bytes = &whole[headers..];
    let mut frame = whole[..headers].to_vec();
    let protocol = std::mem::replace(&mut frame[next], 44);
    let word = range.start as u16 | u16::from(range.end < bytes.len());
    frame.extend([protocol, 0]);
    frame.extend(word.to_be_bytes());
    frame.extend(0xABCD_0001u32.to_be_bytes());
    frame.extend(&bytes[range]);
    let length = (frame.len() - V6) as u16;
    set(&mut frame, 18, length);
    frame
}

fn udp(payload: &[u8]) -> Vec<u8> {
    traffic::udp("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap(), payload)
}

fn udp6(payload: &[u8]) -> Vec<u8> {
    traffic::udp("[2001:db8::1]:4000".parse().unwrap(), "[2001:db8::2]:5000".parse().unwrap(), payload)
}

/// A packet as it is when all that a fragment changes is as `fragment4` leaves it.
fn as_whole(whole: &[u8]) -> Vec<u8> {
    raw4(&whole[..V4], 77, 0, false, &whole[V4..])
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 256) as u8).collect()
}

/// What leaves of these frames, a millisecond apart, up to the end.
fn given(options: &str, frames: &[Vec<u8>]) -> (Vec<Vec<u8>>, Harness) {
    let mut filter = harness(options);
    let mut items = filter.give(Packets::new().frames(frames).build()).unwrap().items(MAIN);
    items.extend(filter.finish().unwrap().items(MAIN));
    (items, filter)
}

fn one(options: &str, frames: &[Vec<u8>]) -> Vec<u8> {
    let (mut items, _) = given(options, frames);
    assert_eq!(items.len(), 1);
    items.remove(0)
}

#[test]
fn a_datagram_leaves_in_the_place_of_the_fragment_that_completed_it() {
    let whole = udp(&text(2000));
    let other = udp(b"hello");
    let pieces = [1496..2008, 0..744, 744..1496].map(|range| fragment4(&whole, range));
    let packets = Packets::new()
        .frame(&pieces[0])
        .frame(&other)
        .frame(&pieces[1])
        .with(&pieces[2], |frame| frame.time = 5)
        .frame(&other);
    let mut filter = harness("");
    let mut outcome = filter.give(packets.build()).unwrap();
    assert_eq!(outcome.items(MAIN), [other.clone(), as_whole(&whole), other]);
    assert_eq!(outcome.ordinals(MAIN), [1, 3, 4]);
    let Some(Batch::Packets(mut batch)) = outcome.take(MAIN) else { panic!() };
    let (frame, data, layers) = batch.decoded().nth(1).unwrap();
    assert_eq!((frame.time, frame.wire as usize), (5, data.len()));
    assert_eq!(*layers, Layers::decode(LinkType::ETHERNET, data, frame.wire));
    assert_eq!(layers.ports(data), Some((4000, 5000)));
    assert_eq!(filter.dropped("merged"), 2);
    assert_eq!(filter.finish().unwrap().items(MAIN).len(), 0);
}

#[test]
fn checksums_of_what_leaves_are_as_they_were_sent() {
    for whole in [udp(&text(3000)), udp6(&text(3000))] {
        let (start, next) = if whole[12] == 8 { (V4, 0) } else { (V6, 20) };
        let cut =
            |range| if next == 0 { fragment4(&whole, range) } else { fragment6(&whole, start, next, range) };
        let packet = one("", &[cut(0..1448), cut(1448..3008)]);
        let layers = Layers::decode(LinkType::ETHERNET, &packet, packet.len() as u32);
        let report = verify::check(&packet, &layers, packet.len() as u32, Offload::None);
        assert_eq!((report.lengths, report.transport), (Ok(()), Verdict::Good), "{report:?}");
    }
}

#[test]
fn ipv6_headers_before_the_fragment_header_stay() {
    let plain = udp6(&text(100));
    let mut whole = plain[..V6].to_vec();
    whole[20] = 0;
    // Hop-by-hop options, then destination options.
    whole.extend([60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]);
    whole.extend(&plain[V6..]);
    let length = (whole.len() - V6) as u16;
    set(&mut whole, 18, length);
    let cut = |range| fragment6(&whole, V6 + 16, V6 + 8, range);
    assert_eq!(one("", &[cut(48..108), cut(0..48)]), whole);
}

#[test]
fn an_atomic_fragment_passes_and_joins_nothing() {
    let whole = udp6(&text(100));
    let atomic = fragment6(&whole, V6, 20, 0..108);
    let first = fragment6(&whole, V6, 20, 0..48);
    let (items, mut filter) = given("", &[first, atomic.clone()]);
    assert_eq!(items, [atomic]);
    assert_eq!(filter.dropped("incomplete"), 1);
}

#[test]
fn padding_is_no_part_of_a_fragment_and_a_check_sequence_is_computed() {
    let whole = udp(&text(16));
    let mut last = fragment4(&whole, 16..24);
    last.resize(60, 0xEE);
    assert_eq!(one("", &[fragment4(&whole, 0..16), last.clone()]), as_whole(&whole));

    last.extend([1, 2, 3, 4]);
    let mut filter = harness("");
    let packets = Packets::new().frame(fragment4(&whole, 0..16)).with(&last, |frame| frame.fcs_len = 4);
    let items = filter.give(packets.build()).unwrap().items(MAIN);
    let (packet, sum) = items[0].split_at(items[0].len() - 4);
    assert_eq!(packet, as_whole(&whole));
    assert_eq!(sum, checksum::crc32(packet).to_le_bytes());
}

#[test]
fn lengths_of_the_link_layer_cover_the_packet() {
    let whole = udp(&text(40));
    let pppoe = |mut frame: Vec<u8>| {
        let length = (frame.len() - 14 + 2) as u16;
        set(&mut frame, 12, 0x8864);
        let header = [0x11, 0, 0, 9, (length >> 8) as u8, length as u8, 0, 0x21];
        frame.splice(14..14, header);
        frame
    };
    let snap = |mut frame: Vec<u8>| {
        let length = (frame.len() - 14 + 8) as u16;
        set(&mut frame, 12, length);
        frame.splice(14..14, [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]);
        frame
    };
    let pieces = [0..24, 24..48].map(|range| fragment4(&whole, range));
    assert_eq!(one("", &pieces.clone().map(pppoe)), pppoe(as_whole(&whole)));
    assert_eq!(one("", &pieces.map(snap)), snap(as_whole(&whole)));
}

#[test]
fn fragments_belong_together_by_vlan_protocol_and_identification() {
    let whole = udp(&text(40));
    let (first, last) = (fragment4(&whole, 0..24), fragment4(&whole, 24..48));
    let change = |at: usize, value: u8| {
        let mut other = last.clone();
        other[at] = value;
        other
    };
    let mut tagged = last.clone();
    tagged.splice(12..12, [0x81, 0, 0, 7]);
    for other in [change(19, 78), change(23, 6), change(29, 9), tagged] {
        let (items, mut filter) = given("", &[first.clone(), other]);
        assert_eq!((items.len(), filter.dropped("incomplete")), (0, 2));
    }
}

#[test]
fn a_datagram_that_takes_too_long_is_given_up() {
    let whole = udp(&text(40));
    let [first, last] = [0..24, 24..48].map(|range| fragment4(&whole, range));
    let at = |time: i64, frame: &Vec<u8>| Packets::new().with(frame, |f| f.time = time).build();
    let mut filter = harness("  timeout: 2s\n");
    // By the watermark, and without one by the next fragment with the same key.
    filter.give(at(SECOND, &first)).unwrap();
    filter.watermark(3 * SECOND - 1).unwrap();
    assert_eq!(filter.tally().held, 1);
    filter.watermark(3 * SECOND).unwrap();
    assert_eq!((filter.tally().held, filter.dropped("timeout")), (0, 1));
    filter.give(at(4 * SECOND, &first)).unwrap();
    assert_eq!(filter.give(at(6 * SECOND, &last)).unwrap().items(MAIN).len(), 0);
    assert_eq!((filter.tally().held, filter.dropped("timeout")), (1, 2));
    // Times that go back: within the timeout they join, and wait as long as others.
    filter.watermark(100 * SECOND).unwrap();
    filter.give(at(50 * SECOND, &last)).unwrap();
    filter.watermark(101 * SECOND).unwrap();
    assert_eq!(filter.give(at(49 * SECOND, &first)).unwrap().items(MAIN), [as_whole(&whole)]);
    filter.give(at(50 * SECOND, &last)).unwrap();
    assert_eq!(filter.give(at(48 * SECOND, &first)).unwrap().items(MAIN).len(), 0);
    filter.finish().unwrap();
    assert_eq!((filter.dropped("timeout"), filter.dropped("incomplete")), (4, 1));
}

#[test]
fn an_overlap_discards_a_datagram_and_what_is_still_to_come_of_it() {
    let (v4, v6) = (udp(&text(72)), udp6(&text(72)));
    let cut4 = |range| fragment4(&v4, range);
    let cut6 = |range| fragment6(&v6, V6, 20, range);
    let order = [0..32, 24..48, 48..80, 32..48, 0..32];
    for (frames, options) in
        [(order.clone().map(cut4), ""), (order.clone().map(cut6), ""), (order.map(cut6), "  overlap: last\n")]
    {
        let (items, mut filter) = given(options, &frames);
        assert_eq!((items.len(), filter.dropped("overlap")), (0, 5));
    }
    // The very same fragment does no harm; one with other bytes does.
    let order = [0..32, 0..32, 48..80, 48..80, 32..48];
    assert_eq!(one("", &order.clone().map(cut4)), as_whole(&v4));
    assert_eq!(one("", &order.map(cut6)), v6);
    let mut other = cut6(0..32);
    other[90] ^= 1;
    let (items, mut filter) = given("", &[cut6(0..32), other, cut6(32..80)]);
    assert_eq!((items.len(), filter.dropped("overlap")), (0, 3));
}

/// The pattern of Shankar and Paxson as Novak has it: every way in which two fragments can overlap.
#[test]
fn each_policy_sees_its_own_datagram() {
    let head = udp(&[]);
    let pieces = [
        (0, 24),
        (32, 16),
        (48, 24),
        (80, 8),
        (104, 16),
        (120, 24),
        (144, 16),
        (160, 16),
        (176, 8),
        (8, 32),
        (48, 24),
        (72, 24),
        (96, 24),
        (128, 8),
        (152, 8),
        (160, 8),
        (176, 16),
    ];
    let frames: Vec<_> = ('A'..)
        .zip(pieces)
        .map(|(letter, (offset, len))| {
            let mut head = head[..V4].to_vec();
            head[23] = 253;
            raw4(&head, 1, offset, letter != 'Q', &vec![letter as u8; len])
        })
        .collect();
    for (policy, expected) in [
        ("first", "AAAJBBCCCLDLMEEFFFGGHHIQ"),
        ("last", "AJJJJBKKKLLLMMMFNFGOPHQQ"),
        ("bsd", "AAAJJBCCCLLLMMMFFFGGHHIQ"),
        ("linux", "AAAJJBKKKLLLMMMFFFGGPHQQ"),
        ("windows", "AAAJBBCCCLLLMEEFFFGGHHIQ"),
        ("solaris", "AAAJBBCCCLLLMMMFFFGGHHIQ"),
    ] {
        let packet = one(&format!("  overlap: {policy}\n"), &frames);
        let seen: String = packet[V4..]
            .chunks(8)
            .map(|unit| {
                assert!(unit.iter().all(|byte| *byte == unit[0]));
                char::from(unit[0])
            })
            .collect();
        assert_eq!(seen, expected, "{policy}");
    }
    let (items, mut filter) = given("", &frames);
    assert_eq!((items.len(), filter.dropped("overlap")), (0, 17));
}

#[test]
fn what_cannot_be_a_datagram_is_dropped_for_what_is_wrong_with_it() {
    let head = udp(&[])[..V4].to_vec();
    let raw = |offset, more, len: usize| raw4(&head, 9, offset, more, &text(len));
    let cases: [(&str, u64, Vec<Vec<u8>>); 7] = [
        ("bad_length", 3, vec![raw(0, true, 8), raw(16, false, 8), raw(16, false, 16)]),
        ("bad_length", 3, vec![raw(0, true, 8), raw(16, false, 8), raw(24, true, 8)]),
        ("bad_length", 2, vec![raw(24, true, 8), raw(8, false, 8)]),
        ("too_long", 2, vec![raw(0, true, 8), raw(65_528, false, 8)]),
        // What the payload has room for is not what it has together with the header.
        ("too_long", 2, vec![raw(0, true, 8), raw(65_504, false, 16)]),
        ("malformed", 2, vec![raw(0, true, 9), raw(8, true, 0)]),
        ("too_many", 3, vec![raw(0, true, 8), raw(8, true, 8), raw(16, true, 8)]),
    ];
    for (reason, count, frames) in cases {
        let (items, mut filter) = given("  max_fragments: 2\n", &frames);
        assert_eq!((items.len(), filter.dropped(reason)), (0, count), "{reason}");
    }
    // Cut off by the capture: the fragment itself is enough to know that nothing will come of it.
    let mut filter = harness("");
    let whole = udp(&text(40));
    let packets = Packets::new()
        .frame(fragment4(&whole, 0..24))
        .with(&fragment4(&whole, 24..48)[..50], |frame| frame.wire = 58)
        .frame(fragment4(&whole, 24..48));
    assert_eq!(filter.give(packets.build()).unwrap().items(MAIN).len(), 0);
    assert_eq!(filter.dropped("cut"), 3);
    // An IPv6 fragment must hold all headers (RFC 8200).
    let plain = udp6(&text(40));
    let mut long = plain[..V6].to_vec();
    long[20] = 60;
    long.extend([17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    long.extend(&plain[V6..]);
    let length = (long.len() - V6) as u16;
    set(&mut long, 18, length);
    for end in [8, 16] {
        let frames = [0..end, end..64].map(|range| fragment6(&long, V6, 20, range));
        let (items, mut filter) = given("", &frames);
        assert_eq!((items.len(), filter.dropped("tiny")), (0, 2), "{end}");
    }
}

#[test]
fn the_longest_datagrams_there_can_be() {
    let most = udp(&text(65_535 - 20 - 8));
    let cut = |range| fragment4(&most, range);
    let frames: Vec<_> = (0..65_515).step_by(1480).map(|at| cut(at..(at + 1480).min(65_515))).collect();
    assert_eq!(one("", &frames), as_whole(&most));
    let most = udp6(&text(65_535 - 8));
    let cut = |range| fragment6(&most, V6, 20, range);
    let frames: Vec<_> = (0..65_535).step_by(1448).map(|at| cut(at..(at + 1448).min(65_535))).collect();
    assert_eq!(one("", &frames), most);
}

#[test]
fn fragments_that_nothing_came_of_pass_if_that_is_wanted() {
    let whole = udp(&text(72));
    let cut = |range| fragment4(&whole, range);
    let frames = [cut(0..32), cut(24..48), cut(48..80)];
    let (items, mut filter) = given("  incomplete: pass\n", &frames);
    assert_eq!(items, frames);
    assert_eq!(filter.tally().dropped.iter().sum::<u64>(), 0);
    let mut filter = harness("  incomplete: pass\n  timeout: 1s\n");
    let outcome = filter.give(Packets::new().frames([&frames[0], &frames[2]]).build()).unwrap();
    assert_eq!((outcome.items(MAIN).len(), filter.tally().held), (0, 2));
    let outcome: Outcome = filter.watermark(3_000_000_000 * SECOND).unwrap();
    assert_eq!(outcome.items(MAIN), [frames[0].clone(), frames[2].clone()]);
    assert_eq!(outcome.ordinals(MAIN), [0, 1]);
    assert_eq!((filter.tally().passed, filter.tally().held), (2, 0));
}

#[test]
fn a_flood_of_first_fragments_takes_no_more_memory_than_it_may() {
    let head = udp(&[])[..V4].to_vec();
    let mut filter = harness("  memory: 1MiB\n");
    let mut most = 0;
    for batch in 0..40u16 {
        let frames = (0..500u16).map(|n| raw4(&head, batch * 500 + n, 0, true, &text(1480)));
        filter.give(Packets::new().frames(frames).build()).unwrap();
        let tally = filter.tally();
        assert_eq!(tally.taken, tally.held + tally.dropped.iter().sum::<u64>());
        most = most.max(tally.held);
    }
    assert!((100..500).contains(&most), "{most}");
    // What came last is there still.
    let last = raw4(&head, 19_999, 1480, false, &text(8));
    assert_eq!(filter.give(Packets::new().frame(last).build()).unwrap().items(MAIN).len(), 1);
}

#[test]
fn half_a_datagram_moves_to_another_instance() {
    let (v4, v6) = (udp(&text(72)), udp6(&text(72)));
    let first = [fragment4(&v4, 0..48), fragment6(&v6, V6, 20, 0..48)];
    let last = [fragment4(&v4, 48..80), fragment6(&v6, V6, 20, 48..80)];
    let mut from = harness("");
    from.give(Packets::new().frames(&first).build()).unwrap();
    let mut hashes = Vec::new();
    sluice_core::Key::Datagram.hash(&mut Packets::new().frames(&last).build().into(), &mut hashes);
    let mut to = harness("");
    let state = from.export(&(hashes[0]..=hashes[0])).unwrap();
    to.import(&state).unwrap();
    assert_eq!(to.give(Packets::new().frames(&last).build()).unwrap().items(MAIN), [as_whole(&v4)]);
    assert_eq!(from.give(Packets::new().frames(&last).build()).unwrap().items(MAIN), [v6]);
    assert!(harness("").import(&state[..state.len() - 1]).is_err());
    assert!(harness("").import(&[9]).is_err());
    assert!(harness("").import(&[]).is_ok());
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in ["memory: 1KiB", "timeout: 0s", "max_fragments: 1", "overlap: hpux"] {
        let yaml = format!("- filter: defragment\n  {options}\n");
        assert!(Harness::from_yaml(&Registry::collect().unwrap(), &yaml).is_err(), "{options}");
    }
}

/// The bytes that `policy` sees, one by one: each has the fragment that it is from, which is asked about each that comes.
fn oracle(policy: &str, pieces: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut owners: Vec<Option<usize>> = vec![None; 4096];
    for (number, (offset, bytes)) in pieces.iter().enumerate() {
        let (start, end) = (*offset, offset + bytes.len());
        for owner in &mut owners[start..end] {
            let keeps = owner.is_some_and(|old| {
                let (from, to) = (pieces[old].0, pieces[old].0 + pieces[old].1.len());
                match policy {
                    "first" => true,
                    "last" => false,
                    "bsd" => from <= start,
                    "linux" => from < start,
                    "windows" => from <= start || to >= end,
                    _ => from <= start || to > end,
                }
            });
            if !keeps {
                *owner = Some(number);
            }
        }
    }
    let byte = |(at, owner): (usize, &Option<usize>)| owner.map(|n| pieces[n].1[at - pieces[n].0]);
    owners.iter().enumerate().map_while(byte).collect()
}

/// Places to cut at, in units of eight bytes, and an order of the pieces.
fn cuts(len: usize) -> impl Strategy<Value = Vec<Range<usize>>> {
    prop::collection::btree_set(1..len.div_ceil(8), 1..12).prop_flat_map(move |cuts| {
        let mut ends: Vec<_> = cuts.into_iter().map(|cut| cut * 8).collect();
        ends.push(len);
        let starts = std::iter::once(0).chain(ends.clone());
        Just(starts.zip(ends).map(|(a, b)| a..b).collect::<Vec<_>>()).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_fragmented_comes_back(
        (len, ranges) in (17usize..3000).prop_flat_map(|len| (Just(len), cuts(len))),
        per_batch in 1usize..5,
        is_v6: bool,
    ) {
        let text = text(len - 8);
        let whole = if is_v6 { udp6(&text) } else { udp(&text) };
        let cut = |range: &Range<usize>| match is_v6 {
            true => fragment6(&whole, V6, 20, range.clone()),
            false => fragment4(&whole, range.clone()),
        };
        let frames: Vec<_> = ranges.iter().map(cut).collect();
        let mut filter = harness("");
        let mut items = Vec::new();
        for frames in frames.chunks(per_batch) {
            items.extend(filter.give(Packets::new().frames(frames).build()).unwrap().items(MAIN));
        }
        prop_assert_eq!(items, [if is_v6 { whole } else { as_whole(&whole) }]);
    }

    #[test]
    fn each_policy_sees_what_it_says(
        policy in prop::sample::select(vec!["first", "last", "bsd", "linux", "windows", "solaris"]),
        pieces in prop::collection::vec((0usize..30, 1usize..12), 1..14),
    ) {
        // The last ones fill what is missing, so that something leaves.
        let mut pieces: Vec<_> = pieces.iter().map(|(offset, len)| (offset * 8, len * 8)).collect();
        pieces.extend([(0, 400), (392, 16)]);
        let pieces: Vec<_> = (1u8..).zip(pieces).map(|(n, (at, len))| (at, vec![n; len])).collect();
        let mut head = udp(&[])[..V4].to_vec();
        head[23] = 253;
        let frames: Vec<_> =
            pieces.iter().map(|(at, bytes)| raw4(&head, 1, *at, *at < 392, bytes)).collect();
        // It leaves with the first that makes it whole.
        let (items, _) = given(&format!("  overlap: {policy}\n"), &frames);
        prop_assert_eq!(items.len(), 1);
        prop_assert_eq!(&items[0][V4..], oracle(policy, &pieces));
    }

    #[test]
    fn nothing_is_lost_on_the_way_whatever_comes(
        pieces in prop::collection::vec((0u16..4, 0usize..40, any::<bool>(), 0usize..90, 0usize..100), 1..60),
        options in prop::sample::select(vec!["", "  overlap: bsd\n", "  incomplete: pass\n", "  max_fragments: 3\n"]),
    ) {
        let head = udp(&[])[..V4].to_vec();
        let mut filter = harness(options);
        for (id, offset, more, len, captured) in pieces {
            let frame = raw4(&head, id, offset * 8, more, &text(len));
            let captured = if captured < 90 { frame.len() } else { V4.min(frame.len()) };
            let packets = Packets::new().with(&frame[..captured], |f| f.wire = frame.len() as u32);
            filter.give(packets.build()).unwrap();
            let t = filter.tally();
            prop_assert_eq!(t.taken, t.passed + t.held + t.dropped.iter().sum::<u64>());
        }
        filter.finish().unwrap();
        let t = filter.tally();
        prop_assert_eq!(t.held, 0);
        prop_assert_eq!(t.taken, t.passed + t.dropped.iter().sum::<u64>());
    }
}
