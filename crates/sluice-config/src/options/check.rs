//! The walk over a value and its JSON schema, which reports every mismatch.

use std::collections::HashSet;

use regex::Regex;
use serde_json::Value;
use sluice_core::{Step, quantity};

use super::expected::{describe, display, literals, types};
use super::{Subject, alternatives, branches, mismatch, quoted};
use crate::diagnostic::{Problem, Problems};
use crate::suggest;
use crate::yaml::{Data, Key, Node, Origin, Span, scalar_type};

/// Checks a value. Gives the value to be read, in which text from the environment has the type that is asked for, or
/// nothing where a problem was found. `owner` is where to point when something is missing.
pub(crate) fn check(
    subject: &Subject,
    schema: &Value,
    node: &Node,
    owner: &Span,
    problems: &mut Problems,
) -> Option<Node> {
    let mut node = node.clone();
    let mut walk = Walk { subject, root: schema, path: Vec::new(), problems: Problems::default() };
    walk.value(schema, &mut node, owner);
    let clean = walk.problems.is_empty();
    problems.extend(walk.problems);
    clean.then_some(node)
}

/// The schema behind references.
pub(super) fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    // A chain of references that is longer leads in a circle.
    for _ in 0..32 {
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else { break };
        match target.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            Some(found) => schema = found,
            None => break,
        }
    }
    schema
}

/// Whether a value is of one of the types that the schema names.
pub(super) fn accepts_type(schema: &Value, data: &Data) -> bool {
    types(schema).next().is_none()
        || types(schema).any(|name| match data {
            Data::Null => name == "null",
            Data::Bool(_) => name == "boolean",
            Data::Number(n) => name == "number" || (name == "integer" && !n.is_f64()),
            Data::Text => name == "string",
            Data::List(_) => name == "array",
            Data::Map(_) => name == "object",
            Data::Unknown => true,
        })
}

pub(super) struct Walk<'a> {
    pub subject: &'a Subject,
    pub root: &'a Value,
    pub path: Vec<Step>,
    pub problems: Problems,
}

impl<'a> Walk<'a> {
    pub fn name(&self) -> String {
        self.subject.name(&self.path)
    }

    pub fn mismatch(&mut self, schema: &Value, node: &Node) {
        let expected = describe(self.root, schema);
        let message = format!("{} has the wrong type", self.name());
        self.problems.push(mismatch(node, message, &expected));
    }

    pub fn value(&mut self, schema: &'a Value, node: &mut Node, owner: &Span) {
        if node.data == Data::Unknown {
            return;
        }
        let schema = resolve(self.root, schema);
        if schema == &Value::Bool(false) {
            let message = format!("{} is not expected here", self.name());
            return self.problems.push(Problem::new(&node.span, message));
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(part, node, owner);
        }
        if let Some(branches) = alternatives(schema) {
            branches::check(self, schema, branches, node, owner);
        }
        if node.origin == Origin::Env && node.data == Data::Text && !accepts_type(schema, &node.data) {
            let typed = scalar_type(&node.raw);
            if accepts_type(schema, &typed) {
                node.data = typed;
            }
        }
        if !accepts_type(schema, &node.data) {
            return self.mismatch(schema, node);
        }
        self.literal(schema, node);
        match &mut node.data {
            Data::Number(_) => self.range(schema, node),
            Data::Text => self.text(schema, node),
            Data::List(items) => self.list(schema, items, &node.span.clone(), owner),
            Data::Map(_) => self.map(schema, node, owner),
            Data::Null | Data::Bool(_) | Data::Unknown => {}
        }
    }

    fn literal(&mut self, schema: &Value, node: &Node) {
        if literals(schema).next().is_some() && !literals(schema).any(|literal| *literal == node.to_json()) {
            self.not_among(&literals(schema).collect::<Vec<_>>(), node);
        }
    }

    /// The error about a value that is none of those listed.
    pub fn not_among(&mut self, literals: &[&Value], node: &Node) {
        let known: Vec<_> = literals.iter().map(|literal| display(literal)).collect();
        let help = match node.origin {
            Origin::Env => None,
            _ => suggest::closest(&node.raw, known.iter().map(String::as_str)),
        };
        let message = match node.is_scalar() {
            true => format!("{} is not a value of {}", quoted(node), self.name()),
            false => format!("{} has the wrong type", self.name()),
        };
        let cause = format!("expected {}", suggest::choice(&known));
        self.problems.push(Problem::new(&node.span, message).cause(cause).help_if(help));
    }

    fn range(&mut self, schema: &Value, node: &Node) {
        let Data::Number(number) = &node.data else { return };
        let value = number.as_f64().unwrap_or(f64::NAN);
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let width = schema.get("format").and_then(Value::as_str).and_then(width).unwrap_or((None, None));
        let low = bound("minimum").or(width.0);
        let high = bound("maximum").or(width.1);
        let (above, below) = (bound("exclusiveMinimum"), bound("exclusiveMaximum"));
        let inside = low.is_none_or(|low| value >= low)
            && high.is_none_or(|high| value <= high)
            && above.is_none_or(|above| value > above)
            && below.is_none_or(|below| value < below);
        if inside {
            return;
        }
        let expected = match (low, high, above, below) {
            (Some(low), Some(high), None, None) => format!("{low} to {high}"),
            _ => [("at least", low), ("more than", above), ("at most", high), ("less than", below)]
                .into_iter()
                .filter_map(|(words, bound)| Some(format!("{words} {}", bound?)))
                .collect::<Vec<_>>()
                .join(" and "),
        };
        self.problems.push(
            Problem::new(&node.span, format!("{} is out of range", self.name()))
                .cause(format!("expected {expected}, found {}", quoted(node))),
        );
    }

    fn text(&mut self, schema: &Value, node: &Node) {
        if let Some(format) = schema.get("format").and_then(Value::as_str)
            && let Some(Err(error)) = quantity::check_format(format, &node.raw)
        {
            let expected = describe(self.root, schema);
            let what = expected.split(" such as ").next().unwrap_or(&expected);
            let cause = match node.origin {
                Origin::Env => format!("expected {expected}"),
                _ => error,
            };
            return self
                .problems
                .push(Problem::new(&node.span, format!("{} is not {what}", self.name())).cause(cause));
        }
        let length = node.raw.chars().count() as u64;
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let wrong = match (bound("minLength"), bound("maxLength")) {
            (Some(1), _) if length == 0 => Some(("is empty", "expected at least one character".to_owned())),
            (Some(1), Some(1)) if length > 1 => Some(("is too long", "expected one character".to_owned())),
            (Some(low), _) if length < low => {
                Some(("is too short", format!("expected at least {low} characters")))
            }
            (_, Some(high)) if length > high => {
                Some(("is too long", format!("expected at most {high} characters")))
            }
            _ => None,
        };
        if let Some((what, cause)) = wrong {
            self.problems.push(Problem::new(&node.span, format!("{} {what}", self.name())).cause(cause));
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !matches(Regex::new(pattern).ok().as_ref(), &node.raw)
        {
            self.problems.push(
                Problem::new(&node.span, format!("{} has the wrong form", self.name()))
                    .cause(format!("expected a text that matches `{pattern}`")),
            );
        }
    }

    fn list(&mut self, schema: &'a Value, items: &mut [Node], span: &Span, owner: &Span) {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let length = items.len() as u64;
        let wrong = match (bound("minItems"), bound("maxItems")) {
            (Some(1), _) if length == 0 => Some(("is empty", "expected at least one item".to_owned())),
            (Some(low), Some(high)) if low == high && length != low => {
                Some(("has the wrong length", format!("expected {low} items, found {length}")))
            }
            (Some(low), _) if length < low => {
                Some(("is too short", format!("expected at least {low} items, found {length}")))
            }
            (_, Some(high)) if length > high => {
                Some(("is too long", format!("expected at most {high} items, found {length}")))
            }
            _ => None,
        };
        if let Some((what, cause)) = wrong {
            self.problems.push(Problem::new(span, format!("{} {what}", self.name())).cause(cause));
        }
        let first = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let others = schema.get("items");
        let mut seen = HashSet::new();
        for (index, item) in items.iter_mut().enumerate() {
            self.path.push(Step::Index(index));
            if let Some(schema) = first.get(index).or(others) {
                let place = item.span.clone();
                let place = if place.is_empty() { owner.clone() } else { place };
                self.value(schema, item, &place);
            }
            if schema.get("uniqueItems") == Some(&Value::Bool(true))
                && !seen.insert(item.to_json().to_string())
            {
                let message = format!("{} repeats an item above it", self.name());
                self.problems.push(Problem::new(&item.span, message));
            }
            self.path.pop();
        }
    }

    fn map(&mut self, schema: &'a Value, node: &mut Node, owner: &Span) {
        let Data::Map(entries) = &mut node.data else { return };
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let patterns: Vec<_> =
            patterns.into_iter().flatten().map(|(p, schema)| (Regex::new(p).ok(), schema)).collect();
        let additional = schema.get("additionalProperties");
        for entry in entries.iter_mut() {
            let key = &entry.key;
            self.path.push(Step::Key(key.text.clone()));
            if let Some(names) = schema.get("propertyNames") {
                let mut name = Node::text(key.span.clone(), key.text.clone(), key.style);
                self.value(names, &mut name, &key.span);
            }
            let own = properties.and_then(|p| p.get(&key.text));
            let by_pattern =
                || patterns.iter().find(|(p, _)| matches(p.as_ref(), &key.text)).map(|(_, schema)| *schema);
            let place = key.span.clone();
            match own.or_else(by_pattern).or(additional) {
                Some(Value::Bool(false)) => self.unknown(key.clone(), schema),
                None if properties.is_some() && alternatives(schema).is_none() => {
                    self.unknown(key.clone(), schema)
                }
                Some(schema) => self.value(schema, &mut entry.value, &place),
                None => {}
            }
            self.path.pop();
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            if !entries.iter().any(|entry| entry.key.text == key) {
                self.missing(key, properties.and_then(|p| p.get(key)), owner);
            }
        }
    }

    fn missing(&mut self, key: &str, schema: Option<&Value>, owner: &Span) {
        self.path.push(Step::Key(key.to_owned()));
        let about = schema.and_then(|s| s.get("description")).and_then(Value::as_str);
        let about = about.and_then(|text| text.lines().next()).map(|line| format!("`{key}`: {line}"));
        self.problems.push(
            Problem::new(owner, format!("missing {}", self.name()))
                .cause(format!("`{key}` is required"))
                .help_if(about),
        );
        self.path.pop();
    }

    /// The error about a key that the schema does not know. The path ends with it.
    fn unknown(&mut self, key: Key, schema: &Value) {
        let known: Vec<_> =
            schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|p| p.keys()).collect();
        let problem = Problem::new(&key.span, format!("unknown {}", self.name()));
        let names = known.iter().map(|name| name.as_str());
        let pattern =
            schema.get("patternProperties").and_then(Value::as_object).and_then(|p| p.keys().next());
        self.problems.push(match (known.is_empty(), pattern) {
            (true, Some(pattern)) if pattern == r"^\d+$" => problem.cause("expected a whole number"),
            (true, Some(pattern)) => problem.cause(format!("expected a key that matches `{pattern}`")),
            (true, None) => problem.cause("there are none"),
            (false, _) => {
                let besides = self.subject.besides.iter().copied().filter(|_| self.path.len() == 1);
                let help = suggest::closest(&key.text, names.clone().chain(besides));
                problem.cause(format!("expected {}", suggest::choice(names))).help_if(help)
            }
        });
    }
}

fn matches(pattern: Option<&Regex>, text: &str) -> bool {
    // A pattern that this engine does not read is left to whoever reads the value.
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

/// The range of a number of this format.
fn width(format: &str) -> Option<(Option<f64>, Option<f64>)> {
    if format == "size" {
        return Some((Some(0.0), None));
    }
    let (unsigned, bits) = match format.strip_prefix("uint") {
        Some(bits) => (true, bits),
        None => (false, format.strip_prefix("int")?),
    };
    let bits: i32 = if bits.is_empty() { 64 } else { bits.parse().ok()? };
    if bits >= 64 {
        // What is larger is no integer to the parser, and a range of twenty digits helps nobody.
        return Some((unsigned.then_some(0.0), None));
    }
    Some(match unsigned {
        true => (Some(0.0), Some(2f64.powi(bits) - 1.0)),
        false => (Some(-(2f64.powi(bits - 1))), Some(2f64.powi(bits - 1) - 1.0)),
    })
}
