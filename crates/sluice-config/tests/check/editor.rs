//! The JSON schema for editors.

use serde_json::{Value, json};
use sluice_core::Registry;

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                found.push(target.clone());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let schema = sluice_config::schema(&Registry::collect().unwrap());
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 20);
    for target in found {
        assert!(schema.pointer(target.trim_start_matches('#')).is_some(), "{target}");
    }
}

#[test]
fn every_component_is_there_with_its_options_and_docs() {
    let registry = Registry::collect().unwrap();
    let schema = sluice_config::schema(&registry);
    assert_eq!(registry.iter().count(), 12);
    for component in registry.iter() {
        let stage = &schema["$defs"][format!("{} {}", component.kind, component.name)];
        assert_eq!(stage["markdownDescription"], json!(component.docs));
        assert_eq!(stage["additionalProperties"], json!(false));
        for key in [component.kind.as_str(), "id", "inputs", "workers", "pipe", "on_error"] {
            assert!(stage["properties"].get(key).is_some(), "{component:?} {key}");
        }
    }
    let sample = &schema["$defs"]["filter sample"];
    assert_eq!(sample["required"], json!(["one_in"]));
    assert_eq!(sample["properties"]["one_in"]["description"], json!("One item in this many goes on."));
    let branches = sample["properties"]["one_in"]["anyOf"].as_array().unwrap();
    assert_eq!(branches[0]["type"], json!("integer"));
    assert_eq!(branches[1], json!({"$ref": "#/$defs/filled"}));
}
