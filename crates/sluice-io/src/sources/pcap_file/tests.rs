use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::json;
use sluice_core::{Batch, Flags, Kind, Next, Section};
use sluice_pcap::pcapng::{Blocks, Found};
use sluice_pcap::{Format, recognise};

use crate::testing::{Bench, PACKINGS, Packet, Pcap, packets, source};

fn bench() -> Bench {
    Bench::new(Kind::Source, "pcap_file")
}

/// The packets of a file with these bytes, with the notices and what was lost.
fn read(bytes: &[u8]) -> Result<(Vec<Packet>, Vec<String>, u64), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pcap");
    fs::write(&path, bytes).unwrap();
    let mut bench = bench();
    let run = |bench: &mut Bench| bench.drain(&mut *source("pcap_file", json!({"path": path}))?);
    // The name of the folder is another one each time.
    let short = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    let batches = run(&mut bench).map_err(short)?;
    let notices = bench.notices().into_iter().map(short).collect();
    Ok((packets(batches), notices, bench.tally().lost))
}

#[test]
fn reads_both_byte_orders_and_resolutions() {
    for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1), (0xa1b2_c3d4, 1000)] {
        for big_endian in [false, true] {
            let file =
                Pcap::new(magic, big_endian, 1).packet(1, 5, b"first", 5).packet(4_000_000_000, 6, b"", 60);
            let expected = vec![
                (1_000_000_000 + 5 * unit, b"first".to_vec(), 5),
                (4_000_000_000_000_000_000 + 6 * unit, Vec::new(), 60),
            ];
            assert_eq!(read(&file.bytes), Ok((expected, vec![], 0)));
        }
    }
}

#[test]
fn packets_larger_than_a_slab_and_across_slabs_are_whole() {
    let sizes = [100, 4000, 100_000, 0, 4096, 4080, 1, 70_000, 3000, 3000];
    let file = sizes
        .iter()
        .enumerate()
        .fold(Pcap::micro(), |file, (i, size)| file.packet(i as u32, 0, &vec![i as u8; *size], *size as u32));
    let expected = sizes
        .iter()
        .enumerate()
        .map(|(i, size)| (i as i64 * 1_000_000_000, vec![i as u8; *size], *size as u32));
    assert_eq!(read(&file.bytes), Ok((expected.collect(), vec![], 0)));
}

#[test]
fn frames_say_where_they_stand_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pcap");
    let file = Pcap::new(0xa1b2_c3d4, false, 0x2400_0065).packet(9, 0, b"whole", 5).packet(8, 0, b"cut", 99);
    fs::write(&path, file.bytes).unwrap();
    let mut bench = bench();
    let mut source = source("pcap_file", json!({"path": path})).unwrap();
    assert_eq!(source.next(&mut bench.out).unwrap(), Next::End);
    assert_eq!((source.progress().done, source.progress().total), (64, Some(64)));
    let batches: Vec<_> = bench.batches().into_iter().map(|b| b.into_packets().unwrap()).collect();
    // The first batch has no packets, but tells what a copy has to repeat.
    assert_eq!(batches.iter().map(|b| b.len()).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(batches[0].info(), batches[1].info());
    let info = batches[1].info();
    let Some(Section::Pcap(header)) = &info.section else { panic!("no header") };
    assert_eq!((header.link_extra, info.interfaces[0].fcs_len, info.link(0).0), (0x2400_0000, Some(4), 101));
    let frames = batches[1].frames();
    assert_eq!(frames.iter().map(|f| f.fcs_len).collect::<Vec<_>>(), [4, 4]);
    assert_eq!(frames.iter().map(|f| f.ordinal).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(frames.iter().map(|f| f.flags.contains(Flags::TRUNCATED)).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn the_watermark_is_the_largest_time_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pcap");
    let data = [0; 2500];
    let file = Pcap::micro().packet(5, 0, &data, 2500).packet(9, 0, &data, 2500).packet(7, 0, &data, 2500);
    fs::write(&path, file.bytes).unwrap();
    let mut bench = bench();
    let mut source = source("pcap_file", json!({"path": path})).unwrap();
    while source.next(&mut bench.out).unwrap() == Next::More {}
    assert_eq!(bench.watermarks(), [5_000_000_000, 9_000_000_000, 9_000_000_000]);
}

#[test]
fn a_file_that_is_cut_off_gives_every_whole_packet() {
    let file = Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).bytes;
    for cut in [44, 50, 59, 60, 61] {
        let (packets, notices, lost) = read(&file[..cut]).unwrap();
        assert_eq!((packets.len(), lost), (1, 1), "cut at {cut}");
        assert_eq!(notices, ["`x.pcap` ends in the middle of record 2, at byte 43; all before it was read"]);
    }
    let (packets, notices, lost) = read(&file[..43]).unwrap();
    assert_eq!((packets.len(), notices.len(), lost), (1, 0, 0));
}

#[test]
fn an_absurd_length_ends_the_file() {
    let mut file =
        Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).packet(3, 0, b"three", 5).bytes;
    file[43 + 8..43 + 12].fill(0xff);
    let (packets, notices, lost) = read(&file).unwrap();
    assert_eq!((packets.len(), lost), (1, 1));
    assert_eq!(
        notices,
        [
            "`x.pcap` is corrupt: record 2, at byte 43, says that 4294967295 bytes were captured; nothing behind it was read"
        ]
    );
}

#[test]
fn what_is_not_pcap_is_refused_in_one_sentence() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "`x.pcap` is empty, so it is not a capture file"),
        (b"127.0.0.1 - - [01/Jan/2024]", "`x.pcap` is not a capture file"),
        (&[0x0a, 0x0d, 0x0d, 0x0a, 0x1c, 0, 0, 0], "`x.pcap` ends in the middle of its file header"),
        (
            &[0x0a, 0x0d, 0x0d, 0x0a, 0x1c, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "`x.pcap` cannot be read: there is no byte-order magic of pcapng",
        ),
        (b"\xfd7zXZ\0", "`x.pcap` is compressed by xz, which is not read; unpack it with `unxz`"),
        (&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0], "`x.pcap` ends in the middle of its file header"),
        (
            &[0xd4, 0xc3, 0xb2, 0xa1, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
            "`x.pcap` cannot be read: version `3.1` of the pcap format is not known",
        ),
    ];
    for (bytes, sentence) in cases {
        assert_eq!(read(bytes), Err((*sentence).to_owned()));
    }
}

#[test]
fn what_cannot_be_opened_is_refused_in_one_sentence() {
    let refused = |path: &Path| source("pcap_file", json!({"path": path})).map(|_| ()).unwrap_err();
    assert_eq!(refused(Path::new("absent.pcap")), "cannot open `absent.pcap`: no such file or directory");
    assert_eq!(refused(Path::new("src")), "cannot read `src`: it is a directory");
    assert_eq!(refused(Path::new("")), "path: the path is empty");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.pcap");
    fs::write(&path, Pcap::micro().bytes).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return eprintln!("skipped: this user may read everything");
    }
    assert!(refused(&path).ends_with("secret.pcap`: permission denied"));
}

#[test]
fn a_pipe_gives_what_is_there_and_never_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let mut source = source("pcap_file", json!({"path": path})).unwrap();
    let mut bench = bench();
    let mut next = |bench: &mut Bench| {
        let next = source.next(&mut bench.out).unwrap();
        (next, packets(bench.batches()).len())
    };
    assert_eq!(next(&mut bench), (Next::Idle(None), 0), "nobody writes yet");
    let mut writer = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let file = Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).bytes;
    writer.write_all(&file[..10]).unwrap();
    assert_eq!(next(&mut bench), (Next::Idle(None), 0), "the file header is not whole");
    writer.write_all(&file[10..45]).unwrap();
    assert_eq!(next(&mut bench), (Next::Idle(None), 1), "one packet is whole");
    assert_eq!(next(&mut bench), (Next::Idle(None), 0), "nothing new");
    writer.write_all(&file[45..]).unwrap();
    drop(writer);
    assert_eq!(next(&mut bench), (Next::End, 1));
    assert_eq!(bench.notices(), [""; 0]);
}

/// Packets, captured bytes, bytes on the wire, first and last time; of all times but 0 where some tell none.
fn figures(path: &Path, untimed: bool) -> [i64; 5] {
    let mut bench = Bench::with_slab(Kind::Source, "pcap_file", 64 << 10);
    let batches = bench.drain(&mut *source("pcap_file", json!({"path": path})).unwrap()).unwrap();
    let packets = packets(batches);
    let times: Vec<i64> = packets.iter().map(|p| p.0).filter(|time| !untimed || *time != 0).collect();
    let time = |time: Option<&i64>| time.copied().unwrap_or(0);
    let captured = packets.iter().map(|(_, data, _)| data.len() as i64).sum();
    let wire = packets.iter().map(|(.., wire)| i64::from(*wire)).sum();
    [packets.len() as i64, captured, wire, time(times.first()), time(times.last())]
}

/// How many blocks of these types a pcapng file has.
fn count_blocks(file: &[u8], kinds: &[u32]) -> i64 {
    let (mut blocks, mut at, mut count) = (Blocks::new(), 0, 0);
    while let Found::Block(block) = blocks.next(&file[at..]) {
        at += block.bytes.len();
        count += i64::from(kinds.contains(&block.kind));
    }
    count
}

#[test]
fn real_captures_give_the_expected_figures() {
    let Some(corpus) = std::env::var_os("SLUICE_CORPUS").map(std::path::PathBuf::from) else {
        return eprintln!("skipped: SLUICE_CORPUS does not say where the captures are");
    };
    let table = fs::read_to_string(corpus.join("expected.tsv")).unwrap();
    let mut compared = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let path = corpus.join(cells[0]);
        let file = fs::read(&path).unwrap();
        if !matches!(recognise(&file), Format::Pcap | Format::Pcapng)
            || cells.last().is_some_and(|e| !e.is_empty())
        {
            continue;
        }
        let mut expected: Vec<i64> = cells[1..6].iter().map(|cell| cell.parse().unwrap_or(0)).collect();
        let (is_ng, simple) = (recognise(&file) == Format::Pcapng, 3);
        let mut found = figures(&path, is_ng && count_blocks(&file, &[simple]) > 0).to_vec();
        // The program that made the table counts custom blocks as packets.
        let custom = if is_ng { count_blocks(&file, &[0xbad, 0x4000_0bad]) } else { 0 };
        if custom > 0 {
            expected[0] -= custom;
            expected.truncate(1);
            found.truncate(1);
        }
        assert_eq!(found, expected, "{}", cells[0]);
        compared += 1;
    }
    assert!(compared > 50, "only {compared} captures were compared");
}

#[test]
fn nobody_else_holds_the_bytes_of_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pcap");
    fs::write(&path, Pcap::micro().packet(1, 0, &[7; 60], 60).bytes).unwrap();
    let mut bench = bench();
    let batches = bench.drain(&mut *source("pcap_file", json!({"path": path})).unwrap()).unwrap();
    let Some(Batch::Packets(mut batch)) = batches.into_iter().next_back() else { panic!("no packets") };
    let before = batch.weight();
    batch.edit(bench.out.pools()).packet(0).unwrap().1[0] = 8;
    assert_eq!(batch.weight(), before, "the edit moved the packet");
}

#[test]
fn a_compressed_file_is_unpacked_and_its_loss_is_told() {
    let file = Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).bytes;
    for packing in PACKINGS {
        let packed = packing.pack(&file);
        let (packets, notices, lost) = read(&packed).unwrap();
        assert_eq!((packets.len(), notices, lost), (2, vec![], 0), "{packing:?}");
        // Two frames, the second one cut off: the packet in the first is whole.
        let packed = [packing.pack(&file[..43]), packing.pack(&file[43..])].concat();
        let (packets, notices, lost) = read(&packed[..packed.len() - 1]).unwrap();
        assert!(!packets.is_empty());
        assert_eq!((notices.len(), lost), (1, 1), "{notices:?}");
        assert!(notices[0].starts_with("`x.pcap` ends in the middle of its "), "{notices:?}");
        assert!(
            notices[0].ends_with(&format!(" data, at byte {}; all before it was read", packed.len() - 1))
        );
        let refused = read(&packed[..12]).unwrap_err();
        assert!(refused.starts_with("`x.pcap` ends in the middle of its "), "{refused}");
    }
}

/// A capture that is followed, in a folder of its own.
struct Followed {
    folder: tempfile::TempDir,
    file: fs::File,
    source: Box<dyn sluice_core::Source>,
    bench: Bench,
}

impl Followed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcap");
        let file = fs::File::create(&path).unwrap();
        let mut bench = bench();
        bench.out.set_now(1_000_000_000);
        Self {
            source: source("pcap_file", json!({"path": path, "follow": true})).unwrap(),
            folder,
            file,
            bench,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("x.pcap")
    }

    /// What the source wants after a call, and how many packets it gave.
    fn next(&mut self) -> (Next, usize) {
        let next = self.source.next(&mut self.bench.out).unwrap();
        (next, packets(self.bench.batches()).len())
    }

    fn notices(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        self.bench.notices().into_iter().map(|notice| notice.replace(&folder, "")).collect()
    }
}

const LATER: Next = Next::Idle(Some(1_100_000_000));

#[test]
fn a_file_that_grows_is_followed() {
    let bytes = Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).bytes;
    for packing in [None, Some(PACKINGS[0]), Some(PACKINGS[2])] {
        let pack = |bytes: &[u8]| packing.map_or(bytes.to_vec(), |packing| packing.pack(bytes));
        let mut followed = Followed::new();
        assert_eq!(followed.next(), (LATER, 0), "it is empty");
        assert!(followed.source.fd().is_none(), "a regular file is always readable");
        for (piece, packets) in [(0..10, 0), (10..45, 1), (45..60, 0), (60..62, 1)] {
            followed.file.write_all(&pack(&bytes[piece.clone()])).unwrap();
            assert_eq!(followed.next(), (LATER, packets), "{piece:?} {packing:?}");
            assert_eq!(followed.next(), (LATER, 0));
        }
        assert_eq!(followed.source.stop(&mut followed.bench.out).unwrap(), Next::End);
        assert_eq!((followed.notices(), followed.bench.tally().lost), (vec![], 0));
    }
}

#[test]
fn what_was_begun_when_a_followed_file_is_left_is_told() {
    let mut followed = Followed::new();
    followed.file.write_all(&Pcap::micro().packet(1, 0, b"one", 3).bytes[..41]).unwrap();
    followed.next();
    assert_eq!(followed.source.stop(&mut followed.bench.out).unwrap(), Next::End);
    assert_eq!(
        followed.notices(),
        [
            "when the run was stopped, `x.pcap` ended in the middle of record 1, at byte 24; all before it was read"
        ]
    );
    assert_eq!(followed.bench.tally().lost, 0);
}

#[test]
fn a_followed_file_that_becomes_shorter_is_given_up() {
    let mut followed = Followed::new();
    followed.file.write_all(&Pcap::micro().packet(1, 0, b"one", 3).bytes).unwrap();
    assert_eq!(followed.next(), (LATER, 1));
    followed.file.set_len(30).unwrap();
    assert_eq!(followed.next(), (Next::End, 0));
    assert_eq!(
        followed.notices(),
        ["`x.pcap` became shorter than what was read of it; it is not followed any more"]
    );
    assert_eq!(followed.bench.tally().lost, 1);
}

#[test]
fn a_followed_file_that_goes_is_read_to_its_end() {
    let mut followed = Followed::new();
    let bytes = Pcap::micro().packet(1, 0, b"one", 3).packet(2, 0, b"two", 3).bytes;
    followed.file.write_all(&bytes[..43]).unwrap();
    assert_eq!(followed.next(), (LATER, 1));
    fs::write(followed.folder.path().join("new"), b"").unwrap();
    fs::rename(followed.folder.path().join("new"), followed.path()).unwrap();
    assert_eq!(followed.next(), (LATER, 0), "its writer may not have finished");
    followed.file.write_all(&bytes[43..]).unwrap();
    assert_eq!(followed.next(), (Next::End, 1));
    assert_eq!(
        followed.notices(),
        ["`x.pcap` was moved, deleted or replaced; it was read to its end and is not followed any more"]
    );
    assert_eq!(followed.bench.tally().lost, 0);
}
