use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;
use sluice_core::{CaptureInfo, Flags, Frame, HEADROOM, Interface, PacketBatch, Pools, Resolution};
use sluice_wire::link::LinkType;

use crate::order::Order;
use crate::{Contents, Format, Misfits, Reader, Stop, Writer, contents};

use super::*;

const BIG: Order = Order { big_endian: true };
const LITTLE: Order = Order::LITTLE;

/// A block of this type and body.
fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut block = [&order.put32(kind)[..], &[0; 4], body].concat();
    block.resize(block.len().next_multiple_of(4), 0);
    close(&mut block, 0, order);
    block
}

fn words(order: Order, words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| order.put32(*word)).collect()
}

/// Options with the mark behind the last one.
fn opts(order: Order, list: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    list.iter().for_each(|(code, value)| options::put(&mut out, order, *code, value));
    options::end(&mut out);
    out
}

fn section(order: Order) -> Vec<u8> {
    section_of(order, 1, &[])
}

fn section_of(order: Order, major: u16, options: &[u8]) -> Vec<u8> {
    let version = [order.put16(major), order.put16(0)].concat();
    block(order, kind::SECTION, &[&words(order, &[MAGIC]), &version[..], &[0xff; 8], options].concat())
}

fn interface(order: Order, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
    let head = [&order.put16(link)[..], &[0, 0], &order.put32(snaplen)].concat();
    block(order, kind::INTERFACE, &[&head, options].concat())
}

fn enhanced(order: Order, interface: u32, units: u64, data: &[u8], wire: u32, options: &[u8]) -> Vec<u8> {
    let head = words(order, &[interface, (units >> 32) as u32, units as u32, data.len() as u32, wire]);
    block(order, kind::ENHANCED, &[&head, data, &[0; 3][..padding(data.len())], options].concat())
}

fn simple(order: Order, data: &[u8], wire: u32) -> Vec<u8> {
    block(order, kind::SIMPLE, &[&words(order, &[wire]), data].concat())
}

fn obsolete(order: Order, interface: u16, drops: u16, units: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
    let head = [order.put16(interface), order.put16(drops)].concat();
    let length = data.len() as u32;
    let times = words(order, &[(units >> 32) as u32, units as u32, length, length]);
    block(order, kind::PACKET, &[&head, &times, data, &[0; 3][..padding(data.len())], options].concat())
}

fn statistics(order: Order, interface: u32, units: u64, options: &[u8]) -> Vec<u8> {
    let head = words(order, &[interface, (units >> 32) as u32, units as u32]);
    block(order, kind::STATISTICS, &[&head, options].concat())
}

fn names(order: Order) -> Vec<u8> {
    let records = opts(order, &[(1, b"\x0a\x00\x00\x01router\0")]);
    block(order, kind::NAMES, &[records, opts(order, &[(1, b"a comment"), (2, b"dns.example")])].concat())
}

fn secrets(order: Order) -> Vec<u8> {
    let head = words(order, &[0x544c_534b, 5]);
    block(order, kind::SECRETS, &[&head[..], b"key 1", &[0; 3], &opts(order, &[(1, b"why")])].concat())
}

fn custom(order: Order) -> Vec<u8> {
    block(order, 0xbad, &[&order.put32(32_473)[..], b"anything"].concat())
}

fn pools() -> Pools {
    Pools::new(1 << 16, 1 << 20)
}

impl Contents {
    fn seen(&self) -> Vec<(i64, Vec<u8>, u32, u16)> {
        let all = self.batches.iter().flat_map(|batch| batch.iter());
        all.map(|(frame, data)| (frame.time, data.to_vec(), frame.wire, frame.interface)).collect()
    }

    fn interfaces(&self) -> Vec<Interface> {
        self.batches.last().map(|batch| batch.info().interfaces.clone()).unwrap_or_default()
    }
}

fn read(file: &[u8]) -> Contents {
    contents(file).unwrap()
}

fn write(writer: &mut Writer, batches: Vec<PacketBatch>) -> (Vec<u8>, Vec<Misfits>) {
    let (mut file, mut misfits) = (Vec::new(), Vec::new());
    let mut emit = |bytes: &[u8]| {
        file.extend_from_slice(bytes);
        Ok::<(), Infallible>(())
    };
    for mut batch in batches {
        misfits.push(writer.admit(&mut batch));
        let all = 0..batch.len();
        writer.write(&mut batch, all, &pools(), &mut emit).unwrap();
    }
    writer.finish(&mut emit).unwrap();
    (file, misfits)
}

fn copied(file: &[u8]) -> Vec<u8> {
    write(&mut Writer::new(None, None), read(file).batches).0
}

/// One of every kind of block.
fn everything(order: Order) -> Vec<u8> {
    let comment = opts(order, &[(1, b"seen"), (2, &order.put32(2 | 4 << 5)), (0x8123, b"private")]);
    [
        section_of(order, 1, &opts(order, &[(1, b"a section"), (3, b"an os")])),
        interface(order, 1, 96, &opts(order, &[(2, b"eth0"), (9, &[9]), (13, &[4])])),
        names(order),
        enhanced(order, 0, 1_700_000_000_123_456_789, b"first", 60, &[]),
        custom(order),
        enhanced(order, 0, 1_700_000_000_123_456_790, b"second!", 7, &comment),
        interface(order, 101, 0, &opts(order, &[(9, &[0x80 | 20]), (14, &words(order, &[0, 0]))])),
        simple(order, b"without a time", 14),
        obsolete(order, 1, 3, 5 << 20, b"old", &opts(order, &[(2, &order.put32(1))])),
        secrets(order),
        block(order, 0x1234_5678, b"nobody knows"),
        // Options without an end, and padding that is not zero.
        enhanced(order, 1, 3 << 19, b"four", 4, &opts(order, &[(1, b"open")])[..8]),
        block(order, kind::ENHANCED, &[&words(order, &[0, 0, 9, 3, 3])[..], b"odd\xee"].concat()),
        statistics(order, 0, 7, &opts(order, &[(4, &[0; 8])])),
    ]
    .concat()
}

#[test]
fn every_block_is_read_in_both_byte_orders() {
    for order in [BIG, LITTLE] {
        let got = read(&everything(order));
        assert_eq!(got.stop, Stop::NeedMore(12));
        let expected: Vec<(i64, Vec<u8>, u32, u16)> = vec![
            (1_700_000_000_123_456_789, b"first".to_vec(), 60, 0),
            (1_700_000_000_123_456_790, b"second!".to_vec(), 7, 0),
            (0, b"without a time".to_vec(), 14, 0),
            (5_000_000_000, b"old".to_vec(), 3, 1),
            (1_500_000_000, b"four".to_vec(), 4, 1),
            (9, b"odd".to_vec(), 3, 0),
        ];
        assert_eq!(got.seen(), expected);
        let interfaces = got.interfaces();
        assert_eq!(interfaces.len(), 2);
        assert_eq!((interfaces[0].link, interfaces[0].snaplen), (LinkType::ETHERNET, 96));
        assert_eq!((interfaces[0].fcs_len, interfaces[0].name.as_deref()), (Some(4), Some("eth0")));
        assert_eq!(interfaces[1].link, LinkType::RAW);
        let frames: Vec<Frame> = got.batches.iter().flat_map(|batch| batch.frames().to_vec()).collect();
        assert_eq!(frames.iter().map(|f| f.ordinal).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        let is = |flag| frames.iter().map(|f| f.flags.contains(flag)).collect::<Vec<_>>();
        assert_eq!(is(Flags::OUTBOUND), [false, true, false, false, false, false]);
        assert_eq!(is(Flags::INBOUND), [false, false, false, true, false, false]);
        assert_eq!(is(Flags::TRUNCATED), [true, false, false, false, false, false]);
        assert_eq!(frames.iter().map(|f| f.fcs_len).collect::<Vec<_>>(), [4, 4, 4, 0, 0, 4]);
    }
}

#[test]
fn a_copy_has_the_same_blocks() {
    for order in [BIG, LITTLE] {
        let other = Order { big_endian: !order.big_endian };
        let file = [everything(order), everything(other), section(order), everything(order)].concat();
        assert!(copied(&file) == file);
    }
}

#[test]
fn a_section_begins_with_new_interfaces() {
    let file = [
        section(LITTLE),
        interface(LITTLE, 1, 0, &[]),
        section(BIG),
        interface(BIG, 101, 0, &opts(BIG, &[(9, &[3])])),
        enhanced(BIG, 0, 5, b"ip", 2, &[]),
    ]
    .concat();
    let got = read(&file);
    assert_eq!(got.seen(), [(5_000_000, b"ip".to_vec(), 2, 0)]);
    assert_eq!(got.interfaces().iter().map(|i| i.link).collect::<Vec<_>>(), [LinkType::RAW]);
}

#[test]
fn a_simple_packet_is_cut_by_the_snapshot_length_of_the_first_interface() {
    let whole = [
        section(LITTLE),
        interface(LITTLE, 1, 4, &[]),
        interface(LITTLE, 1, 99, &[]),
        simple(LITTLE, b"abcd", 9),
    ];
    assert_eq!(read(&whole.concat()).seen(), [(0, b"abcd".to_vec(), 9, 0)]);
    let short = [section(LITTLE), interface(LITTLE, 1, 8, &[]), simple(LITTLE, b"abcd", 9)].concat();
    assert_eq!(read(&short).stop, Stop::Invalid(crate::Flaw::Block(Flaw::Captured(8))));
}

#[test]
fn a_section_of_an_unknown_version_is_skipped() {
    let file = [
        section_of(BIG, 2, &[]),
        enhanced(BIG, 7, 1, b"what", 4, &[]),
        section(LITTLE),
        interface(LITTLE, 1, 0, &[]),
        enhanced(LITTLE, 0, 1, b"this", 4, &[]),
    ]
    .concat();
    let got = read(&file);
    assert_eq!(got.seen(), [(1000, b"this".to_vec(), 4, 0)]);
    assert_eq!(got.lost, ["has a section of version `2.0`, which is not known; it was skipped"]);
}

#[test]
fn what_cannot_be_true_ends_the_reading_there() {
    let good = [section(LITTLE), interface(LITTLE, 1, 0, &[]), enhanced(LITTLE, 0, 1, b"good", 4, &[])];
    let good = good.concat();
    let mut longer = enhanced(LITTLE, 0, 1, b"data", 4, &[]);
    longer[20..24].copy_from_slice(&5_u32.to_le_bytes());
    let mut repeated = custom(LITTLE);
    *repeated.last_mut().unwrap() = 1;
    let with_length = |length: u32| words(LITTLE, &[1, length, 0, 0]);
    let mut magic = section(BIG);
    magic[8] = 0;
    let cases = [
        (enhanced(LITTLE, 1, 1, b"x", 1, &[]), "names interface 1, which the section does not describe"),
        (longer, "says that 5 bytes were captured"),
        (with_length(8), "says that it is 8 bytes long"),
        (with_length(18), "says that it is 18 bytes long"),
        (with_length(0x7fff_fffc), "says that it is 2147483644 bytes long"),
        (block(LITTLE, kind::ENHANCED, &[0; 16]), "says that it is 28 bytes long"),
        (block(LITTLE, kind::INTERFACE, &[0; 4]), "says that it is 16 bytes long"),
        (repeated, "says that it is 24 bytes long at its start and 16777240 at its end"),
        (magic, "begins a section without a byte-order magic"),
    ];
    for (bad, expected) in cases {
        let got = read(&[&good[..], &bad, &good].concat());
        let Stop::Invalid(flaw) = &got.stop else { panic!("{expected}: {:?}", got.stop) };
        assert_eq!(flaw.to_string(), expected);
        assert_eq!(got.packets(), 1, "{expected}");
        assert_eq!(got.done, good.len(), "{expected}");
    }
}

#[test]
fn a_file_that_is_cut_off_gives_every_whole_block() {
    let file = everything(BIG);
    let starts: Vec<usize> = {
        let mut blocks = Blocks::new();
        let mut at = 0;
        std::iter::from_fn(|| match blocks.next(&file[at..]) {
            Found::Block(block) => {
                at += block.bytes.len();
                Some(at)
            }
            _ => None,
        })
        .collect()
    };
    for cut in 24..file.len() {
        let got = read(&file[..cut]);
        let whole = starts.iter().rfind(|end| **end <= cut).copied().unwrap_or(0);
        assert!(matches!(got.stop, Stop::NeedMore(wanted) if wanted > cut - whole), "cut at {cut}");
        assert_eq!(got.done, whole);
        let again = write(&mut Writer::new(None, None), got.batches).0;
        if whole > 0 {
            assert!(again == file[..whole], "cut at {cut}");
        }
    }
}

#[test]
fn a_changed_packet_gets_new_lengths_and_keeps_its_options() {
    let comment = opts(BIG, &[(1, b"comment")]);
    let head = [section(BIG), interface(BIG, 1, 0, &opts(BIG, &[(9, &[12])]))].concat();
    let file = [&head[..], &enhanced(BIG, 0, 5_999, b"five!", 5, &comment)].concat();
    let mut batches = read(&file).batches;
    let batch = batches.last_mut().unwrap();
    assert_eq!(batch.frames()[0].time, 5);
    assert!(batch.edit(&pools()).insert(0, 5, b"six"));
    batch.frames_mut()[0].time = 6;
    let expected = [&head[..], &enhanced(BIG, 0, 6_000, b"five!six", 8, &comment)].concat();
    assert!(write(&mut Writer::new(None, None), batches).0 == expected);
}

#[test]
fn options_of_a_dropped_packet_go_with_it_and_blocks_stay() {
    let comment = opts(LITTLE, &[(1, b"comment")]);
    let head = [section(LITTLE), interface(LITTLE, 1, 0, &[])].concat();
    let packet = |n: u64, options: &[u8]| enhanced(LITTLE, 0, n, b"data", 4, options);
    let file = [
        &head[..],
        &packet(0, &comment),
        &names(LITTLE),
        &packet(1, &comment),
        &secrets(LITTLE),
        &packet(2, &[]),
    ];
    let mut batches = read(&file.concat()).batches;
    batches.last_mut().unwrap().retain(|at, _| at == 2);
    let expected = [&head[..], &names(LITTLE), &secrets(LITTLE), &packet(2, &[])].concat();
    assert!(write(&mut Writer::new(None, None), batches).0 == expected);
}

#[test]
fn packets_that_were_moved_keep_their_options() {
    let comment = opts(LITTLE, &[(1, b"comment")]);
    let head = [section(LITTLE), interface(LITTLE, 1, 0, &[])].concat();
    let packet = |n: u64, options: &[u8]| enhanced(LITTLE, 0, n, b"data!", 5, options);
    let file =
        [&head[..], &packet(0, &comment), &names(LITTLE), &packet(1, &comment), &packet(2, &[])].concat();
    let mut batches = read(&file).batches;
    let mut moved = pools().packets();
    let from = batches.last_mut().unwrap();
    assert_eq!(from.move_to(&mut moved, &pools(), |at, _| at > 0), 2);
    let expected = [&head[..], &packet(1, &comment), &packet(2, &[])].concat();
    assert!(write(&mut Writer::new(None, None), vec![moved]).0 == expected);
    let rest = [&head[..], &packet(0, &comment), &names(LITTLE)].concat();
    assert!(write(&mut Writer::new(None, None), batches).0 == rest);
}

#[test]
fn several_files_become_one_section() {
    let one = [
        section(LITTLE),
        interface(LITTLE, 1, 0, &opts(LITTLE, &[(2, b"eth0")])),
        enhanced(LITTLE, 0, 1, b"one.", 4, &[]),
    ]
    .concat();
    let flags = opts(BIG, &[(2, &BIG.put32(2)), (4, &[0, 0, 0, 0, 0, 0, 0, 9]), (2989, b"\0\0\x7e\xd9xy")]);
    let two = [
        section_of(BIG, 1, &opts(BIG, &[(1, b"this is not kept")])),
        interface(BIG, 101, 0, &opts(BIG, &[(9, &[9]), (14, &[0, 0, 0, 0, 0, 0, 0, 1])])),
        interface(BIG, 1, 0, &opts(BIG, &[(2, b"eth0")])),
        enhanced(BIG, 0, 2, b"two.", 4, &flags),
        enhanced(BIG, 1, 3, b"tri.", 4, &[]),
        simple(BIG, b"none", 4),
        obsolete(BIG, 1, 8, 4, b"old", &[]),
        custom(BIG),
        names(BIG),
        secrets(BIG),
        statistics(
            BIG,
            1,
            5 << 32 | 6,
            &opts(BIG, &[(3, &words(BIG, &[7, 8])), (4, &[0, 0, 0, 0, 0, 0, 0, 1])]),
        ),
    ]
    .concat();
    let mut batches = read(&one).batches;
    batches.extend(read(&two).batches);
    let (file, misfits) = write(&mut Writer::new(None, None), batches);
    let flags =
        opts(LITTLE, &[(2, &LITTLE.put32(2)), (4, &[9, 0, 0, 0, 0, 0, 0, 0]), (2989, b"\xd9\x7e\0\0xy")]);
    let expected = [
        &one[..],
        &interface(LITTLE, 101, 0, &opts(LITTLE, &[(14, &[1, 0, 0, 0, 0, 0, 0, 0]), (9, &[9])])),
        &enhanced(LITTLE, 1, 2, b"two.", 4, &flags),
        &enhanced(LITTLE, 0, 3, b"tri.", 4, &[]),
        // A simple packet block would belong to the first interface.
        &enhanced(LITTLE, 1, 0, b"none", 4, &[]),
        &obsolete(LITTLE, 0, 8, 4, b"old", &[]),
        &names(LITTLE),
        &secrets(LITTLE),
        &statistics(
            LITTLE,
            0,
            5 << 32 | 6,
            &opts(LITTLE, &[(3, &words(LITTLE, &[7, 8])), (4, &[1, 0, 0, 0, 0, 0, 0, 0])]),
        ),
    ]
    .concat();
    assert_eq!(misfits.iter().filter_map(|m| m.left_out).count(), 1);
    let got = read(&file);
    assert_eq!(got.stop, Stop::NeedMore(12));
    assert_eq!(dump(&file), dump(&expected));
}

/// The blocks in hexadecimal, one a line.
fn dump(file: &[u8]) -> Vec<String> {
    let mut blocks = Blocks::new();
    let mut at = 0;
    let mut all = Vec::new();
    while let Found::Block(block) = blocks.next(&file[at..]) {
        at += block.bytes.len();
        all.push(format!("{:02x?}", block.bytes));
    }
    assert_eq!(at, file.len());
    all
}

#[test]
fn times_are_written_as_asked_for() {
    let head = |resolution: &[u8]| {
        let told = if resolution.is_empty() { vec![] } else { opts(LITTLE, &[(9, resolution)]) };
        [section(LITTLE), interface(LITTLE, 1, 0, &told)].concat()
    };
    let body = |units: u64| {
        [
            enhanced(LITTLE, 0, units, b"data", 4, &[]),
            statistics(LITTLE, 0, units, &opts(LITTLE, &[(2, &words(LITTLE, &[0, units as u32]))])),
        ]
        .concat()
    };
    let file = [head(&[9]), body(5_999)].concat();
    let micro = Writer::new(None, Some(Resolution::Micro));
    let expected = [head(&[]), body(5)].concat();
    assert_eq!(dump(&write(&mut { micro }, read(&file).batches).0), dump(&expected));
    let nano = Writer::new(None, Some(Resolution::Nano));
    assert_eq!(dump(&write(&mut { nano }, read(&file).batches).0), dump(&file));
}

/// A batch of packets from no file.
fn made(packets: &[(i64, &[u8])], link: LinkType) -> PacketBatch {
    let mut slab = pools().slab(4096);
    let frames: Vec<Frame> = packets
        .iter()
        .map(|(time, data)| {
            slab.append(&[0xee; HEADROOM]).unwrap();
            let place = slab.append(data).unwrap();
            let mut frame = Frame::new(place.start as u32, data.len() as u32);
            frame.time = *time;
            frame
        })
        .collect();
    let mut batch = pools().packets();
    batch.fill(slab.into(), Arc::new(CaptureInfo::of(link)));
    frames.into_iter().for_each(|frame| batch.push(frame));
    batch
}

#[test]
fn packets_from_no_file_get_a_section_and_nanoseconds() {
    let mut batch = made(&[(5, b"one"), (-1, b"never"), (7, b"two!")], LinkType::RAW);
    batch.frames_mut()[2].flags.set(Flags::INBOUND, true);
    let (file, misfits) = write(&mut Writer::new(Some(Format::Pcapng), None), vec![batch]);
    let expected = [
        section(LITTLE),
        interface(LITTLE, 101, 0, &opts(LITTLE, &[(9, &[9])])),
        enhanced(LITTLE, 0, 5, b"one", 3, &[]),
        enhanced(LITTLE, 0, 7, b"two!", 4, &opts(LITTLE, &[(2, &[1, 0, 0, 0])])),
    ];
    assert_eq!(dump(&file), dump(&expected.concat()));
    assert_eq!(misfits[0].out_of_range, 1);
    let nothing = write(&mut Writer::new(Some(Format::Pcapng), None), vec![]).0;
    assert_eq!(nothing, section(LITTLE));
}

#[test]
fn a_new_file_can_begin_at_any_packet() {
    let file = everything(BIG);
    let mut writer = Writer::new(None, None);
    let mut files: Vec<Vec<u8>> = Vec::new();
    for mut batch in read(&file).batches {
        writer.admit(&mut batch);
        for at in 0..batch.len() {
            writer.restart();
            let (head, size) = (writer.head_size(), writer.size(&batch, at));
            let mut piece = Vec::new();
            let emit = |bytes: &[u8]| {
                piece.extend_from_slice(bytes);
                Ok::<(), Infallible>(())
            };
            writer.write(&mut batch, at..at + 1, &pools(), emit).unwrap();
            // What stands behind the last packet goes with it.
            if at + 1 < batch.len() {
                assert_eq!(piece.len(), head + size);
            }
            files.push(piece);
        }
    }
    let all: Vec<_> = files.iter().flat_map(|piece| read(piece).seen()).collect();
    assert_eq!(all, read(&file).seen());
}

#[test]
fn what_a_pcap_file_cannot_hold_is_left_out() {
    let (file, misfits) = write(&mut Writer::new(Some(Format::Pcap), None), read(&everything(BIG)).batches);
    let got = read(&file);
    assert_eq!((&got.stop, got.done), (&Stop::NeedMore(16), file.len()));
    let batch = &got.batches[0];
    let interface = &batch.info().interfaces[0];
    assert_eq!((interface.link, interface.snaplen, interface.fcs_len), (LinkType::ETHERNET, 96, Some(4)));
    let times: Vec<i64> = batch.frames().iter().map(|f| f.time).collect();
    assert_eq!(times, [1_700_000_000_123_456_789, 1_700_000_000_123_456_790, 0, 9]);
    assert_eq!(misfits.iter().map(|m| m.other_link).sum::<usize>(), 2);
    assert!(misfits.iter().any(|m| m.left_out.is_some()));
}

fn order() -> impl Strategy<Value = Order> {
    any::<bool>().prop_map(|big_endian| Order { big_endian })
}

fn any_block(order: Order) -> impl Strategy<Value = Vec<u8>> {
    let data = || prop::collection::vec(any::<u8>(), 0..20);
    let options = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec((1u16..10, prop::collection::vec(any::<u8>(), 0..9)), 1..3).prop_map(
            move |list| {
                let list: Vec<_> = list.iter().map(|(code, value)| (*code, value.as_slice())).collect();
                opts(order, &list)
            }
        ),
    ];
    let options = options.boxed();
    prop_oneof![
        4 => (0..2u32, any::<u64>(), data(), any::<u32>(), options.clone())
            .prop_map(move |(i, units, data, wire, options)| enhanced(order, i, units, &data, wire, &options)),
        1 => data().prop_map(move |data| simple(order, &data, data.len() as u32)),
        1 => (0..2u16, any::<u16>(), any::<u64>(), data(), options.clone())
            .prop_map(move |(i, drops, units, data, options)| obsolete(order, i, drops, units, &data, &options)),
        1 => (0..2u32, any::<u64>(), options.clone()).prop_map(move |(i, units, o)| statistics(order, i, units, &o)),
        1 => (any::<u16>(), any::<u8>()).prop_map(move |(link, clock)| interface(order, link, 0, &opts(order, &[(9, &[clock])]))),
        1 => (11..u32::MAX, data()).prop_filter("a section", |(kind, _)| *kind != kind::SECTION)
            .prop_map(move |(kind, body)| block(order, kind, &body)),
        1 => Just(names(order)),
    ]
}

fn any_section() -> impl Strategy<Value = Vec<u8>> {
    (order(), any::<[u8; 2]>()).prop_flat_map(|(order, clocks)| {
        let described = clocks.map(|clock| interface(order, 1, 0, &opts(order, &[(9, &[clock])])));
        let head = [section(order), described.concat()].concat();
        prop::collection::vec(any_block(order), 0..12)
            .prop_map(move |blocks| [head.clone(), blocks.concat()].concat())
    })
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any_section(), 1..4).prop_map(|sections| sections.concat())
}

proptest! {
    /// Whatever the clocks, byte orders, blocks and options: a copy is the same, byte for byte.
    #[test]
    fn what_is_read_is_written_as_it_was(file in any_file()) {
        let got = read(&file);
        prop_assert_eq!(got.stop, Stop::NeedMore(12));
        prop_assert!(copied(&file) == file);
    }

    /// Two files in one: every packet is there, with its time, bytes and link type.
    #[test]
    fn two_files_in_one_lose_no_packet(one in any_file(), two in any_file()) {
        let seen = |batches: &[PacketBatch]| -> Vec<(i64, Vec<u8>, u32, LinkType)> {
            let each = |batch: &PacketBatch| -> Vec<_> {
                let link = |frame: &Frame| batch.info().link(frame.interface);
                batch.iter().map(|(f, data)| (f.time, data.to_vec(), f.wire, link(f))).collect()
            };
            batches.iter().flat_map(each).collect()
        };
        let mut batches = read(&one).batches;
        batches.extend(read(&two).batches);
        let mut writer = Writer::new(None, None);
        for batch in &mut batches {
            writer.admit(batch);
        }
        let expected = seen(&batches);
        let file = write(&mut Writer::new(None, None), batches).0;
        let got = read(&file);
        prop_assert_eq!(got.stop, Stop::NeedMore(12));
        prop_assert_eq!(seen(&got.batches), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(file in any_file(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut: prop::sample::Index) {
        let mut file = file;
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(cut.index(file.len() + 1));
        if Reader::begin(&file).is_ok() {
            let got = read(&file);
            prop_assert!(got.done <= file.len());
            let again = write(&mut Writer::new(None, None), got.batches).0;
            let _ = write(&mut Writer::new(Some(Format::Pcap), None), read(&again).batches);
        }
    }
}
