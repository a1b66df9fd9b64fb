use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sluice_core::{Batch, Kind};

use crate::testing::{Bench, records, refused, sink, source};

/// Writes batches of lines, each line with its time in seconds, and returns the files of the folder by name.
fn written(options: Value, batches: &[&[(i64, &str)]]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), options, batches);
    files(folder.path())
}

fn write(folder: &Path, mut options: Value, batches: &[&[(i64, &str)]]) {
    options["path"] = json!(folder.join("x.log"));
    let mut bench = Bench::new(Kind::Sink, "file");
    let mut sink = sink("file", options).unwrap();
    for items in batches {
        let lines: Vec<&str> = items.iter().map(|(_, line)| *line).collect();
        let mut batch = records(bench.out.pools(), &lines).into_records().unwrap();
        for (record, (time, _)) in batch.records_mut().iter_mut().zip(*items) {
            record.time = time * 1_000_000_000;
        }
        sink.write(batch.into(), &mut bench.out).unwrap();
    }
    sink.finish(&mut bench.out).unwrap();
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = entries
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn lines_are_copied_byte_for_byte() {
    let text = "a\r\n\nb\n";
    assert_eq!(
        written(json!({}), &[&[(0, "a\r\n"), (0, "\n")], &[], &[(0, "b\n")]]),
        named(&[("x.log", text)])
    );
    assert_eq!(written(json!({}), &[&[(0, "no ending")]]), named(&[("x.log", "no ending")]));
    assert_eq!(written(json!({}), &[&[(0, "a")], &[(0, "b\n")]]), named(&[("x.log", "a\nb\n")]));
    assert_eq!(written(json!({}), &[]), named(&[("x.log", "")]));
}

#[test]
fn json_is_one_object_per_line() {
    let expected = "{\"message\":\"a\"}\n{\"message\":\"b\"}\n";
    assert_eq!(written(json!({"format": "json"}), &[&[(0, "a\n"), (0, "b")]]), named(&[("x.log", expected)]));
}

#[test]
fn comma_separated_values_have_one_header_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for batch in [&[(0, "a\n"), (0, "b, c\n")][..], &[(0, "d\n")]] {
        write(folder.path(), json!({"format": "csv", "append": true}), &[batch]);
    }
    assert_eq!(files(folder.path()), named(&[("x.log", "message\na\n\"b, c\"\nd\n")]));
}

#[test]
fn a_new_file_begins_before_the_line_that_does_not_fit() {
    let files = written(
        json!({"rotate": {"size": 4}}),
        &[&[(0, "a\n"), (0, "b\n"), (0, "c\n")], &[(0, "much too long\n"), (0, "d\n")]],
    );
    let expected = [
        ("x-0001.log", "a\nb\n"),
        ("x-0002.log", "c\n"),
        ("x-0003.log", "much too long\n"),
        ("x-0004.log", "d\n"),
    ];
    assert_eq!(files, named(&expected));
}

#[test]
fn a_new_file_begins_at_multiples_of_the_time_of_items() {
    let files = written(
        json!({"rotate": {"every": "10s"}}),
        &[&[(8, "eight\n"), (9, "nine\n"), (10, "ten\n"), (9, "late\n")], &[(35, "later\n"), (39, "last\n")]],
    );
    let expected =
        [("x-0001.log", "eight\nnine\n"), ("x-0002.log", "ten\nlate\n"), ("x-0003.log", "later\nlast\n")];
    assert_eq!(files, named(&expected));
}

#[test]
fn a_late_item_after_a_rotation_by_size_begins_no_further_file() {
    let files = written(
        json!({"rotate": {"every": "10s", "size": 4}}),
        &[&[(20, "a\n"), (20, "b\n"), (5, "c\n"), (20, "d\n")]],
    );
    assert_eq!(files, named(&[("x-0001.log", "a\nb\n"), ("x-0002.log", "c\nd\n")]));
}

#[test]
fn the_oldest_files_go_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    // Names that only look alike.
    let others = ["x-1.log", "x-0001.txt", "x-abcd.log", "y-0009.log"];
    others.iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
    let options = json!({"rotate": {"size": 2, "keep": 2}});
    write(folder.path(), options.clone(), &[&[(0, "a\n"), (0, "b\n"), (0, "c\n")]]);
    write(folder.path(), options, &[&[(0, "d\n")]]);
    let pieces: Vec<_> =
        files(folder.path()).into_iter().filter(|(name, _)| !others.contains(&&name[..])).collect();
    assert_eq!(pieces, named(&[("x-0003.log", "c\n"), ("x-0004.log", "d\n")]));
    assert_eq!(files(folder.path()).len(), 6);
}

#[test]
fn what_a_killed_run_has_left_stays_until_it_is_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("x-0002.log.part");
    fs::write(folder.path().join("x-0001.log"), "whole\n").unwrap();
    fs::write(&left, "not who").unwrap();
    let options = |keep| json!({"rotate": {"count": 1, "keep": keep}});
    write(folder.path(), options(9), &[&[(0, "a\n")]]);
    let expected = [("x-0001.log", "whole\n"), ("x-0002.log.part", "not who"), ("x-0003.log", "a\n")];
    assert_eq!(files(folder.path()), named(&expected));

    // Whoever writes it is not disturbed.
    let writer = fs::File::open(&left).unwrap();
    writer.lock().unwrap();
    fs::rename(folder.path().join("x-0003.log"), folder.path().join("y.log")).unwrap();
    let mut options_of = options(9);
    options_of["path"] = json!(folder.path().join("x.log"));
    let refused = sink("file", options_of).err().unwrap().to_string();
    assert!(refused.ends_with("x-0002.log`: another sink or program is writing it"), "{refused}");
    drop(writer);

    write(folder.path(), options(2), &[&[(0, "b\n"), (0, "c\n")]]);
    let expected = [("x-0003.log", "b\n"), ("x-0004.log", "c\n"), ("y.log", "a\n")];
    assert_eq!(files(folder.path()), named(&expected));
}

#[test]
fn files_end_by_number_of_items_and_by_span_of_time() {
    let lines: &[&[(i64, &str)]] = &[&[(3, "a\n"), (8, "b\n")], &[(12, "c\n"), (13, "d\n"), (4, "e\n")]];
    assert_eq!(
        written(json!({"rotate": {"count": 2}}), lines),
        named(&[("x-0001.log", "a\nb\n"), ("x-0002.log", "c\nd\n"), ("x-0003.log", "e\n")])
    );
    assert_eq!(
        written(json!({"rotate": {"duration": "10s"}}), lines),
        named(&[("x-0001.log", "a\nb\nc\n"), ("x-0002.log", "d\ne\n")])
    );
}

#[test]
fn numbers_stand_before_all_endings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log.gz");
    let options = json!({"path": path, "rotate": {"count": 1}});
    for _ in 0..2 {
        let mut bench = Bench::new(Kind::Sink, "file");
        let mut sink = sink("file", options.clone()).unwrap();
        sink.write(records(bench.out.pools(), &["one\n", "two\n"]), &mut bench.out).unwrap();
        sink.finish(&mut bench.out).unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["x-0001.log.gz", "x-0002.log.gz", "x-0003.log.gz", "x-0004.log.gz"]);
    let read = source("file", json!({"path": folder.path().join("x-0003.log.gz")}));
    let lines = crate::testing::lines(Bench::new(Kind::Source, "file").drain(&mut *read.unwrap()).unwrap());
    assert_eq!(lines, [b"one\n"]);
}

#[test]
fn packets_are_lines_or_objects() {
    for (format, first) in [
        ("lines", "2023-11-14 22:13:20.000000 "),
        ("json", "{\"frame\":{\"time\":\"2023-11-14T22:13:20.000000000Z\""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut bench = Bench::new(Kind::Sink, "file");
        let made = source("generate", json!({"kind": "packets", "count": 3, "sizes": [64]}));
        let batches = Bench::new(Kind::Source, "generate").drain(&mut *made.unwrap()).unwrap();
        let mut sink = sink("file", json!({"path": path, "format": format})).unwrap();
        batches.into_iter().for_each(|batch: Batch| sink.write(batch, &mut bench.out).unwrap());
        sink.finish(&mut bench.out).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with(first) && text.ends_with('\n'), "{text}");
        if format == "json" {
            text.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
        }
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options: Value| refused(Kind::Sink, "file", options).to_string();
    let cases = [
        (json!({"path": ""}), "path: the path is empty"),
        (json!({"path": "x", "rotate": {}}), "rotate: it does not say when"),
        (json!({"path": "x", "rotate": {"keep": 3}}), "rotate: it does not say when"),
        (json!({"path": "x", "rotate": {"size": 0}}), "rotate.size: `0` leaves no room for anything"),
        (json!({"path": "x", "rotate": {"every": "0s"}}), "rotate.every: `0ns` is too short or too long"),
        (
            json!({"path": "x", "rotate": {"size": 1, "keep": 0}}),
            "rotate.keep: `0` would keep no file at all",
        ),
        (json!({"path": "-", "rotate": {"size": 1}}), "rotate: standard output cannot be rotated"),
        (
            json!({"path": "x", "format": "csv", "rotate": {"size": 1}}),
            "rotate: comma-separated values cannot be rotated: only the first file would have a header",
        ),
        (
            json!({"path": "x", "append": true, "rotate": {"size": 1}}),
            "append: `append` and `rotate` exclude each other",
        ),
    ];
    for (options, message) in cases {
        assert_eq!(refused(options), message);
    }
}
