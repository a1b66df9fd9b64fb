//! The run modes: whatever the mode and the number of threads, the same comes out in the same order.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Second, assert_accounts, numbers, pipeline, run_yaml, take};
use proptest::prelude::*;
use sluice_core::{Filter, Pools};
use sluice_runtime::{Outcome, Summary};

/// What there is besides one thread for each stage.
const MODES: [&str; 7] = [
    "mode: staged",
    "mode: workers, workers: 1",
    "mode: workers, workers: 3",
    "mode: sharded, shards: 1",
    "mode: sharded, shards: 2, key: .class, strategy: consistent",
    "mode: sharded, shards: 3, key: .class, strategy: range",
    "mode: sharded, shards: 3",
];

fn run(execution: &str, stages: &str) -> Summary {
    let summary =
        run_yaml(&format!("execution: {{memory: 64KiB, batch: 4KiB, {execution}}}\nstages:\n{stages}"));
    assert_eq!((summary.outcome, &summary.failures[..]), (Outcome::Done, &[][..]), "{execution}");
    assert_accounts(&summary);
    assert_eq!(summary.snapshot.memory.used, 0, "{execution}: credit came back");
    summary
}

/// Runs in every mode and tells what came out, which must be the same.
fn same_in_every_mode(name: &str, stages: &str) -> Vec<String> {
    let mut first = None;
    for mode in MODES {
        run(mode, stages);
        let got = take(name);
        assert!(got.finished, "{mode}");
        let expected = first.get_or_insert_with(|| got.lines.clone());
        assert!(*expected == got.lines, "{mode} gives something else:\n{stages}");
    }
    first.unwrap_or_default()
}

#[test]
fn a_chain_of_stateless_filters_keeps_its_order() {
    let lines = same_in_every_mode(
        "stateless",
        "  - {source: count, to: 2000}
  - {filter: jitter}
  - {filter: classify}
  - {filter: jitter, id: again}
  - {sink: collect, into: stateless}",
    );
    assert_eq!(lines, numbers(0..2000));
}

#[test]
fn a_keyed_filter_sees_all_items_of_a_key_in_order() {
    let lines = same_in_every_mode(
        "keyed",
        "  - {source: count, to: 2000}
  - {filter: classify}
  - {filter: second, workers: 3, shard_by: .class}
  - {filter: jitter}
  - {sink: collect, into: keyed}",
    );
    // Of each class the second, fourth, sixth ...
    assert_eq!(lines, (0..2000).filter(|n| n / 11 % 2 == 1).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_a_keyed_filter_needs_is_divided_anew_behind_what_may_change_it() {
    let summary = run(
        "mode: sharded, shards: 3",
        "  - {source: count, to: 500}
  - {filter: classify}
  - {filter: second}
  - {sink: collect, into: anew}",
    );
    take("anew");
    // The source to 3 shards, each of them to 3 others, and those to the sink.
    assert_eq!(summary.snapshot.pipes.len(), 3 + 9 + 3);
    let threads: Vec<usize> = summary.snapshot.stages.iter().map(|stage| stage.threads).collect();
    assert_eq!(threads, [1, 3, 3, 1]);
}

#[test]
fn stages_that_are_run_alike_share_their_threads() {
    let stages = "  - {source: count, to: 100}
  - {filter: jitter}
  - {filter: sieve}
  - {filter: jitter, id: threes, inputs: sieve.threes}
  - {sink: collect, into: shared, inputs: [sieve, threes]}";
    let pipes = |mode| run(mode, stages).snapshot.pipes.len();
    assert_eq!(pipes("mode: workers, workers: 2"), 3, "to the workers, and a pipe for each edge to the sink");
    assert_eq!(pipes("mode: sharded, shards: 2"), 2 + 2 * 2);
    assert_eq!(
        pipes("mode: sharded, shards: 1"),
        2,
        "one thread for all but the stage that reads two others"
    );
    take("shared");
}

#[test]
fn serial_stages_have_a_thread_of_their_own_in_every_mode() {
    let lines = same_in_every_mode(
        "serial",
        "  - {source: count, to: 600}
  - {filter: jitter}
  - {filter: shatter}
  - {filter: sieve}
  - {filter: hold, window: 50, inputs: [sieve, sieve.errors]}
  - {filter: jitter, id: last}
  - {sink: collect, into: serial}",
    );
    assert!(lines.is_sorted_by_key(|n| n.parse::<u64>().unwrap()) && lines.len() > 100);
}

#[test]
fn a_source_that_brings_its_own_shards_runs_them_to_their_end() {
    for mode in MODES {
        let summary = run(
            mode,
            "  - {source: fan, to: 300}
  - {filter: jitter}
  - {filter: shatter}
  - {sink: collect, into: fan}",
        );
        let mut lines = take("fan").lines;
        let own = mode.contains("shards: 3");
        assert_eq!(
            summary.snapshot.stages[0].threads,
            if own {
                3
            } else if mode.contains("shards: 2") {
                2
            } else {
                1
            }
        );
        if own {
            // No queue between the source and its filter.
            assert_eq!(summary.snapshot.pipes.len(), 3 + 1);
            lines.sort_by_key(|n| n.parse::<u64>().unwrap());
        }
        lines.sort_by_key(|n| n.parse::<u64>().unwrap());
        assert_eq!(lines, numbers(0..300), "{mode}");
    }
}

#[test]
fn several_sources_feed_one_queue_and_keep_the_order_of_each() {
    for mode in MODES {
        run(
            mode,
            "  - {source: count, to: 1000}
  - {source: count, id: late, from: 1000, to: 1500, pause_us: 50}
  - {filter: jitter, inputs: [count, late]}
  - {filter: classify}
  - {sink: collect, into: two}",
        );
        let got = take("two");
        let of = |late: bool| {
            let is_late = |n: &&String| (n.parse::<u64>().unwrap() >= 1000) == late;
            got.lines.iter().filter(is_late).cloned().collect::<Vec<_>>()
        };
        assert_eq!((of(false), of(true)), (numbers(0..1000), numbers(1000..1500)), "{mode}");
    }
}

#[test]
fn a_pipe_that_may_drop_stays_where_it_was_wanted() {
    for mode in ["workers, workers: 2", "sharded, shards: 2"] {
        let summary = run(
            &format!("mode: {mode}"),
            "  - {source: count, to: 20000}
  - {filter: jitter}
  - {filter: classify, pipe: {capacity: 1, when_full: drop_newest}}
  - {sink: collect, into: dropping}",
        );
        let dropped: u64 = summary.snapshot.pipes.iter().map(|pipe| pipe.dropped).sum();
        let got = take("dropping");
        assert!(got.finished);
        assert_eq!(got.lines.len() as u64 + dropped, 20000);
        assert!(got.lines.is_sorted_by_key(|n| n.parse::<u64>().unwrap()));
    }
}

#[test]
fn threads_are_bound_to_cpus() {
    let stages = "  - {source: count, to: 100}\n  - {sink: collect, into: pinned}";
    run("pin: true", stages);
    run("pin: [0]", stages);
    take("pinned");
    let wrong = pipeline(&format!("execution: {{pin: [1023]}}\nstages:\n{stages}"));
    let reporter = std::sync::Arc::new(common::Heard::default());
    let failure = sluice_runtime::run(&wrong, sluice_runtime::Options::new(reporter)).unwrap_err();
    assert_eq!(failure.message, "threads cannot be bound to CPU `1023`, which the process may not use");
}

#[test]
fn the_state_of_keys_moves_to_another_instance() {
    static REASONS: [&sluice_core::Reason; 1] = [&common::ODD];
    use sluice_core::{Key, Output, Record, Silent, Slab, tape::Value};
    let pools = Pools::new(4096, 1 << 20);
    let mut out = Output::new("second".into(), &REASONS, None, pools.clone(), std::sync::Arc::new(Silent));
    let give = |to: &mut [Second], out: &mut Output, shard: &dyn Fn(u64) -> usize| {
        let mut batch = pools.records();
        batch.fill(Slab::Foreign(bytes::Bytes::from_static(b"\n")));
        (0..64).for_each(|_| batch.push(Record::new(0, 1, 1)));
        batch.parse().for_each(|at, mut line| {
            let root = line.renew(&[]);
            let key = line.fields.key("class");
            line.fields.push(key, Value::Int(at as i64));
            line.fields.close(root);
            line.set_root(root);
        });
        let mut batch = batch.into();
        let mut hashes = Vec::new();
        assert!(".class".parse::<Key>().unwrap().hash(&mut batch, &mut hashes));
        let mut parts = [None, None];
        let shards: Vec<u32> = hashes.iter().map(|hash| shard(*hash) as u32).collect();
        batch.split(&shards, &mut parts, &pools);
        for (part, to) in parts.into_iter().zip(to) {
            if let Some(part) = part {
                to.process(part, out).unwrap();
            }
        }
    };
    let mut filters = [Second::default(), Second::default()];
    // All keys meet the first instance, until the upper half of them moves to the second.
    give(&mut filters, &mut out, &|_| 0);
    let mut state = Vec::new();
    let [from, to] = &mut filters;
    from.export(&(1 << 63..=u64::MAX), &mut state).unwrap();
    to.import(&state).unwrap();
    assert!(state.len() > 16 * 10 && state.len() < 16 * 54);
    give(&mut filters, &mut out, &|hash| (hash >> 63) as usize);
    // All 64 were seen for the second time, wherever they were seen first.
    let mut emitted = Vec::new();
    out.take(&mut emitted).unwrap();
    let main = |e: &sluice_core::Emitted| match e {
        sluice_core::Emitted::Batch(0, batch) => batch.len(),
        _ => 0,
    };
    assert_eq!(emitted.iter().map(main).sum::<usize>(), 64);
    // Nobody else keeps state by key, and nobody takes what he cannot use.
    struct Plain;
    impl Filter for Plain {
        fn process(&mut self, _: sluice_core::Batch, _: &mut Output) -> Result<(), sluice_core::Error> {
            Ok(())
        }
    }
    let mut nothing = Vec::new();
    Plain.export(&(0..=u64::MAX), &mut nothing).unwrap();
    assert!(nothing.is_empty() && Plain.import(&nothing).is_ok() && Plain.import(&state).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 30, ..ProptestConfig::with_cases(16) })]

    /// A pipeline of any shape gives the same, in the same order, in every mode.
    #[test]
    fn any_shape_gives_the_same_in_every_mode(
        stages in prop::collection::vec((0usize..5, any::<[prop::sample::Index; 2]>(), any::<bool>()), 1..7),
        capacity in 1usize..5,
        case in any::<u32>(),
    ) {
        let into = format!("modes{case}");
        let mut text = "  - {source: count, id: s0, to: 300, batch: 9}\n".to_owned();
        let mut unread = vec!["s0".to_owned()];
        let mut all = unread.clone();
        for (at, (kind, inputs, two)) in stages.iter().enumerate() {
            let name = ["jitter", "sieve", "shatter", "classify", "second"][*kind];
            let mut from = vec![all[inputs[0].index(all.len())].clone()];
            let second = &all[inputs[1].index(all.len())];
            if *two && !from.contains(second) {
                from.push(second.clone());
            }
            unread.retain(|id| !from.contains(id));
            let id = format!("s{}", at + 1);
            let shards = if *kind == 4 { ", workers: 2, shard_by: .class" } else { "" };
            text += &format!(
                "  - {{filter: {name}, id: {id}, inputs: [{}], pipe: {{capacity: {capacity}}}{shards}}}\n",
                from.join(", ")
            );
            unread.push(id.clone());
            all.push(id.clone());
            match *kind {
                1 => all.extend([format!("{id}.threes"), format!("{id}.errors")]),
                4 => all.push(format!("{id}.first")),
                _ => {}
            }
        }
        text += &format!("  - {{sink: collect, into: {into}, inputs: [{}]}}", unread.join(", "));
        same_in_every_mode(&into, &text);
    }
}
