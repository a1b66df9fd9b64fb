//! From a plan to what can be run: instances, pipes and threads, and the counters to watch them by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sluice_config::{Pipeline, StageSpec, WhenFull};
use sluice_core::{Credits, ERRORS, Kind, Message, Output, Pools, Reporter, Shard, Stage};
use sluice_queue::{Receiver, Sender, Signal, pipe};

use crate::cell::{Cell, Port};
use crate::control::{Control, Failure};
use crate::counters::{Counters, Reading, Times};
use crate::cpus::Cpus;
use crate::exchange::Exchange;
use crate::inlet::{Gather, Inlet, Input};
use crate::latency::Latency;
use crate::outlet::{Bypass, EdgeCounters, Outlet};
use crate::plan::{PipePlan, Plan, SegmentPlan, Target, is_stateless};
use crate::segment::Thread;
use crate::snapshot::{Memory, PipeSnapshot, Snapshot, StageSnapshot, State};
use crate::views::{Slot, StageViews, Views};

/// All that a run needs.
pub(crate) struct Built {
    /// The threads' names and bodies.
    pub threads: Vec<(String, Body)>,
    pub control: Arc<Control>,
    pub watch: Watch,
    pub credits: Credits,
    /// There where the run is measured.
    pub latency: Option<Arc<Latency>>,
}

/// What one thread does.
pub(crate) struct Body {
    thread: Thread,
    /// The number of the source, for a segment that begins with one.
    source: Option<u16>,
    /// The CPU that it is bound to.
    cpu: Option<usize>,
}

impl Body {
    pub fn run(&mut self, credits: &Credits) {
        if let Some(cpu) = self.cpu
            && let Err(failure) = crate::cpus::bind(cpu)
        {
            return self.thread.control.fail(failure);
        }
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

/// One instance: its stage, its counters and where its view is left.
type Instance = (Stage, Arc<Counters>, Arc<Slot>);

impl Built {
    /// Makes everything. Instances are made sources first and sinks last, so that a missing input is found before an
    /// output is touched.
    pub fn new(
        pipeline: &Pipeline,
        reporter: &Arc<dyn Reporter>,
        began: Instant,
        measured: bool,
        viewed: bool,
    ) -> Result<Self, Failure> {
        let cpus = Cpus::new(&pipeline.execution.pin)?;
        let plan = Plan::new(pipeline, cpus.count());
        let stages = &pipeline.stages;
        let mut instances = instances(stages, &plan, viewed)?;
        let latency = measured.then(|| Arc::new(Latency::new(began)));
        let watch = Watch {
            stages: instances
                .iter()
                .map(|of| of.iter().map(|(_, counters, _)| Arc::clone(counters)).collect())
                .collect(),
            slots: instances
                .iter()
                .map(|of| of.iter().rev().map(|(_, _, slot)| Arc::clone(slot)).collect())
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
                let outlet = |pipe: &usize| outlets.iter().position(|p| p == pipe).unwrap_or(0);
                let local = |target: &Target| match target {
                    Target::Pipe(pipe) => Target::Pipe(outlet(pipe)),
                    other => *other,
                };
                let watermarks = |sources: &BTreeSet<u16>| sources.iter().map(|s| (*s, i64::MIN)).collect();
                let mut cells = Vec::new();
                for cell in &segment.cells {
                    let spec = &stages[cell.stage];
                    let Some((stage, counters, slot)) = instances[cell.stage].pop() else { continue };
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
                        keeps_parts: is_stateless(spec) || segment.threads > 1 || segment.shard.is_some(),
                        on_error: spec.on_error,
                        counters,
                        slot,
                        watermarks: watermarks(&segment.sources),
                        failed: None,
                        told: false,
                        emitted: Vec::new(),
                    });
                }
                let thread = Thread {
                    signal: signal.clone(),
                    control: Arc::clone(&control),
                    pools: pools.clone(),
                    inlet: ends.inlet(&plan, segment, &pools),
                    entry: segment.entry.iter().map(local).collect(),
                    cells,
                    outlets: ends.outlets(&plan, &outlets, &watch),
                    exchanges: segment
                        .exchanges
                        .iter()
                        .map(|e| {
                            Exchange::new(e.key.clone(), e.strategy, e.pipes.iter().map(outlet).collect())
                        })
                        .collect(),
                    times: Times::new(began),
                    latency: latency.clone(),
                    shown: 0,
                    is_precise: false,
                };
                let body = Body { thread, source: segment.source, cpu: cpus.of(threads.len()) };
                threads.push((name(segment, stages, worker), body));
            }
        }
        Ok(Self { threads, control, watch, credits, latency })
    }
}

/// Makes all instances of all stages. Threads pop them off the end, so the first thread gets the last one.
fn instances(stages: &[StageSpec], plan: &Plan, viewed: bool) -> Result<Vec<Vec<Instance>>, Failure> {
    let mut made: Vec<Vec<Instance>> = stages.iter().map(|_| Vec::new()).collect();
    let mut threads = vec![0; stages.len()];
    for segment in &plan.segments {
        segment.cells.iter().for_each(|cell| threads[cell.stage] += segment.threads as u32);
    }
    for kind in Kind::ALL {
        // Before an output is touched.
        let will_show = |spec: &StageSpec| spec.component.kind == Kind::Sink && spec.prepared.shows();
        let shows = || made.iter().flatten().any(|(_, _, slot)| slot.shows());
        if kind == Kind::Sink && viewed && !shows() && !stages.iter().any(will_show) {
            let message = "no stage of this pipeline has a view".to_owned();
            return Err(Failure { stage: String::new(), message, panicked: false });
        }
        let stages = stages.iter().zip(&threads).zip(&mut made);
        for ((spec, &of), made) in stages.filter(|((spec, _), _)| spec.component.kind == kind) {
            for index in (0..of).rev() {
                let stage = spec.prepared.instance(Shard { index, of }).map_err(|error| Failure {
                    stage: spec.id.clone(),
                    message: error.to_string(),
                    panicked: false,
                })?;
                let slot = Slot::new(stage.view());
                let counters = Counters::new(spec.component.drops.len());
                made.push((stage, Arc::new(counters), Arc::new(slot)));
            }
        }
    }
    Ok(made)
}

/// A signal for each thread of each segment. One that may wait for a descriptor gets one that can.
fn signals(plan: &Plan, instances: &[Vec<Instance>]) -> Result<Vec<Vec<Signal>>, Failure> {
    let polls = |segment: &SegmentPlan| {
        let mut stages = segment.cells.iter().filter_map(|cell| instances[cell.stage].first());
        stages.any(|(stage, ..)| stage.fd().is_some())
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
    match (ids.is_empty(), segment.threads, segment.shard) {
        (true, ..) => "merge".to_owned(),
        (false, _, Some(Shard { index, .. })) => format!("{}/{index}", ids.join("+")),
        (false, 1, None) => ids.join("+"),
        (false, _, None) => format!("{}/{worker}", ids.join("+")),
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

    fn inlet(&mut self, plan: &Plan, segment: &SegmentPlan, pools: &Pools) -> Option<Inlet> {
        let mut input = |pipe: &usize| {
            let input = Input::new(self.receivers[*pipe].remove(0), self.bypasses[*pipe].clone());
            (input, plan.pipes[*pipe].sources.iter().copied().collect::<Vec<_>>())
        };
        let mut edges: Vec<Vec<_>> =
            segment.inputs.iter().map(|edge| edge.iter().map(&mut input).collect()).collect();
        let in_order = segment.inputs.iter().flatten().all(|p| !plan.pipes[*p].disordered);
        match edges.as_mut_slice() {
            [] => None,
            [edge] if edge.len() == 1 && (in_order || segment.threads > 1) => {
                edge.pop().map(|(input, _)| Inlet::Direct(input))
            }
            _ => Some(Inlet::Gather(Gather::new(edges, segment.shard.is_some(), pools.clone()))),
        }
    }
}

/// The counters of a run.
pub(crate) struct Watch {
    stages: Vec<Vec<Arc<Counters>>>,
    /// In the order of the shards.
    slots: Vec<Vec<Arc<Slot>>>,
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
            state: state(control, ended),
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

    /// Asks the stages for their views and waits for them, but not long: of a stage that is in the middle of something, it is
    /// the view that it left before.
    pub fn ask(&self, pipeline: &Pipeline, control: &Control, elapsed: impl Fn() -> Duration) -> Views {
        control.ask();
        control.asked.wait(self.slots.iter().flatten().map(|slot| &**slot));
        Views {
            pipeline: pipeline.name.clone(),
            state: state(control, false),
            seconds: elapsed().as_secs_f64(),
            stages: self.views(pipeline),
        }
    }

    /// The views that the stages left last.
    pub fn views(&self, pipeline: &Pipeline) -> Vec<StageViews> {
        let stages = pipeline.stages.iter().zip(&self.slots);
        let views = stages.map(|(spec, slots)| {
            let shards = slots.iter().enumerate().filter_map(|(shard, slot)| slot.read(shard));
            StageViews::new(&spec.id, spec.component.name, shards.collect())
        });
        views.filter(|stage| !stage.shards.is_empty()).collect()
    }
}

fn state(control: &Control, ended: bool) -> State {
    match (ended, control.is_stopping()) {
        (true, _) => State::Ended,
        (false, true) => State::Draining,
        (false, false) => State::Running,
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
