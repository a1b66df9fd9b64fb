//! Nothing is allocated per line by the parsers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use allocation_counter::measure;
use sluice_core::{Pools, Record, RecordBatch, Registry};
use sluice_filter_parse as _;
use sluice_testkit::Harness;

const LINES: usize = 200;
const LINE: &str = concat!(
    r#"{"ts": "2026-01-31T23:59:59.123Z", "level": "info", "text": "a \"quoted\" word", "n": 12345, "f": 1.5, "#,
    r#""in": {"list": [1, 2, 3, null, true], "deep": {"key": "value"}}}"#,
    "\n"
);

fn batch(pools: &Pools, lines: usize) -> RecordBatch {
    let (mut slab, mut batch) = (pools.slab(256 * 1024), pools.records());
    for _ in 0..lines {
        slab.append(LINE.as_bytes()).unwrap();
    }
    batch.fill(slab.into());
    for at in 0..lines {
        batch.push(Record::new((at * LINE.len()) as u32, LINE.len() as u32, 1));
    }
    batch
}

fn check(yaml: &str) {
    let mut parse = Harness::from_yaml(&Registry::collect().unwrap(), yaml).unwrap();
    let pools = sluice_testkit::pools();
    let mut run = |batches: usize, lines: usize| {
        for _ in 0..batches {
            let each = |_, out: sluice_core::Batch| assert_eq!(out.len(), lines);
            parse.feed(batch(&pools, lines), each).unwrap();
        }
    };
    run(2, 2 * LINES);
    let once = measure(|| run(10, LINES)).count_total;
    let longer = measure(|| run(20, LINES)).count_total;
    let larger = measure(|| run(10, 2 * LINES)).count_total;
    assert!(once > 0, "the slab of each batch is one, so the counter does not count");
    assert!(longer <= once + 20, "{once} allocations for 10 batches, {longer} for 20");
    assert!(larger <= once, "{once} allocations for batches of {LINES}, {larger} for batches twice as large");
}

#[test]
fn parse_json_allocates_at_most_twice_a_batch() {
    check("- filter: parse_json\n  time: {field: ts, format: rfc3339}");
}

#[test]
fn parse_regex_allocates_at_most_twice_a_batch() {
    check(
        "- filter: parse_regex\n  pattern: '\"level\": \"(?<level>\\w+)\".* (?<n>\\d+),'\n  types: {n: int}",
    );
}
