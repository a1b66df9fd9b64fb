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
