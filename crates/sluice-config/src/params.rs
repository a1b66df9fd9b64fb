//! The params of a pipeline: what it declares, and the values that a run gives them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::diagnostic::{Problem, Problems};
use crate::options::{self, Subject};
use crate::suggest;
use crate::yaml::{Data, Key, Node, Span};

/// A declared param.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// Its name, as in `name=value`.
    pub name: String,
    /// What it is for.
    pub about: Option<String>,
    /// Its value when none is given. Without one, a value must be given.
    pub default: Option<Value>,
    /// What values it takes.
    pub kind: ParamKind,
}

/// What values a param takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list; on the command line with commas between its items.
    List,
    /// A mapping; on the command line as `key=value`, with commas between.
    Map,
}

impl ParamKind {
    /// The word that declares it in a pipeline file.
    pub fn as_str(self) -> &'static str {
        match self {
            ParamKind::String => "string",
            ParamKind::Integer => "integer",
            ParamKind::Number => "number",
            ParamKind::Boolean => "boolean",
            ParamKind::List => "list",
            ParamKind::Map => "map",
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::String(_) => ParamKind::String,
            Value::Bool(_) => ParamKind::Boolean,
            Value::Number(n) if n.is_f64() => ParamKind::Number,
            Value::Number(_) => ParamKind::Integer,
            Value::Array(_) => ParamKind::List,
            Value::Object(_) => ParamKind::Map,
        }
    }

    pub(crate) fn takes(self, value: &Value) -> bool {
        let kind = Self::of(value);
        value.is_null() || kind == self || (self == ParamKind::Number && kind == ParamKind::Integer)
    }

    /// Reads a value from the command line; items of lists and mappings have the type of those of `like`.
    fn read(self, text: &str, like: Option<&Value>) -> Option<Value> {
        let item =
            |text: &str, like: Option<&Value>| like.map_or(ParamKind::String, Self::of).read_scalar(text);
        let mut parts = text.split(',').filter(|_| !text.is_empty());
        match self {
            ParamKind::List => {
                let like = like.and_then(|v| v.get(0));
                parts.map(|part| item(part.trim(), like)).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            ParamKind::Map => {
                let like = like.and_then(|v| v.as_object()?.values().next());
                let entry = |part: &str| {
                    let (key, value) = part.split_once('=')?;
                    Some((key.trim().to_owned(), item(value.trim(), like)?))
                };
                parts
                    .try_fold(serde_json::Map::new(), |mut map, part| {
                        map.extend([entry(part)?]);
                        Some(map)
                    })
                    .map(Value::Object)
            }
            scalar => scalar.read_scalar(text),
        }
    }

    fn read_scalar(self, text: &str) -> Option<Value> {
        match self {
            ParamKind::Integer => {
                text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
            }
            ParamKind::Number => text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from),
            ParamKind::Boolean => text.parse::<bool>().map(Value::from).ok(),
            ParamKind::String | ParamKind::List | ParamKind::Map => Some(Value::from(text)),
        }
    }
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What stands below the name of a param.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Declaration {
    /// What the param is for.
    about: Option<String>,
    /// Its value when none is given. Without one, a value must be given.
    default: Option<Value>,
    /// What values it takes; without this, those like the default, or text.
    #[serde(rename = "type")]
    kind: Option<ParamKind>,
}

/// A declared param and where.
pub(crate) struct Declared {
    pub spec: ParamSpec,
    span: Span,
    /// Whether a `default:` is written, be it empty.
    has_default: bool,
    /// Whether the declaration was refused, so that nobody knows what the value would be.
    refused: bool,
}

/// The values that `${name}` stands for, by name; nothing for a param of which the value was refused.
pub(crate) type Values = BTreeMap<String, Option<Value>>;

/// Reads the `params:` section.
pub(crate) fn declared(document: &str, section: &Node, problems: &mut Problems) -> Vec<Declared> {
    let Some(entries) = section.entries() else {
        if !matches!(section.data, Data::Null) {
            problems.push(options::mismatch(
                section,
                "`params` is not a mapping",
                "a mapping from names to declarations",
            ));
        }
        return Vec::new();
    };
    entries.iter().map(|entry| declare(document, &entry.key, &entry.value, problems)).collect()
}

fn declare(document: &str, key: &Key, node: &Node, problems: &mut Problems) -> Declared {
    let name = &key.text;
    if !is_name(name) {
        problems.push(
            Problem::new(&key.span, format!("`{name}` is no name for a param"))
                .cause("a name begins with a letter and goes on with letters, digits, `_` or `-`"),
        );
    }
    let subject = Subject::section(format!("param `{name}`"));
    let before = problems.len();
    let declaration = match node.data {
        Data::Null => Declaration::default(),
        Data::Map(_) => options::read(document, &subject, node, &key.span, problems).unwrap_or_default(),
        _ => {
            let problem =
                options::mismatch(node, format!("param `{name}` is not declared by a mapping"), "a mapping");
            problems.push(match node.is_scalar() {
                true => {
                    problem.help(format!("write `{name}: {{default: {}}}`", options::shortened(&node.raw)))
                }
                false => problem,
            });
            Declaration::default()
        }
    };
    let default = node.get("default");
    if let Some(filled) = default.and_then(first_filled) {
        problems.push(
            Problem::new(
                &filled.span,
                format!("`${{...}}` in the default of param `{name}` is not filled in"),
            )
            .help("use it below `stages` or `execution`"),
        );
    }
    let inferred = declaration.default.as_ref().map_or(ParamKind::String, ParamKind::of);
    let kind = declaration.kind.unwrap_or(inferred);
    if let (Some(value), Some(node)) = (&declaration.default, default)
        && !kind.takes(value)
    {
        problems.push(options::mismatch(
            node,
            format!("the default of param `{name}` is not of its type"),
            &format!("a value of type `{kind}`"),
        ));
    }
    let spec = ParamSpec { name: name.clone(), about: declaration.about, default: declaration.default, kind };
    Declared {
        spec,
        span: key.span.clone(),
        has_default: default.is_some(),
        refused: problems.len() > before,
    }
}

fn first_filled(node: &Node) -> Option<&Node> {
    match &node.data {
        Data::Text => node.raw.contains("${").then_some(node),
        Data::List(items) => items.iter().find_map(first_filled),
        Data::Map(entries) => entries.iter().find_map(|e| first_filled(&e.value)),
        _ => None,
    }
}

/// Whether this can be the name of a param or the id of a stage.
pub(crate) fn is_name(name: &str) -> bool {
    let tail = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(tail)
}

/// Gives every declared param its value: the one of the command line, or else its default.
pub(crate) fn values(
    declared: &[Declared],
    section: &Span,
    given: &[(String, String)],
    problems: &mut Problems,
) -> Values {
    for (i, (name, _)) in given.iter().enumerate() {
        match declared.iter().find(|d| d.spec.name == *name) {
            None => problems.push(unknown(name, declared.iter().map(|d| d.spec.name.as_str()), section)),
            Some(d) if given[..i].iter().any(|(before, _)| before == name) => {
                problems.push(
                    Problem::new(&d.span, format!("param `{name}` is set twice")).cause("declared here"),
                );
            }
            Some(_) => {}
        }
    }
    declared.iter().map(|d| (d.spec.name.clone(), value(d, given, problems))).collect()
}

fn value(declared: &Declared, given: &[(String, String)], problems: &mut Problems) -> Option<Value> {
    let ParamSpec { name, default, kind, .. } = &declared.spec;
    if let Some((_, text)) = given.iter().find(|(given, _)| given == name) {
        let value = kind.read(text, default.as_ref());
        if value.is_none() {
            problems.push(
                Problem::new(&declared.span, format!("`{text}` is no value for param `{name}`"))
                    .cause(format!("declared here as of type `{kind}`")),
            );
        }
        return value;
    }
    if declared.refused {
        return None;
    }
    if default.is_none() && declared.has_default {
        return Some(Value::Null);
    }
    if default.is_none() {
        problems.push(
            Problem::new(&declared.span, format!("param `{name}` has no value"))
                .cause("declared here without a `default`")
                .help(format!("set it with `{name}=...`")),
        );
    }
    default.clone()
}

/// The error about the name of a param that is not declared.
pub(crate) fn unknown<'a>(
    name: &str,
    declared: impl Iterator<Item = &'a str> + Clone,
    span: &Span,
) -> Problem {
    let problem = Problem::new(span, format!("unknown param `{name}`"));
    match declared.clone().next() {
        None => problem.cause("this pipeline declares no params"),
        Some(_) => {
            let all = suggest::list(declared.clone());
            problem.cause(format!("this pipeline declares {all}")).help_if(suggest::closest(name, declared))
        }
    }
}

#[cfg(test)]
mod tests;
