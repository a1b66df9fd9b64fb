//! `staged` mode: what comes out of pipelines of many shapes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{assert_accounts, numbers, run_yaml, take};
use proptest::prelude::*;
use sluice_runtime::{Outcome, State};

#[test]
fn a_chain_delivers_everything_in_order() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 1000}
  - {filter: jitter}
  - {filter: shatter}
  - {sink: collect, into: chain}",
    );
    let got = take("chain");
    assert_eq!(got.lines, numbers(0..1000));
    assert!(got.finished);
    assert_eq!((summary.outcome, summary.snapshot.state), (Outcome::Done, State::Ended));
    assert_accounts(&summary);
    let of = |id: &str| summary.snapshot.stages.iter().find(|s| s.id == id).unwrap().clone();
    assert_eq!((of("count").created, of("jitter").taken, of("collect").passed), (1000, 1000, 1000));
    assert_eq!(summary.snapshot.memory.used, 0, "credit came back");
}

#[test]
fn several_workers_keep_the_order() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 5000}
  - {filter: jitter, workers: 4}
  - {filter: jitter, id: again, workers: 3}
  - {sink: collect, into: workers}",
    );
    assert_eq!(take("workers").lines, numbers(0..5000));
    assert_accounts(&summary);
    assert_eq!(summary.snapshot.stages[1].threads, 4);
}

#[test]
fn parts_of_a_batch_keep_their_order_through_workers() {
    run_yaml(
        "stages:
  - {source: count, to: 2000}
  - {filter: shatter}
  - {filter: jitter, workers: 3}
  - {filter: shatter, id: again}
  - {filter: jitter, id: and_again, workers: 2}
  - {sink: collect, into: parts}",
    );
    assert_eq!(take("parts").lines, numbers(0..2000));
}

#[test]
fn named_ports_go_where_they_are_read() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 60}
  - {filter: sieve}
  - {sink: collect, into: even, inputs: sieve}
  - {sink: collect, into: threes, inputs: sieve.threes}
  - {sink: collect, into: bad, inputs: sieve.errors}",
    );
    let is = |f: fn(u64) -> bool| (0..60).filter(|n| f(*n)).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(take("threes").lines, is(|n| n % 3 == 0));
    assert_eq!(take("bad").lines, is(|n| n % 3 != 0 && n % 5 == 0));
    assert_eq!(take("even").lines, is(|n| n % 3 != 0 && n % 5 != 0 && n % 2 == 0));
    assert_accounts(&summary);
    let sieve = &summary.snapshot.stages[1];
    assert_eq!((sieve.errors, sieve.dropped["odd"]), (8, 16));
}

#[test]
fn an_unread_errors_port_is_counted_and_blocks_nobody() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 60}
  - {filter: sieve}
  - {sink: collect, into: unread}",
    );
    assert_eq!(summary.snapshot.stages[1].errors, 8);
    assert_accounts(&summary);
}

/// Every branch gets all of it; where branches of one source meet, they do so number by number.
#[test]
fn branches_that_meet_again_do_so_in_one_order() {
    let yaml = |workers: usize| {
        format!(
            "stages:
  - {{source: count, to: 3000, batch: 11}}
  - {{filter: sieve, workers: {workers}}}
  - {{filter: jitter, id: slow, inputs: sieve.threes, workers: {workers}}}
  - {{filter: jitter, id: slower, inputs: sieve}}
  - {{filter: jitter, id: both, inputs: [slow, slower, sieve.errors], workers: {workers}}}
  - {{sink: collect, into: met}}"
        )
    };
    run_yaml(&yaml(1));
    let one = take("met").lines;
    assert_eq!(one.len(), (0..3000).filter(|n| n % 3 == 0 || n % 5 == 0 || n % 2 == 0).count());
    for workers in [2, 3] {
        run_yaml(&yaml(workers));
        assert!(take("met").lines == one, "{workers} workers give another order");
    }
}

#[test]
fn two_sources_into_one_sink_lose_nothing() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 3000}
  - {source: count, id: late, from: 3000, to: 4000, pause_us: 50}
  - {sink: collect, into: two, inputs: [count, late]}",
    );
    let got = take("two");
    let of = |late: bool| {
        got.lines.iter().filter(|n| (n.parse::<u64>().unwrap() >= 3000) == late).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(false), numbers(0..3000));
    assert_eq!(of(true), numbers(3000..4000));
    assert!(got.finished);
    assert_accounts(&summary);
}

#[test]
fn time_is_the_earliest_of_all_sources() {
    run_yaml(
        "stages:
  - {source: count, to: 500, batch: 3}
  - {source: count, id: late, to: 500, batch: 10, pause_us: 300}
  - {filter: hold, window: 50, inputs: [count, late]}
  - {sink: collect, into: held}",
    );
    let twice: Vec<String> = (0..500).flat_map(|n: u64| [n.to_string(), n.to_string()]).collect();
    assert_eq!(take("held").lines, twice);
}

#[test]
fn little_memory_slows_down_and_hangs_nothing() {
    let summary = run_yaml(
        "execution: {memory: 64KiB, batch: 4KiB}
stages:
  - {source: count, to: 20000, batch: 40, pad: 90}
  - {filter: jitter, workers: 2}
  - {filter: sieve}
  - {filter: jitter, id: a, inputs: sieve}
  - {filter: jitter, id: b, inputs: sieve.threes, pipe: {capacity: 1}}
  - {sink: collect, into: little, inputs: [a, b]}",
    );
    assert_eq!(summary.outcome, Outcome::Done);
    assert_accounts(&summary);
    assert_eq!(summary.snapshot.memory.used, 0);
}

#[test]
fn a_full_pipe_that_may_drop_holds_nobody_up() {
    for policy in ["drop_newest", "drop_oldest"] {
        let summary = run_yaml(&format!(
            "stages:
  - {{source: count, to: 20000}}
  - {{filter: jitter}}
  - {{sink: collect, into: {policy}, slow_us: 20, pipe: {{capacity: 4, when_full: {policy}}}}}"
        ));
        let got = take(policy);
        let dropped = summary.snapshot.pipes[1].dropped;
        assert!(got.finished);
        assert!(dropped > 0);
        assert_eq!(got.lines.len() as u64 + dropped, 20000);
        assert!(got.lines.is_sorted_by_key(|n| n.parse::<u64>().unwrap()));
        assert_accounts(&summary);
        assert_eq!(summary.outcome, Outcome::Done, "the user asked for it");
    }
}

/// The same straight after sources, where two streams have to be brought into order and one source is idle meanwhile.
#[test]
fn what_is_owed_for_dropped_batches_is_paid() {
    for policy in ["drop_newest", "drop_oldest"] {
        let summary = run_yaml(&format!(
            "stages:
  - {{source: count, to: 20000}}
  - {{source: count, id: late, to: 300, batch: 100, pause_us: 2000}}
  - {{sink: collect, into: owed_{policy}, slow_us: 20, inputs: [count, late], pipe: {{capacity: 2, when_full: {policy}}}}}"
        ));
        let got = take(&format!("owed_{policy}"));
        let dropped: u64 = summary.snapshot.pipes.iter().map(|pipe| pipe.dropped).sum();
        assert!(got.finished, "{policy}");
        assert!(dropped > 0);
        assert_eq!(got.lines.len() as u64 + dropped, 20300);
        assert_accounts(&summary);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 30, ..ProptestConfig::with_cases(24) })]

    /// A pipeline of any shape gives the same, in the same order, with any number of workers.
    #[test]
    fn any_shape_gives_the_same_with_any_number_of_workers(
        stages in prop::collection::vec((0usize..3, any::<[prop::sample::Index; 2]>(), any::<bool>()), 1..7),
        workers in 2usize..4,
        capacity in 1usize..5,
        case in any::<u32>(),
    ) {
        let yaml = |workers: usize, into: &str| {
            let mut text = "execution: {memory: 64KiB, batch: 4KiB}\nstages:\n  - {source: count, id: s0, to: 400, batch: 9}\n".to_owned();
            let mut unread = vec!["s0".to_owned()];
            let mut all = unread.clone();
            for (at, (kind, inputs, two)) in stages.iter().enumerate() {
                let name = ["jitter", "sieve", "shatter"][*kind];
                let mut from = vec![all[inputs[0].index(all.len())].clone()];
                let second = &all[inputs[1].index(all.len())];
                if *two && !from.contains(second) {
                    from.push(second.clone());
                }
                unread.retain(|id| !from.contains(id));
                let workers = if *kind == 2 { 1 } else { workers };
                let id = format!("s{}", at + 1);
                text += &format!(
                    "  - {{filter: {name}, id: {id}, inputs: [{}], workers: {workers}, pipe: {{capacity: {capacity}}}}}\n",
                    from.join(", ")
                );
                unread.push(id.clone());
                all.push(id.clone());
                if *kind == 1 {
                    all.push(format!("{id}.threes"));
                    all.push(format!("{id}.errors"));
                }
            }
            text + &format!("  - {{sink: collect, into: {into}, inputs: [{}]}}", unread.join(", "))
        };
        let (one, many) = (format!("one{case}"), format!("many{case}"));
        let summary = run_yaml(&yaml(1, &one));
        assert_accounts(&summary);
        assert_accounts(&run_yaml(&yaml(workers, &many)));
        let (one, many) = (take(&one), take(&many));
        prop_assert!(one.finished);
        prop_assert_eq!(one.lines, many.lines);
    }
}
