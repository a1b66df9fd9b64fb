//! Flows that are told of, as records.

use sluice_core::tape::{Key, Value};
use sluice_core::{Fields, Output, Record};

use super::entry::Flow;
use super::names::Names;
use super::table::Reason;

/// How many flows go into a batch.
const ROWS: usize = 256;

/// What can stand in a record. Names are those of fields; objects have names in front of those.
pub(super) trait Writer {
    fn open(&mut self, name: &'static str);
    fn close(&mut self);
    fn nothing(&mut self, name: &'static str);
    fn number(&mut self, name: &'static str, value: u64);
    fn numbers(&mut self, name: &'static str, values: &[u16]);
    fn float(&mut self, name: &'static str, value: f64);
    fn flag(&mut self, name: &'static str, value: bool);
    fn text(&mut self, name: &'static str, write: &mut dyn FnMut(&mut Vec<u8>));
}

/// Makes records of flows.
pub(super) struct Report {
    names: Names,
    seed: u16,
    rows: Vec<(Flow, Reason)>,
    lines: Vec<u8>,
    ends: Vec<u32>,
    /// The number of the next record.
    ordinal: u64,
    /// Records are not older than this.
    watermark: i64,
}

impl Report {
    pub fn new(names: Names, seed: u16) -> Self {
        Self {
            names,
            seed,
            rows: Vec::new(),
            lines: Vec::new(),
            ends: Vec::new(),
            ordinal: 0,
            watermark: i64::MIN,
        }
    }

    /// No record older than `watermark` may follow.
    pub fn advance(&mut self, watermark: i64) {
        self.watermark = self.watermark.max(watermark);
    }

    /// Takes a flow, and emits a batch when there are enough.
    pub fn add(&mut self, flow: &Flow, reason: Reason, out: &mut Output) {
        self.rows.push((flow.clone(), reason));
        if self.rows.len() >= ROWS {
            self.emit(out);
        }
    }

    /// Emits what was taken. The line of a record is its fields as `name=value`.
    pub fn emit(&mut self, out: &mut Output) {
        if self.rows.is_empty() {
            return;
        }
        self.lines.clear();
        self.ends.clear();
        for (flow, reason) in &self.rows {
            let mut line = Line { out: &mut self.lines, path: "", is_first: true };
            self.names.write(&mut line, flow, *reason, self.seed);
            self.lines.push(b'\n');
            self.ends.push(self.lines.len() as u32);
        }
        let mut slab = out.pools().slab(self.lines.len());
        slab.append(&self.lines);
        let mut batch = out.records();
        batch.fill(slab.into());
        let mut start = 0;
        for ((flow, _), end) in self.rows.iter().zip(&self.ends) {
            let mut record = Record::new(start, end - start, 1);
            (record.ordinal, record.time) = (self.ordinal, flow.last.max(self.watermark));
            batch.push(record);
            (start, self.ordinal) = (*end, self.ordinal + 1);
        }
        let mut rows = self.rows.iter();
        batch.parse().for_each(|_, mut record| {
            let Some((flow, reason)) = rows.next() else { return };
            let mut tape = Tape { fields: record.fields, open: [0; 4], depth: 0 };
            tape.open("");
            let root = tape.open[0];
            self.names.write(&mut tape, flow, *reason, self.seed);
            tape.close();
            record.set_root(root);
        });
        out.created(self.rows.len());
        out.emit(batch);
        self.rows.clear();
    }
}

/// Writes fields as `name=value` with spaces between them; those without a value are left out.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    path: &'static str,
    is_first: bool,
}

impl Line<'_> {
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b' ');
        }
        if !self.path.is_empty() {
            self.out.extend_from_slice(self.path.as_bytes());
            self.out.push(b'.');
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'=');
        self.out
    }

    fn show(&mut self, name: &str, value: impl std::fmt::Display) {
        use std::io::Write;
        // Writing to memory does not fail.
        let _ = write!(self.name(name), "{value}");
    }
}

impl Writer for Line<'_> {
    fn open(&mut self, name: &'static str) {
        self.path = name;
    }

    fn close(&mut self) {
        self.path = "";
    }

    fn nothing(&mut self, _: &'static str) {}

    fn number(&mut self, name: &'static str, value: u64) {
        self.show(name, value);
    }

    fn numbers(&mut self, name: &'static str, values: &[u16]) {
        for (at, value) in values.iter().enumerate() {
            match at {
                0 => self.show(name, value),
                _ => self.out.extend_from_slice(format!(",{value}").as_bytes()),
            }
        }
    }

    fn float(&mut self, name: &'static str, value: f64) {
        self.show(name, value);
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.show(name, value);
    }

    fn text(&mut self, name: &'static str, write: &mut dyn FnMut(&mut Vec<u8>)) {
        write(self.name(name));
    }
}

/// Writes fields onto the tape.
struct Tape<'a, 'f> {
    fields: &'a mut Fields<'f>,
    /// The places of the objects that are open.
    open: [usize; 4],
    depth: usize,
}

impl Tape<'_, '_> {
    fn push(&mut self, name: &'static str, value: Value) -> usize {
        let key = if self.depth == 0 { Key::NONE } else { self.fields.key(name) };
        self.fields.push(key, value)
    }
}

impl Writer for Tape<'_, '_> {
    fn open(&mut self, name: &'static str) {
        let place = self.push(name, Value::Object(0));
        if let Some(open) = self.open.get_mut(self.depth) {
            *open = place;
            self.depth += 1;
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.fields.close(self.open[self.depth]);
    }

    fn nothing(&mut self, name: &'static str) {
        self.push(name, Value::Null);
    }

    fn number(&mut self, name: &'static str, value: u64) {
        // Counters have 48 bits; what has more is an identifier.
        let value = i64::try_from(value).map_or(Value::Uint(value), Value::Int);
        self.push(name, value);
    }

    fn numbers(&mut self, name: &'static str, values: &[u16]) {
        let place = self.push(name, Value::Array(0));
        for value in values {
            self.fields.push(Key::NONE, Value::Int((*value).into()));
        }
        self.fields.close(place);
    }

    fn float(&mut self, name: &'static str, value: f64) {
        self.push(name, Value::Float(value));
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.push(name, Value::Bool(value));
    }

    fn text(&mut self, name: &'static str, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let (text, ()) = self.fields.compute(|out| write(out));
        self.push(name, Value::Str(text));
    }
}
