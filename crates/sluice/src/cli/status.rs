//! `sluice status`.

use std::path::Path;

use sluice_runtime::State;

use super::out::{Failed, said};
use super::{summary, text};

/// The counters of the run that answers at `path`.
pub fn status(path: &Path, json: bool) -> anyhow::Result<String> {
    let snapshot = sluice_runtime::status(path)
        .map_err(|error| Failed::new(format!("no run answers at `{}`: {}", path.display(), said(&error))))?;
    if json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(&snapshot)?));
    }
    let state = match snapshot.state {
        State::Running => "running",
        State::Draining => "finishing what is in flight",
        State::Ended => "ended",
    };
    let memory = format!(
        "{} of {} in flight",
        text::bytes(snapshot.memory.used as f64),
        text::bytes(snapshot.memory.limit as f64)
    );
    let time = text::seconds(snapshot.seconds);
    let mut text = format!("{}: {state} for {time}, {memory}\n\n", snapshot.pipeline);
    text.push_str(&summary::tables(&snapshot, "items"));
    Ok(text)
}
