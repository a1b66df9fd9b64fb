//! One stage, run over batches by hand.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use sluice_core::{
    Batch, Component, Emitted, Kind, MAIN, Marker, Next, Notice, OptionError, Output, Parallelism, Pause,
    Pools, Ports, Registry, Reporter, Shard, Stage, Tally, View,
};

use crate::build;

/// Keys of a stage that are the pipeline's business and no option of the component.
const RESERVED: [&str; 6] = ["id", "inputs", "workers", "shard_by", "pipe", "on_error"];

/// How often a sink may go on with one batch.
const PATIENCE: usize = 1_000_000;

/// Why a stage could not be made or run.
#[derive(Debug)]
pub enum Error {
    /// The text is not a list of stages.
    Yaml(String),
    /// There is no component of this kind and name.
    Unknown(String),
    /// The component refused its options.
    Options(OptionError),
    /// The stage failed, or was asked for what its kind does not do.
    Stage(sluice_core::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Yaml(message) => f.write_str(message),
            Error::Unknown(what) => write!(f, "there is no {what}"),
            Error::Options(error) => error.fmt(f),
            Error::Stage(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<sluice_core::Error> for Error {
    fn from(error: sluice_core::Error) -> Self {
        Error::Stage(error)
    }
}

/// The stages of a YAML list, each as kind, name and options.
pub type Stages = Vec<(Kind, String, Value)>;

/// Reads the list items of a pipeline file's `stages`.
pub fn stages(yaml: &str) -> Result<Stages, Error> {
    let items: Vec<Value> = serde_yaml::from_str(yaml).map_err(|e| Error::Yaml(e.to_string()))?;
    let stage = |item: Value| {
        let Value::Object(mut options) = item else {
            return Err(Error::Yaml(format!("`{item}` is not a mapping")));
        };
        RESERVED.iter().for_each(|key| drop(options.shift_remove(*key)));
        let named = Kind::ALL.into_iter().find_map(|kind| match options.shift_remove(kind.as_str())? {
            Value::String(name) => Some((kind, name)),
            _ => None,
        });
        let (kind, name) =
            named.ok_or_else(|| Error::Yaml("a stage names no source, filter or sink".into()))?;
        Ok((kind, name, Value::Object(options)))
    };
    items.into_iter().map(stage).collect()
}

#[derive(Default)]
struct Notices(Mutex<Vec<Notice>>);

impl Reporter for Notices {
    fn notice(&self, notice: Notice) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }
}

/// What one call of a stage emitted, in order.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Batches with the names of their ports.
    pub batches: Vec<(Cow<'static, str>, Batch)>,
    /// Markers of a source.
    pub markers: Vec<Marker>,
}

impl Outcome {
    /// The first batch on this port.
    pub fn port(&self, name: &str) -> Option<&Batch> {
        self.batches.iter().find(|(port, _)| *port == name).map(|(_, batch)| batch)
    }

    /// Takes the first batch on this port.
    pub fn take(&mut self, name: &str) -> Option<Batch> {
        let at = self.batches.iter().position(|(port, _)| *port == name)?;
        Some(self.batches.remove(at).1)
    }

    /// The bytes of every item on this port: frames, or lines without their endings.
    pub fn items(&self, name: &str) -> Vec<Vec<u8>> {
        self.each(name, |frame, line| {
            frame.map_or_else(|| line.map(|(_, l)| l.to_vec()), |(_, f)| Some(f.to_vec()))
        })
    }

    /// The ordinals of the items on this port.
    pub fn ordinals(&self, name: &str) -> Vec<u64> {
        self.each(name, |frame, line| frame.map(|(f, _)| f.ordinal).or(line.map(|(r, _)| r.ordinal)))
    }

    fn each<T>(
        &self,
        name: &str,
        get: impl Fn(Option<(&sluice_core::Frame, &[u8])>, Option<(&sluice_core::Record, &[u8])>) -> Option<T>,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for (_, batch) in self.batches.iter().filter(|(port, _)| *port == name) {
            match batch {
                Batch::Packets(batch) => all.extend(batch.iter().filter_map(|item| get(Some(item), None))),
                Batch::Records(batch) => all.extend(batch.iter().filter_map(|item| get(None, Some(item)))),
            }
        }
        all
    }
}

/// One instance of a component, called by hand. It counts what the runtime would count.
pub struct Harness {
    component: &'static Component,
    ports: Ports,
    stage: Stage,
    out: Output,
    /// Here to be reused.
    emitted: Vec<Emitted>,
    notices: Arc<Notices>,
    /// The time since the run began, which passes in the pauses of a sink.
    moment: Duration,
}

impl Harness {
    /// The stage that `yaml` describes: one list item of a pipeline file.
    pub fn from_yaml(registry: &Registry, yaml: &str) -> Result<Self, Error> {
        let mut stages = stages(yaml)?;
        let (Some((kind, name, options)), true) = (stages.pop(), stages.is_empty()) else {
            return Err(Error::Yaml("expected one stage".into()));
        };
        let component =
            registry.get(kind, &name).ok_or_else(|| Error::Unknown(format!("{kind} `{name}`")))?;
        Self::new(component, options)
    }

    /// A component with these options.
    pub fn new(component: &'static Component, options: Value) -> Result<Self, Error> {
        Self::shard(component, options, Shard::ONLY)
    }

    /// One of several instances.
    pub fn shard(component: &'static Component, options: Value, shard: Shard) -> Result<Self, Error> {
        let prepared = (component.prepare)(options).map_err(Error::Options)?;
        let ports = prepared.ports();
        let stage = prepared.instance(shard)?;
        let notices = Arc::new(Notices::default());
        let errors = ports.output(sluice_core::ERRORS);
        let reporter = Arc::clone(&notices) as Arc<dyn Reporter>;
        let out = Output::new(component.name.into(), component.drops, errors, build::pools(), reporter);
        let moment = Duration::ZERO;
        Ok(Self { component, ports, stage, out, emitted: Vec::new(), notices, moment })
    }

    /// The ports, as prepared.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// How it may be run in parallel.
    pub fn parallelism(&self) -> Parallelism {
        self.component.parallelism
    }

    /// Where its batches come from.
    pub fn pools(&self) -> &Pools {
        self.out.pools()
    }

    /// What was counted so far.
    pub fn tally(&mut self) -> &Tally {
        self.out.tally()
    }

    /// How many items were dropped for this reason.
    pub fn dropped(&mut self, reason: &str) -> u64 {
        let at = self.component.drops.iter().position(|r| r.name == reason);
        at.and_then(|at| self.out.tally().dropped.get(at).copied()).unwrap_or_default()
    }

    /// What it told the user so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives it a batch.
    pub fn give(&mut self, batch: impl Into<Batch>) -> Result<Outcome, Error> {
        let mut outcome = Outcome::default();
        self.feed(batch, |port, batch| outcome.batches.push((port, batch)))?;
        Ok(outcome)
    }

    /// Gives it a batch and hands over what it emits, port by port. Allocates nothing itself.
    pub fn feed(
        &mut self,
        batch: impl Into<Batch>,
        each: impl FnMut(Cow<'static, str>, Batch),
    ) -> Result<(), Error> {
        let batch = batch.into();
        let (items, bytes) = (batch.len() as u64, batch.bytes());
        let tally = self.out.tally();
        tally.taken += items;
        tally.taken_bytes += bytes;
        match &mut self.stage {
            Stage::Source(_) => return Err(wrong("a source takes no batch")),
            Stage::Filter(filter) => filter.process(batch, &mut self.out)?,
            Stage::Sink(sink) => sink.write(batch, &mut self.out)?,
        }
        self.go_on()?;
        self.collect(each, |_| {})
    }

    /// Asks a source for more.
    pub fn produce(&mut self) -> Result<(Next, Outcome), Error> {
        let Stage::Source(source) = &mut self.stage else {
            return Err(wrong("only a source is asked for more"));
        };
        let next = source.next(&mut self.out)?;
        Ok((next, self.outcome()?))
    }

    /// Sets the time that the stage is told.
    pub fn at(&mut self, now: i64) -> &mut Self {
        self.out.set_now(now);
        self
    }

    /// Tells a filter that no item older than `watermark` will come, as far as it wants to know.
    pub fn watermark(&mut self, watermark: i64) -> Result<Outcome, Error> {
        if let Stage::Filter(filter) = &mut self.stage
            && filter.deadline().is_some_and(|deadline| deadline <= watermark)
        {
            filter.tick(watermark, &mut self.out)?;
        }
        self.outcome()
    }

    /// Takes the state of a filter's keys in this group out of it.
    pub fn export(&mut self, group: &RangeInclusive<u64>) -> Result<Vec<u8>, Error> {
        let mut state = Vec::new();
        if let Stage::Filter(filter) = &mut self.stage {
            filter.export(group, &mut state)?;
        }
        Ok(state)
    }

    /// Gives a filter the state that another one exported.
    pub fn import(&mut self, state: &[u8]) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Filter(filter) => Ok(filter.import(state)?),
            _ => Err(wrong("only a filter is given state")),
        }
    }

    /// Makes a sink hand on what it buffered.
    pub fn flush(&mut self) -> Result<(), Error> {
        if let Stage::Sink(sink) = &mut self.stage {
            sink.flush(&mut self.out)?;
        }
        self.outcome().map(drop)
    }

    /// Ends its input.
    pub fn finish(&mut self) -> Result<Outcome, Error> {
        match &mut self.stage {
            Stage::Source(_) => {}
            Stage::Filter(filter) => filter.finish(&mut self.out)?,
            Stage::Sink(sink) => sink.finish(&mut self.out)?,
        }
        self.go_on()?;
        let mut outcome = self.outcome()?;
        while let Stage::Filter(filter) = &mut self.stage
            && filter.unfinished()
        {
            filter.finish(&mut self.out)?;
            outcome.batches.append(&mut self.outcome()?.batches);
        }
        Ok(outcome)
    }

    /// Lets a sink go on until it is done; no time passes but its own.
    fn go_on(&mut self) -> Result<(), Error> {
        let mut left = PATIENCE;
        while let Stage::Sink(sink) = &mut self.stage
            && let Some(pause) = sink.pause()
        {
            if let Pause::Until(moment) = pause {
                self.moment = self.moment.max(moment);
            }
            left = left.checked_sub(1).ok_or_else(|| wrong("it does not come to an end"))?;
            sink.resume(self.moment, &mut self.out)?;
        }
        Ok(())
    }

    /// The time that has passed in the pauses of a sink.
    pub fn moment(&self) -> Duration {
        self.moment
    }

    /// Tells a sink that the run stops.
    pub fn stop(&mut self) {
        if let Stage::Sink(sink) = &mut self.stage {
            sink.stopped(&mut self.out);
        }
    }

    /// What it shows of itself.
    pub fn view(&self) -> Option<View> {
        self.stage.view()
    }

    fn outcome(&mut self) -> Result<Outcome, Error> {
        let Outcome { mut batches, mut markers } = Outcome::default();
        self.collect(|port, batch| batches.push((port, batch)), |marker| markers.push(marker))?;
        Ok(Outcome { batches, markers })
    }

    /// Takes what was emitted and counts it as the runtime does.
    fn collect(
        &mut self,
        mut each: impl FnMut(Cow<'static, str>, Batch),
        mut marker: impl FnMut(Marker),
    ) -> Result<(), Error> {
        self.out.take(&mut self.emitted)?;
        let tally = self.out.tally();
        for emitted in self.emitted.drain(..) {
            match emitted {
                Emitted::Marker(emitted) => marker(emitted),
                Emitted::Batch(port, batch) => {
                    let name = self.ports.outputs.get(port).map(|port| port.name.clone());
                    let name = name
                        .ok_or_else(|| wrong(&format!("it emits on port {port}, which it does not have")))?;
                    if name == sluice_core::ERRORS {
                        tally.errors += batch.len() as u64;
                    } else {
                        tally.passed += batch.len() as u64;
                        tally.passed_bytes += batch.bytes();
                    }
                    each(name, batch);
                }
            }
        }
        let dropped: u64 = tally.dropped.iter().sum();
        match &self.stage {
            Stage::Source(_) => tally.created = tally.passed + dropped + tally.errors,
            Stage::Filter(filter) => tally.held = filter.held(),
            Stage::Sink(sink) => {
                tally.held = sink.held();
                let others = dropped + tally.errors + tally.held;
                tally.passed = (tally.taken + tally.created).saturating_sub(others);
            }
        }
        Ok(())
    }

    /// Gives it a batch and returns the items on the main port, for the shortest of tests.
    pub fn pass(&mut self, batch: impl Into<Batch>) -> Result<Vec<Vec<u8>>, Error> {
        Ok(self.give(batch)?.items(MAIN))
    }
}

fn wrong(message: &str) -> Error {
    Error::Stage(sluice_core::Error::Contract(message.into()))
}
