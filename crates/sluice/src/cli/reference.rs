//! The reference of all components, as Markdown.

use std::fmt::Write as _;

use sluice_core::{Component, Kind, Registry};

use super::{components, options};

const HEAD: &str = "\
# Components

Every source, filter and sink, generated from their own pages. To write it anew after one has changed:

    cargo run -- reference > docs/reference.md
";

/// One page for all kinds, each with its components in alphabetical order.
pub fn reference(registry: &Registry) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n| kind | name | summary |\n|---|---|---|\n");
    for component in registry.iter() {
        let Component { kind, name, .. } = component;
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "| {kind} | [`{name}`](#{kind}-{name}) | {} |", cell(&component.summary()));
    }
    for kind in Kind::ALL {
        let _ = writeln!(text, "\n## {}s", capital(kind.as_str()));
        registry.iter().filter(|c| c.kind == kind).for_each(|component| entry(component, &mut text));
    }
    text
}

fn entry(component: &Component, text: &mut String) {
    let _ = writeln!(text, "\n### {} {}\n", component.kind, component.name);
    for line in component.docs.trim().lines().map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        let heading = line.strip_prefix("## ").map(|heading| format!("#### {heading}"));
        let _ = writeln!(text, "{}", heading.as_deref().unwrap_or(line));
    }
    text.push_str("\n#### Options\n\n");
    let options = options::options(component);
    if options.is_empty() {
        text.push_str("None.\n");
    } else {
        text.push_str("| name | values | default | meaning |\n|---|---|---|---|\n");
    }
    for option in options {
        let default = if option.default.is_empty() { String::new() } else { format!("`{}`", option.default) };
        let default = if option.default == "required" { "required".to_owned() } else { default };
        let cells = [format!("`{}`", option.name), option.kind, default, option.about];
        let _ = writeln!(text, "| {} |", cells.map(|text| cell(&text)).join(" | "));
    }
    text.push_str("\n#### Facts\n\n");
    if let Some(ports) = components::ports(component) {
        let _ = writeln!(text, "- Flow: {}.", components::flow(&ports));
    }
    let _ = writeln!(text, "- Threads: {}.", components::threads(component));
    for reason in component.drops {
        let _ = writeln!(text, "- Drops `{}`: {}.", reason.name, reason.about);
    }
    let _ = writeln!(text, "- Crate: `{}`.", component.krate);
}

/// Text inside a cell of a table: a bar would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
