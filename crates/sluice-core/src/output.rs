//! What a stage is given to emit, count and tell.

use std::sync::Arc;

use crate::{Batch, Error, Marker, Notice, PacketBatch, Pools, Reason, RecordBatch, Reporter};

/// What a stage did with items, counted since it was made.
///
/// The accounting law holds whenever a call of the stage has returned:
/// `taken + created = passed + dropped + errors + held`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Items that came in.
    pub taken: u64,
    /// Bytes that came in.
    pub taken_bytes: u64,
    /// Items that went out on any port but `errors`, or out of the pipeline.
    pub passed: u64,
    /// Bytes of those.
    pub passed_bytes: u64,
    /// Items that the stage made.
    pub created: u64,
    /// Items that left through the `errors` port, read or not.
    pub errors: u64,
    /// Items dropped, by the index of the reason in the component's list.
    pub dropped: Vec<u64>,
    /// Items held back.
    pub held: u64,
    /// Things lost that could not be counted as items, such as the rest of a file that was cut off.
    pub lost: u64,
}

/// Something emitted, in the order of emission.
#[derive(Debug)]
pub enum Emitted {
    /// A batch on the port of this number.
    Batch(usize, Batch),
    /// A marker, from a source, for all ports.
    Marker(Marker),
}

/// Given to a stage with every call: where batches go, what to count, the time, and memory.
///
/// One per instance, owned by its thread; nothing in it is shared with another thread while a stage runs.
pub struct Output {
    stage: Arc<str>,
    now: i64,
    emitted: Vec<Emitted>,
    errors_port: Option<usize>,
    reasons: &'static [&'static Reason],
    tally: Tally,
    pools: Pools,
    reporter: Arc<dyn Reporter>,
    broken: Option<String>,
}

impl Output {
    /// For a stage of this id, with the drop reasons of its component and the number of its `errors` port.
    pub fn new(
        stage: Arc<str>,
        reasons: &'static [&'static Reason],
        errors_port: Option<usize>,
        pools: Pools,
        reporter: Arc<dyn Reporter>,
    ) -> Self {
        let tally = Tally { dropped: vec![0; reasons.len()], ..Tally::default() };
        Self {
            stage,
            now: 0,
            emitted: Vec::new(),
            errors_port,
            reasons,
            tally,
            pools,
            reporter,
            broken: None,
        }
    }

    /// Emits a batch on the main port.
    pub fn emit(&mut self, batch: impl Into<Batch>) {
        self.emit_to(0, batch);
    }

    /// Emits a batch on a port by its number in [`Ports::outputs`](crate::Ports::outputs).
    pub fn emit_to(&mut self, port: usize, batch: impl Into<Batch>) {
        self.emitted.push(Emitted::Batch(port, batch.into()));
    }

    /// Emits items that could not be handled on the `errors` port.
    pub fn fail(&mut self, batch: impl Into<Batch>) {
        match self.errors_port {
            Some(port) => self.emit_to(port, batch),
            None => self.broken = Some("it emits on an `errors` port that it did not declare".into()),
        }
    }

    /// Tells, from a source, that no item with an earlier event time (ns since the epoch) will follow.
    pub fn watermark(&mut self, time: i64) {
        self.emitted.push(Emitted::Marker(Marker::Watermark(time)));
    }

    /// Counts items that are not passed on. The reason must be one that the component declared.
    pub fn dropped(&mut self, reason: &Reason, items: usize) {
        match self.reasons.iter().position(|r| r.name == reason.name) {
            Some(at) => self.tally.dropped[at] += items as u64,
            None => {
                self.broken =
                    Some(format!("it drops for the reason `{}`, which it did not declare", reason.name))
            }
        }
    }

    /// Counts items that the stage made. A source's emitted and dropped items are counted without being told.
    pub fn created(&mut self, items: usize) {
        self.tally.created += items as u64;
    }

    /// Tells the user that data was lost that nobody asked to lose; the run then ends with exit code 65.
    pub fn lost(&mut self, what: impl Into<String>) {
        self.tally.lost += 1;
        self.notice(what);
    }

    /// Tells the user something: one sentence, lower case, no full stop.
    pub fn notice(&self, message: impl Into<String>) {
        self.reporter.notice(Notice { stage: self.stage.to_string(), message: message.into() });
    }

    /// The time at which the call began, in ns since the epoch.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// An empty batch of packets.
    pub fn packets(&self) -> PacketBatch {
        self.pools.packets()
    }

    /// An empty batch of records.
    pub fn records(&self) -> RecordBatch {
        self.pools.records()
    }

    /// Where slabs come from.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// For the runtime: sets the time before a call.
    pub fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// For the runtime: the counters, to which it adds what it sees itself.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// For the runtime, and for a source that is made of others: puts what was emitted since the last time into `emitted`, which was emptied before, after a call
    /// has returned. An error tells how the component broke its contract.
    pub fn take(&mut self, emitted: &mut Vec<Emitted>) -> Result<(), Error> {
        emitted.clear();
        std::mem::swap(&mut self.emitted, emitted);
        self.broken.take().map_or(Ok(()), |how| Err(Error::Contract(how)))
    }
}
