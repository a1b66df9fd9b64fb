//! Values against what is expected of them: JSON schemas first, then whoever reads the value.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_core::{Component, OptionError, Prepared, Step};

use crate::diagnostic::{Problem, Problems};
use crate::fill::Secrets;
use crate::stage;
use crate::yaml::{Data, Entry, Node, Origin, Span, Style};

mod branches;
mod check;
mod expected;

pub(crate) use check::check;

/// What the values belong to, for messages.
pub(crate) struct Subject {
    noun: &'static str,
    of: String,
    /// Keys that are read by somebody else but may be what was meant.
    besides: &'static [&'static str],
}

impl Subject {
    /// The options of a component.
    pub fn component(component: &Component) -> Self {
        let of = format!("{} `{}`", component.kind, component.name);
        Self { noun: "option", of, besides: &stage::RESERVED }
    }

    /// A part of the file that is no component's.
    pub fn section(of: impl Into<String>) -> Self {
        Self { noun: "key", of: of.into(), besides: &[] }
    }

    /// The value at this path: "option `ports.from` of filter `rewrite`".
    fn name(&self, path: &[Step]) -> String {
        match path {
            [] => self.of.clone(),
            path => format!("{} `{}` of {}", self.noun, Path(path), self.of),
        }
    }
}

struct Path<'a>(&'a [Step]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i > 0 => write!(f, ".{key}")?,
                Step::Key(key) => f.write_str(key)?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The error about a value of another type than expected.
pub(crate) fn mismatch(node: &Node, message: impl Into<String>, expected: &str) -> Problem {
    let problem =
        Problem::new(&node.span, message).cause(format!("expected {expected}, found {}", found(node)));
    let quotable = node.style == Style::Plain && !matches!(node.data, Data::Null | Data::Text);
    match (node.origin, &node.data) {
        (Origin::Written, _) if quotable && expected.contains("string") => {
            problem.help(format!("put it in quotes: \"{}\"", node.raw))
        }
        (Origin::Param, Data::Text) => problem.help("a param is a string unless it declares another `type`"),
        _ => problem,
    }
}

/// What a value is, in words that may be shown.
fn found(node: &Node) -> String {
    if node.origin == Origin::Env {
        return "a value from the environment".to_owned();
    }
    match &node.data {
        Data::Null | Data::Unknown => "nothing".to_owned(),
        Data::Bool(value) => format!("`{value}`"),
        Data::Number(n) if n.is_f64() => format!("the number `{}`", node.raw),
        Data::Number(_) => format!("the integer `{}`", node.raw),
        Data::Text if node.raw.is_empty() => "an empty string".to_owned(),
        Data::Text => format!("the string `{}`", shortened(&node.raw)),
        Data::List(_) => "a list".to_owned(),
        Data::Map(_) => "a mapping".to_owned(),
    }
}

/// A value as it may be quoted in a message.
pub(crate) fn quoted(node: &Node) -> String {
    match node.origin {
        Origin::Env => "the value from the environment".to_owned(),
        _ => format!("`{}`", shortened(&node.raw)),
    }
}

pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", text[..at].escape_debug()),
        None => text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
    }
}

/// Reads a part of the file that is no component's.
pub(crate) fn read<T: DeserializeOwned + JsonSchema>(
    document: &str,
    subject: &Subject,
    node: &Node,
    owner: &Span,
    problems: &mut Problems,
) -> Option<T> {
    let schema = schemars::schema_for!(T).to_value();
    let node = check(subject, &schema, node, owner, problems).filter(|node| !node.is_incomplete())?;
    let error = match serde_path_to_error::deserialize(node.to_json()) {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    let refused = OptionError {
        path: steps(error.path()),
        message: error.inner().to_string(),
        ..OptionError::default()
    };
    problems.push(refusal(document, subject, &node, owner, &refused, &Secrets::default()));
    None
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    use serde_path_to_error::Segment;
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { variant } => Some(Step::Key(variant.clone())),
        Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

/// Has a component judge options that fit its schema.
pub(crate) fn prepare(
    document: &str,
    component: &Component,
    node: &Node,
    owner: &Span,
    secrets: &Secrets,
    problems: &mut Problems,
) -> Option<Arc<dyn Prepared>> {
    let subject = Subject::component(component);
    let node = check(&subject, &(component.schema)(), node, owner, problems);
    let node = node.filter(|node| !node.is_incomplete())?;
    match (component.prepare)(node.to_json()) {
        Ok(prepared) => Some(prepared),
        Err(error) => {
            problems.push(refusal(document, &subject, &node, owner, &error, secrets));
            None
        }
    }
}

/// The error that a component reports, at its place in the document.
fn refusal(
    document: &str,
    subject: &Subject,
    node: &Node,
    owner: &Span,
    error: &OptionError,
    secrets: &Secrets,
) -> Problem {
    let (target, found) = follow(node, &error.path);
    let name = subject.name(&error.path);
    let span = match error.offset {
        _ if found == 0 => owner.clone(),
        Some(offset) => target.place(document, offset),
        None => target.span.clone(),
    };
    let help = error.help.as_deref();
    let leaks = |text: &str| secrets.leak(text);
    if (found > 0 && target.deepest_origin() == Origin::Env)
        || leaks(&error.message)
        || help.is_some_and(leaks)
    {
        return Problem::new(&span, format!("{name} is refused"))
            .cause("it has to do with a value from the environment, so no more is shown");
    }
    Problem::new(&span, format!("{name}: {}", without_place(&error.message))).help_if(error.help.clone())
}

/// A message without the place in a text that nobody has seen, which some readers of values append.
fn without_place(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((before, place)) if place.chars().all(|c| c.is_ascii_digit() || " column".contains(c)) => before,
        _ => message,
    }
}

/// Reports a value that is planned but not there yet, and takes it away.
pub(crate) fn refuse_planned(
    node: &mut Node,
    path: &[&str],
    planned: &[&str],
    instead: &str,
    problems: &mut Problems,
) {
    let Data::Map(entries) = &mut node.data else { return };
    let Some(at) = entries.iter().position(|entry| entry.key.text == path[0]) else { return };
    let Entry { key, value } = &mut entries[at];
    if path.len() > 1 {
        return refuse_planned(value, &path[1..], planned, instead, problems);
    }
    if value.data == Data::Text && value.origin < Origin::Env && planned.contains(&value.raw.as_str()) {
        let message = format!("`{}: {}` is not there yet", key.text, value.raw);
        problems.push(Problem::new(&value.span, message).help(instead));
        entries.remove(at);
    }
}

/// The value at the end of a path, or the last one on the way to it, and how many steps lead there.
fn follow<'a>(root: &'a Node, path: &[Step]) -> (&'a Node, usize) {
    let mut node = root;
    for (i, step) in path.iter().enumerate() {
        let next = match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.items().and_then(|items| items.get(*index)),
        };
        match next {
            Some(next) => node = next,
            None => return (node, i),
        }
    }
    (node, path.len())
}

/// The branches of a schema that offers several.
fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}
