//! Rows of cells on their way into a batch of records.

use std::fmt::{Arguments, Write};
use std::io::Write as _;

use sluice_core::tape::{Key, Value};
use sluice_core::{Output, Record};

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// It has none.
    Nothing,
    Bool(bool),
    Number(u64),
    Signed(i64),
    Float(f64),
    /// A range of the page's texts.
    Text(u32, u32),
}

/// Rows with the same columns.
#[derive(Debug, Default)]
pub(super) struct Page {
    columns: Vec<String>,
    cells: Vec<Cell>,
    texts: Vec<u8>,
    lines: Vec<u8>,
    /// Where lines end.
    ends: Vec<u32>,
}

impl Page {
    pub fn begin(&mut self, columns: Vec<String>) {
        self.clear();
        self.columns = columns;
    }

    pub fn cell(&mut self, cell: Cell) {
        self.cells.push(cell);
    }

    /// A text; `write` appends its bytes.
    pub fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.texts.len() as u32;
        write(&mut self.texts);
        self.cells.push(Cell::Text(start, self.texts.len() as u32));
    }

    pub fn show(&mut self, text: Arguments<'_>) {
        self.text(|out| drop(out.write_fmt(text)));
    }

    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.columns.len()).unwrap_or(0)
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.texts.clear();
        self.lines.clear();
        self.ends.clear();
    }

    /// Makes records of the rows and begins anew with the same columns. The line of a record is its cells as `name=value`.
    pub fn emit(&mut self, time: i64, ordinal: &mut u64, out: &mut Output) {
        let rows = self.rows();
        if rows == 0 {
            return;
        }
        for row in self.cells.chunks(self.columns.len()) {
            line(&mut self.lines, &self.columns, row, &self.texts);
            self.ends.push(self.lines.len() as u32);
        }
        let mut slab = out.pools().slab(self.lines.len());
        slab.append(&self.lines);
        let mut batch = out.records();
        batch.fill(slab.into());
        let mut start = 0;
        for end in &self.ends {
            let mut record = Record::new(start, end - start, 1);
            (record.ordinal, record.time) = (*ordinal, time);
            batch.push(record);
            (start, *ordinal) = (*end, *ordinal + 1);
        }
        let mut rows_left = self.cells.chunks(self.columns.len());
        batch.parse().for_each(|_, mut record| {
            let Some(row) = rows_left.next() else { return };
            let root = record.fields.push(Key::NONE, Value::Object(0));
            for (name, cell) in self.columns.iter().zip(row) {
                let key = record.fields.key(name);
                let value = match *cell {
                    Cell::Nothing => Value::Null,
                    Cell::Bool(value) => Value::Bool(value),
                    Cell::Number(number) => match i64::try_from(number) {
                        Ok(number) => Value::Int(number),
                        Err(_) => Value::Uint(number),
                    },
                    Cell::Signed(number) => Value::Int(number),
                    Cell::Float(number) => Value::Float(number),
                    Cell::Text(start, end) => {
                        let text = self.texts.get(start as usize..end as usize).unwrap_or_default();
                        Value::Str(record.fields.compute(|out| out.extend_from_slice(text)).0)
                    }
                };
                record.fields.push(key, value);
            }
            record.fields.close(root);
            record.set_root(root);
        });
        out.created(rows);
        out.emit(batch);
        self.clear();
    }
}

fn line(out: &mut Vec<u8>, columns: &[String], row: &[Cell], texts: &[u8]) {
    let start = out.len();
    for (name, cell) in columns.iter().zip(row).filter(|(_, cell)| **cell != Cell::Nothing) {
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        // Writing to memory does not fail.
        let _ = match *cell {
            Cell::Nothing => Ok(()),
            Cell::Bool(value) => write!(out, "{value}"),
            Cell::Number(number) => write!(out, "{number}"),
            Cell::Signed(number) => write!(out, "{number}"),
            Cell::Float(number) => write!(out, "{number}"),
            Cell::Text(start, end) => {
                quoted(out, texts.get(start as usize..end as usize).unwrap_or_default());
                Ok(())
            }
        };
    }
    out.push(b'\n');
}

/// A text as it is where that is one word, or else in quotes.
fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\=".contains(byte);
    if !text.is_empty() && text.iter().all(is_plain) {
        return out.extend_from_slice(text);
    }
    let mut shown = String::with_capacity(text.len() + 2);
    // Writing to memory does not fail.
    let _ = write!(shown, "{:?}", String::from_utf8_lossy(text));
    out.extend_from_slice(shown.as_bytes());
}
