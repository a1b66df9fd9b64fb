//! A value for which a schema offers several branches: the one that fits, or the errors of the one that was meant.

use serde_json::Value;

use super::check::{Walk, accepts_type, resolve};
use super::expected::{display, literals};
use super::{alternatives, quoted};
use crate::diagnostic::{Problem, Problems};
use crate::suggest;
use crate::yaml::{Data, Node, Origin, Span, scalar_type};

pub(super) fn check<'a>(
    walk: &mut Walk<'a>,
    schema: &'a Value,
    branches: &'a [Value],
    node: &mut Node,
    owner: &Span,
) {
    let branches = flatten(walk.root, branches, 0);
    let value = node.to_json();
    let constants: Vec<_> = branches.iter().flat_map(|branch| literals(branch)).collect();
    if constants.iter().any(|literal| **literal == value) {
        return;
    }
    let typed = (node.origin == Origin::Env && node.data == Data::Text).then(|| scalar_type(&node.raw));
    let fits = |branch: &Value| {
        accepts_type(branch, &node.data) || typed.as_ref().is_some_and(|typed| accepts_type(branch, typed))
    };
    let open: Vec<_> = branches.iter().copied().filter(|b| literals(b).next().is_none() && fits(b)).collect();
    if let Some(tags) = tags(&open)
        && let Data::Map(entries) = &node.data
    {
        return variant(walk, &tags, &open, entries.first().map(|e| e.key.text.clone()), node, owner);
    }
    let mut best: Option<Problems> = None;
    for branch in &open {
        let (problems, read) = attempt(walk, branch, node, owner);
        if problems.is_empty() {
            *node = read;
            return;
        }
        if best.as_ref().is_none_or(|best| problems.len() < best.len()) {
            best = Some(problems);
        }
    }
    match best {
        Some(problems) => walk.problems.extend(problems),
        None if node.data == Data::Text && branches.iter().any(|b| tag(b) == Some(&node.raw)) => {
            let message = format!("{} lacks the value of {}", walk.name(), quoted(node));
            let help = format!("write `{{{}: ...}}`", node.raw);
            walk.problems
                .push(Problem::new(&node.span, message).help_if((node.origin < Origin::Env).then_some(help)));
        }
        None if node.data == Data::Text && !constants.is_empty() => {
            let tags: Vec<_> = branches.iter().filter_map(|b| tag(b)).map(Value::from).collect();
            walk.not_among(&constants.into_iter().chain(&tags).collect::<Vec<_>>(), node);
        }
        None => walk.mismatch(schema, node),
    }
}

/// The branches of all depths, with references followed.
fn flatten<'a>(root: &'a Value, branches: &'a [Value], depth: usize) -> Vec<&'a Value> {
    let inner = |branch: &'a Value| {
        let branch = resolve(root, branch);
        match alternatives(branch) {
            Some(more) if depth < 8 => flatten(root, more, depth + 1),
            _ => vec![branch],
        }
    };
    branches.iter().flat_map(inner).collect()
}

/// The name of the variant, if a branch is one of an enum that holds a value: a mapping with this one key.
fn tag(branch: &Value) -> Option<&str> {
    let [key] = branch.get("required")?.as_array()?.as_slice() else { return None };
    let alone = branch.get("properties")?.as_object()?.len() == 1;
    let closed = branch.get("additionalProperties") == Some(&Value::Bool(false));
    key.as_str().filter(|_| alone && closed)
}

fn tags<'a>(branches: &[&'a Value]) -> Option<Vec<&'a str>> {
    let tags: Option<Vec<_>> = branches.iter().map(|branch| tag(branch)).collect();
    tags.filter(|tags| !tags.is_empty())
}

/// Checks a mapping that is to hold the one key which names a variant.
fn variant<'a>(
    walk: &mut Walk<'a>,
    tags: &[&str],
    branches: &[&'a Value],
    key: Option<String>,
    node: &mut Node,
    owner: &Span,
) {
    let Data::Map(entries) = &node.data else { return };
    let expected = format!("expected one of {}", suggest::choice(tags));
    let (Some(key), 1) = (key, entries.len()) else {
        let message = format!("{} holds {} keys instead of one", walk.name(), entries.len());
        let span = entries.get(1).map_or(&node.span, |second| &second.key.span);
        return walk.problems.push(Problem::new(span, message).cause(expected));
    };
    match tags.iter().position(|tag| *tag == key) {
        Some(at) => {
            let (problems, read) = attempt(walk, branches[at], node, owner);
            *node = read;
            walk.problems.extend(problems);
        }
        None => {
            let span = &entries[0].key.span;
            let message = format!("unknown key `{}` in {}", display(&Value::from(key.as_str())), walk.name());
            let help = suggest::closest(&key, tags.iter().copied());
            walk.problems.push(Problem::new(span, message).cause(expected).help_if(help));
        }
    }
}

/// Checks a copy of the value against one branch.
fn attempt<'a>(walk: &mut Walk<'a>, branch: &'a Value, node: &Node, owner: &Span) -> (Problems, Node) {
    let mut copy = node.clone();
    let mut inner = Walk {
        subject: walk.subject,
        root: walk.root,
        path: walk.path.clone(),
        problems: Problems::default(),
    };
    inner.value(branch, &mut copy, owner);
    (inner.problems, copy)
}
