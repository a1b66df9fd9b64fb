//! A stage on its thread: gives it batches and markers, counts what it does, checks what it emits.

use std::sync::Arc;
use std::time::Duration;

use sluice_config::OnError;
use sluice_core::{Batch, Emitted, Error, Marker, Output, Pause, Payload, Stage, Stamp};

use crate::counters::Counters;
use crate::plan::Target;
use crate::views::Slot;

/// An output of a stage.
pub(crate) struct Port {
    pub readers: Vec<Target>,
    /// Parts sent of the number that is being worked on.
    pub parts: u32,
}

/// A stage on this thread, with all that belongs to it.
pub(crate) struct Cell {
    pub id: Arc<str>,
    pub stage: Stage,
    pub out: Output,
    pub ports: Vec<Port>,
    pub errors_port: Option<usize>,
    pub stateless: bool,
    /// Whether what it emits keeps the number of the part that it was given: where several threads work on parts of one
    /// number, and in a shard, whose parts are brought together with those of the others.
    pub keeps_parts: bool,
    pub on_error: OnError,
    pub counters: Arc<Counters>,
    /// Where its view is left.
    pub slot: Arc<Slot>,
    /// The latest watermark of each source that has not ended.
    pub watermarks: Vec<(u16, i64)>,
    /// Items dropped since the stage failed; `None` while it works.
    pub failed: Option<u64>,
    /// Whether it was told, in a pause, that the run stops.
    pub told: bool,
    /// What the last call emitted; kept so that its memory is used again.
    pub emitted: Vec<Emitted>,
}

impl Cell {
    /// Gives the stage a batch.
    pub fn call(&mut self, batch: Batch) -> Result<(), Error> {
        let (items, bytes) = (batch.len() as u64, batch.bytes());
        let tally = self.out.tally();
        tally.taken += items;
        tally.taken_bytes += bytes;
        if let Some(dropped) = &mut self.failed {
            *dropped += items;
            return Ok(());
        }
        match &mut self.stage {
            Stage::Filter(filter) => filter.process(batch, &mut self.out),
            Stage::Sink(sink) => {
                sink.write(batch, &mut self.out)?;
                self.out.tally().passed_bytes += bytes;
                self.delivered();
                Ok(())
            }
            Stage::Source(_) => Err(Error::Contract("a batch came to a source".into())),
        }
    }

    /// Whether it brings batches out of the pipeline.
    pub fn is_sink(&self) -> bool {
        matches!(self.stage, Stage::Sink(_))
    }

    /// Whether it passes batches on.
    pub fn is_filter(&self) -> bool {
        matches!(self.stage, Stage::Filter(_))
    }

    /// Delivered is what a sink has neither dropped nor refused nor kept; refused items are taken off when they are emitted.
    fn delivered(&mut self) {
        let held = self.stage.held();
        let tally = self.out.tally();
        let others = tally.dropped.iter().sum::<u64>() + tally.errors + held;
        tally.passed = (tally.taken + tally.created).saturating_sub(others);
    }

    /// What a sink waits for before it can be given more.
    pub fn pause(&self) -> Option<Pause> {
        match &self.stage {
            Stage::Sink(sink) if self.failed.is_none() => sink.pause(),
            _ => None,
        }
    }

    /// Lets a sink go on after a pause.
    pub fn resume(&mut self, moment: Duration) -> Result<(), Error> {
        if let Stage::Sink(sink) = &mut self.stage {
            sink.resume(moment, &mut self.out)?;
            self.delivered();
        }
        Ok(())
    }

    /// Tells a sink in a pause that the run stops.
    pub fn stop(&mut self) {
        self.told = true;
        if let Stage::Sink(sink) = &mut self.stage {
            sink.stopped(&mut self.out);
            self.delivered();
        }
    }

    /// Tells the stage what a marker means to it.
    pub fn mark(
        &mut self,
        source: u16,
        marker: Marker,
        elapsed: impl FnOnce() -> Duration,
    ) -> Result<(), Error> {
        let known = self.watermarks.iter().position(|(s, _)| *s == source);
        match (marker, known) {
            (Marker::Watermark(time), Some(at)) => {
                self.watermarks[at].1 = self.watermarks[at].1.max(time);
                let aligned = self.watermarks.iter().map(|(_, time)| *time).min().unwrap_or(time);
                match &mut self.stage {
                    Stage::Filter(filter)
                        if self.failed.is_none() && filter.deadline().is_some_and(|d| d <= aligned) =>
                    {
                        filter.tick(aligned, &mut self.out)
                    }
                    _ => Ok(()),
                }
            }
            (Marker::End, Some(at)) => {
                self.watermarks.remove(at);
                if !self.watermarks.is_empty() {
                    return Ok(());
                }
                // The last one shows what there was before it was given out; a sink shows what it did in the end.
                if !self.is_sink() {
                    self.show(elapsed());
                }
                self.finish()
            }
            _ => Ok(()),
        }
    }

    /// The last call of a stage, when the last of its sources has ended. Of a stateless stage with several threads only
    /// one sees that, and nothing depends on it.
    pub fn finish(&mut self) -> Result<(), Error> {
        match &mut self.stage {
            _ if self.failed.is_some() => Ok(()),
            Stage::Filter(filter) => filter.finish(&mut self.out),
            Stage::Sink(sink) => {
                sink.finish(&mut self.out)?;
                self.delivered();
                Ok(())
            }
            Stage::Source(_) => Ok(()),
        }
    }

    /// Leaves what the stage shows, `at` this time of the run.
    pub fn show(&self, at: Duration) {
        if self.failed.is_none() {
            self.slot.leave(self.stage.view(), at);
        }
    }

    /// Whether the stage has to be asked once more for its last call.
    pub fn is_unfinished(&self) -> bool {
        match &self.stage {
            Stage::Filter(filter) => {
                self.failed.is_none() && self.watermarks.is_empty() && filter.unfinished()
            }
            _ => false,
        }
    }

    /// The stamp of the next message on a port; `last` of those for the message `of`.
    pub fn stamp(&mut self, port: usize, of: Stamp, last: bool) -> Stamp {
        if self.keeps_parts {
            return Stamp { more: of.more || !last, ..of };
        }
        let part = self.ports[port].parts;
        let last = last && of.last;
        self.ports[port].parts = if last { 0 } else { part + 1 };
        Stamp { part, last, ..of }
    }

    /// Whether a message has to follow what was emitted for `of`, batches or not.
    pub fn closes(&self, of: Stamp) -> bool {
        if self.keeps_parts { !of.more } else { of.last }
    }

    /// Takes what the stage emitted in its last call, and checks that it may.
    pub fn collect(&mut self, at_marker: bool) -> Result<(), Error> {
        self.out.take(&mut self.emitted)?;
        if self.stateless && at_marker && !self.emitted.is_empty() {
            return Err(Error::Contract("it is stateless and emits a batch that it was not given".into()));
        }
        let ports = self
            .emitted
            .iter()
            .filter_map(|e| if let Emitted::Batch(port, _) = e { Some(*port) } else { None });
        for (at, port) in ports.clone().enumerate() {
            if port >= self.ports.len() {
                return Err(Error::Contract(format!(
                    "it emits on port {port}, and has {}",
                    self.ports.len()
                )));
            }
            if self.stateless && ports.clone().take(at).any(|p| p == port) {
                return Err(Error::Contract(
                    "it is stateless and emits two batches for one on the same port".into(),
                ));
            }
        }
        Ok(())
    }

    /// Counts what leaves.
    pub fn count_emission(&mut self, port: usize, payload: &Payload) {
        let Payload::Batch(batch) = payload else { return };
        let (items, bytes) = (batch.len() as u64, batch.bytes());
        let is_sink = self.is_sink();
        let refused = self.errors_port == Some(port);
        let tally = self.out.tally();
        if refused {
            tally.errors += items;
            if is_sink {
                tally.passed = tally.passed.saturating_sub(items);
                tally.passed_bytes = tally.passed_bytes.saturating_sub(bytes);
            }
        } else {
            tally.passed += items;
            tally.passed_bytes += bytes;
        }
    }

    /// Publishes the counters.
    pub fn settle(&mut self) {
        let held = if self.failed.is_none() { self.stage.held() } else { 0 };
        let is_source = matches!(self.stage, Stage::Source(_));
        let tally = self.out.tally();
        tally.held = held;
        if is_source {
            tally.created = tally.passed + tally.errors + tally.dropped.iter().sum::<u64>();
        }
        self.counters.publish(tally, self.failed.unwrap_or(0));
    }
}
