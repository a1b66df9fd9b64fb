//! The three traits that a component implements, and how one is prepared and instantiated.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::{Batch, Error, Key, Output, View};

/// What a port carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortType {
    /// Packets.
    Packets,
    /// Packets whose layers were decoded by a stage before.
    Layers,
    /// Records.
    Records,
    /// On an input: anything. On an output: the same as the input.
    Any,
}

impl PortType {
    /// The words used in messages and documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            PortType::Packets => "packets",
            PortType::Layers => "packets with layers",
            PortType::Records => "records",
            PortType::Any => "packets or records",
        }
    }

    /// Whether an input of this type takes what an output of type `given` gives.
    pub fn accepts(self, given: PortType) -> bool {
        self == PortType::Any || self == given || (self == PortType::Packets && given == PortType::Layers)
    }
}

/// A named output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name after the dot in `inputs: [id.name]`.
    pub name: Cow<'static, str>,
    /// What it carries.
    pub carries: PortType,
}

/// The name of the output that `inputs: [id]` means.
pub const MAIN: &str = "out";
/// The name of the output for items that a stage could not handle.
pub const ERRORS: &str = "errors";

/// The ports of a prepared component. Outputs are numbered in their order; number 0 is the main one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// What comes in; `None` for a source.
    pub input: Option<PortType>,
    /// What goes out; a sink has at most `errors`.
    pub outputs: Vec<Port>,
}

impl Ports {
    /// A source's: one output.
    pub fn source(gives: PortType) -> Self {
        Self { input: None, outputs: vec![Port { name: MAIN.into(), carries: gives }] }
    }

    /// A filter's: one input, one output.
    pub fn filter(takes: PortType, gives: PortType) -> Self {
        Self { input: Some(takes), outputs: vec![Port { name: MAIN.into(), carries: gives }] }
    }

    /// A sink's: one input, no output.
    pub fn sink(takes: PortType) -> Self {
        Self { input: Some(takes), outputs: Vec::new() }
    }

    /// A filter's that takes packets or records and gives the same.
    pub fn any() -> Self {
        Self::filter(PortType::Any, PortType::Any)
    }

    /// The same with one more named output.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, carries: PortType) -> Self {
        self.outputs.push(Port { name: name.into(), carries });
        self
    }

    /// The same with an `errors` output, which carries what the input carries.
    pub fn with_errors(self) -> Self {
        let carries = self.input.unwrap_or(PortType::Any);
        self.with(ERRORS, carries)
    }

    /// The number of the output of this name.
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|port| port.name == name)
    }
}

/// Which instance of a stage this is: number `index` of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// At least 1.
    pub of: u32,
}

impl Shard {
    /// The only instance.
    pub const ONLY: Shard = Shard { index: 0, of: 1 };
}

/// A component whose options were checked and compiled: shared by all its instances, with nothing opened.
///
/// Made once per stage by the `prepare` function that the component registered, on the thread that checks the pipeline.
pub trait Prepared: Send + Sync {
    /// What it takes and gives, which may depend on its options.
    fn ports(&self) -> Ports;

    /// Makes one instance. Called on the thread that starts the run, once for each thread that will run the stage,
    /// before any batch moves. This is where files and sockets are opened; an error ends the run before it began.
    fn instance(&self, shard: Shard) -> Result<Stage, Error>;

    /// What its state is kept by: items that agree in it have to meet the same instance. Asked only of what is registered
    /// as keyed.
    fn key(&self) -> Key {
        Key::Flow
    }

    /// Whether items leave on every port as they came, as far as `key` can tell, so that what met before it meets behind
    /// it. Without that promise a keyed stage behind it gets its items divided anew.
    fn keeps(&self, key: &Key) -> bool {
        let _ = key;
        false
    }

    /// Whether this source can bring `shards` shards of its own: instances made as `Shard { index, of: shards }`, each of
    /// which gives its part of the input, items that agree in `key` the same one. Asked only of sources.
    fn split(&self, key: &Key, shards: u32) -> bool {
        let _ = (key, shards);
        false
    }

    /// Whether the sink that it makes has a [view](Sink::view). Asked of sinks alone, before any is made: a run that has
    /// nothing to show touches no output.
    fn shows(&self) -> bool {
        false
    }
}

/// An instance of a component.
pub enum Stage {
    /// It produces.
    Source(Box<dyn Source>),
    /// It passes on.
    Filter(Box<dyn Filter>),
    /// It brings out.
    Sink(Box<dyn Sink>),
}

impl Stage {
    /// What it shows of itself.
    pub fn view(&self) -> Option<View> {
        match self {
            Stage::Source(source) => source.view(),
            Stage::Filter(filter) => filter.view(),
            Stage::Sink(sink) => sink.view(),
        }
    }

    /// How many items it holds back.
    pub fn held(&self) -> u64 {
        match self {
            Stage::Source(_) => 0,
            Stage::Filter(filter) => filter.held(),
            Stage::Sink(sink) => sink.held(),
        }
    }

    /// The descriptor that it may wait for.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Stage::Source(source) => source.fd(),
            Stage::Filter(_) => None,
            Stage::Sink(sink) => sink.fd(),
        }
    }
}

/// What a source wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call again at once.
    More,
    /// Nothing to give now. Call again when [`Source::fd`] is readable, or at this time (ns since the epoch); where
    /// there is neither, when anything wakes the thread.
    Idle(Option<i64>),
    /// Nothing more will come. `next` is not called again.
    End,
}

/// How far a source has come, in bytes of its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far.
    pub done: u64,
    /// Bytes there are in all, where that is known.
    pub total: Option<u64>,
}

/// Produces batches.
///
/// One instance is owned by one thread and all its methods are called there. It does not wait: what would block returns
/// [`Next::Idle`]. After an error or after [`Next::End`] nothing more is called, and the instance is dropped.
pub trait Source: Send {
    /// Emits at most a few batches. Called again and again; before each call the runtime has waited until there is room
    /// for more, so a source never has to hold back.
    fn next(&mut self, out: &mut Output) -> Result<Next, Error>;

    /// Called in place of `next` once the run is told to stop, until it says [`Next::End`]: whoever has taken in what nobody
    /// could read a second time gives it out here, and takes in nothing more. Whatever it says, the run waits for it no
    /// longer than for everything else that is in flight.
    fn stop(&mut self, out: &mut Output) -> Result<Next, Error> {
        let _ = out;
        Ok(Next::End)
    }

    /// The descriptor to wait for after [`Next::Idle`].
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// How far it has come; asked for after every call of `next`, for display only.
    fn progress(&self) -> Progress {
        Progress::default()
    }

    /// What it shows of itself, as of a [filter](Filter::view); what it shows last is what there is after its last call.
    fn view(&self) -> Option<View> {
        None
    }
}

/// Passes batches on: changed, split, thinned out.
///
/// One instance is owned by one thread and all its methods are called there. An error ends the run; nothing more is
/// called then, `finish` included.
pub trait Filter: Send {
    /// Takes one batch of the declared input type and emits what should go on. Items that do not go on are told to
    /// [`Output::dropped`] or emitted on the `errors` port. The batch may be emitted itself, changed in place.
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error>;

    /// The event time (ns since the epoch) at which `tick` is wanted.
    fn deadline(&self) -> Option<i64> {
        None
    }

    /// Called when the watermark has reached the `deadline`: no item older than `watermark` will come.
    fn tick(&mut self, watermark: i64, out: &mut Output) -> Result<(), Error> {
        let _ = (watermark, out);
        Ok(())
    }

    /// The last call: the input has ended. What was held back is emitted or dropped here.
    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// Whether `finish` left something to give out, so that not all of it is in memory at once: then it is called again,
    /// after what it emitted has been passed on, until this says no.
    fn unfinished(&self) -> bool {
        false
    }

    /// How many items it holds back now; part of the accounting law.
    fn held(&self) -> u64 {
        0
    }

    /// What it shows of itself. Called on the thread of the instance between two calls, when somebody asks; once before the
    /// first batch, where `None` says that there will never be anything to see; and once before `finish`. The runtime adds
    /// up what the instances of a stage show.
    ///
    /// Batches wait meanwhile: the work is bounded, and never a walk over all that is kept.
    fn view(&self) -> Option<View> {
        None
    }

    /// Takes the state of every key whose hash lies in `group` out of this instance and appends it to `state`, for
    /// [`import`](Self::import). Hashes are those of [`Prepared::key`]. Called between two batches, by whoever moves keys
    /// to another instance. What is held for these keys goes along: [`held`](Self::held) falls here by what it rises there.
    ///
    /// The form of `state` is the component's own and has to tell its version; instances that export and import are made
    /// from the same options. Whoever keeps nothing by key has nothing to do here.
    fn export(&mut self, group: &RangeInclusive<u64>, state: &mut Vec<u8>) -> Result<(), Error> {
        let _ = (group, state);
        Ok(())
    }

    /// Takes over what another instance exported, whose keys this one has not seen since. Called before the first batch
    /// that holds such a key.
    fn import(&mut self, state: &[u8]) -> Result<(), Error> {
        match state {
            [] => Ok(()),
            _ => Err(Error::Contract("it was given state and keeps none".into())),
        }
    }
}

/// What a sink waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The moment that is this long after the run began; none at all where it has passed.
    Until(Duration),
    /// That [`Sink::fd`] can be written.
    Writable,
}

/// Brings batches out of the pipeline.
///
/// One instance is owned by one thread and all its methods are called there. An error ends the run; nothing more is
/// called then, `finish` included, so what `finish` would have made whole stays visibly unfinished.
///
/// It does not wait. One that cannot bring out at once what it was given keeps it and says in [`pause`](Self::pause) what
/// it waits for. Then it is given nothing else, and what comes before it in the pipeline waits too.
pub trait Sink: Send {
    /// Takes one batch of the declared input type. Every item of it counts as delivered, unless it is told to
    /// [`Output::dropped`], emitted on the `errors` port, or [held](Self::held) back.
    fn write(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error>;

    /// Hands on what was buffered, so that a reader sees it. Called when the stage is about to wait for input.
    fn flush(&mut self, out: &mut Output) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// The input has ended: makes the output whole. The last call, but for [`resume`](Self::resume) as long as there is a
    /// pause.
    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// What it waits for, as long as it is not done with what it was given. Asked after every call of `write`, `finish` and
    /// `resume`; with `None` the next batch may come.
    fn pause(&self) -> Option<Pause> {
        None
    }

    /// What it waited for has come: `moment` is the time since the run began, which is as precise as it can be had and
    /// never jumps. Goes on for a while, a batch at most; it may find another pause.
    fn resume(&mut self, moment: Duration, out: &mut Output) -> Result<(), Error> {
        let _ = (moment, out);
        Ok(())
    }

    /// The run was told to stop while there is a pause. Called once: whoever waits for long drops what is left, and whatever
    /// comes then.
    fn stopped(&mut self, out: &mut Output) {
        let _ = out;
    }

    /// The descriptor to wait for in [`Pause::Writable`].
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// How many items it holds back now, in a pause; part of the accounting law.
    fn held(&self) -> u64 {
        0
    }

    /// What it shows of itself, as of a [filter](Filter::view); but what it shows last is what there is after its last call.
    fn view(&self) -> Option<View> {
        None
    }
}

/// Short ways to a [`Prepared`], for components that are a set of ports and a closure that makes an instance.
pub mod prepared {
    use super::*;

    struct Made<F> {
        ports: Ports,
        key: Key,
        keeps: bool,
        make: F,
    }

    impl<F> Made<F> {
        fn new(ports: Ports, make: F) -> Self {
            Self { ports, key: Key::Flow, keeps: false, make }
        }
    }

    impl<F: Fn(Shard) -> Result<Stage, Error> + Send + Sync> Prepared for Made<F> {
        fn ports(&self) -> Ports {
            self.ports.clone()
        }

        fn instance(&self, shard: Shard) -> Result<Stage, Error> {
            (self.make)(shard)
        }

        fn key(&self) -> Key {
            self.key.clone()
        }

        fn keeps(&self, key: &Key) -> bool {
            // Records that are moved to another port lose their fields.
            self.keeps && !matches!(key, Key::Field(_))
        }
    }

    fn a_filter<F: Filter + 'static>(
        make: impl Fn(Shard) -> Result<F, Error>,
    ) -> impl Fn(Shard) -> Result<Stage, Error> {
        move |shard| Ok(Stage::Filter(Box::new(make(shard)?)))
    }

    /// A source with these ports.
    pub fn source<S: Source + 'static>(
        ports: Ports,
        make: impl Fn(Shard) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Arc<dyn Prepared> {
        Arc::new(Made::new(ports, move |shard| Ok(Stage::Source(Box::new(make(shard)?)))))
    }

    /// A filter with these ports.
    pub fn filter<F: Filter + 'static>(
        ports: Ports,
        make: impl Fn(Shard) -> Result<F, Error> + Send + Sync + 'static,
    ) -> Arc<dyn Prepared> {
        Arc::new(Made::new(ports, a_filter(make)))
    }

    /// A filter with these ports that passes items on as they came, or not at all: it [keeps](Prepared::keeps)
    /// every key of packets.
    pub fn selector<F: Filter + 'static>(
        ports: Ports,
        make: impl Fn(Shard) -> Result<F, Error> + Send + Sync + 'static,
    ) -> Arc<dyn Prepared> {
        Arc::new(Made { keeps: true, ..Made::new(ports, a_filter(make)) })
    }

    /// A filter with these ports that is registered as keyed, by this [key](Prepared::key).
    pub fn keyed<F: Filter + 'static>(
        key: Key,
        ports: Ports,
        make: impl Fn(Shard) -> Result<F, Error> + Send + Sync + 'static,
    ) -> Arc<dyn Prepared> {
        Arc::new(Made { key, ..Made::new(ports, a_filter(make)) })
    }

    /// A sink with these ports.
    pub fn sink<S: Sink + 'static>(
        ports: Ports,
        make: impl Fn(Shard) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Arc<dyn Prepared> {
        Arc::new(Made::new(ports, move |shard| Ok(Stage::Sink(Box::new(make(shard)?)))))
    }
}
