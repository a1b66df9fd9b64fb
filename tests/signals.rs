//! Stopping a run, and looking at one.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sluice_tests::{Folder, until, wait};

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// A folder with a pipeline that goes on for ever, and slowly.
fn endless() -> Folder {
    let folder = Folder::new();
    folder.write(
        "p.yaml",
        "version: 1\n\
         stages:\n\
         - {source: generate, kind: lines, rate: 2k/s}\n\
         - {filter: sample, every: 2}\n\
         - {sink: file, path: out.log}\n",
    );
    folder
}

fn status(folder: &Folder) -> Option<Value> {
    let ran = folder.sluice(&["status", "--control", "socket", "--json"]);
    (ran.code == 0).then(|| serde_json::from_str(&ran.stdout).unwrap())
}

fn passed(status: &Value) -> u64 {
    status["stages"][2]["passed"].as_u64().unwrap()
}

#[test]
fn a_run_that_is_interrupted_finishes_what_is_in_flight() {
    for stop in [Signal::INT, Signal::TERM] {
        let folder = endless();
        let mut command = folder.command(&["run", "p.yaml", "--control", "socket", "--summary", "json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("lines came out", || status(&folder).is_some_and(|status| passed(&status) > 100));
        assert_eq!(folder.names(), ["out.log.part", "p.yaml", "socket"]);
        signal(&child, stop);
        assert_eq!(wait(&mut child).code(), Some(0));
        assert_eq!(folder.names(), ["out.log", "p.yaml"], "the output is whole, the socket is gone");

        let (mut summary, mut told) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(told, "stopping; once more to stop at once\n");
        let summary: Value = serde_json::from_str(&summary).unwrap();
        assert_eq!(summary["outcome"], "stopped");
        let log = String::from_utf8(folder.read("out.log")).unwrap();
        assert!(log.ends_with('\n'));
        assert_eq!(log.lines().count() as u64, passed(&summary));
    }
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let folder = Folder::new();
    folder.write(
        "p.yaml",
        "version: 1\nstages:\n- {source: generate, kind: lines}\n- {sink: file, path: fifo}\n- {sink: file, path: out.log, inputs: generate}\n",
    );
    rustix::fs::mknodat(rustix::fs::CWD, folder.path("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    // It is open for reading, and nobody reads: the run can never finish what is in flight.
    let stuck = OpenOptions::new().read(true).write(true).open(folder.path("fifo")).unwrap();
    let mut command = folder.command(&["run", "p.yaml", "-q", "--control", "socket"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    until("the run is stuck", || {
        status(&folder).is_some_and(|status| {
            status["pipes"].as_array().unwrap().iter().any(|pipe| pipe["len"] == pipe["capacity"])
        })
    });
    signal(&child, Signal::INT);
    until("it is draining", || status(&folder).is_some_and(|status| status["state"] == "draining"));
    assert!(child.try_wait().unwrap().is_none());
    signal(&child, Signal::INT);
    assert_eq!(wait(&mut child).code(), Some(1));
    drop(stuck);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("stopping at once; what was in flight is not finished"), "{told}");
    assert!(!folder.names().contains(&"out.log".to_owned()), "{:?}", folder.names());
}

#[test]
fn the_status_of_a_run_reads_like_its_summary() {
    let folder = endless();
    let mut child = folder.command(&["run", "p.yaml", "-q", "--control", "socket"]).spawn().unwrap();
    until("the run answers", || status(&folder).is_some_and(|status| passed(&status) > 0));
    let ran = folder.sluice(&["status", "--control", "socket"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("p: running for "), "{}", ran.stdout);
    for part in ["stage     component", "generate  source generate", "by sample: not_sampled", "items/s"] {
        assert!(ran.stdout.contains(part), "{}", ran.stdout);
    }
    signal(&child, Signal::INT);
    assert!(wait(&mut child).success());
}
