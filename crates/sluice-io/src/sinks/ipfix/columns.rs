//! Which fields of a record are which elements.

use sluice_core::RecordBatch;
use sluice_core::tape::{Key, Node, Value};

use super::elements::{self, Type};
use super::{Times, Version};

/// What a field is in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub id: u16,
    pub kind: Type,
    /// Whether it is told of the other direction.
    pub reverse: bool,
}

/// The fields of a record in their order. It is kept from one record to the next, whose fields are most likely the same: only
/// those that differ are looked up.
#[derive(Debug)]
pub(super) struct Columns {
    version: Version,
    times: Times,
    columns: Vec<(Key, Option<Target>)>,
    /// Names of fields that are no elements, until somebody is told.
    left_out: Option<Vec<String>>,
}

impl Columns {
    pub fn new(version: Version, times: Times) -> Self {
        Self { version, times, columns: Vec::new(), left_out: Some(Vec::new()) }
    }

    /// Forgets the keys, which mean something in one batch only.
    pub fn begin(&mut self) {
        self.columns.clear();
    }

    /// Puts the elements of a record into `found`, each with its value.
    pub fn read(&mut self, batch: &RecordBatch, fields: &[Node], found: &mut Vec<(Target, Value)>) {
        found.clear();
        let mut rest = match fields.split_first() {
            Some((Node { value: Value::Object(_), .. }, rest)) => rest,
            _ => return,
        };
        let mut at = 0;
        while let Some(node) = rest.first() {
            let target = match self.columns.get(at) {
                Some((key, target)) if *key == node.key => *target,
                _ => self.look_up(at, batch, node.key),
            };
            if let Some(target) = target {
                found.push((target, node.value));
            }
            rest = rest.get(node.span()..).unwrap_or_default();
            at += 1;
        }
    }

    /// The names of the fields that are no elements, the first time that there are some.
    pub fn left_out(&mut self) -> Option<Vec<String>> {
        self.left_out.take_if(|names| !names.is_empty())
    }

    #[cold]
    fn look_up(&mut self, at: usize, batch: &RecordBatch, key: Key) -> Option<Target> {
        self.columns.truncate(at);
        let name = batch.name(key);
        let target = elements::find(name).and_then(|(element, reverse)| {
            let (id, kind) = match self.times {
                Times::Named => (element.id, element.kind),
                Times::Milliseconds => elements::in_milliseconds(element.id, element.kind),
            };
            let (id, kind) = match self.version {
                Version::Ipfix => (id, kind),
                Version::NetflowV9 => elements::in_v9(id, kind)?,
            };
            Some(Target { id, kind, reverse })
        });
        // Two names may mean one element.
        let is_new = |target: &Target| {
            let mut others = self.columns.iter().filter_map(|(_, other)| other.as_ref());
            !others.any(|other| (other.id, other.reverse) == (target.id, target.reverse))
        };
        let target = target.filter(is_new);
        if let (None, Some(names)) = (target, &mut self.left_out) {
            names.push(name.to_owned());
        }
        self.columns.push((key, target));
        target
    }
}
