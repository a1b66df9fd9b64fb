//! The JSON schema of a pipeline file, for editors: keys, values and documentation while one types.

use serde_json::{Map, Value, json};
use sluice_core::{Component, Kind, Registry};

use crate::execution;
use crate::params::Declaration;
use crate::stage::Common;
use crate::tests_section::Case;

/// The JSON schema of a pipeline file with these components.
///
/// It is wider than [`check`](crate::check) where an editor cannot know better: any value may be a `${...}`.
pub fn schema(registry: &Registry) -> Value {
    let mut defs = Map::new();
    defs.insert("filled".to_owned(), json!({"type": "string", "pattern": "\\$\\{[^}]+\\}"}));
    let common = part(schemars::schema_for!(Common).to_value(), "stage", true, &mut defs);
    let mut rules = Vec::new();
    for component in registry.iter() {
        let name = format!("{} {}", component.kind, component.name);
        let stage = stage(component, &common, &mut defs);
        defs.insert(name.clone(), stage);
        rules.push(json!({
            "if": {
                "properties": {component.kind.as_str(): {"const": component.name}},
                "required": [component.kind.as_str()],
            },
            "then": {"$ref": format!("#/$defs/{name}")},
        }));
    }
    let kinds: Map<_, _> =
        Kind::ALL.iter().map(|kind| (kind.as_str().to_owned(), names(registry, *kind))).collect();
    let params = part(schemars::schema_for!(Declaration).to_value(), "param", false, &mut defs);
    let execution = part(schemars::schema_for!(execution::Section).to_value(), "execution", true, &mut defs);
    let test = part(schemars::schema_for!(Case).to_value(), "test", false, &mut defs);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sluice pipeline",
        "type": "object",
        "properties": {
            "version": {"const": 1, "description": "The version of the file format."},
            "name": {"type": "string", "description": "What the pipeline is called; by default the name of the file."},
            "about": {"type": "string", "description": "What the pipeline does."},
            "params": {
                "type": "object",
                "description": "What a run may set with `name=value`, used as `${name}`.",
                "additionalProperties": {"anyOf": [params, {"type": "null"}]},
            },
            "execution": execution,
            "stages": {
                "type": "array",
                "description": "The stages. Each reads from the one before it unless `inputs` names others.",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": kinds,
                    "oneOf": Kind::ALL.map(|kind| json!({"required": [kind.as_str()]})),
                    "allOf": rules,
                },
            },
            "tests": {
                "type": "array",
                "description": "What the pipeline promises about its output; run by `sluice test`.",
                "items": test,
            },
        },
        "required": ["version", "stages"],
        "additionalProperties": false,
        "$defs": defs,
    })
}

/// The names of a kind, each with its page.
fn names(registry: &Registry, kind: Kind) -> Value {
    let of_kind = registry.iter().filter(|component| component.kind == kind);
    let name =
        |c: &Component| json!({"const": c.name, "description": c.summary(), "markdownDescription": c.docs});
    json!({"description": format!("The name of a {kind}."), "oneOf": of_kind.map(name).collect::<Vec<_>>()})
}

/// A stage with one component: its options and the keys that every stage may have.
fn stage(component: &Component, common: &Value, defs: &mut Map<String, Value>) -> Value {
    let name = format!("{} {}", component.kind, component.name);
    let mut stage = part((component.schema)(), &name, true, defs);
    let mut properties = Map::new();
    properties.insert(component.kind.as_str().to_owned(), json!({"const": component.name}));
    for schema in [&stage, common] {
        let own = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        properties.extend(own.map(|(key, schema)| (key.clone(), schema.clone())));
    }
    if let Some(stage) = stage.as_object_mut() {
        stage.insert("properties".to_owned(), Value::Object(properties));
        stage.insert("additionalProperties".to_owned(), Value::Bool(false));
        stage.insert("description".to_owned(), Value::String(component.summary()));
        stage.insert("markdownDescription".to_owned(), Value::from(component.docs));
    }
    stage
}

/// Takes the definitions out of a schema and puts them, under names of their own, among those of the whole.
fn part(mut schema: Value, name: &str, filled: bool, defs: &mut Map<String, Value>) -> Value {
    let own = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("title");
        schema.remove("$defs")
    });
    rewrite(&mut schema, name, filled);
    if let Some(Value::Object(own)) = own {
        for (key, mut definition) in own {
            rewrite(&mut definition, name, filled);
            defs.insert(format!("{name} {key}"), definition);
        }
    }
    schema
}

/// Lets references lead to the new names, and, where asked, lets every value below be a `${...}`.
fn rewrite(schema: &mut Value, name: &str, filled: bool) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::String(target)) = object.get_mut("$ref")
        && let Some(key) = target.strip_prefix("#/$defs/")
    {
        *target = format!("#/$defs/{name} {key}");
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for branch in object.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            rewrite(branch, name, filled);
        }
    }
    for key in ["properties", "patternProperties"] {
        for (_, value) in object.get_mut(key).and_then(Value::as_object_mut).into_iter().flatten() {
            rewrite_value(value, name, filled);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(value) = object.get_mut(key) {
            rewrite_value(value, name, filled);
        }
    }
    for value in object.get_mut("prefixItems").and_then(Value::as_array_mut).into_iter().flatten() {
        rewrite_value(value, name, filled);
    }
}

fn rewrite_value(schema: &mut Value, name: &str, filled: bool) {
    rewrite(schema, name, filled);
    let Some(object) = schema.as_object_mut() else { return };
    let constrained =
        ["enum", "const", "format", "pattern", "maxLength"].iter().any(|key| object.contains_key(*key));
    let any_text = object.get("type") == Some(&Value::from("string")) && !constrained;
    if !filled || any_text || object.is_empty() {
        return;
    }
    let description = object.remove("description");
    let inner = std::mem::take(schema);
    *schema = json!({"anyOf": [inner, {"$ref": "#/$defs/filled"}]});
    if let (Some(object), Some(description)) = (schema.as_object_mut(), description) {
        object.insert("description".to_owned(), description);
    }
}
