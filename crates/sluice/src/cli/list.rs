//! `sluice list`.

use sluice_core::{Kind, Registry};

use super::args::Listed;
use super::load;
use super::text::wrapped_table;

/// A table of everything, or of one kind.
pub fn list(registry: &Registry, kind: Option<Listed>) -> anyhow::Result<String> {
    let mut sections = Vec::new();
    for of in Kind::ALL {
        if kind.is_none_or(|kind| kind.kind() == Some(of)) {
            let components = registry.iter().filter(|component| component.kind == of);
            let row = |name: &str, summary| vec![of.to_string(), name.to_owned(), summary];
            sections.push(components.map(|c| row(c.name, c.summary())).collect::<Vec<_>>());
        }
    }
    if kind.is_none_or(|kind| kind == Listed::Pipeline) {
        let pipelines = load::BUILT_IN.iter().map(|(name, text)| {
            let about = about(text).unwrap_or_default();
            vec!["pipeline".to_owned(), (*name).to_owned(), about]
        });
        sections.push(pipelines.collect());
    }
    // One table over all, so that the columns of the sections stand below each other.
    Ok(wrapped_table(&sections.concat()))
}

/// The `about:` of a pipeline.
pub fn about(text: &str) -> Option<String> {
    let pipeline: serde_json::Value = serde_yaml::from_str(text).ok()?;
    Some(pipeline.get("about")?.as_str()?.to_owned())
}
