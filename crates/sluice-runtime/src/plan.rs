//! The plan: which stages share a thread, and which pipes join them.
//!
//! The graph is cut into *segments*, each run by one or more threads, joined by *pipes*. A run mode is nothing but the rule
//! for the cuts; what runs a segment knows no mode. A *shard* is a segment of its own with the same stages as its
//! siblings: it has pipes of its own, and whoever writes them divides each batch by key.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use sluice_config::{Execution, Input, Pipeline, StageSpec, WhenFull};
use sluice_core::{Key, Kind, Parallelism, Shard, Strategy};

mod rule;

use rule::{Rule, Run};

/// Where a message goes that a stage emits or that comes into a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The segment's stage of this number, on the same thread.
    Cell(usize),
    /// The pipe of this number in the plan.
    Pipe(usize),
    /// Shards, by the segment's exchange of this number.
    Exchange(usize),
}

/// One stage of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellPlan {
    /// Its index in [`Pipeline::stages`].
    pub stage: usize,
    /// Who reads each of its outputs.
    pub readers: Vec<Vec<Target>>,
}

/// How a segment divides what it gives to shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExchangePlan {
    pub key: Key,
    pub strategy: Strategy,
    /// A pipe for each shard, in their order.
    pub pipes: Vec<usize>,
}

/// Stages that run on the same thread or threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentPlan {
    /// The edges that it reads, in the order of the stage's inputs; each with its pipes, several where shards write it.
    pub inputs: Vec<Vec<usize>>,
    /// Where what comes in goes.
    pub entry: Vec<Target>,
    /// Its stages; none where it only brings streams together.
    pub cells: Vec<CellPlan>,
    pub exchanges: Vec<ExchangePlan>,
    /// How many threads run it.
    pub threads: usize,
    /// Which of its siblings it is, if it is a shard.
    pub shard: Option<Shard>,
    /// The number of its source in stamps, if it begins with one.
    pub source: Option<u16>,
    /// The sources whose batches come through it.
    pub sources: BTreeSet<u16>,
}

/// A bounded queue between segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PipePlan {
    /// The segment that writes it.
    pub from: usize,
    /// The segment that reads it.
    pub to: usize,
    /// Names of the stages at its ends, for snapshots.
    pub ends: [String; 2],
    /// In batches.
    pub capacity: NonZeroUsize,
    /// What a writer does that finds it full.
    pub when_full: WhenFull,
    /// The sources whose batches pass through it.
    pub sources: BTreeSet<u16>,
    /// Whether its reader has to restore the order: several threads write it, or something may go round it.
    pub disordered: bool,
}

/// Segments in topological order, and the pipes between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub segments: Vec<SegmentPlan>,
    pub pipes: Vec<PipePlan>,
}

impl Plan {
    /// Cuts the pipeline as its mode says, for a machine with so many CPUs.
    pub fn new(pipeline: &Pipeline, cpus: usize) -> Self {
        let rule = Rule::new(&pipeline.execution, cpus);
        let planner = Planner {
            stages: &pipeline.stages,
            execution: &pipeline.execution,
            plan: Plan::default(),
            places: Vec::new(),
        };
        planner.plan(&rule)
    }
}

/// Where a stage was put.
struct Place {
    /// Its segment, or one for each shard.
    segments: Vec<usize>,
    /// Its number in each of them.
    cell: usize,
    run: Run,
    /// What the items that leave it are divided by among its shards, where that is still known.
    key: Option<Key>,
}

struct Planner<'a> {
    stages: &'a [StageSpec],
    execution: &'a Execution,
    plan: Plan,
    /// Of the stages so far.
    places: Vec<Place>,
}

impl Planner<'_> {
    fn plan(mut self, rule: &Rule) -> Plan {
        for (at, stage) in self.stages.iter().enumerate() {
            let run = rule.run(stage, self.stages.len());
            let place = match self.neighbour(stage, rule, &run) {
                Some(giver) => self.join(at, giver, run),
                None => self.cut(at, run),
            };
            self.places.push(place);
        }
        self.plan
    }

    /// The stage on whose thread this one runs, too: the one that it reads, where nothing else is read, no pipe is wanted
    /// that may drop, and both are run by the same number of threads.
    fn neighbour(&self, stage: &StageSpec, rule: &Rule, run: &Run) -> Option<usize> {
        let [input] = stage.inputs[..] else { return None };
        let place = &self.places[input.stage];
        let fits = match (run, &place.run) {
            (Run::Workers(_), Run::Workers(_)) => true,
            (Run::Shards(needed, _), Run::Shards(..)) => is_divided(place.key.as_ref(), needed.as_ref()),
            _ => false,
        };
        (rule.fuses && fits && stage.pipe.when_full == WhenFull::Block).then_some(input.stage)
    }

    /// Puts a stage behind another one on the same threads.
    fn join(&mut self, at: usize, giver: usize, run: Run) -> Place {
        let port = self.stages[at].inputs[0].port;
        let Place { ref segments, cell: before, ref key, .. } = self.places[giver];
        let (segments, key) = (segments.clone(), key.clone());
        let mut cell = 0;
        for &segment in &segments {
            let cells = &mut self.plan.segments[segment].cells;
            cell = cells.len();
            cells[before].readers[port].push(Target::Cell(cell));
            cells.push(cell_plan(at, &self.stages[at]));
        }
        self.place(at, segments, cell, run, key)
    }

    /// Gives a stage segments of its own.
    fn cut(&mut self, at: usize, run: Run) -> Place {
        let stage = &self.stages[at];
        let shards = match run {
            Run::Shards(_, shards) => shards.get() as u32,
            Run::One | Run::Workers(_) => 1,
        };
        let threads = if let Run::Workers(threads) = run { threads.get() } else { 1 };
        let several = |place: &Place| place.segments.len() > 1;
        let edges = stage.inputs.len() > 1 || stage.inputs.iter().any(|i| several(&self.places[i.stage]));
        // Threads that take whatever comes next from one queue need what comes in one stream.
        let merge = (threads > 1 && edges).then(|| {
            let merge = self.add(SegmentPlan { threads: 1, ..SegmentPlan::default() });
            self.read(at, &[merge], None);
            merge
        });
        let mut segments = Vec::new();
        for index in 0..shards {
            let source = (stage.component.kind == Kind::Source)
                .then(|| (at + index as usize * self.stages.len()) as u16);
            let shard = (shards > 1).then_some(Shard { index, of: shards });
            let sources = source.into_iter().collect();
            segments.push(self.add(SegmentPlan {
                threads,
                shard,
                source,
                sources,
                ..SegmentPlan::default()
            }));
        }
        let mut key = None;
        if let Some(merge) = merge {
            let ends = [format!("merge-{}", stage.id), stage.id.clone()];
            let pipe = self.pipe([merge, segments[0]], ends, stage, false);
            self.plan.segments[merge].entry.push(Target::Pipe(pipe));
            self.plan.segments[segments[0]].inputs.push(vec![pipe]);
        } else if let Run::Shards(needed, _) = &run {
            let divided = if stage.component.kind == Kind::Source {
                Some(self.execution.key.clone())
            } else {
                self.read(at, &segments, needed.as_ref())
            };
            key = divided;
        } else {
            self.read(at, &segments, None);
        }
        for &segment in &segments {
            self.plan.segments[segment].entry.push(Target::Cell(0));
            self.plan.segments[segment].cells.push(cell_plan(at, stage));
        }
        self.place(at, segments, 0, run, key)
    }

    fn place(&self, at: usize, segments: Vec<usize>, cell: usize, run: Run, key: Option<Key>) -> Place {
        let stage = &self.stages[at];
        let is_source = stage.component.kind == Kind::Source;
        let key = key.filter(|key| is_source || stage.prepared.keeps(key));
        Place { segments, cell, run, key }
    }

    /// Joins the segments of a stage to those that it reads; between shards by key, where the stage has several. Tells what
    /// its items are divided by, where that is known.
    fn read(&mut self, at: usize, segments: &[usize], needed: Option<&Key>) -> Option<Key> {
        let stages = self.stages;
        let sharded = segments.len() > 1;
        // Shards that are divided well already go on one by one. All such inputs are divided alike where a key is needed, and
        // whatever is divided here is divided like them.
        let fits = |place: &Place| {
            sharded && matches!(place.run, Run::Shards(..)) && is_divided(place.key.as_ref(), needed)
        };
        let fitting = stages[at].inputs.iter().map(|input| &self.places[input.stage]).filter(|p| fits(p));
        let keys: Vec<Option<Key>> = fitting.map(|place| place.key.clone()).collect();
        let key = keys.first().cloned().flatten().unwrap_or_else(|| match needed {
            Some(needed) if !self.execution.key.covers(needed) => needed.clone(),
            _ => self.execution.key.clone(),
        });
        for input in &stages[at].inputs {
            let place = &self.places[input.stage];
            let alike = needed.is_none() || place.key.as_ref() == Some(&key);
            let goes_on = fits(place) && alike;
            let givers = place.segments.clone();
            if goes_on {
                for (giver, segment) in givers.iter().zip(segments) {
                    let pipe = self.plain(at, *input, *giver, *segment);
                    self.plan.segments[*segment].inputs.push(vec![pipe]);
                }
            } else if sharded {
                self.divide(at, *input, &givers, segments, &key);
            } else {
                // All that the stage gives, whichever shard gives it.
                let pipes: Vec<_> = givers.iter().map(|g| self.plain(at, *input, *g, segments[0])).collect();
                self.plan.segments[segments[0]].inputs.push(pipes);
            }
        }
        keys.iter().all(|other| other.as_ref() == Some(&key)).then_some(key)
    }

    /// A pipe from a stage to a reader that gets all of it.
    fn plain(&mut self, at: usize, input: Input, from: usize, to: usize) -> usize {
        let ends = [self.stages[input.stage].id.clone(), self.stages[at].id.clone()];
        let pipe = self.pipe([from, to], ends, &self.stages[at], true);
        self.readers(input, from).push(Target::Pipe(pipe));
        pipe
    }

    /// Pipes from each segment of a stage to each shard, with an exchange in front.
    fn divide(&mut self, at: usize, input: Input, givers: &[usize], segments: &[usize], key: &Key) {
        let stage = &self.stages[at];
        let mut edges: Vec<Vec<usize>> = vec![Vec::new(); segments.len()];
        for &from in givers {
            let mut pipes = Vec::new();
            for (&to, edge) in segments.iter().zip(&mut edges) {
                let ends = [self.stages[input.stage].id.clone(), stage.id.clone()];
                let pipe = self.pipe([from, to], ends, stage, true);
                edge.push(pipe);
                pipes.push(pipe);
            }
            let exchanges = &mut self.plan.segments[from].exchanges;
            exchanges.push(ExchangePlan { key: key.clone(), strategy: self.execution.strategy, pipes });
            let exchange = Target::Exchange(exchanges.len() - 1);
            self.readers(input, from).push(exchange);
        }
        for (&to, edge) in segments.iter().zip(edges) {
            self.plan.segments[to].inputs.push(edge);
        }
    }

    /// The readers of an output of a stage in one of its segments.
    fn readers(&mut self, input: Input, segment: usize) -> &mut Vec<Target> {
        let cell = self.places[input.stage].cell;
        &mut self.plan.segments[segment].cells[cell].readers[input.port]
    }

    fn add(&mut self, segment: SegmentPlan) -> usize {
        self.plan.segments.push(segment);
        self.plan.segments.len() - 1
    }

    fn pipe(
        &mut self,
        [from, to]: [usize; 2],
        mut ends: [String; 2],
        reader: &StageSpec,
        may_drop: bool,
    ) -> usize {
        let spec = &reader.pipe;
        let several = self.plan.segments[from].threads > 1;
        let sources = self.plan.segments[from].sources.clone();
        self.plan.segments[to].sources.extend(&sources);
        for (end, segment) in ends.iter_mut().zip([from, to]) {
            if let Some(Shard { index, .. }) = self.plan.segments[segment].shard {
                end.push_str(&format!("/{index}"));
            }
        }
        let when_full = if may_drop { spec.when_full } else { WhenFull::Block };
        self.plan.pipes.push(PipePlan {
            from,
            to,
            ends,
            capacity: spec.capacity,
            when_full,
            sources,
            disordered: several || when_full != WhenFull::Block,
        });
        self.plan.pipes.len() - 1
    }
}

fn cell_plan(stage: usize, spec: &StageSpec) -> CellPlan {
    CellPlan { stage, readers: vec![Vec::new(); spec.ports.outputs.len()] }
}

/// Whether items that are divided by `key` are divided well for somebody who needs `needed`.
fn is_divided(key: Option<&Key>, needed: Option<&Key>) -> bool {
    needed.is_none_or(|needed| key.is_some_and(|key| key.covers(needed)))
}

/// Whether a stage may be given batches in any order, and by any of several threads.
pub(crate) fn is_stateless(stage: &StageSpec) -> bool {
    stage.component.kind == Kind::Filter && stage.component.parallelism == Parallelism::Stateless
}
