//! The plan: which stages share a thread, and which pipes join them.
//!
//! The graph is cut into *segments*, each run by one or more threads, joined by *pipes*. A run mode is nothing but the rule
//! for the cuts; what runs a segment knows no mode. `staged` cuts at every edge.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use sluice_config::{Input, Mode, Pipeline, StageSpec, WhenFull};
use sluice_core::{Kind, Parallelism};

/// Where a message goes that a stage emits or that comes into a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The segment's stage of this number, on the same thread.
    Cell(usize),
    /// The pipe of this number in the plan.
    Pipe(usize),
}

/// One stage of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellPlan {
    /// Its index in [`Pipeline::stages`].
    pub stage: usize,
    /// Who reads each of its outputs.
    pub readers: Vec<Vec<Target>>,
}

/// Stages that run on the same thread or threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentPlan {
    /// The pipes that it reads, in the order of the stage's inputs.
    pub inputs: Vec<usize>,
    /// Where what comes in goes.
    pub entry: Vec<Target>,
    /// Its stages; none where it only brings streams together.
    pub cells: Vec<CellPlan>,
    /// How many threads run it.
    pub threads: usize,
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
    /// Cuts the pipeline as its mode says.
    pub fn new(pipeline: &Pipeline) -> Self {
        match pipeline.execution.mode {
            Mode::Staged => Self::staged(&pipeline.stages),
        }
    }

    /// Every stage on its own thread. A stage with several threads takes whatever comes next from one queue, so where it
    /// reads several streams, a segment without stages brings them together first.
    fn staged(stages: &[StageSpec]) -> Self {
        let mut plan = Plan::default();
        let mut of_stage: Vec<usize> = Vec::new();
        let mut sources_of: Vec<BTreeSet<u16>> = Vec::new();
        for (at, stage) in stages.iter().enumerate() {
            let sources = match stage.component.kind {
                Kind::Source => BTreeSet::from([at as u16]),
                _ => stage.inputs.iter().flat_map(|i| sources_of[i.stage].iter().copied()).collect(),
            };
            let threads = stage.workers.get();
            if threads > 1 && stage.inputs.len() > 1 {
                let merge = plan.add(SegmentPlan { threads: 1, ..SegmentPlan::default() });
                for input in &stage.inputs {
                    plan.join(stages, &of_stage, *input, merge, stage, &sources_of[input.stage]);
                }
                let segment = plan.add(SegmentPlan { threads, ..SegmentPlan::default() });
                let pipe = plan.pipe(
                    [merge, segment],
                    [format!("merge-{}", stage.id), stage.id.clone()],
                    stage,
                    sources.clone(),
                );
                plan.segments[merge].entry.push(Target::Pipe(pipe));
            } else {
                let segment = plan.add(SegmentPlan { threads, ..SegmentPlan::default() });
                for input in &stage.inputs {
                    plan.join(stages, &of_stage, *input, segment, stage, &sources_of[input.stage]);
                }
            }
            let segment = plan.segments.len() - 1;
            plan.segments[segment].entry.push(Target::Cell(0));
            plan.segments[segment]
                .cells
                .push(CellPlan { stage: at, readers: vec![Vec::new(); stage.ports.outputs.len()] });
            of_stage.push(segment);
            sources_of.push(sources);
        }
        plan
    }

    fn add(&mut self, segment: SegmentPlan) -> usize {
        self.segments.push(segment);
        self.segments.len() - 1
    }

    /// Joins an output of a stage to the segment of a reader by a pipe.
    fn join(
        &mut self,
        stages: &[StageSpec],
        of_stage: &[usize],
        input: Input,
        to: usize,
        reader: &StageSpec,
        sources: &BTreeSet<u16>,
    ) {
        let from = of_stage[input.stage];
        let ends = [stages[input.stage].id.clone(), reader.id.clone()];
        let pipe = self.pipe([from, to], ends, reader, sources.clone());
        self.segments[from].cells[0].readers[input.port].push(Target::Pipe(pipe));
    }

    fn pipe(
        &mut self,
        [from, to]: [usize; 2],
        ends: [String; 2],
        reader: &StageSpec,
        sources: BTreeSet<u16>,
    ) -> usize {
        let spec = &reader.pipe;
        let several = self.segments[from].threads > 1;
        self.pipes.push(PipePlan {
            from,
            to,
            ends,
            capacity: spec.capacity,
            when_full: spec.when_full,
            sources,
            disordered: several || spec.when_full != WhenFull::Block,
        });
        self.segments[to].inputs.push(self.pipes.len() - 1);
        self.pipes.len() - 1
    }
}

/// Whether a stage may be given batches in any order, and by any of several threads.
pub(crate) fn is_stateless(stage: &StageSpec) -> bool {
    stage.component.kind == Kind::Filter && stage.component.parallelism == Parallelism::Stateless
}
