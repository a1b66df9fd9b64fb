//! Data records.

use sluice_core::RecordBatch;
use sluice_core::tape::Value;

use super::columns::Target;
use super::elements::{self, Type};
use super::value::encode;

/// What a template says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Field {
    pub id: u16,
    pub reverse: bool,
    pub length: u16,
}

/// The element whose value is not of its type, or does not fit into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong(Target);

impl Wrong {
    /// The name of the element.
    pub fn name(self) -> &'static str {
        elements::name(self.0.id)
    }
}

/// A data record: what its template says, and its bytes.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub fields: Vec<Field>,
    pub bytes: Vec<u8>,
}

impl Row {
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub fn clear(&mut self) {
        self.fields.clear();
        self.bytes.clear();
    }

    fn push(&mut self, id: u16, target: Target, value: Value, batch: &RecordBatch) -> Result<(), Wrong> {
        if value == Value::Null {
            return Ok(());
        }
        encode(&mut self.bytes, target.kind, value, batch).ok_or(Wrong(target))?;
        self.fields.push(Field { id, reverse: target.reverse, length: target.kind.length() });
        Ok(())
    }

    /// Both directions in one record.
    pub fn whole(&mut self, found: &[(Target, Value)], batch: &RecordBatch) -> Result<(), Wrong> {
        self.clear();
        found.iter().try_for_each(|(target, value)| self.push(target.id, *target, *value, batch))
    }

    /// The direction from the source to the destination alone. Nothing where it had no packets, if the other one has.
    pub fn forward(
        &mut self,
        found: &[(Target, Value)],
        batch: &RecordBatch,
        has_other: bool,
    ) -> Result<(), Wrong> {
        self.clear();
        if has_other && is_silent(found, false) {
            return Ok(());
        }
        let own = found.iter().filter(|(target, _)| !target.reverse && target.id != BIFLOW_DIRECTION);
        for (target, value) in own {
            self.push(target.id, *target, *value, batch)?;
        }
        Ok(())
    }

    /// The other direction, as one who only sees that would tell of it: source and destination change places, and what is
    /// counted is what was counted of it. Nothing where it had no packets.
    pub fn backward(&mut self, found: &[(Target, Value)], batch: &RecordBatch) -> Result<(), Wrong> {
        self.clear();
        if is_silent(found, true) {
            return Ok(());
        }
        let own = found.iter().filter(|(target, _)| !target.reverse && target.id != BIFLOW_DIRECTION);
        for (target, value) in own {
            let of_reverse = found.iter().find(|(other, _)| other.reverse && other.id == target.id);
            match of_reverse {
                Some((_, value)) => self.push(target.id, *target, *value, batch)?,
                // What is counted in one direction says nothing about the other.
                None if target.kind == Type::Counter => {}
                None => self.push(elements::mirrored(target.id), *target, *value, batch)?,
            }
        }
        Ok(())
    }
}

/// Says which end of a record of both directions began it.
const BIFLOW_DIRECTION: u16 = 239;

/// Whether nothing was counted in a direction.
fn is_silent(found: &[(Target, Value)], reverse: bool) -> bool {
    let mut counters =
        found.iter().filter(|(target, _)| target.reverse == reverse && target.kind == Type::Counter);
    counters.all(|(_, value)| matches!(value, Value::Null | Value::Int(0)))
}
