//! Runs a checked pipeline.
//!
//! A [`Pipeline`](sluice_config::Pipeline) becomes a plan (which stages share a thread, which pipes join them), the plan
//! becomes threads, and the threads run until the sources end, a signal comes or a stage fails. What flows, flows in
//! stamped messages, so that order can be restored wherever several threads or streams meet.
//!
//! - `plan`: cuts the graph into segments; a run mode is nothing but a rule for the cuts.
//! - `build`: instances, pipes, threads and counters for a plan.
//! - `segment`: what one thread does; `inlet` and `outlet` are its two sides, `cell` a stage on it, `exchange` divides what
//!   goes to shards.
//! - `run`: starts the threads and looks after them; `socket` answers questions meanwhile, `views` is what stages show.
//!
//! Not for: this crate knows no component by name, reads no YAML and prints nothing.

mod build;
mod cell;
mod control;
mod counters;
mod cpus;
mod exchange;
mod inlet;
mod latency;
mod outlet;
mod plan;
mod run;
mod segment;
mod snapshot;
mod socket;
mod views;

pub use control::Failure;
pub use latency::Latencies;
pub use run::{OpenedFn, Options, ProgressFn, ViewFn, run};
pub use snapshot::{Measured, Memory, Outcome, PipeSnapshot, Snapshot, StageSnapshot, State, Summary};
pub use socket::{status, view};
pub use views::{ShardView, StageViews, Views};
