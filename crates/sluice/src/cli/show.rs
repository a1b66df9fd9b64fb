//! `sluice show`.

use sluice_config::{Document, ParamSpec};
use sluice_core::Registry;

use super::out::Failed;
use super::text::{self, wrapped_table};
use super::{components, fields, list, load, page};

/// The page of a component or of a pipeline, or only the YAML of a pipeline; or what expressions are made of.
pub fn show(registry: &Registry, name: &str, prefix: Option<&str>, yaml: bool) -> anyhow::Result<String> {
    match (name, prefix) {
        ("fields", _) => return fields::fields(prefix.unwrap_or_default()),
        ("functions", _) => return fields::functions(prefix.unwrap_or_default()),
        (_, Some(prefix)) => {
            return Err(Failed::usage(format!("`{prefix}` means nothing after `{name}`")).into());
        }
        (_, None) => {}
    }
    let found = components::find(registry, name);
    if !found.is_empty() && !yaml {
        let pages: Vec<String> = found.into_iter().map(page::page).collect();
        return Ok(pages.join(&format!("\n{}\n\n", "-".repeat(text::WIDTH))));
    }
    let pipeline = name.strip_prefix("pipeline:").unwrap_or(name);
    let document = match load::built_in(pipeline) {
        None if name.contains('/') || name.contains('.') => load::document(name)?,
        None => return Err(unknown(registry, name).into()),
        Some(document) => document,
    };
    if yaml {
        return Ok(document.text);
    }
    show_pipeline(pipeline, &document)
}

fn show_pipeline(name: &str, document: &Document) -> anyhow::Result<String> {
    let mut text = format!("pipeline {name}\n\n");
    if let Some(about) = list::about(&document.text) {
        text.push_str(&format!("{about}\n\n"));
    }
    let params = sluice_config::params(document)?;
    let mut call = format!("sluice run {name}");
    for param in params.iter().filter(|param| param.default.is_none()) {
        call.push_str(&format!(" {}=...", param.name));
    }
    text.push_str(&format!("RUN\n\n    {call}\n\n"));
    if !params.is_empty() {
        text.push_str("PARAMS\n\n");
        let rows: Vec<_> = params.iter().map(param).collect();
        let head = ["name", "type", "default", ""].map(str::to_owned).to_vec();
        for line in wrapped_table(&[vec![head], rows].concat()).lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push('\n');
    }
    text.push_str("YAML, without its tests\n\n");
    for line in document.text.trim_end().lines().take_while(|line| *line != "tests:") {
        text.push_str(&if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") });
    }
    Ok(text)
}

fn param(param: &ParamSpec) -> Vec<String> {
    let default = match &param.default {
        None => "required".to_owned(),
        Some(value) => load::as_param(value),
    };
    let about = param.about.clone().unwrap_or_default();
    vec![param.name.clone(), param.kind.to_string(), default, about]
}

fn unknown(registry: &Registry, name: &str) -> Failed {
    let bare = name.split_once(':').map_or(name, |(_, name)| name);
    let names = registry.iter().map(|c| c.name).chain(load::BUILT_IN.iter().map(|(name, _)| *name));
    let help = match text::nearest(bare, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`sluice list` shows all".to_owned(),
    };
    Failed::usage(format!("there is no component or pipeline `{name}`: {help}"))
}
