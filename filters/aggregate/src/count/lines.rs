//! Keys of records: the values of some fields, written so that keys sort as their values do.

use std::collections::HashMap;

use sluice_core::tape::{Key, Value};
use sluice_core::{Record, RecordBatch};

use super::page::{Cell, Page};
use super::table::Totals;

/// Totals by key.
#[derive(Debug, Default)]
pub(super) struct Lines {
    map: HashMap<Box<[u8]>, Totals>,
}

impl Lines {
    pub fn add(&mut self, key: &[u8], bytes: u32, time: i64, room: &mut usize, other: &mut Totals) {
        if let Some(totals) = self.map.get_mut(key) {
            return totals.add(bytes, time);
        }
        if *room == 0 {
            return other.add(bytes, time);
        }
        *room -= 1;
        let mut totals = Totals::NOTHING;
        totals.add(bytes, time);
        self.map.insert(key.into(), totals);
    }

    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn rows(&self) -> impl Iterator<Item = (&[u8], &Totals)> + '_ {
        self.map.iter().map(|(key, totals)| (&**key, totals))
    }

    pub fn clear(&mut self) {
        self.map.clear();
    }
}

const NOTHING: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const UINT: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;

/// Writes the key of a record, given the keys of the wanted fields in this batch.
pub(super) fn write(key: &mut Vec<u8>, wanted: &[Option<Key>], batch: &RecordBatch, record: &Record) {
    key.clear();
    for wanted in wanted {
        match wanted.and_then(|wanted| find(batch, record, wanted)) {
            Some(Value::Bool(false)) => key.push(FALSE),
            Some(Value::Bool(true)) => key.push(TRUE),
            Some(Value::Int(number)) => {
                key.push(INT);
                key.extend_from_slice(&(number as u64 ^ SIGN).to_be_bytes());
            }
            Some(Value::Uint(number)) => {
                key.push(UINT);
                key.extend_from_slice(&number.to_be_bytes());
            }
            Some(Value::Float(number)) => {
                // Of the bits of a negative number all are turned, of others the sign: then they sort as numbers do.
                let bits = number.to_bits();
                let turned = if bits & SIGN == 0 { bits | SIGN } else { !bits };
                key.push(FLOAT);
                key.extend_from_slice(&turned.to_be_bytes());
            }
            Some(Value::Str(text)) => {
                key.push(TEXT);
                for byte in batch.text(text) {
                    key.push(*byte);
                    if *byte == 0 {
                        key.push(1);
                    }
                }
                key.extend_from_slice(&[0, 0]);
            }
            Some(Value::Null | Value::Object(_) | Value::Array(_)) | None => key.push(NOTHING),
        }
    }
}

const SIGN: u64 = 1 << 63;

/// The value under a key at the top; the last one where it stands several times.
fn find(batch: &RecordBatch, record: &Record, wanted: Key) -> Option<Value> {
    let (_, mut nodes) = batch.fields(record)?.split_first()?;
    let mut found = None;
    while let Some(node) = nodes.first() {
        if node.key == wanted {
            found = Some(node.value);
        }
        nodes = nodes.get(node.span()..)?;
    }
    found
}

/// Appends the cells of a key.
pub(super) fn show(mut key: &[u8], page: &mut Page) {
    while let Some((kind, rest)) = key.split_first() {
        key = rest;
        let number = rest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        match *kind {
            FALSE | TRUE => page.cell(Cell::Bool(*kind == TRUE)),
            INT => page.cell(Cell::Signed((number ^ SIGN) as i64)),
            UINT => page.cell(Cell::Number(number)),
            FLOAT => {
                let bits = if number & SIGN == 0 { !number } else { number ^ SIGN };
                page.cell(Cell::Float(f64::from_bits(bits)));
            }
            TEXT => page.text(|out| {
                let mut bytes = rest.iter();
                let mut taken = 0;
                while let Some(byte) = bytes.next() {
                    taken += 1;
                    if *byte == 0 {
                        taken += 1;
                        if bytes.next() != Some(&1) {
                            break;
                        }
                    }
                    out.push(*byte);
                }
                key = rest.get(taken..).unwrap_or_default();
            }),
            _ => page.cell(Cell::Nothing),
        }
        if matches!(*kind, INT | UINT | FLOAT) {
            key = rest.get(8..).unwrap_or_default();
        }
    }
}
