//! The component as a document: name, page, drop reasons, schema.

use serde_json::{Value, json};
use sluice_core::Component;

const SECTIONS: [&str; 3] = ["## Ports and drop reasons", "## Example", "## See also"];
const SUMMARY_MAX: usize = 100;

pub(super) fn check(component: &'static Component) -> Vec<String> {
    let mut broken = Vec::new();
    names(component, &mut broken);
    page(component, &mut broken);
    reasons(component, &mut broken);
    let schema = (component.schema)();
    objects(&schema, "the options", &mut broken);
    if schema["additionalProperties"] != json!(false) {
        broken.push("the options take unknown keys: add #[serde(deny_unknown_fields)]".into());
    }
    broken
}

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn names(component: &Component, broken: &mut Vec<String>) {
    if !is_snake_case(component.name) {
        broken.push(format!("the name `{}` is not snake_case", component.name));
    }
    let stem = component.file.rsplit(['/', '\\']).next().and_then(|file| file.strip_suffix(".rs"));
    if stem != Some(component.name) && stem != Some("lib") && stem != Some("main") {
        broken.push(format!("the file `{}` is not named like the component", component.file));
    }
}

fn page(component: &Component, broken: &mut Vec<String>) {
    let summary = component.summary();
    let lines =
        component.docs.lines().map(str::trim).skip_while(|l| l.is_empty()).take_while(|l| !l.is_empty());
    if summary.is_empty() || summary.starts_with(['#', '`']) || lines.count() != 1 {
        broken.push("the page does not begin with a summary of one line".into());
    } else if summary.chars().count() > SUMMARY_MAX {
        broken.push(format!("the summary is longer than {SUMMARY_MAX} characters"));
    }
    let headings: Vec<&str> =
        component.docs.lines().map(str::trim).filter(|l| l.starts_with("## ")).collect();
    for section in SECTIONS {
        if !headings.contains(&section) {
            broken.push(format!("the page lacks the section `{section}`"));
        }
    }
    let known: Vec<_> = headings.iter().filter_map(|h| SECTIONS.iter().position(|s| s == h)).collect();
    if !known.is_sorted() {
        broken.push(format!("the sections are not in the order {}", SECTIONS.join(", ")));
    }
}

fn reasons(component: &Component, broken: &mut Vec<String>) {
    for (at, reason) in component.drops.iter().enumerate() {
        if !is_snake_case(reason.name) {
            broken.push(format!("the drop reason `{}` is not snake_case", reason.name));
        }
        if reason.about.is_empty() || reason.about.ends_with('.') {
            broken.push(format!("the drop reason `{}` needs one phrase without a full stop", reason.name));
        }
        if component.drops[..at].iter().any(|earlier| earlier.name == reason.name) {
            broken.push(format!("the drop reason `{}` stands twice", reason.name));
        }
        if !component.docs.contains(&format!("`{}`", reason.name)) {
            broken.push(format!("the page does not mention the drop reason `{}`", reason.name));
        }
    }
}

/// Every object that the schema describes field by field, at any depth, describes every field.
fn objects(schema: &Value, place: &str, broken: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                for (name, property) in properties {
                    let text = property.get("description").and_then(Value::as_str).unwrap_or_default();
                    if text.trim().is_empty() {
                        broken.push(format!("`{name}` of {place} has no documentation"));
                    }
                }
            }
            for (key, inner) in map.iter().filter(|(key, _)| *key != "default" && *key != "examples") {
                let named = matches!(place, "properties" | "$defs");
                objects(
                    inner,
                    if named || key == "properties" || key == "$defs" { key } else { place },
                    broken,
                );
            }
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, place, broken)),
        _ => {}
    }
}
