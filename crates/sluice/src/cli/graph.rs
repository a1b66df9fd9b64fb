//! `sluice graph`.

use std::fmt::Write as _;

use sluice_config::{Pipeline, StageSpec};
use sluice_core::{Kind, MAIN, Registry};

use super::args::{self, GraphFormat};
use super::load;

/// The stages of a pipeline and what flows between them, as a drawing in words.
pub fn graph(registry: &Registry, args: &args::Graph) -> anyhow::Result<String> {
    let document = load::document(&args.pipeline)?;
    let pipeline = load::check(registry, &document, load::params(&args.params)?)?;
    Ok(match args.format {
        GraphFormat::Mermaid => mermaid(&pipeline),
        GraphFormat::Dot => dot(&pipeline),
    })
}

/// The lines of text inside a stage.
fn label(stage: &StageSpec) -> Vec<String> {
    let mut lines = vec![stage.id.clone(), format!("{} {}", stage.component.kind, stage.component.name)];
    if stage.workers.get() > 1 {
        lines.push(format!("{} threads", stage.workers));
    }
    lines
}

/// Every edge: from, to, what flows; the port where it is not the main one.
fn edges(pipeline: &Pipeline) -> impl Iterator<Item = (usize, usize, String)> + '_ {
    pipeline.stages.iter().enumerate().flat_map(move |(to, stage)| {
        stage.inputs.iter().filter_map(move |input| {
            let from = pipeline.stages.get(input.stage)?;
            let port = from.ports.outputs.get(input.port)?;
            let carries = from.gives.get(input.port)?.as_str();
            let label =
                if port.name == MAIN { carries.to_owned() } else { format!("{}: {carries}", port.name) };
            Some((input.stage, to, label))
        })
    })
}

fn mermaid(pipeline: &Pipeline) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (at, stage) in pipeline.stages.iter().enumerate() {
        let label = label(stage).join("<br>");
        let (open, close) = match stage.component.kind {
            Kind::Source => ("([", "])"),
            Kind::Filter => ("[", "]"),
            Kind::Sink => ("[(", ")]"),
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "    s{at}{open}\"{label}\"{close}");
    }
    for (from, to, label) in edges(pipeline) {
        let _ = writeln!(text, "    s{from} -->|{label}| s{to}");
    }
    text
}

fn dot(pipeline: &Pipeline) -> String {
    let mut text =
        format!("digraph \"{}\" {{\n    rankdir=LR;\n    node [shape=box];\n", escape(&pipeline.name));
    for (at, stage) in pipeline.stages.iter().enumerate() {
        let shape = match stage.component.kind {
            Kind::Source => ", shape=ellipse",
            Kind::Filter => "",
            Kind::Sink => ", shape=cylinder",
        };
        let _ = writeln!(text, "    s{at} [label=\"{}\"{shape}];", label(stage).join("\\n"));
    }
    for (from, to, label) in edges(pipeline) {
        let _ = writeln!(text, "    s{from} -> s{to} [label=\"{label}\"];");
    }
    text.push_str("}\n");
    text
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
