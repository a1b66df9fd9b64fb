//! Sinks that wait: for a time, for room, and for nothing once the run stops.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use common::{Heard, assert_accounts, numbers, pipeline, run_yaml, take};
use serde::Deserialize;
use sluice_core::{
    Batch, Error, OptionError, Output, Pause, PortType, Ports, Prepared, Reason, Sink, View, prepared,
};
use sluice_runtime::{Options, Outcome, run};

static LEFT: Reason = Reason::new("left", "the run was stopped before");

sluice_core::register! {
    /// A test component.
    sink paced(paced), Serial, drops [LEFT]
}

#[derive(Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paced {
    into: String,
    /// How long after the one before it a line is brought out.
    every_us: u64,
    /// From this line on it takes an hour; there the sink has the run stopped.
    stuck_at: Option<usize>,
    /// At this line it fails.
    fail_at: Option<usize>,
    /// How often it brings all out once more, at the end.
    #[serde(default)]
    again: usize,
}

struct Pacing {
    options: Paced,
    due: Duration,
    waiting: VecDeque<String>,
    sent: Vec<String>,
    stopped: bool,
}

fn paced(options: Paced) -> Result<Arc<dyn Prepared>, OptionError> {
    let make = move |_| {
        let options = options.clone();
        Ok(Pacing { options, due: Duration::ZERO, waiting: VecDeque::new(), sent: vec![], stopped: false })
    };
    Ok(prepared::sink(Ports::sink(PortType::Records), make))
}

impl Pacing {
    fn keep(&mut self) {
        common::keep(&self.options.into, &self.sent);
    }
}

impl Sink for Pacing {
    fn write(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        assert!(self.waiting.is_empty(), "it is given nothing before it is done");
        let batch = batch.into_records()?;
        if self.stopped {
            out.dropped(&LEFT, batch.len());
            return Ok(());
        }
        let line = |line: &[u8]| String::from_utf8_lossy(line).trim().to_owned();
        self.waiting.extend(batch.iter().map(|(_, text)| line(text)));
        Ok(())
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        for _ in 0..self.options.again {
            self.waiting.extend(self.sent.iter().cloned());
        }
        out.created(self.waiting.len());
        self.keep();
        Ok(())
    }

    fn pause(&self) -> Option<Pause> {
        (!self.waiting.is_empty()).then_some(Pause::Until(self.due))
    }

    fn resume(&mut self, moment: Duration, _: &mut Output) -> Result<(), Error> {
        assert!(moment >= self.due, "it goes on too early");
        self.sent.extend(self.waiting.pop_front());
        self.due = moment + Duration::from_micros(self.options.every_us);
        if self.options.fail_at == Some(self.sent.len()) {
            return Err(Error::input("told to fail"));
        }
        if self.options.stuck_at == Some(self.sent.len()) {
            self.due += Duration::from_secs(3600);
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
        }
        self.keep();
        Ok(())
    }

    fn stopped(&mut self, out: &mut Output) {
        self.stopped = true;
        out.dropped(&LEFT, self.waiting.len());
        self.waiting.clear();
    }

    fn held(&self) -> u64 {
        self.waiting.len() as u64
    }

    fn view(&self) -> Option<View> {
        let mut view = View::default();
        view.figure("sent", "lines", "lines", self.sent.len() as u64);
        Some(view)
    }
}

#[test]
fn what_waits_comes_out_in_order_in_every_mode() {
    for mode in ["staged", "workers", "sharded"] {
        let into = format!("paced_{mode}");
        let summary = run_yaml(&format!(
            "execution: {{mode: {mode}, workers: 2}}
stages:
  - {{source: count, to: 100}}
  - {{filter: jitter}}
  - {{sink: paced, into: {into}, every_us: 200}}"
        ));
        assert_eq!(summary.outcome, Outcome::Done, "{summary:?}");
        assert_accounts(&summary);
        assert_eq!(take(&into).lines, numbers(0..100), "{mode}");
    }
}

#[test]
fn what_is_brought_out_at_the_end_may_wait_too_and_the_last_view_knows_it() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 20}
  - {sink: paced, into: again, every_us: 100, again: 2}",
    );
    assert_accounts(&summary);
    let sink = summary.snapshot.stages.iter().find(|stage| stage.id == "paced").unwrap();
    assert_eq!((sink.taken, sink.created, sink.passed), (20, 40, 60));
    let lines = [numbers(0..20), numbers(0..20), numbers(0..20)].concat();
    assert_eq!(take("again").lines, lines);
    assert_eq!(summary.views[0].merged.figures[0].value, 60);
}

#[test]
fn a_stop_ends_a_pause_and_what_is_left_is_accounted_for() {
    let pipeline = pipeline(
        "stages:
  - {source: count, to: 100000}
  - {sink: paced, into: stuck, every_us: 1, stuck_at: 30}",
    );
    let mut options = Options::new(Arc::new(Heard::default()));
    options.signals = true;
    let summary = run(&pipeline, options).unwrap();
    assert_eq!((summary.outcome, summary.outcome.exit_code()), (Outcome::Stopped, 0));
    assert_accounts(&summary);
    assert_eq!(take("stuck").lines, numbers(0..30));
    let sink = summary.snapshot.stages.iter().find(|stage| stage.id == "paced").unwrap();
    assert_eq!((sink.passed, sink.held), (30, 0));
    assert_eq!(sink.dropped["left"] + 30, sink.taken);
}

#[test]
fn a_sink_that_fails_after_a_pause_is_gone_without() {
    let summary = run_yaml(
        "stages:
  - {source: count, to: 100}
  - {sink: paced, into: failing, every_us: 1, fail_at: 10, on_error: continue}
  - {sink: collect, into: others, inputs: [count]}",
    );
    assert_eq!(summary.outcome, Outcome::Failed);
    assert_eq!(summary.failures[0].message, "told to fail");
    assert_eq!(take("others").lines, numbers(0..100));
}

sluice_core::register! {
    /// A test component.
    sink narrow(narrow), Serial, drops []
}

#[derive(Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Narrow {}

/// Writes more than a socket takes at once, to a reader that is slow.
struct Narrowed {
    socket: UnixStream,
    left: usize,
    held: u64,
}

fn narrow(_: Narrow) -> Result<Arc<dyn Prepared>, OptionError> {
    let make = |_| {
        let (socket, mut reader) = UnixStream::pair().map_err(Error::io("make a socket"))?;
        socket.set_nonblocking(true).map_err(Error::io("make a socket"))?;
        std::thread::Builder::new()
            .spawn(move || {
                let mut room = vec![0; 1 << 16];
                while reader.read(&mut room).is_ok_and(|read| read > 0) {
                    std::thread::sleep(Duration::from_micros(100));
                }
            })
            .map_err(Error::io("start a thread"))?;
        Ok(Narrowed { socket, left: 0, held: 0 })
    };
    Ok(prepared::sink(Ports::sink(PortType::Records), make))
}

impl Sink for Narrowed {
    fn write(&mut self, batch: Batch, _: &mut Output) -> Result<(), Error> {
        (self.left, self.held) = (1 << 20, batch.len() as u64);
        Ok(())
    }

    fn pause(&self) -> Option<Pause> {
        (self.held > 0).then_some(Pause::Writable)
    }

    fn resume(&mut self, _: Duration, _: &mut Output) -> Result<(), Error> {
        match self.socket.write(&vec![0; self.left.min(1 << 15)]) {
            Ok(written) => self.left -= written,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        if self.left == 0 {
            self.held = 0;
        }
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn held(&self) -> u64 {
        self.held
    }
}

#[test]
fn a_sink_waits_until_there_is_room() {
    let summary = run_yaml("stages:\n  - {source: count, to: 70}\n  - {sink: narrow}");
    assert_eq!(summary.outcome, Outcome::Done, "{summary:?}");
    assert_accounts(&summary);
    assert_eq!(summary.snapshot.stages[1].passed, 70);
}
