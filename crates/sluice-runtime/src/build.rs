//! From a plan to what can be run: instances, pipes and threads, and the counters to watch them by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sluice_config::{Pipeline, StageSpec, WhenFull};
use sluice_core::{Credits, ERRORS, Kind, Message, Output, Pools, Reporter, Shard, Stage};
use sluice_queue::{Receiver, Sender, Signal, pipe};

use crate::cell::{Cell, Port};
use crate::control::{Control, Failure};
use crate::counters::{Counters, Reading, Times};
use crate::inlet::{Gather, Inlet, Input};
use crate::outlet::{Bypass, EdgeCounters, Outlet};
use crate::plan::{PipePlan, Plan, SegmentPlan, Target, is_stateless};
use crate::segment::Thread;
use crate::snapshot::{Memory, PipeSnapshot, Snapshot, StageSnapshot, State};

/// All that a run needs.
pub(crate) struct Built {
    /// The threads' names and bodies.
    pub threads: Vec<(String, Body)>,
    pub control: Arc<Control>,
    pub watch: Watch,
    pub credits: Credits,
}

/// What one thread does.
pub(crate) struct Body {
    thread: Thread,
    /// The number of the source, for a segment that begins with one.
    source: Option<u16>,
}

impl Body {
    pub fn run(&mut self, credits: &Credits) {
        let result = match self.source {
            Some(number) => self.thread.run_source(number, credits),
            None => self.thread.run(),
        };
        // Who stopped it has told why.
        drop(result);
        self.thread.end();
    }

    /// The ids of its stages.
    pub fn stage(&self) -> String {
        self.thread.cells.iter().map(|cell| &*cell.id).collect::<Vec<_>>().join(", ")
    }
}

/// One instance: its stage and counters.
type Instance = (Stage, Arc<Counters>);

impl Built {
    /// Makes everything. Instances are made sources first and sinks last, so that a missing input is found before an
    /// output is touched.
    pub fn new(pipeline: &Pipeline, reporter: &Arc<dyn Reporter>, began: Instant) -> Result<Self, Failure> {
        let plan = Plan::new(pipeline);
        let stages = &pipeline.stages;
        let mut instances = instances(stages)?;
        let watch = Watch {
            stages: instances
                .iter()
                .map(|of| of.iter().map(|(_, counters)| Arc::clone(counters)).collect())
                .collect(),
            pipes: plan.pipes.iter().map(|_| Arc::default()).collect(),
            plan: plan.clone(),
        };
        let signals = signals(&plan, &instances)?;
        let waiting = plan.segments.iter().zip(&signals).filter(|(segment, _)| segment.inputs.is_empty());
        let waiting = waiting.flat_map(|(_, signals)| signals.iter().cloned()).collect();
        let credits = Credits::new(pipeline.execution.memory.0 as usize, waiting);
        let control = Arc::new(Control::new(signals.iter().flatten().cloned().collect()));
        let pools = crate::run::pools(pipeline);

        let mut ends = Ends::new(&plan, &signals);
        let mut threads = Vec::new();
        for (number, segment) in plan.segments.iter().enumerate() {
            for (worker, signal) in signals[number].iter().enumerate() {
                let outlets: Vec<usize> =
                    (0..plan.pipes.len()).filter(|p| plan.pipes[*p].from == number).collect();
                let local = |target: &Target| match target {
                    Target::Pipe(pipe) => Target::Pipe(outlets.iter().position(|p| p == pipe).unwrap_or(0)),
                    Target::Cell(cell) => Target::Cell(*cell),
                };
                let sources = segment.inputs.iter().flat_map(|p| plan.pipes[*p].sources.iter().copied());
                let sources: std::collections::BTreeSet<u16> = sources.collect();
                let mut cells = Vec::new();
                for cell in &segment.cells {
                    let spec = &stages[cell.stage];
                    let Some((stage, counters)) = instances[cell.stage].pop() else { continue };
                    cells.push(Cell {
                        id: spec.id.as_str().into(),
                        stage,
                        out: output(spec, &pools, reporter),
                        ports: cell
                            .readers
                            .iter()
                            .map(|readers| Port { readers: readers.iter().map(local).collect(), parts: 0 })
                            .collect(),
                        errors_port: spec.ports.output(ERRORS),
                        stateless: is_stateless(spec),
                        on_error: spec.on_error,
                        counters,
                        watermarks: sources.iter().map(|s| (*s, i64::MIN)).collect(),
                        failed: None,
                        emitted: Vec::new(),
                    });
                }
                let thread = Thread {
                    signal: signal.clone(),
                    control: Arc::clone(&control),
                    pools: pools.clone(),
                    inlet: ends.inlet(&plan, segment),
                    entry: segment.entry.iter().map(local).collect(),
                    cells,
                    outlets: ends.outlets(&plan, &outlets, &watch),
                    times: Times::new(began),
                };
                let source =
                    segment.cells.first().filter(|_| segment.inputs.is_empty()).map(|c| c.stage as u16);
                threads.push((name(segment, stages, worker), Body { thread, source }));
            }
        }
        Ok(Self { threads, control, watch, credits })
    }
}

/// Makes all instances of all stages. Threads pop them off the end, so the first thread gets the last one.
fn instances(stages: &[StageSpec]) -> Result<Vec<Vec<Instance>>, Failure> {
    let mut made: Vec<Vec<Instance>> = stages.iter().map(|_| Vec::new()).collect();
    for kind in Kind::ALL {
        for (spec, made) in stages.iter().zip(&mut made).filter(|(spec, _)| spec.component.kind == kind) {
            let of = spec.workers.get() as u32;
            for index in (0..of).rev() {
                let stage = spec.prepared.instance(Shard { index, of }).map_err(|error| Failure {
                    stage: spec.id.clone(),
                    message: error.to_string(),
                    panicked: false,
                })?;
                made.push((stage, Arc::new(Counters::new(spec.component.drops.len()))));
            }
        }
    }
    Ok(made)
}

/// A signal for each thread of each segment. A source that has a descriptor to wait for gets one that can.
fn signals(plan: &Plan, instances: &[Vec<Instance>]) -> Result<Vec<Vec<Signal>>, Failure> {
    let polls = |segment: &SegmentPlan| {
        let first = segment.cells.first().and_then(|cell| instances[cell.stage].first());
        matches!(first, Some((Stage::Source(source), _)) if source.fd().is_some())
    };
    let make = |segment: &SegmentPlan| match polls(segment) {
        true => Signal::with_eventfd(),
        false => Ok(Signal::new()),
    };
    let all =
        plan.segments.iter().map(|segment| (0..segment.threads).map(|_| make(segment)).collect()).collect();
    let all: std::io::Result<Vec<Vec<Signal>>> = all;
    all.map_err(Failure::of_run("make an eventfd"))
}

fn output(spec: &StageSpec, pools: &Pools, reporter: &Arc<dyn Reporter>) -> Output {
    let errors = spec.ports.output(ERRORS);
    Output::new(spec.id.as_str().into(), spec.component.drops, errors, pools.clone(), Arc::clone(reporter))
}

/// What the system shows as the thread's name; it keeps 15 bytes.
fn name(segment: &SegmentPlan, stages: &[StageSpec], worker: usize) -> String {
    let ids: Vec<&str> = segment.cells.iter().map(|cell| stages[cell.stage].id.as_str()).collect();
    match (ids.is_empty(), segment.threads) {
        (true, _) => "merge".to_owned(),
        (false, 1) => ids.join("+"),
        (false, _) => format!("{}/{worker}", ids.join("+")),
    }
}

/// The ends of all pipes that no thread has yet.
struct Ends {
    senders: Vec<Vec<Sender<Message>>>,
    receivers: Vec<Vec<Receiver<Message>>>,
    /// The ways round pipes that may drop.
    bypasses: Vec<Option<Arc<Bypass>>>,
}

impl Ends {
    fn new(plan: &Plan, signals: &[Vec<Signal>]) -> Self {
        let made = plan.pipes.iter().map(|p| pipe(p.capacity, &signals[p.from], &signals[p.to]));
        let (senders, receivers) = made.unzip();
        let bypass = |p: &PipePlan| {
            (p.when_full != WhenFull::Block).then(|| Arc::new(Bypass::new(signals[p.to].clone())))
        };
        Self { senders, receivers, bypasses: plan.pipes.iter().map(bypass).collect() }
    }

    fn outlets(&mut self, plan: &Plan, pipes: &[usize], watch: &Watch) -> Vec<Outlet> {
        let outlet = |p: &usize| {
            let sender = self.senders[*p].remove(0);
            Outlet::new(
                sender,
                plan.pipes[*p].when_full,
                self.bypasses[*p].clone(),
                Arc::clone(&watch.pipes[*p]),
            )
        };
        pipes.iter().map(outlet).collect()
    }

    fn inlet(&mut self, plan: &Plan, segment: &SegmentPlan) -> Option<Inlet> {
        let mut inputs: Vec<_> = segment
            .inputs
            .iter()
            .map(|p| {
                let input = Input::new(self.receivers[*p].remove(0), self.bypasses[*p].clone());
                (input, plan.pipes[*p].sources.iter().copied().collect::<Vec<_>>())
            })
            .collect();
        let in_order = segment.inputs.iter().all(|p| !plan.pipes[*p].disordered);
        match inputs.len() {
            0 => None,
            1 if in_order || segment.threads > 1 => inputs.pop().map(|(input, _)| Inlet::Direct(input)),
            _ => Some(Inlet::Gather(Gather::new(inputs))),
        }
    }
}

/// The counters of a run.
pub(crate) struct Watch {
    stages: Vec<Vec<Arc<Counters>>>,
    pipes: Vec<Arc<EdgeCounters>>,
    plan: Plan,
}

impl Watch {
    /// The counters as they are now.
    pub fn snapshot(
        &self,
        pipeline: &Pipeline,
        control: &Control,
        credits: &Credits,
        elapsed: Duration,
        ended: bool,
    ) -> Snapshot {
        let stages = pipeline.stages.iter().zip(&self.stages);
        let mut snapshot = Snapshot {
            pipeline: pipeline.name.clone(),
            state: match (ended, control.is_stopping()) {
                (true, _) => State::Ended,
                (false, true) => State::Draining,
                (false, false) => State::Running,
            },
            seconds: elapsed.as_secs_f64(),
            memory: Memory { used: credits.used() as u64, limit: credits.limit() as u64 },
            stages: stages.map(|(spec, counters)| stage_snapshot(spec, counters, elapsed)).collect(),
            pipes: self
                .plan
                .pipes
                .iter()
                .zip(&self.pipes)
                .map(|(plan, counters)| PipeSnapshot {
                    from: plan.ends[0].clone(),
                    to: plan.ends[1].clone(),
                    len: if ended { 0 } else { counters.len.load(Ordering::Relaxed) },
                    capacity: plan.capacity.get() as u64,
                    dropped: counters.dropped.load(Ordering::Relaxed),
                })
                .collect(),
            bottleneck: None,
        };
        snapshot.name_bottleneck();
        snapshot
    }
}

fn stage_snapshot(spec: &StageSpec, counters: &[Arc<Counters>], elapsed: Duration) -> StageSnapshot {
    let readings: Vec<Reading> = counters.iter().map(|c| c.read(elapsed)).collect();
    let sum = |of: fn(&Reading) -> u64| readings.iter().map(of).sum::<u64>();
    let time = |of: fn(&Reading) -> Duration| readings.iter().map(of).sum::<Duration>().as_secs_f64();
    let wall: f64 = readings.iter().map(|r| r.ended.unwrap_or(elapsed).as_secs_f64()).sum();
    let percent =
        |seconds: f64| if wall > 0.0 { (1000.0 * seconds / wall).round().min(1000.0) / 10.0 } else { 0.0 };
    let (blocked, idle) = (percent(time(|r| r.blocked)), percent(time(|r| r.idle)));
    let mut dropped: BTreeMap<String, u64> = BTreeMap::new();
    for (at, reason) in spec.component.drops.iter().enumerate() {
        let count = readings.iter().filter_map(|r| r.tally.dropped.get(at)).sum();
        if count > 0 {
            dropped.insert(reason.name.to_owned(), count);
        }
    }
    let failed = sum(|r| r.failed);
    if failed > 0 {
        dropped.insert("stage_failed".to_owned(), failed);
    }
    StageSnapshot {
        id: spec.id.clone(),
        kind: spec.component.kind.to_string(),
        component: spec.component.name.to_owned(),
        threads: counters.len(),
        taken: sum(|r| r.tally.taken),
        taken_bytes: sum(|r| r.tally.taken_bytes),
        created: sum(|r| r.tally.created),
        passed: sum(|r| r.tally.passed),
        passed_bytes: sum(|r| r.tally.passed_bytes),
        dropped,
        errors: sum(|r| r.tally.errors),
        held: sum(|r| r.tally.held),
        lost: sum(|r| r.tally.lost),
        busy: ((100.0 - blocked - idle).max(0.0) * 10.0).round() / 10.0,
        blocked,
        idle,
        cpu: (time(|r| r.cpu) * 1000.0).round() / 1000.0,
        read: sum(|r| r.progress.done),
        total: readings.first().and_then(|r| r.progress.total),
    }
}
