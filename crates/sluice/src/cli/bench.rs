//! `sluice bench`: one pipeline in every mode, side by side.

mod outputs;
mod report;

use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sluice_config::Pipeline;
use sluice_core::{Kind, Registry, Silent};
use sluice_runtime::{Measured, Options, Outcome};

use super::args::{self, Division, Mode};
use super::out::Failed;
use super::{load, out, run, summary};

/// What one run took.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Run {
    seconds: f64,
    /// What the sources gave.
    items: u64,
    bytes: u64,
    #[serde(flatten)]
    measured: Measured,
}

/// Runs a pipeline in every mode and tells what each took.
pub fn bench(registry: &Registry, args: &args::Bench) -> anyhow::Result<u8> {
    let document = load::document(&args.pipeline)?;
    let pipeline = load::check(registry, &document, load::params(&args.params)?)?;
    if let Some(way) = &args.one {
        return out::print(&format!("{}\n", serde_json::to_string(&one(registry, args, pipeline, way)?)?));
    }
    if args.pipeline == "-" || reads_stdin(&pipeline) {
        let message = "standard input can be read once, and a pipeline that is measured runs several times";
        return Err(Failed::usage(message).into());
    }
    let ways = ways(&args.workers);
    // The first run brings the input into memory and counts for nobody.
    child(args, &ways[0])?;
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); ways.len()];
    for _ in 0..args.runs {
        for (way, runs) in ways.iter().zip(&mut runs) {
            runs.push(child(args, way)?);
        }
    }
    let results = ways.iter().zip(runs).filter_map(|(way, runs)| Some((way.clone(), median(runs)?)));
    let report = report::Report::new(&pipeline, args, summary::unit(&pipeline), results.collect());
    out::print(&if args.json { report.json()? } else { report.text() })
}

/// A mode and how many workers or shards it has.
#[derive(Clone, Debug, PartialEq)]
struct Way {
    mode: Mode,
    workers: Option<u16>,
}

impl Way {
    fn name(&self) -> String {
        self.mode.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// `staged`, and the others with each number of workers: by default 1, 2, 4 and so on up to the number of CPUs.
fn ways(workers: &[u16]) -> Vec<Way> {
    let cpus = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(1024) as u16;
    let mut counts: Vec<u16> = workers.to_vec();
    if counts.is_empty() {
        counts.extend((0..10).map(|power| 1 << power).take_while(|count| *count < cpus));
        counts.push(cpus);
    }
    counts.sort_unstable();
    counts.dedup();
    let others = [Mode::Workers, Mode::Sharded].into_iter();
    let others = others.flat_map(|mode| counts.iter().map(move |count| Way { mode, workers: Some(*count) }));
    [Way { mode: Mode::Staged, workers: None }].into_iter().chain(others).collect()
}

/// The run with the middle time; of an even number the faster of the two.
fn median(mut runs: Vec<Run>) -> Option<Run> {
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let middle = runs.len().checked_sub(1)? / 2;
    Some(runs.swap_remove(middle))
}

/// Runs a pipeline once, in a process of its own, so that memory and CPU are those of this run alone.
fn child(args: &args::Bench, way: &Way) -> anyhow::Result<Run> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.arg("bench").arg(&args.pipeline).args(&args.params);
    command.arg(format!("--one={}:{}", way.name(), way.workers.unwrap_or(0)));
    if args.discard {
        command.arg("--discard");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("cannot run this program again")?;
    if !output.status.success() {
        return Err(
            Failed::new(format!("the run in mode `{}` failed, so nothing is compared", way.name())).into()
        );
    }
    serde_json::from_slice(&output.stdout).context("cannot read what the run in another process said")
}

/// What that process does.
fn one(registry: &Registry, args: &args::Bench, mut pipeline: Pipeline, way: &str) -> anyhow::Result<Run> {
    let parsed = way.split_once(':').and_then(|(mode, workers)| {
        let workers = workers.parse().ok().filter(|workers| *workers > 0);
        Some(Division { mode: Some(Mode::from_str(mode, false).ok()?), workers })
    });
    parsed.ok_or_else(|| Failed::usage(format!("`{way}` is no mode")))?.apply(&mut pipeline);
    let folder = tempfile::tempdir().context("cannot make a temporary directory")?;
    outputs::redirect(registry, &mut pipeline, if args.discard { None } else { Some(folder.path()) })?;
    run::keep_panics_quiet();
    let options = Options { measured: true, ..Options::new(Arc::new(Silent)) };
    let ran = sluice_runtime::run(&pipeline, options);
    let ran = ran.map_err(|failure| Failed::new(run::sentence(&failure)))?;
    if let (Outcome::Failed, Some(failure)) = (ran.outcome, ran.failures.first()) {
        return Err(Failed::new(run::sentence(failure)).into());
    }
    let sources = || ran.snapshot.stages.iter().filter(|stage| stage.kind == Kind::Source.as_str());
    Ok(Run {
        seconds: ran.snapshot.seconds,
        items: sources().map(|source| source.passed).sum(),
        bytes: sources().map(|source| source.passed_bytes).sum(),
        measured: ran.measured.unwrap_or_default(),
    })
}

fn reads_stdin(pipeline: &Pipeline) -> bool {
    let sources = pipeline.stages.iter().filter(|stage| stage.component.kind == Kind::Source);
    sources.into_iter().any(|source| source.component.name == "stdin" || source.options["path"] == "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_run_with_every_number_of_workers() {
        let names = |workers: &[u16]| {
            ways(workers).iter().map(|way| format!("{}{:?}", way.name(), way.workers)).collect::<Vec<_>>()
        };
        assert_eq!(
            names(&[4, 2, 2]),
            ["stagedNone", "workersSome(2)", "workersSome(4)", "shardedSome(2)", "shardedSome(4)"]
        );
        assert!(names(&[]).len() >= 3);
    }

    #[test]
    fn the_middle_run_counts() {
        let run = |seconds| Run { seconds, items: 0, bytes: 0, measured: Measured::default() };
        let middle = |times: &[f64]| median(times.iter().map(|t| run(*t)).collect()).map(|run| run.seconds);
        assert_eq!(middle(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(middle(&[4.0, 1.0, 3.0, 2.0]), Some(2.0));
        assert_eq!(middle(&[]), None);
    }
}
