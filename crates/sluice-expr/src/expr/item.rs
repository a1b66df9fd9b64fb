//! What an expression is evaluated over.

use std::cell::RefCell;

use sluice_core::tape::{Key, Node, Value as Taped};
use sluice_core::{Record, RecordBatch};

use super::tree::PathStep;
use crate::Value;
use crate::fields::Packet;

/// One record.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The batch that it is in.
    pub batch: &'a RecordBatch,
    /// What is known about it.
    pub record: &'a Record,
}

impl<'a> Line<'a> {
    /// Its line without the ending.
    pub fn text(&self) -> &'a [u8] {
        self.batch.line(self.record)
    }
}

/// A packet or a record.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Packet(Packet<'a>),
    Record(Line<'a>),
}

/// What an expression is evaluated over, with what evaluating needs.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) subject: Subject<'a>,
    /// The keys of this batch for the names in the expression.
    pub(crate) keys: &'a [Option<Key>],
    pub(crate) buffers: &'a Buffers,
}

/// Buffers for computed texts, kept to be used again.
#[derive(Debug, Default)]
pub(crate) struct Buffers(pub(crate) RefCell<Vec<Vec<u8>>>);

impl Buffers {
    /// Calls `with` with an empty buffer.
    pub(crate) fn lend<T>(&self, with: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut buffer = self.0.borrow_mut().pop().unwrap_or_default();
        buffer.clear();
        let result = with(&mut buffer);
        self.0.borrow_mut().push(buffer);
        result
    }
}

impl<'a> Item<'a> {
    /// The node at the end of a path, and the nodes of what it contains.
    pub(crate) fn follow(&self, steps: &[PathStep]) -> Option<(Line<'a>, &'a [Node])> {
        let Subject::Record(line) = self.subject else { return None };
        let mut nodes = line.batch.fields(line.record)?;
        for step in steps {
            let (first, inside) = nodes.split_first()?;
            nodes = match (step, first.value) {
                (PathStep::Key(slot), Taped::Object(_)) => {
                    let key = (*self.keys.get(*slot)?)?;
                    // Of several with the same key the last one counts.
                    children(inside)
                        .filter(|child| child.first().is_some_and(|node| node.key == key))
                        .last()?
                }
                (PathStep::Index(index), Taped::Array(_)) => children(inside).nth(*index as usize)?,
                _ => return None,
            };
        }
        Some((line, nodes))
    }
}

/// What a container contains: each value with the nodes that belong to it.
fn children(mut nodes: &[Node]) -> impl Iterator<Item = &[Node]> {
    std::iter::from_fn(move || {
        let (child, rest) = nodes.split_at_checked(nodes.first()?.span())?;
        nodes = rest;
        Some(child)
    })
}

/// The value of a node; `None` for nothing and for a container.
fn value<'a>(line: &Line<'a>, node: &Node) -> Option<Value<'a>> {
    match node.value {
        Taped::Bool(value) => Some(Value::Bool(value)),
        Taped::Int(value) => Some(Value::Int(value.into())),
        Taped::Uint(value) => Some(Value::Int(value.into())),
        Taped::Float(value) => Some(Value::Float(value)),
        Taped::Str(text) => Some(Value::Text(line.batch.text(text))),
        Taped::Null | Taped::Object(_) | Taped::Array(_) => None,
    }
}

/// The values at the end of a path: those of an array one by one.
pub(crate) fn values<'a>(line: &Line<'a>, nodes: &'a [Node]) -> impl Iterator<Item = Value<'a>> {
    let items = match nodes.split_first() {
        Some((Node { value: Taped::Array(_), .. }, inside)) => inside,
        _ => nodes,
    };
    children(items).filter_map(|child| value(line, child.first()?))
}
