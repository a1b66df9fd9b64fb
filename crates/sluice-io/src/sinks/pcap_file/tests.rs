use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sluice_core::{Batch, CaptureInfo, Interface, Kind, PacketBatch};
use sluice_pcap::pcap::Header;
use sluice_pcap::recognise;
use sluice_wire::link::LinkType;

use super::*;
use crate::testing::{Bench, Pcap, packets, sink, source};

/// The batches of a pcap file with these bytes.
fn read(bytes: &[u8]) -> Vec<Batch> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.pcap");
    fs::write(&path, bytes).unwrap();
    batches(&path)
}

fn batches(path: &Path) -> Vec<Batch> {
    Bench::new(Kind::Source, "pcap_file")
        .drain(&mut *source("pcap_file", json!({"path": path})).unwrap())
        .unwrap()
}

/// What a sink with these options makes of the batches: the file, what was dropped, what was said.
fn written(mut options: Value, batches: Vec<Batch>) -> (Vec<u8>, Vec<u64>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pcap");
    options["path"] = json!(path);
    let mut bench = Bench::new(Kind::Sink, "pcap_file");
    let mut sink = sink("pcap_file", options).unwrap();
    batches.into_iter().for_each(|batch| sink.write(batch, &mut bench.out).unwrap());
    sink.flush(&mut bench.out).unwrap();
    assert!(!path.exists(), "the file looks whole before it is");
    sink.finish(&mut bench.out).unwrap();
    (fs::read(&path).unwrap(), bench.tally().dropped.clone(), bench.notices())
}

fn copied(file: &[u8]) -> Vec<u8> {
    written(json!({}), read(file)).0
}

#[test]
fn a_copy_is_the_same_byte_for_byte() {
    for magic in [0xa1b2_c3d4, 0xa1b2_3c4d] {
        for big_endian in [false, true] {
            let file = Pcap::new(magic, big_endian, 0x2400_0065)
                // A fraction of more than a second, and a packet that says to be shorter than it is.
                .packet(1, 4_000_000_000, b"odd", 2)
                .packet(4_294_967_295, 0, &[7; 9000], 10_000)
                .packet(0, 0, b"", 0);
            assert!(copied(&file.bytes) == file.bytes);
        }
    }
    let empty = Pcap::new(0xa1b2_c3d4, true, 101).bytes;
    assert_eq!(copied(&empty), empty);
}

#[test]
fn real_captures_are_copied_byte_for_byte() {
    let Some(corpus) = std::env::var_os("SLUICE_CORPUS").map(std::path::PathBuf::from) else {
        return eprintln!("skipped: SLUICE_CORPUS does not say where the captures are");
    };
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    let table = fs::read_to_string(corpus.join("expected.tsv")).unwrap();
    for path in table.lines().skip(1).filter_map(|row| row.split('\t').next()) {
        let path = corpus.join(path);
        let bytes = fs::read(&path).unwrap();
        if !matches!(recognise(&bytes), Format::Pcap | Format::Pcapng) {
            continue;
        }
        let out = folder.path().join("out.pcap");
        let mut bench = Bench::with_slab(Kind::Sink, "pcap_file", 64 << 10);
        let mut sink = sink("pcap_file", json!({"path": out})).unwrap();
        batches(&path).into_iter().for_each(|batch| sink.write(batch, &mut bench.out).unwrap());
        sink.finish(&mut bench.out).unwrap();
        assert!(fs::read(&out).unwrap() == bytes, "{}", path.display());
        compared += 1;
    }
    assert!(compared > 50, "only {compared} captures were compared");
}

#[test]
fn times_are_written_as_asked_for() {
    let file = Pcap::new(0xa1b2_3c4d, false, 1).packet(5, 1999, b"abc", 3).bytes;
    assert_eq!(
        written(json!({"resolution": "micro"}), read(&file)).0,
        Pcap::micro().packet(5, 1, b"abc", 3).bytes
    );
    assert_eq!(written(json!({"resolution": "nano"}), read(&file)).0, file);
    let file = Pcap::new(0xa1b2_c3d4, true, 1).packet(5, 7, b"abc", 3).bytes;
    let expected = Pcap::new(0xa1b2_3c4d, true, 1).packet(5, 7000, b"abc", 3).bytes;
    assert_eq!(written(json!({"resolution": "nano"}), read(&file)).0, expected);
}

#[test]
fn a_second_input_is_written_as_the_first_one_was() {
    let mut all = read(&Pcap::new(0xa1b2_3c4d, true, 1).packet(1, 5, b"one", 3).bytes);
    all.extend(read(&Pcap::micro().packet(2, 6, b"two", 3).bytes));
    let expected = Pcap::new(0xa1b2_3c4d, true, 1).packet(1, 5, b"one", 3).packet(2, 6000, b"two", 3);
    assert_eq!(written(json!({}), all).0, expected.bytes);
}

#[test]
fn no_input_at_all_gives_a_valid_file() {
    let (file, ..) = written(json!({}), vec![]);
    let header = Header::parse(&file).unwrap();
    assert_eq!((file.len(), header.link, header.header.snaplen), (24, LinkType::ETHERNET, 262_144));
    // An empty batch that knows nothing does not decide what the file is.
    let bench = Bench::new(Kind::Sink, "pcap_file");
    let mut all = vec![bench.out.packets().into()];
    let raw = Pcap::new(0xa1b2_c3d4, false, 101).packet(1, 1, b"raw", 3).bytes;
    all.extend(read(&raw));
    assert_eq!(written(json!({}), all).0, raw);
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let mut all =
        read(&Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).packet(3, 0, b"end", 3).bytes);
    let Some(Batch::Packets(batch)) = all.last_mut() else { panic!("no packets") };
    batch.frames_mut()[0].time = -1;
    batch.frames_mut()[1].time = i64::MAX;
    all.extend(read(
        &Pcap::new(0xa1b2_c3d4, false, 101).packet(1, 0, b"raw", 3).packet(1, 0, b"ip", 2).bytes,
    ));
    let (file, dropped, notices) = written(json!({}), all);
    assert_eq!(file, Pcap::micro().packet(3, 0, b"end", 3).bytes);
    assert_eq!(dropped, [2, 2]);
    assert_eq!(notices, ["packets of link type `RAW` are dropped, as the file has `ETHERNET`"]);
}

#[test]
fn one_batch_may_have_several_link_types() {
    let mut all = read(&Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).bytes);
    let Some(Batch::Packets(batch)) = all.last_mut() else { panic!("no packets") };
    let mut info = CaptureInfo::clone(batch.info());
    info.interfaces.push(Interface::of(LinkType::RAW));
    batch.frames_mut()[0].interface = 1;
    let slab = whole(batch);
    batch.fill(slab, Arc::new(info));
    let (file, dropped, _) = written(json!({}), all);
    assert_eq!(file, Pcap::micro().packet(2, 0, b"two", 3).bytes);
    assert_eq!(dropped, [1, 0]);
}

/// A copy of the slab of a batch whose first record starts it.
fn whole(batch: &PacketBatch) -> sluice_core::Slab {
    let mut slab = sluice_core::PoolBuf::detached(4096);
    for (_, data) in batch.iter() {
        slab.append(&[0; 16]).and(slab.append(data)).unwrap();
    }
    slab.into()
}

#[test]
fn made_up_packets_get_nanoseconds() {
    let mut made = source("generate", json!({"kind": "packets", "count": 50, "interval": "1ns"})).unwrap();
    let all = Bench::new(Kind::Source, "generate").drain(&mut *made).unwrap();
    let (file, ..) = written(json!({}), all);
    let times: Vec<i64> = packets(read(&file)).iter().map(|p| p.0).collect();
    assert_eq!((times.len(), times[49] - times[0]), (50, 49));
}

/// The files that a capture is cut into by this rule, the first batches with slabs of one size, the next with another.
fn cut(rotate: Value, file: &[u8]) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Kind::Sink, "pcap_file");
    let options = json!({"path": folder.path().join("x.pcap"), "rotate": rotate});
    let mut sink = sink("pcap_file", options).unwrap();
    for batch in read(file) {
        sink.write(batch, &mut bench.out).unwrap();
    }
    sink.finish(&mut bench.out).unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for (name, number) in names.iter().zip(1..) {
        assert!(name.ends_with(format!("x-{number:04}.pcap")), "{}", name.display());
    }
    names.iter().map(|name| fs::read(name).unwrap()).collect()
}

/// A capture with a packet of one byte, and so 17 in the file, at each of these seconds.
fn at(seconds: &[u32]) -> Vec<u8> {
    seconds.iter().fold(Pcap::micro(), |file, second| file.packet(*second, 0, &[*second as u8], 1)).bytes
}

fn files(seconds: &[&[u32]]) -> Vec<Vec<u8>> {
    seconds.iter().map(|seconds| at(seconds)).collect()
}

#[test]
fn every_piece_is_a_capture_of_its_own() {
    let seconds = [3, 4, 9, 10, 11, 19, 12, 30];
    let cases = [
        (json!({"count": 3}), files(&[&[3, 4, 9], &[10, 11, 19], &[12, 30]])),
        // The header and two packets are 58 bytes.
        (json!({"size": 58}), files(&[&[3, 4], &[9, 10], &[11, 19], &[12, 30]])),
        (json!({"size": 57}), seconds.iter().map(|second| at(&[*second])).collect()),
        (json!({"size": 1}), seconds.iter().map(|second| at(&[*second])).collect()),
        // Since the first packet of the file, and at multiples of the time, are not the same.
        (json!({"duration": "10s"}), files(&[&[3, 4, 9, 10, 11], &[19, 12], &[30]])),
        (json!({"every": "10s"}), files(&[&[3, 4, 9], &[10, 11, 19, 12], &[30]])),
        (json!({"every": "10s", "count": 2}), files(&[&[3, 4], &[9], &[10, 11], &[19, 12], &[30]])),
        (json!({"count": 100}), files(&[&seconds])),
    ];
    for (rotate, expected) in cases {
        assert!(cut(rotate.clone(), &at(&seconds)) == expected, "{rotate}");
    }
    assert_eq!(cut(json!({"count": 1}), &at(&[])), files(&[&[]]));
}

#[test]
fn every_piece_of_pcapng_is_a_section_with_its_interfaces() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Kind::Sink, "pcap_file");
    let rotate = json!({"size": 300});
    let options = json!({"path": folder.path().join("x.pcapng"), "rotate": rotate});
    let mut sink = sink("pcap_file", options).unwrap();
    let file =
        (0..50_u32).fold(Pcap::new(0xa1b2_c3d4, false, 101), |file, i| file.packet(i, 0, &[i as u8; 30], 30));
    for batch in read(&file.bytes) {
        sink.write(batch, &mut bench.out).unwrap();
    }
    sink.finish(&mut bench.out).unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.iter().all(|name| fs::metadata(name).unwrap().len() <= 300));
    let all: Vec<_> = names.iter().flat_map(|name| packets(batches(name))).collect();
    assert!(all == packets(read(&file.bytes)));
    assert!((10..30).contains(&names.len()), "{} pieces", names.len());
}

#[test]
fn pieces_do_not_depend_on_how_packets_came() {
    // More than a slab holds, and more than is gathered before it is written.
    let file = (0..3000_u32)
        .fold(Pcap::micro(), |file, i| file.packet(i, 0, &vec![i as u8; (i % 500) as usize], 500));
    let pieces = cut(json!({"count": 700}), &file.bytes);
    let lens: Vec<_> = pieces.iter().map(|piece| packets(read(piece)).len()).collect();
    assert_eq!(lens, [700, 700, 700, 700, 200]);
    let packets_of =
        |pieces: &[Vec<u8>]| -> Vec<_> { pieces.iter().flat_map(|piece| packets(read(piece))).collect() };
    assert!(packets_of(&pieces) == packets(read(&file.bytes)));
    let pieces = cut(json!({"size": "100kB"}), &file.bytes);
    assert!(
        pieces
            .iter()
            .all(|piece| piece.len() <= 100_000 && piece.len() > 99_000 || piece == pieces.last().unwrap())
    );
    assert!(packets_of(&pieces) == packets(read(&file.bytes)));
}

#[test]
fn what_is_written_waits_no_longer_than_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pcap");
    let mut bench = Bench::new(Kind::Sink, "pcap_file");
    let mut sink = sink("pcap_file", json!({"path": path})).unwrap();
    let mut lens = Vec::new();
    for milliseconds in [1000, 1001, 1999, 2000, 2001, 500, 501] {
        bench.out.set_now(milliseconds * 1_000_000);
        let batch = read(&at(&[1])).into_iter().find(|batch| !batch.is_empty()).unwrap();
        sink.write(batch, &mut bench.out).unwrap();
        lens.push(fs::metadata(folder.path().join("x.pcap.part")).unwrap().len());
    }
    // The header has 24 bytes and each packet 17. The fourth comes a second after the first, and then the clock is set back.
    assert_eq!(lens, [1, 1, 1, 4, 4, 6, 6].map(|packets| 24 + packets * 17));
}

#[test]
fn captures_are_compressed_as_their_name_or_the_user_says() {
    let file = (0..9000_u32).fold(Pcap::micro(), |file, i| file.packet(i, 0, &[7; 90], 90)).bytes;
    for (name, options) in [
        ("x.pcap.gz", json!({})),
        ("x.pcap.zst", json!({})),
        ("x", json!({"compress": "gzip"})),
        ("x.pcap", json!({"compress": "zstd", "rotate": {"count": 9001}})),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut all = options.clone();
        all["path"] = json!(folder.path().join(name));
        let mut bench = Bench::new(Kind::Sink, "pcap_file");
        let mut sink = sink("pcap_file", all).unwrap();
        for batch in read(&file) {
            sink.write(batch, &mut bench.out).unwrap();
            sink.flush(&mut bench.out).unwrap();
        }
        sink.finish(&mut bench.out).unwrap();
        let path = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let packed = fs::read(&path).unwrap();
        assert!(packed.len() < file.len() / 5, "{name}: {} bytes", packed.len());
        assert!(packets(batches(&path)) == packets(read(&file)));
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options| crate::testing::refused(Kind::Sink, "pcap_file", options).to_string();
    let cases = [
        (json!({"path": "x", "rotate": {"keep": 2}}), "rotate: it does not say when"),
        (json!({"path": "x", "rotate": {"count": 0}}), "rotate.count: `0` leaves no room for anything"),
        (
            json!({"path": "x", "rotate": {"duration": "0s"}}),
            "rotate.duration: `0ns` is too short or too long",
        ),
        (json!({"path": "-", "rotate": {"count": 1}}), "rotate: standard output cannot be rotated"),
        (json!({"path": "x.lz4"}), "path: `.lz4` is the ending of a compression that is not written"),
    ];
    for (options, message) in cases {
        assert_eq!(refused(options), message);
    }
}

/// A pcapng section of one interface whose header tells this length, with these packets of 4 bytes.
fn ng_section(length: u64, packets: &[&[u8; 4]]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let (low, high) = (length as u32, (length >> 32) as u32);
    let mut file = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, low, high, 28, 1, 20, 1, 0, 20]);
    for data in packets {
        file.extend(words(&[6, 36, 0, 0, 7, 4, 4]));
        file.extend_from_slice(*data);
        file.extend(words(&[36]));
    }
    file
}

#[test]
fn the_length_of_a_section_is_told_as_long_as_it_is_true() {
    let packets: [&[u8; 4]; 2] = [b"one.", b"two."];
    let file = [ng_section(92, &packets), ng_section(56, &packets[..1])].concat();
    assert_eq!(copied(&file), file);
    let mut all = read(&file);
    for batch in &mut all {
        let Batch::Packets(batch) = batch else { panic!("no packets") };
        let frames: Vec<Vec<u8>> = batch.iter().map(|(_, data)| data.to_vec()).collect();
        batch.retain(|at, _| frames[at] != b"two.");
    }
    let expected = [ng_section(u64::MAX, &packets[..1]), ng_section(56, &packets[..1])].concat();
    assert_eq!(written(json!({}), all).0, expected);
}
