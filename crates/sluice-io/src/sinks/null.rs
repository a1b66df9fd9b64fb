//! The sink that keeps nothing.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, OptionError, Output, PortType, Ports, Prepared, Sink, prepared};

sluice_core::register! {
    /// Takes everything and keeps nothing.
    ///
    /// What comes in is counted in the summary of the run and let go. It ends a pipeline whose output nobody wants: to
    /// measure how fast the stages before it are, or to see what they count.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets or records. It drops nothing: whatever comes in counts as delivered.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - sink: "null"
    /// ```
    ///
    /// The quotes are needed: without them YAML reads `null` as no value at all.
    ///
    /// ## See also
    ///
    /// `stdout`, to look at what comes in.
    sink null(prepare), Stateless, drops []
}

/// It has no options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {}

fn prepare(_: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    Ok(prepared::sink(Ports::sink(PortType::Any), |_| Ok(Null)))
}

struct Null;

impl Sink for Null {
    fn write(&mut self, _: Batch, _: &mut Output) -> Result<(), Error> {
        Ok(())
    }
}
