//! The options of a component, read from its JSON schema.

use serde_json::Value;
use sluice_core::Component;

/// One option.
#[derive(Debug, PartialEq)]
pub struct OptionDoc {
    /// Its name; options of options have dots.
    pub name: String,
    /// What values it takes, in words.
    pub kind: String,
    /// Its default as YAML, `required`, or nothing where it may be left out.
    pub default: String,
    /// What it does.
    pub about: String,
}

/// All options of a component, in the order of its source.
pub fn options(component: &Component) -> Vec<OptionDoc> {
    let schema = (component.schema)();
    let mut options = Vec::new();
    Reader { root: &schema }.object(&schema, "", &mut options);
    options
}

struct Reader<'a> {
    root: &'a Value,
}

impl<'a> Reader<'a> {
    fn object(&self, schema: &'a Value, prefix: &str, options: &mut Vec<OptionDoc>) {
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|r| r.iter().any(|v| v == name));
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let name = format!("{prefix}{key}");
            let target = self.resolve(property);
            let default = match property.get("default") {
                Some(Value::Null) | None if required(key) => "required".to_owned(),
                Some(Value::Null) | None => String::new(),
                Some(Value::Array(items)) if items.is_empty() => String::new(),
                Some(Value::Object(entries)) if entries.is_empty() => String::new(),
                Some(value) => shown(value),
            };
            let about = [property, target].iter().find_map(|s| s["description"].as_str()).unwrap_or_default();
            let mut about = about.split_whitespace().collect::<Vec<_>>().join(" ");
            for (value, meaning) in choices(target).into_iter().filter(|(_, meaning)| !meaning.is_empty()) {
                about.push_str(&format!(" `{value}`: {}", sentence(&meaning)));
            }
            options.push(OptionDoc { name: name.clone(), kind: self.kind(property), default, about });
            self.object(self.part(target), &format!("{name}."), options);
        }
    }

    /// Follows references, and looks through `null`.
    fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..8 {
            let not_null = |s: &&Value| s["type"] != "null";
            let only = |branches: &'a Value| match branches
                .as_array()?
                .iter()
                .filter(not_null)
                .collect::<Vec<_>>()[..]
            {
                [one] => Some(one),
                _ => None,
            };
            let reference = schema["$ref"].as_str().and_then(|r| self.root.pointer(r.strip_prefix('#')?));
            match reference.or_else(|| only(&schema["anyOf"])).or_else(|| only(&schema["allOf"])) {
                Some(inner) => schema = inner,
                None => break,
            }
        }
        schema
    }

    /// The items of a list, where these have options of their own.
    fn part(&self, schema: &'a Value) -> &'a Value {
        if schema["items"].is_object() { self.resolve(&schema["items"]) } else { schema }
    }

    fn kind(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        let choices = choices(schema);
        if !choices.is_empty() {
            return choices.into_iter().map(|(value, _)| value).collect::<Vec<_>>().join(" | ");
        }
        let format = schema["format"].as_str();
        match format {
            Some(name @ ("duration" | "size" | "rate" | "speed")) => return name.to_owned(),
            Some("cidr") => return "network".to_owned(),
            Some("ip") => return "IP address".to_owned(),
            Some("mac") => return "MAC address".to_owned(),
            _ => {}
        }
        let kinds = match &schema["type"] {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => {
                many.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect()
            }
            _ => match schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
                Some(many) => return many.iter().map(|one| self.kind(one)).collect::<Vec<_>>().join(" or "),
                None => vec!["any"],
            },
        };
        let kind = |kind: &str| match kind {
            "array" => format!("list of {}", self.plural(&schema["items"])),
            "object" if schema["properties"].is_object() => "mapping".to_owned(),
            "object" => format!("map to {}", self.plural(&schema["additionalProperties"])),
            "string" => "text".to_owned(),
            "boolean" => "true | false".to_owned(),
            other => other.to_owned(),
        };
        kinds.into_iter().map(kind).collect::<Vec<_>>().join(" or ")
    }

    fn plural(&self, schema: &'a Value) -> String {
        let kind = self.kind(schema);
        match kind.as_str() {
            "text" => "texts".to_owned(),
            "any" | "integer or text" => "values".to_owned(),
            address if address.ends_with("address") => format!("{address}es"),
            other if other.contains(' ') => other.to_owned(),
            other => format!("{other}s"),
        }
    }
}

/// The values of an option that has a fixed set of them, each with its meaning.
fn choices(schema: &Value) -> Vec<(String, String)> {
    let mut choices: Vec<(String, String)> = Vec::new();
    let mut add = |value: &Value, about: &Value| {
        if !value.is_null() {
            choices.push((shown(value), about.as_str().unwrap_or_default().to_owned()));
        }
    };
    for branch in schema["oneOf"].as_array().into_iter().flatten() {
        add(&branch["const"], &branch["description"]);
        branch["enum"].as_array().into_iter().flatten().for_each(|value| add(value, &Value::Null));
    }
    schema["enum"].as_array().into_iter().flatten().for_each(|value| add(value, &Value::Null));
    choices
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn sentence(meaning: &str) -> String {
    let text = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    // An abbreviation keeps its capitals.
    if chars.clone().next().is_some_and(char::is_uppercase) { text } else { first + chars.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_told_in_words() {
        let root = json!({"$defs": {
            "How": {"oneOf": [{"const": "keep", "description": "As it is."}, {"enum": ["micro", "nano"]}]},
        }});
        let reader = Reader { root: &root };
        for (schema, kind) in [
            (json!({"type": ["string", "null"]}), "text"),
            (json!({"type": "array", "items": {"type": "string", "format": "cidr"}}), "list of networks"),
            (json!({"anyOf": [{"$ref": "#/$defs/How"}, {"type": "null"}]}), "keep | micro | nano"),
            (json!({"type": ["string", "integer"], "format": "size"}), "size"),
            (json!({"type": "object", "additionalProperties": {"type": "integer"}}), "map to integers"),
            (json!({"type": "boolean"}), "true | false"),
        ] {
            assert_eq!(reader.kind(&schema), kind);
        }
    }
}
