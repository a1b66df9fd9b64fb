//! Flows that are told of, as records.

use std::net::IpAddr;

use sluice_core::tape::{Key, Value};
use sluice_core::{Fields, Output, Record};
use sluice_wire::render::Text;

use super::entry::Flow;
use super::names::Names;
use super::table::Reason;

/// How many flows go into a batch.
const ROWS: usize = 256;

/// Makes records of flows.
pub(super) struct Report {
    names: Names,
    seed: u16,
    sheet: Sheet,
    /// Where the line of each record ends, and the time of its flow.
    rows: Vec<(u32, i64)>,
    keys: Keys,
    /// The number of the next record.
    ordinal: u64,
    /// How many flows were told of, for each reason.
    pub told: [u64; 6],
    /// Records are not older than this.
    watermark: i64,
}

impl Report {
    pub fn new(names: Names, seed: u16) -> Self {
        Self {
            names,
            seed,
            sheet: Sheet::default(),
            rows: Vec::new(),
            keys: Keys::default(),
            ordinal: 0,
            told: [0; 6],
            watermark: i64::MIN,
        }
    }

    /// No record older than `watermark` may follow.
    pub fn advance(&mut self, watermark: i64) {
        self.watermark = self.watermark.max(watermark);
    }

    /// Takes a flow, and emits a batch when there are enough.
    pub fn add(&mut self, flow: &Flow, reason: Reason, out: &mut Output) {
        self.told[reason as usize] += 1;
        self.sheet.begin();
        self.names.write(&mut self.sheet, flow, reason, self.seed);
        self.rows.push((self.sheet.end(), flow.last));
        if self.rows.len() >= ROWS {
            self.emit(out);
        }
    }

    /// Emits what was taken.
    pub fn emit(&mut self, out: &mut Output) {
        if self.rows.is_empty() {
            return;
        }
        let mut slab = out.pools().slab(self.sheet.lines.len());
        slab.append(&self.sheet.lines);
        let mut batch = out.records();
        batch.fill(slab.into());
        let mut start = 0;
        for (end, last) in self.rows.drain(..) {
            let mut record = Record::new(start, end - start, 1);
            (record.ordinal, record.time) = (self.ordinal, last.max(self.watermark));
            batch.push(record);
            (start, self.ordinal) = (end, self.ordinal + 1);
        }
        let mut marks = self.sheet.marks.drain(..);
        self.keys.0.clear();
        batch.parse().for_each(|_, mut record| {
            let root = record.fields.push(Key::NONE, Value::Object(0));
            let mut open = root;
            for (at, (name, mark)) in marks.by_ref().enumerate() {
                let value = match mark {
                    Mark::Value(value) => value,
                    Mark::Text(start, end) => Value::Str(record.slice(start as usize, end as usize)),
                    Mark::Close => {
                        record.fields.close(open);
                        continue;
                    }
                    Mark::End => break,
                };
                let key = self.keys.key(at, name, record.fields);
                let place = record.fields.push(key, value);
                if matches!(value, Value::Object(_) | Value::Array(_)) {
                    open = place;
                }
            }
            record.fields.close(root);
            record.set_root(root);
        });
        drop(marks);
        self.sheet.lines.clear();
        out.created(batch.len());
        out.emit(batch);
    }
}

/// The keys of a batch by their places in a record: all records have the same names in the same order.
#[derive(Default)]
struct Keys(Vec<(&'static str, Key)>);

impl Keys {
    fn key(&mut self, at: usize, name: &'static str, fields: &mut Fields<'_>) -> Key {
        match self.0.get(at) {
            _ if name.is_empty() => Key::NONE,
            Some((known, key)) if std::ptr::eq(*known, name) => *key,
            _ => {
                let key = fields.key(name);
                if at == self.0.len() {
                    self.0.push((name, key));
                }
                key
            }
        }
    }
}

/// Something on the tape of a record.
enum Mark {
    Value(Value),
    /// A part of the line: from where to where.
    Text(u32, u32),
    /// The object or array that was begun last is whole.
    Close,
    /// The record is whole.
    End,
}

/// Records that are being written. A line is the fields as `name=value` with spaces between them; those without a value
/// are left out of it.
#[derive(Default)]
pub(super) struct Sheet {
    lines: Vec<u8>,
    /// With the names of fields; items of an array have none.
    marks: Vec<(&'static str, Mark)>,
    /// Where the line begins that is being written.
    start: usize,
    /// The name of the object that is open.
    path: &'static str,
}

impl Sheet {
    fn begin(&mut self) {
        self.start = self.lines.len();
    }

    /// Ends a line and tells where it ends.
    fn end(&mut self) -> u32 {
        self.lines.push(b'\n');
        self.marks.push(("", Mark::End));
        self.lines.len() as u32
    }

    fn name(&mut self, name: &str) -> Text<'_> {
        let mut text = Text(&mut self.lines);
        if text.0.len() > self.start {
            text.byte(b' ');
        }
        if !self.path.is_empty() {
            text.str(self.path).byte(b'.');
        }
        text.str(name).byte(b'=');
        text
    }

    fn mark(&mut self, name: &'static str, value: Value) {
        self.marks.push((name, Mark::Value(value)));
    }

    /// Begins an object. There is one at a time.
    pub fn open(&mut self, name: &'static str) {
        self.path = name;
        self.mark(name, Value::Object(0));
    }

    /// Ends it.
    pub fn close(&mut self) {
        self.path = "";
        self.marks.push(("", Mark::Close));
    }

    /// A field without a value.
    pub fn nothing(&mut self, name: &'static str) {
        self.mark(name, Value::Null);
    }

    /// A whole number.
    pub fn number(&mut self, name: &'static str, value: u64) {
        self.name(name).num(value);
        // Counters have 48 bits; what has more is an identifier.
        self.mark(name, i64::try_from(value).map_or(Value::Uint(value), Value::Int));
    }

    /// Whole numbers, at least one.
    pub fn numbers(&mut self, name: &'static str, values: &[u16]) {
        let mut text = self.name(name);
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                text.byte(b',');
            }
            text.num(*value);
        }
        self.mark(name, Value::Array(0));
        values.iter().for_each(|value| self.mark("", Value::Int((*value).into())));
        self.marks.push(("", Mark::Close));
    }

    /// A span of time, in seconds.
    pub fn seconds(&mut self, name: &'static str, nanoseconds: u64) {
        self.name(name).seconds(nanoseconds);
        self.mark(name, Value::Float(nanoseconds as f64 / 1e9));
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name).str(if value { "true" } else { "false" });
        self.mark(name, Value::Bool(value));
    }

    /// A moment in UTC, as RFC 3339 writes it.
    pub fn moment(&mut self, name: &'static str, time: i64) {
        self.text(name, |out| {
            out.moment(time, 9);
        });
    }

    /// An address.
    pub fn ip(&mut self, name: &'static str, address: IpAddr) {
        self.text(name, |out| {
            out.ip(address);
        });
    }

    /// A word.
    pub fn word(&mut self, name: &'static str, word: &str) {
        self.text(name, |out| {
            out.str(word);
        });
    }

    /// Text that `write` appends.
    pub fn text(&mut self, name: &'static str, write: impl FnOnce(&mut Text<'_>)) {
        let mut text = self.name(name);
        let start = text.0.len();
        write(&mut text);
        let (start, end) = (start - self.start, self.lines.len() - self.start);
        self.marks.push((name, Mark::Text(start as u32, end as u32)));
    }
}
