//! A schema in words.

use serde_json::Value;

use super::alternatives;
use super::check::resolve;
use crate::suggest;

/// What a schema asks for: "an integer", "a duration such as `5s`", "`a` or `b`".
pub(super) fn describe(root: &Value, schema: &Value) -> String {
    let mut words = Vec::new();
    collect(root, schema, &mut words, 0);
    words.dedup();
    match words.pop() {
        None => "another value".to_owned(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}

fn collect(root: &Value, schema: &Value, words: &mut Vec<String>, depth: usize) {
    let schema = resolve(root, schema);
    if let Some(branches) = alternatives(schema)
        && depth < 8
    {
        let (constants, others): (Vec<_>, Vec<_>) =
            branches.iter().partition(|branch| literals(resolve(root, branch)).next().is_some());
        let constants: Vec<_> =
            constants.into_iter().flat_map(|b| literals(resolve(root, b))).map(display).collect();
        if !constants.is_empty() {
            words.push(suggest::choice(constants));
        }
        others.into_iter().for_each(|branch| collect(root, branch, words, depth + 1));
        return;
    }
    let constants: Vec<_> = literals(schema).map(display).collect();
    if !constants.is_empty() {
        words.push(suggest::choice(constants));
    } else if let Some(word) = schema.get("format").and_then(Value::as_str).and_then(quantity) {
        words.push(word.to_owned());
    } else {
        words.extend(types(schema).filter_map(type_word).map(str::to_owned));
    }
}

/// The values that a schema lists.
pub(super) fn literals(schema: &Value) -> impl Iterator<Item = &Value> {
    schema.get("const").into_iter().chain(schema.get("enum").and_then(Value::as_array).into_iter().flatten())
}

/// The types that a schema allows; none where it allows all.
pub(super) fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let types = schema.get("type");
    types
        .and_then(Value::as_str)
        .into_iter()
        .chain(types.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str))
}

/// A literal as one writes it.
pub(super) fn display(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn type_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a mapping",
        // That nothing may be given too need not be said to somebody who gives something.
        _ => return None,
    })
}

fn quantity(format: &str) -> Option<&'static str> {
    Some(match format {
        "duration" => "a duration such as `5s`",
        "size" => "a size such as `64KiB`",
        "rate" => "a rate such as `10k/s`",
        "speed" => "a speed such as `1x`, `10k/s`, `100Mbit/s` or `flat_out`",
        "cidr" => "a network such as `10.0.0.0/8`",
        "mac" => "a MAC address such as `02:00:00:00:00:01`",
        "ip" => "an IP address",
        _ => return None,
    })
}
