//! Sluice moves packets and log events through pipelines of filters.
//!
//! What this crate offers depends on its features:
//! - without any, what the author of a component needs: everything of `sluice-core` ([`register!`], the traits, the batches)
//!   and the packet headers as [`wire`];
//! - `testkit`: tools for testing a component;
//! - `engine`: `config` to check a pipeline and `runtime` to run it, with all built-in components linked;
//! - `cli` (the default): the `sluice` command. A program of three lines has that command and components of its own:
//!
//! ```text
//! use my_plugin as _;
//!
//! fn main() -> std::process::ExitCode {
//!     sluice::cli::main()
//! }
//! ```

#![forbid(unsafe_code)]

pub use sluice_core::*;
pub use sluice_wire as wire;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "engine")]
pub use sluice_config as config;
#[cfg(feature = "engine")]
pub use sluice_runtime as runtime;
#[cfg(feature = "testkit")]
pub use sluice_testkit as testkit;

// Linked for the components that it registers.
#[cfg(feature = "engine")]
use sluice_builtins as _;
