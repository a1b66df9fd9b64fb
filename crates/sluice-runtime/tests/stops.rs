//! Sources that hold what nobody could read a second time: a stop waits for it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{Heard, assert_accounts, numbers, pipeline, take};
use serde::Deserialize;
use sluice_core::{
    Error, Next, OptionError, Output, PortType, Ports, Prepared, Record, Slab, Source, View, prepared,
};
use sluice_runtime::{Options, Outcome, run};

sluice_core::register! {
    /// A test component.
    source holding(holding), Serial, drops []
}

#[derive(Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Holding {
    /// How many lines it holds when the run is stopped.
    held: u64,
}

/// Gives a line, has the run stopped, and then gives what it holds: every other time it is asked.
struct Holds {
    held: u64,
    given: u64,
    turns: u64,
}

fn holding(options: Holding) -> Result<Arc<dyn Prepared>, OptionError> {
    let make = move |_| Ok(Holds { held: options.held, given: 0, turns: 0 });
    Ok(prepared::source(Ports::source(PortType::Records), make))
}

impl Holds {
    fn give(&mut self, out: &mut Output) {
        let text = format!("{}\n", self.given);
        let mut slab = out.pools().slab(1 << 16);
        let place = slab.append(text.as_bytes()).unwrap();
        let mut batch = out.records();
        batch.fill(Slab::from(slab));
        let mut record = Record::new(place.start as u32, place.len() as u32, 1);
        record.ordinal = self.given;
        batch.push(record);
        out.emit(batch);
        self.given += 1;
    }
}

impl Source for Holds {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        assert_eq!(self.turns, 0, "nothing else is called once it was told to stop");
        if self.given == 0 {
            self.give(out);
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
        }
        Ok(Next::Idle(None))
    }

    fn stop(&mut self, out: &mut Output) -> Result<Next, Error> {
        self.turns += 1;
        if self.given > self.held {
            return Ok(Next::End);
        }
        if self.turns.is_multiple_of(2) {
            return Ok(Next::Idle(Some(out.now() + 100_000)));
        }
        self.give(out);
        Ok(Next::More)
    }

    fn view(&self) -> Option<View> {
        let mut view = View::default();
        view.figure("lines", "given", "lines", self.given);
        Some(view)
    }
}

#[test]
fn what_a_source_holds_comes_out_and_its_last_view_knows_it() {
    // More than fits into memory at once, so that it waits for that, too.
    let pipeline = pipeline(
        "execution: {memory: 256KiB, batch: 64KiB}
stages:
  - {source: holding, held: 100}
  - {filter: jitter}
  - {sink: collect, into: held}",
    );
    let mut options = Options::new(Arc::new(Heard::default()));
    options.signals = true;
    let summary = run(&pipeline, options).unwrap();
    assert_eq!(summary.outcome, Outcome::Stopped, "{summary:?}");
    assert_accounts(&summary);
    assert_eq!(take("held").lines, numbers(0..101));
    assert_eq!(summary.views[0].merged.figures[0].value, 101);
}
