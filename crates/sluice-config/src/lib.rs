//! From YAML text to a checked pipeline, with every error at once and where it stands.
//!
//! The check goes in steps, each of which collects what is wrong and lets the next go on with the rest: a tree with
//! positions, the params and what is filled in for them, the options of each stage against the JSON schema of its
//! component, the component's own judgement, and the graph with its types. A pipeline comes out only where no step found
//! anything.
//!
//! Not for: this crate opens and starts nothing, and prints nothing; errors are rendered to a text.
#![forbid(unsafe_code)]

mod diagnostic;
mod editor;
mod execution;
mod file;
mod fill;
mod graph;
mod options;
mod params;
mod pipeline;
mod stage;
mod suggest;
mod tests_section;
mod yaml;

use sluice_core::Registry;

pub use diagnostic::{Diagnostic, Diagnostics, Label};
pub use editor::schema;
pub use params::{ParamKind, ParamSpec};
pub use pipeline::{Execution, Input, Mode, OnError, Pin, PipeSpec, Pipeline, StageSpec, WhenFull};
pub use tests_section::{Content, TestCase};

/// The text of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The name that messages show: a path, mostly.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What a run adds to the text.
pub struct Settings<'a> {
    /// Values for params, as `name=value` on the command line.
    pub params: Vec<(String, String)>,
    /// The environment, for `${env:NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Checks a pipeline against the components that there are. The result is ready to run, or all that is wrong.
pub fn check(
    document: &Document,
    registry: &Registry,
    settings: &Settings<'_>,
) -> Result<Pipeline, Diagnostics> {
    file::check(document, registry, settings)
}

/// The params that a pipeline declares, in the order of the file. The rest of the pipeline is not looked at.
pub fn params(document: &Document) -> Result<Vec<ParamSpec>, Diagnostics> {
    file::declared_params(document)
}
