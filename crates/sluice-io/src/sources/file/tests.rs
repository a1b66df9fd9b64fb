use std::fs;
use std::io::Write;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_core::{Kind, Next};

use crate::testing::{Bench, SLAB, lines, refused, source};

/// The lines of a file with these bytes, and how many were dropped.
fn read(bytes: &[u8], mut options: Value) -> (Vec<Vec<u8>>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    fs::write(&path, bytes).unwrap();
    options["path"] = json!(path);
    let mut bench = Bench::new(Kind::Source, "file");
    let batches = bench.drain(&mut *source("file", options).unwrap()).unwrap();
    (lines(batches), bench.tally().dropped[0])
}

#[test]
fn bytes_are_passed_on_untouched() {
    let bytes = b"plain\nreturned\r\n\n\r\n\0nul\xff\xfe\nlone\rreturn\nlast";
    let expected: &[&[u8]] =
        &[b"plain\n", b"returned\r\n", b"\n", b"\r\n", b"\0nul\xff\xfe\n", b"lone\rreturn\n", b"last"];
    assert_eq!(read(bytes, json!({})).0, expected);
    assert_eq!(read(b"", json!({})), (vec![], 0));
}

#[test]
fn lines_know_their_ending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    fs::write(&path, b"a\r\nbc\nd").unwrap();
    let mut bench = Bench::new(Kind::Source, "file");
    bench.out.set_now(77);
    let mut source = source("file", json!({"path": path})).unwrap();
    let batch = bench.drain(&mut *source).unwrap().pop().unwrap().into_records().unwrap();
    assert_eq!(batch.iter().map(|(_, line)| line).collect::<Vec<_>>(), [&b"a"[..], b"bc", b"d"]);
    assert_eq!(
        batch.records().iter().map(|r| (r.ordinal, r.time)).collect::<Vec<_>>(),
        [(0, 77), (1, 77), (2, 77)]
    );
    assert_eq!((source.progress().done, source.progress().total), (7, Some(7)));
}

#[test]
fn a_line_too_long_is_dropped_and_the_rest_goes_on() {
    // Shorter than a slab, about as long, and much longer.
    for limit in [10, SLAB - 1, SLAB, 3 * SLAB] {
        let text = |len: usize, ending: &str| "x".repeat(len) + ending;
        let mut bytes = String::new();
        let fits = [text(limit, "\n"), text(limit, "\r\n"), text(1, "\n")];
        for line in &fits {
            bytes += line;
            bytes += &text(limit + 1, "\n");
            bytes += &text(5 * limit, "\r\n");
        }
        bytes += &text(limit + 1, "");
        let (lines, dropped) = read(bytes.as_bytes(), json!({"max_line": limit}));
        assert_eq!(lines, fits.map(String::into_bytes), "limit {limit}");
        assert_eq!(dropped, 7, "limit {limit}");
    }
}

#[test]
fn a_limit_out_of_reason_is_refused() {
    let refused =
        |limit: &str| refused(Kind::Source, "file", json!({"path": "x", "max_line": limit})).to_string();
    assert_eq!(refused("0"), "max_line: `0` is not between 1 and 1GiB");
    assert_eq!(refused("2GiB"), "max_line: `2GiB` is not between 1 and 1GiB");
}

#[test]
fn a_pipe_gives_whole_lines_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let mut source = source("file", json!({"path": path})).unwrap();
    let mut bench = Bench::new(Kind::Source, "file");
    let mut next = |bench: &mut Bench| {
        let next = source.next(&mut bench.out).unwrap();
        (next, lines(bench.batches()))
    };
    let idle = |lines: &[&[u8]]| (Next::Idle(None), lines.iter().map(|l| l.to_vec()).collect::<Vec<_>>());
    assert_eq!(next(&mut bench), idle(&[]));
    let mut writer = fs::OpenOptions::new().write(true).open(&path).unwrap();
    writer.write_all(b"one\ntwo\nthr").unwrap();
    assert_eq!(next(&mut bench), idle(&[b"one\n", b"two\n"]));
    writer.write_all(b"e").unwrap();
    assert_eq!(next(&mut bench), idle(&[]));
    writer.write_all(b"e\nfour").unwrap();
    assert_eq!(next(&mut bench), idle(&[b"three\n"]));
    drop(writer);
    assert_eq!(next(&mut bench), (Next::End, vec![b"four".to_vec()]));
}

proptest! {
    #[test]
    fn lines_joined_are_the_file(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..3 * SLAB)) {
        let (lines, dropped) = read(&bytes, json!({}));
        prop_assert!(lines.iter().rev().skip(1).all(|line| line.ends_with(b"\n")));
        prop_assert_eq!(lines.concat(), bytes);
        prop_assert_eq!(dropped, 0);
    }
}
