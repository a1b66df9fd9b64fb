//! Tools for testing components.
//!
//! - [`Harness`] runs one stage, given as the YAML of a pipeline file, over batches, and counts like the runtime.
//! - [`Packets`] and [`records`] build batches; [`traffic`] has frames to put into them.
//! - [`golden`] turns batches into text and compares it with a file.
//! - [`compliance`] checks what every component has to fulfil.
//!
//! Not for: pipelines of several stages, threads or clocks. Those are the runtime's, and its tests run the real thing.

#![forbid(unsafe_code)]

pub mod alloc;
mod build;
pub mod compliance;
pub mod golden;
mod harness;
mod random;
pub mod traffic;

pub use build::{Packets, hex, pools, records};
pub use harness::{Error, Harness, Outcome, Stages, stages};
pub use random::Random;
