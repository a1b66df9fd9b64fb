//! What happens when something goes wrong.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Heard, assert_accounts, numbers, pipeline, run_yaml, take};
use sluice_runtime::{Options, Outcome, State, run, status};

fn failing(how: &str) -> String {
    format!(
        "stages:
  - {{source: count, to: 100000}}
  - {{filter: fail, at: 500, how: {how}}}
  - {{sink: collect, into: fail_{how}}}"
    )
}

#[test]
fn an_error_ends_the_run_and_names_the_stage() {
    let summary = run_yaml(&failing("error"));
    assert_eq!((summary.outcome, summary.outcome.exit_code()), (Outcome::Failed, 1));
    let failure = &summary.failures[0];
    assert_eq!(
        (failure.stage.as_str(), failure.message.as_str(), failure.panicked),
        ("fail", "told to fail", false)
    );
    assert!(!take("fail_error").finished, "a sink of a failed run is not made whole");
}

#[test]
fn a_panic_ends_the_run_and_names_the_stage() {
    let summary = run_yaml(&failing("panic"));
    let failure = &summary.failures[0];
    assert_eq!(
        (failure.stage.as_str(), failure.message.as_str(), failure.panicked),
        ("fail", "told to panic at 500", true)
    );
    assert!(!take("fail_panic").finished);
}

#[test]
fn a_broken_contract_is_told() {
    let port = run_yaml(&failing("port"));
    assert_eq!(port.failures[0].message, "a component broke its contract: it emits on port 9, and has 1");
    let reason = run_yaml(&failing("reason"));
    assert!(reason.failures[0].message.ends_with("drops for the reason `odd`, which it did not declare"));
}

#[test]
fn the_rest_goes_on_without_a_stage_that_may_fail() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 1000}
  - {filter: fail, at: 500, how: error, on_error: continue}
  - {sink: collect, into: without}
  - {sink: collect, into: rest, inputs: count}",
    );
    assert_eq!(summary.outcome, Outcome::Failed);
    assert_eq!(take("rest").lines, numbers(0..1000));
    let without = take("without");
    assert!(without.finished);
    let of = &summary.snapshot.stages.iter().find(|s| s.id == "fail").unwrap();
    assert_eq!(without.lines.len() as u64, of.passed);
    assert_eq!(of.dropped["stage_failed"] + of.passed + 7, 1000, "one batch was in its hands");
}

#[test]
fn a_source_that_fails_ends_the_run() {
    let summary = run_yaml(
        "stages:\n  - {source: count, to: 1000, fail_at: 300}\n  - {sink: collect, into: source_fails}",
    );
    assert_eq!(summary.failures[0].stage, "count");
    assert!(!take("source_fails").finished);
}

#[test]
fn idle_stages_cost_nothing_and_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control");
    let pipeline = pipeline(
        "stages:
  - {source: count, to: 6, batch: 1, pause_us: 100000}
  - {filter: jitter, workers: 2}
  - {sink: collect, into: idle}",
    );
    let mut options = Options::new(Arc::new(Heard::default()));
    options.control = Some(path.clone());
    let asking = std::thread::Builder::new()
        .spawn(move || {
            std::thread::sleep(Duration::from_millis(250));
            status(&path).unwrap()
        })
        .unwrap();
    let summary = run(&pipeline, options).unwrap();
    let seen = asking.join().unwrap();
    assert_eq!((seen.pipeline.as_str(), seen.state), ("test", State::Running));
    assert!((1..6).contains(&seen.stages[0].passed), "{seen:#?}");
    assert!(seen.stages[2].idle > 80.0, "{seen:#?}");
    assert_accounts(&summary);
    let cpu: f64 = summary.snapshot.stages.iter().map(|s| s.cpu).sum();
    assert!(cpu < 0.2, "{cpu} s of CPU in a run that sleeps 0.6 s");
    assert!(!dir.path().join("control").exists());
    assert_eq!(take("idle").lines, numbers(0..6));
}

#[test]
fn a_control_socket_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control");
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let pipeline = pipeline("stages:\n  - {source: count, to: 6}\n  - {sink: collect, into: refused}");
    let mut options = Options::new(Arc::new(Heard::default()));
    options.control = Some(path.clone());
    let failure = run(&pipeline, options).unwrap_err();
    assert_eq!(failure.message, format!("cannot listen at `{}`: another run answers there", path.display()));
}

/// Whatever runs it: the run ends, and the stage that failed is named.
#[test]
fn a_failure_ends_the_run_in_every_mode() {
    for mode in ["workers", "sharded"] {
        for how in ["error", "panic", "port", "reason"] {
            let into = format!("{mode}_{how}");
            let summary = run_yaml(&format!(
                "execution: {{mode: {mode}, workers: 3}}
stages:
  - {{source: count, to: 100000}}
  - {{filter: jitter}}
  - {{filter: fragile, at: 500, how: {how}}}
  - {{filter: sieve}}
  - {{sink: collect, into: {into}, inputs: [sieve, sieve.threes]}}"
            ));
            assert_eq!(summary.outcome, Outcome::Failed, "{into}");
            // Stages that share a thread are named together by a panic.
            assert!(
                summary.failures.iter().all(|failure| failure.stage.contains("fragile")),
                "{into}: {summary:?}"
            );
            assert!(!take(&into).finished, "{into}");
        }
    }
}

#[test]
fn the_rest_goes_on_without_an_instance_that_may_fail() {
    for mode in ["workers", "sharded"] {
        let into = format!("instance_{mode}");
        let summary = run_yaml(&format!(
            "execution: {{mode: {mode}, workers: 3}}
stages:
  - {{source: count, to: 3000}}
  - {{filter: fragile, at: 500, how: error, on_error: continue}}
  - {{sink: collect, into: {into}}}"
        ));
        assert_eq!(summary.outcome, Outcome::Failed);
        let got = take(&into);
        let dropped = summary.snapshot.stages[1].dropped.get("stage_failed").copied().unwrap_or(0);
        assert!(got.finished);
        // What made it fail is gone with the batch that it was in.
        assert_eq!(got.lines.len() as u64 + dropped + 7, 3000);
        assert!(got.lines.is_sorted_by_key(|n| n.parse::<u64>().unwrap()));
    }
}

/// What is done before the first thread starts is done on the thread that called, and can keep the run from starting.
#[test]
fn once_all_is_open_the_caller_has_a_word() {
    let yaml = "stages:\n  - {source: count, to: 3}\n  - {sink: collect, into: opened}";
    let caller = std::thread::current().id();
    let options = |fails: bool| Options {
        opened: Some(Box::new(move || {
            assert_eq!(std::thread::current().id(), caller);
            if fails { Err(std::io::Error::other("not today")) } else { Ok(()) }
        })),
        ..Options::new(Arc::new(Heard::default()))
    };
    let failure = run(&pipeline(yaml), options(true)).unwrap_err();
    assert_eq!((failure.stage.as_str(), failure.message.as_str()), ("", "cannot prepare the run: not today"));
    assert_eq!(run(&pipeline(yaml), options(false)).unwrap().outcome, Outcome::Done);
}
