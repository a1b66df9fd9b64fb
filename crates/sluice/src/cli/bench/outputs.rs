//! Where the sinks of a pipeline write while it is measured.

use std::path::Path;

use serde_json::{Value, json};
use sluice_config::{Pipeline, StageSpec};
use sluice_core::{Kind, Registry};

use super::super::out::Failed;

/// Lets every sink that writes to a path write into `folder`, to a file of the same name. Others, and all of them where there
/// is no folder, take what comes and do nothing: what they would have done on a terminal or in a network is not to be
/// repeated.
pub fn redirect(registry: &Registry, pipeline: &mut Pipeline, folder: Option<&Path>) -> anyhow::Result<()> {
    let null = registry.get(Kind::Sink, "null").ok_or_else(|| Failed::new("there is no sink `null`"))?;
    let sinks = pipeline.stages.iter_mut().filter(|stage| stage.component.kind == Kind::Sink);
    for (number, sink) in sinks.enumerate() {
        if folder.is_some_and(|folder| moves(sink, number, folder)) {
            continue;
        }
        sink.component = null;
        sink.prepared = (null.prepare)(json!({}))?;
        sink.options = json!({});
    }
    Ok(())
}

/// Prepares a sink once more, with another path.
fn moves(sink: &mut StageSpec, number: usize, folder: &Path) -> bool {
    let mut options = sink.options.clone();
    let Some(path) = options["path"].as_str() else { return false };
    let name = match Path::new(path).file_name() {
        Some(name) if path != "-" => name.to_string_lossy().into_owned(),
        _ => "output".to_owned(),
    };
    // What came from the environment is not among the options as they are shown.
    if options.to_string().contains("${env:") {
        return false;
    }
    options["path"] = Value::from(folder.join(format!("{number}-{name}")).to_string_lossy());
    match (sink.component.prepare)(options.clone()) {
        Ok(prepared) => {
            (sink.prepared, sink.options) = (prepared, options);
            true
        }
        Err(_) => false,
    }
}
