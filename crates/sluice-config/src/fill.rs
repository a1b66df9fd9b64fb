//! `${param}` and `${env:NAME}`, filled in after parsing, so that a value can never change the structure.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use crate::diagnostic::{Problem, Problems};
use crate::params::{self, Values};
use crate::suggest;
use crate::yaml::{self, Data, Entry, Key, Node, Origin, Span, Style};

/// The values from the environment that were filled in.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Whether a message would show one of them.
    pub fn leak(&self, message: &str) -> bool {
        let shows = |secret: &String| {
            message.contains(secret) || message.contains(&secret.escape_debug().to_string())
        };
        self.0.iter().any(shows)
    }
}

/// Fills in what stands for something else.
pub(crate) struct Filler<'a> {
    pub document: &'a str,
    pub values: &'a Values,
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub secrets: Secrets,
}

/// A piece of a text.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Reference(&'a str, Range<usize>),
    Unclosed(Range<usize>),
}

/// Cuts a text at its `${...}` and `$$`.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("$").map(|at| from + at) {
        let rest = &text[at + 1..];
        let (piece, end) = if rest.starts_with('$') {
            (Piece::Text("$"), at + 2)
        } else if let Some(inner) = rest.strip_prefix('{') {
            match inner.find('}') {
                Some(length) => (Piece::Reference(&inner[..length], at..at + length + 3), at + length + 3),
                None => (Piece::Unclosed(at..text.len()), text.len()),
            }
        } else {
            (Piece::Text("$"), at + 1)
        };
        pieces.extend((from < at).then(|| Piece::Text(&text[from..at])));
        pieces.push(piece);
        from = end;
    }
    pieces.extend((from < text.len()).then(|| Piece::Text(&text[from..])));
    pieces
}

/// What a reference stands for.
enum Found {
    Param(Value),
    Env(String),
    /// It was reported.
    Unknown,
}

impl Filler<'_> {
    /// Fills in a value and all that is in it.
    pub fn fill(&mut self, node: &mut Node, problems: &mut Problems) {
        match &mut node.data {
            Data::Text if node.raw.contains('$') => *node = self.scalar(node, problems),
            Data::List(items) => items.iter_mut().for_each(|item| self.fill(item, problems)),
            Data::Map(entries) => {
                let keys = entries.iter().any(|entry| entry.key.text.contains('$'));
                let mut complete = true;
                for entry in entries.iter_mut() {
                    complete &= self.key(&mut entry.key, problems);
                    self.fill(&mut entry.value, problems);
                }
                if keys {
                    refuse_repeated(entries, problems);
                }
                if !complete {
                    *node = unknown(&node.span);
                }
            }
            _ => {}
        }
    }

    fn scalar(&mut self, node: &Node, problems: &mut Problems) -> Node {
        let pieces = pieces(&node.raw);
        if let [Piece::Reference(name, part)] = pieces.as_slice() {
            return match self.look_up(name, &node.part(self.document, part.clone()), problems) {
                Found::Param(value) => from_json(&value, &node.span),
                Found::Env(text) => {
                    Node { origin: Origin::Env, ..Node::text(node.span.clone(), text, Style::Quoted) }
                }
                Found::Unknown => unknown(&node.span),
            };
        }
        let mut text = String::new();
        let mut origin = Origin::Written;
        let mut complete = true;
        for piece in &pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Unclosed(part) => {
                    complete = false;
                    problems.push(
                        Problem::new(&node.part(self.document, part.clone()), "`${` is not closed")
                            .help("close it with `}`, or write `$$` for a dollar"),
                    );
                }
                Piece::Reference(name, part) => {
                    let span = node.part(self.document, part.clone());
                    match self.look_up(name, &span, problems) {
                        Found::Unknown => complete = false,
                        Found::Env(value) => {
                            origin = Origin::Env;
                            text.push_str(&value);
                        }
                        Found::Param(value) => {
                            origin = origin.max(Origin::Param);
                            match inline(&value) {
                                Some(value) => text.push_str(&value),
                                None => {
                                    complete = false;
                                    problems.push(
                                        Problem::new(
                                            &span,
                                            format!("param `{name}` cannot be a part of a text"),
                                        )
                                        .cause("it is a list or a mapping"),
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
        match complete {
            // A `$$` alone makes the text another than the document shows, but it is still the document's.
            true => Node { origin, ..Node::text(node.span.clone(), text, node.style) },
            false => unknown(&node.span),
        }
    }

    /// Fills in a key. Gives whether it is known now.
    fn key(&mut self, key: &mut Key, problems: &mut Problems) -> bool {
        if !key.text.contains('$') {
            return true;
        }
        let node = Node::text(key.span.clone(), key.text.clone(), key.style);
        let pieces = pieces(&key.text);
        let whole = matches!(pieces.as_slice(), [Piece::Reference(..)]);
        if !whole && pieces.iter().any(|piece| !matches!(piece, Piece::Text(_))) {
            problems.push(
                Problem::new(&key.span, "a key is filled in only as a whole")
                    .help("let one param hold the whole key: `${name}: ...`"),
            );
            return false;
        }
        let filled = self.scalar(&node, problems);
        let problem = match filled.data {
            Data::Unknown => return false,
            _ if filled.origin == Origin::Env => {
                Problem::new(&key.span, "a key cannot come from the environment")
                    .cause("messages quote keys, and the environment may hold secrets")
            }
            _ if !filled.is_scalar() => {
                Problem::new(&key.span, "a key is a list or a mapping").cause("expected a text")
            }
            _ => {
                key.text = filled.raw;
                return true;
            }
        };
        problems.push(problem);
        false
    }

    fn look_up(&mut self, name: &str, span: &Span, problems: &mut Problems) -> Found {
        if let Some(variable) = name.strip_prefix("env:") {
            return match (self.env)(variable).filter(|_| is_variable(variable)) {
                Some(value) => {
                    // Every message holds the empty text, so it is no secret.
                    self.secrets.0.extend((!value.is_empty()).then(|| value.clone()));
                    Found::Env(value)
                }
                None => {
                    problems.push(match is_variable(variable) {
                        true => Problem::new(span, format!("environment variable `{variable}` is not set")),
                        false => {
                            Problem::new(span, format!("`${{env:{variable}}}` names no environment variable"))
                                .cause("expected letters, digits and `_`; a default cannot be given here")
                        }
                    });
                    Found::Unknown
                }
            };
        }
        match self.values.get(name) {
            Some(Some(value)) => Found::Param(value.clone()),
            Some(None) => Found::Unknown,
            None => {
                let known = self.values.keys().map(String::as_str);
                let problem = params::unknown(name, known.clone(), span);
                let declare = "declare it under `params`, or write `$$` for a dollar".to_owned();
                problems.push(problem.help_if(suggest::closest(name, known).or(Some(declare))));
                Found::Unknown
            }
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unknown(span: &Span) -> Node {
    let node = Node::text(span.clone(), String::new(), Style::Quoted);
    Node { data: Data::Unknown, origin: Origin::Param, ..node }
}

/// A value as a part of a text.
fn inline(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn from_json(value: &Value, span: &Span) -> Node {
    let text = |data: Data| {
        let raw = inline(value).unwrap_or_default();
        Node { data, origin: Origin::Param, ..Node::text(span.clone(), raw, Style::Plain) }
    };
    let collection = |data: Data| Node { origin: Origin::Param, ..Node::collection(span.clone(), data) };
    match value {
        Value::Null => text(Data::Null),
        Value::Bool(value) => text(Data::Bool(*value)),
        Value::Number(number) => text(Data::Number(number.clone())),
        Value::String(_) => text(Data::Text),
        Value::Array(items) => {
            collection(Data::List(items.iter().map(|item| from_json(item, span)).collect()))
        }
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| Entry {
                key: Key { span: span.clone(), text: key.clone(), style: Style::Plain },
                value: from_json(value, span),
            };
            collection(Data::Map(map.iter().map(entry).collect()))
        }
    }
}

/// Two keys may have become equal.
fn refuse_repeated(entries: &mut Vec<Entry>, problems: &mut Problems) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    entries.retain(|entry| match seen.get(&entry.key.text) {
        Some(first) => {
            problems.push(yaml::twice(&entry.key, first));
            false
        }
        None => {
            seen.insert(entry.key.text.clone(), entry.key.span.clone());
            true
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_a_text_at_its_references() {
        use Piece::*;
        assert_eq!(pieces("${a}"), [Reference("a", 0..4)]);
        assert_eq!(
            pieces("x${a}-${env:B}"),
            [Text("x"), Reference("a", 1..5), Text("-"), Reference("env:B", 6..14)]
        );
        assert_eq!(pieces("$$${a}$"), [Text("$"), Reference("a", 2..6), Text("$")]);
        assert_eq!(pieces("^a$|b"), [Text("^a"), Text("$"), Text("|b")]);
        assert_eq!(pieces("a${b"), [Text("a"), Unclosed(1..4)]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn secrets_are_found_in_messages_as_they_are_and_escaped() {
        let secrets = Secrets(vec!["a\"b".to_owned()]);
        assert!(secrets.leak("bad value a\"b"));
        assert!(secrets.leak(r#"bad value "a\"b""#));
        assert!(!secrets.leak("bad value"));
    }
}
