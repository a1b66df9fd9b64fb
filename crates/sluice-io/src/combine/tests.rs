use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_core::{Kind, Resolution, Section};

use crate::testing::{Bench, PACKINGS, Pcap, packets, refused, sink, source};

/// Files in a folder of their own.
struct Files {
    folder: tempfile::TempDir,
    paths: Vec<std::path::PathBuf>,
}

impl Files {
    fn new<B: AsRef<[u8]>>(files: &[B]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = |i: usize| folder.path().join(format!("{i}.pcap"));
        let paths: Vec<_> = (0..files.len()).map(name).collect();
        paths.iter().zip(files).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        Self { folder, paths }
    }

    fn options(&self, combine: &str) -> Value {
        json!({"paths": self.paths, "combine": combine})
    }

    /// What comes out, with the notices and the number of losses.
    fn read(&self, combine: &str) -> Result<(Vec<sluice_core::Batch>, Vec<String>, u64), String> {
        let mut bench = Bench::new(Kind::Source, "pcap_file");
        let mut made = source("pcap_file", self.options(combine))?;
        let batches = bench.drain(&mut *made)?;
        let folder = format!("{}/", self.folder.path().display());
        let notices = bench.notices().into_iter().map(|notice| notice.replace(&folder, "")).collect();
        Ok((batches, notices, bench.tally().lost))
    }

    /// What a sink writes of it.
    fn copied(&self, combine: &str) -> Vec<u8> {
        let path = self.folder.path().join("out");
        let mut bench = Bench::new(Kind::Sink, "pcap_file");
        let mut sink = sink("pcap_file", json!({"path": path})).unwrap();
        for batch in self.read(combine).unwrap().0 {
            sink.write(batch, &mut bench.out).unwrap();
        }
        sink.finish(&mut bench.out).unwrap();
        fs::read(path).unwrap()
    }
}

/// A capture of packets at these times in seconds, whose first byte is `name`.
fn capture(name: u8, times: &[u32]) -> Vec<u8> {
    let packet = |file: Pcap, (i, time): (usize, &u32)| file.packet(*time, 0, &[name, i as u8], 2);
    times.iter().enumerate().fold(Pcap::micro(), packet).bytes
}

/// Seconds, file and number within that of the packets that come out.
fn order(files: &Files, combine: &str) -> Vec<(i64, u8, u8)> {
    let (batches, notices, lost) = files.read(combine).unwrap();
    assert_eq!((notices, lost), (vec![], 0));
    let ordinals: Vec<_> = batches
        .iter()
        .flat_map(|batch| match batch {
            sluice_core::Batch::Packets(batch) => {
                batch.frames().iter().map(|f| f.ordinal).collect::<Vec<_>>()
            }
            _ => vec![],
        })
        .collect();
    assert!(ordinals.iter().copied().eq(0..ordinals.len() as u64), "{ordinals:?}");
    packets(batches).into_iter().map(|(time, data, _)| (time / 1_000_000_000, data[0], data[1])).collect()
}

#[test]
fn files_follow_each_other_or_are_merged_by_time() {
    let files =
        Files::new(&[capture(0, &[1, 5, 5, 9]), capture(1, &[5, 6]), capture(2, &[]), capture(3, &[0, 5])]);
    let appended = [(1, 0, 0), (5, 0, 1), (5, 0, 2), (9, 0, 3), (5, 1, 0), (6, 1, 1), (0, 3, 0), (5, 3, 1)];
    assert_eq!(order(&files, "append"), appended);
    let merged = [(0, 3, 0), (1, 0, 0), (5, 0, 1), (5, 0, 2), (5, 1, 0), (5, 3, 1), (6, 1, 1), (9, 0, 3)];
    assert_eq!(order(&files, "merge"), merged);
}

#[test]
fn a_file_out_of_order_keeps_its_order() {
    let files = Files::new(&[capture(0, &[5, 2, 7]), capture(1, &[3, 4, 6])]);
    assert_eq!(order(&files, "merge"), [(3, 1, 0), (4, 1, 1), (5, 0, 0), (2, 0, 1), (6, 1, 2), (7, 0, 2)]);
}

#[test]
fn a_copy_of_files_of_one_kind_is_of_that_kind() {
    let files = Files::new(&[capture(0, &[1, 3]), capture(0, &[2])]);
    let expected =
        Pcap::micro().packet(1, 0, &[0, 0], 2).packet(2, 0, &[0, 0], 2).packet(3, 0, &[0, 1], 2).bytes;
    assert_eq!(files.copied("merge"), expected);
    let expected =
        Pcap::micro().packet(1, 0, &[0, 0], 2).packet(3, 0, &[0, 1], 2).packet(2, 0, &[0, 0], 2).bytes;
    assert_eq!(files.copied("append"), expected);
    // Nothing is lost where one tells nanoseconds, and the first one's byte order is kept.
    let nano = Pcap::new(0xa1b2_3c4d, false, 1).packet(1, 7, b"n", 1).bytes;
    let files = Files::new(&[Pcap::new(0xa1b2_c3d4, true, 1).packet(2, 7, b"m", 1).bytes, nano]);
    let expected = Pcap::new(0xa1b2_3c4d, true, 1).packet(1, 7, b"n", 1).packet(2, 7000, b"m", 1).bytes;
    assert_eq!(files.copied("merge"), expected);
    let empty = Files::new(&[capture(0, &[]), capture(1, &[])]);
    assert_eq!((empty.copied("merge"), empty.copied("append")), (capture(0, &[]), capture(0, &[])));
}

#[test]
fn interfaces_of_all_files_are_there() {
    let files = Files::new(&[
        Pcap::new(0xa1b2_c3d4, false, 1).packet(1, 0, b"a", 1).packet(3, 0, b"c", 1).bytes,
        Pcap::new(0xa1b2_3c4d, false, 101).packet(2, 0, b"b", 1).bytes,
    ]);
    let batches = files.read("merge").unwrap().0;
    let batches: Vec<_> = batches.into_iter().map(|batch| batch.into_packets().unwrap()).collect();
    for batch in &batches {
        let links: Vec<_> = batch.info().interfaces.iter().map(|interface| interface.link.0).collect();
        assert_eq!(links, [1, 101]);
        assert!(
            matches!(&batch.info().section, Some(Section::Pcap(header)) if header.resolution == Resolution::Nano)
        );
    }
    let all: Vec<_> =
        batches.iter().flat_map(|batch| batch.iter()).map(|(f, data)| (f.interface, data)).collect();
    assert_eq!(all, [(0, &b"a"[..]), (1, b"b"), (0, b"c")]);
}

/// A pcapng file in either byte order.
struct Ng {
    big_endian: bool,
    bytes: Vec<u8>,
}

impl Ng {
    fn new(big_endian: bool) -> Self {
        let file = Self { big_endian, bytes: Vec::new() };
        // A length of the section that will not be true of a merged one.
        file.block(0x0a0d_0d0a, |this| {
            [this.word(0x1a2b_3c4d), this.half(1), this.half(0), vec![0; 8]].concat()
        })
    }

    fn word(&self, word: u32) -> Vec<u8> {
        if self.big_endian { word.to_be_bytes().into() } else { word.to_le_bytes().into() }
    }

    fn half(&self, half: u16) -> Vec<u8> {
        if self.big_endian { half.to_be_bytes().into() } else { half.to_le_bytes().into() }
    }

    fn block(mut self, kind: u32, body: impl Fn(&Self) -> Vec<u8>) -> Self {
        let body = body(&self);
        let len = self.word(12 + body.len() as u32);
        let block = [self.word(kind), len.clone(), body, len].concat();
        self.bytes.extend(block);
        self
    }

    /// One text option of four letters, and the end of options.
    fn option(&self, code: u16, text: &str) -> Vec<u8> {
        [self.half(code), self.half(4), text.as_bytes().into(), vec![0; 4]].concat()
    }

    fn interface(self, link: u16, name: &str) -> Self {
        self.block(1, |this| [this.half(link), this.half(0), this.word(0), this.option(2, name)].concat())
    }

    /// A packet of four bytes at so many microseconds, with a comment.
    fn packet(self, interface: u32, micros: u32, data: &str, comment: &str) -> Self {
        let words = [interface, 0, micros, 4, 4];
        self.block(6, |this| {
            let head: Vec<u8> = words.iter().flat_map(|word| this.word(*word)).collect();
            [head, data.as_bytes().into(), this.option(1, comment)].concat()
        })
    }

    fn statistics(self, interface: u32) -> Self {
        self.block(5, |this| [this.word(interface), this.word(0), this.word(9)].concat())
    }
}

#[test]
fn blocks_and_options_of_merged_pcapng_files_stay_with_their_packets() {
    for orders in [[false, false], [true, true], [false, true]] {
        let one = Ng::new(orders[0])
            .interface(1, "eth0")
            .packet(0, 10, "aaaa", "one.")
            .packet(0, 40, "bbbb", "two.")
            .statistics(0);
        let two = Ng::new(orders[1])
            .interface(1, "eth0")
            .interface(101, "tun0")
            .packet(1, 20, "cccc", "tri.")
            .packet(0, 30, "dddd", "for.")
            .statistics(1);
        let pcap = Pcap::micro().packet(0, 35, b"eeee", 4);
        let files = Files::new(&[one.bytes, two.bytes, pcap.bytes]);
        // What a file of the first one's byte order says when written by hand.
        let expected = Ng::new(orders[0]).interface(1, "eth0").interface(101, "tun0").interface(1, "none");
        let expected = expected
            .packet(0, 10, "aaaa", "one.")
            .packet(1, 20, "cccc", "tri.")
            .packet(0, 30, "dddd", "for.")
            .packet(2, 35, "eeee", "none")
            .packet(0, 40, "bbbb", "two.");
        let copied = files.copied("merge");
        let (found, expected) = (blocks(&copied, orders[0]), blocks(&expected.bytes, orders[0]));
        let word = |bytes: &[u8]| {
            let word = *bytes.first_chunk().unwrap();
            if orders[0] { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        };
        // Each packet with its link type and the name of its interface, for interfaces may be numbered otherwise.
        let packets = |all: &[(u32, Vec<u8>)]| -> Vec<(Vec<u8>, Vec<u8>, bool)> {
            let of = |kind| move |(found, _): &&(u32, Vec<u8>)| *found == kind;
            let interfaces: Vec<_> = all.iter().filter(of(1)).map(|(_, body)| body.clone()).collect();
            let about = |body: &[u8]| {
                let interface = &interfaces[word(body) as usize];
                let tun = interface.windows(4).any(|name| name == b"tun0");
                (body[4..].to_vec(), interface[..2].to_vec(), tun)
            };
            all.iter().filter(of(6)).map(|(_, body)| about(body)).collect()
        };
        for (found, mut expected) in packets(&found).into_iter().zip(packets(&expected)) {
            if found.0.ends_with(b"eeee") {
                // A packet from a pcap file has no options.
                expected.0.truncate(found.0.len());
            }
            assert_eq!(found, expected, "{orders:?}");
        }
        let of = |kind: u32| found.iter().filter(move |(found, _)| *found == kind).map(|(_, body)| body);
        assert_eq!((of(6).count(), of(1).count(), of(0x0a0d_0d0a).count()), (5, 3, 1));
        assert!(
            of(0x0a0d_0d0a).all(|body| body[8..16] == [0xff; 8]),
            "the length of the section is not told"
        );
        let interface = |number: u32| of(1).nth(number as usize).unwrap();
        let mut links: Vec<_> = of(5).map(|body| interface(word(body))[..2].to_vec()).collect();
        links.sort_by_key(|link| link.iter().max().copied());
        let half = |link: u16| if orders[0] { link.to_be_bytes() } else { link.to_le_bytes() };
        assert_eq!(links, [half(1), half(101)], "{orders:?}");
    }
}

/// Types and bodies of the blocks of a file.
fn blocks(mut file: &[u8], big_endian: bool) -> Vec<(u32, Vec<u8>)> {
    let word = |bytes: &[u8]| {
        let word = *bytes.first_chunk().unwrap();
        if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    };
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let (block, rest) = file.split_at(word(&file[4..]) as usize);
        blocks.push((word(block), block[8..block.len() - 4].to_vec()));
        file = rest;
    }
    blocks
}

#[test]
fn a_section_that_follows_brings_its_own_interfaces() {
    let mut one = Ng::new(false).interface(1, "eth0").packet(0, 10, "aaaa", "one.").bytes;
    one.extend(Ng::new(true).interface(101, "tun0").interface(1, "eth0").packet(0, 30, "cccc", "tri.").bytes);
    let files = Files::new(&[one, Ng::new(false).interface(1, "eth0").packet(0, 20, "bbbb", "two.").bytes]);
    let batches: Vec<_> =
        files.read("merge").unwrap().0.into_iter().map(|batch| batch.into_packets().unwrap()).collect();
    let all: Vec<_> = batches
        .iter()
        .flat_map(|batch| batch.iter().map(|(f, data)| (data[0], batch.info().link(f.interface).0)))
        .collect();
    assert_eq!(all, [(b'a', 1), (b'b', 1), (b'c', 101)]);
}

#[test]
fn a_file_that_is_cut_off_does_not_stop_the_others() {
    for combine in ["append", "merge"] {
        let mut cut = capture(0, &[1, 2, 3]);
        cut.truncate(cut.len() - 1);
        let packed = PACKINGS[0].pack(&capture(1, &[1, 2]));
        let files = Files::new(&[&cut[..], &packed[..packed.len() - 3], &capture(2, &[1, 2])]);
        let (batches, notices, lost) = files.read(combine).unwrap();
        assert_eq!((packets(batches).len(), lost), (6, 2), "{combine}");
        assert!(
            notices.iter().any(|n| n.starts_with("`0.pcap` ends in the middle of record 3")),
            "{notices:?}"
        );
        assert!(
            notices.iter().any(|n| n.starts_with("`1.pcap` ends in the middle of its gzip data")),
            "{notices:?}"
        );
    }
}

#[test]
fn every_file_is_looked_at_before_the_run() {
    for combine in ["append", "merge"] {
        let files = Files::new(&[&capture(0, &[1])[..], b"no capture at all here"]);
        let refused = files.read(combine).unwrap_err();
        assert!(refused.ends_with("1.pcap` is not a capture file"), "{refused}");
    }
}

#[test]
fn memory_and_batches_stay_small() {
    // More packets than a slab holds, some of them larger than a slab.
    let sizes = [10, 3000, 5000, 1, 20_000, 4080, 100];
    let file = |name: u8| {
        (0..200_u32).fold(Pcap::micro(), |file, i| {
            file.packet(2 * i + u32::from(name), 0, &vec![name; sizes[(i % 7) as usize]], 9)
        })
    };
    let files = Files::new(&[file(0).bytes, file(1).bytes]);
    for (combine, most) in [("append", 24_100), ("merge", 20_100)] {
        let batches = files.read(combine).unwrap().0;
        assert!(batches.iter().all(|batch| batch.weight() <= most), "{combine}");
        assert_eq!(packets(batches).len(), 400);
    }
}

#[test]
fn pipes_are_merged_as_they_come() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let (fifo, file) = (folder.path().join("fifo"), folder.path().join("file"));
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    fs::write(&file, capture(0, &[1, 5])).unwrap();
    for (combine, steps) in [("merge", [0, 2, 0, 2]), ("append", [0, 1, 0, 1])] {
        let mut bench = Bench::new(Kind::Source, "pcap_file");
        let mut made = source("pcap_file", json!({"paths": [fifo, file], "combine": combine})).unwrap();
        let mut writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
        let bytes = capture(1, &[2, 6]);
        // How many packets come until there is nothing to do, after each piece was written.
        let mut came = |piece: &[u8]| {
            writer.write_all(piece).unwrap();
            let mut came = 0;
            while made.next(&mut bench.out).unwrap() == sluice_core::Next::More {
                came += packets(bench.batches()).len();
            }
            assert!(made.fd().is_some());
            came + packets(bench.batches()).len()
        };
        let pieces = [&bytes[..24], &bytes[24..44], &bytes[44..50], &bytes[50..]];
        assert_eq!(pieces.map(&mut came), steps, "{combine}");
        drop(writer);
        let rest = packets(bench.drain(&mut *made).unwrap());
        assert_eq!(rest.len(), 4 - steps.iter().sum::<usize>(), "{combine}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options| refused(Kind::Source, "pcap_file", options).to_string();
    let cases = [
        (json!({}), "it does not say what to read"),
        (json!({"path": "a", "paths": ["b"]}), "paths: `path` and `paths` exclude each other"),
        (json!({"paths": []}), "paths: there is no path in the list"),
        (json!({"paths": ["a", ""]}), "paths[1]: the path is empty"),
        (json!({"paths": ["a", "b"], "follow": true}), "follow: only a single file can be followed"),
    ];
    for (options, message) in cases {
        assert_eq!(refused(options), message);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn merging_sorted_files_sorts_and_is_stable(
        files in prop::collection::vec(prop::collection::vec(0..30_u32, 0..80), 2..6),
    ) {
        let sorted: Vec<Vec<u32>> = files.into_iter().map(|mut times| { times.sort_unstable(); times }).collect();
        let captures: Vec<_> = sorted.iter().zip(0..).map(|(times, name)| capture(name, times)).collect();
        let mut expected: Vec<(i64, u8, u8)> = sorted.iter().zip(0..).flat_map(|(times, name)| {
            times.iter().enumerate().map(move |(i, time)| (i64::from(*time), name, i as u8))
        }).collect();
        expected.sort_by_key(|(time, name, _)| (*time, *name));
        prop_assert_eq!(order(&Files::new(&captures), "merge"), expected);
    }
}
