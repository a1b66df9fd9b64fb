//! Records as a table with columns that are as wide as what stands in them.

use std::mem;

use sluice_core::tape::{Key, Node, Value};
use sluice_core::{Error, Record, RecordBatch};

use super::json;

/// How wide a column gets at most; what is longer stands out in its own line only.
const WIDEST: usize = 64;

/// What a cell is, which decides how it is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    Text,
    Whole,
    /// A number with so many digits after the point.
    Broken(usize),
}

/// A cell: its text as a range of the texts, how many characters that has, and what it is.
#[derive(Clone, Copy, Debug)]
struct Cell {
    start: usize,
    end: usize,
    width: usize,
    kind: Kind,
}

/// How a column is set.
#[derive(Clone, Copy, Debug, Default)]
struct Column {
    width: usize,
    right: bool,
    decimals: usize,
    /// Whether anything stands in it; what is empty is not shown.
    used: bool,
}

/// Writes tables. Records with the same fields and the same title, one after the other, make a table; later ones go on
/// with it, in columns that only get wider. What it holds back is never more than the records of one batch.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// The field whose value is the title.
    title: Option<String>,
    json: json::Writer,
    /// The names of the columns of the present table and its title, each with a zero after it.
    names: Vec<u8>,
    columns: Vec<Column>,
    /// Whether a table was written before.
    begun: bool,
    /// The rows that were not written yet.
    cells: Vec<Cell>,
    texts: Vec<u8>,
    /// The names, the cells and the texts of the record that is being read.
    next: Vec<u8>,
    row: Vec<Cell>,
    scratch: Vec<u8>,
    line: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(title: Option<String>) -> Self {
        Self { title, ..Self::default() }
    }

    /// Calls `write` for each line, with the time of a record that stands in it or below it.
    pub(crate) fn batch(
        &mut self,
        batch: &RecordBatch,
        mut write: impl FnMut(i64, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let title = self.title.as_deref().and_then(|name| batch.key(name));
        // Rows that wait belong to one table, which is a new one if this was set.
        let mut fresh = false;
        let mut times = Vec::new();
        for record in batch.records() {
            let mark = self.texts.len();
            self.read(batch, record, title);
            if self.next != self.names {
                // The texts of this row come after those of the rows that go.
                let row: Vec<u8> = self.texts.split_off(mark);
                self.rows(&times, fresh, &mut write)?;
                times.clear();
                self.texts.extend_from_slice(&row);
                for cell in &mut self.row {
                    (cell.start, cell.end) = (cell.start - mark, cell.end - mark);
                }
                mem::swap(&mut self.names, &mut self.next);
                fresh = true;
            }
            self.cells.append(&mut self.row);
            times.push(record.time);
        }
        self.rows(&times, fresh, &mut write)
    }

    /// Reads a record into a row and the names of its columns.
    fn read(&mut self, batch: &RecordBatch, record: &Record, title: Option<Key>) {
        self.next.clear();
        self.row.clear();
        self.scratch.clear();
        match batch.fields(record).map(|nodes| (nodes.first().map(|node| node.value), nodes)) {
            Some((Some(Value::Object(_)), nodes)) => {
                let mut rest = nodes.get(1..).unwrap_or_default();
                while let Some(node) = rest.first() {
                    let (value, after) = rest.split_at(node.span().min(rest.len()));
                    if Some(node.key) == title {
                        self.scratch.clear();
                        text(&mut self.scratch, &mut self.json, batch, value);
                    } else {
                        match batch.name(node.key) {
                            "" => self.next.extend_from_slice(b"\"\""),
                            name => _ = clean(&mut self.next, name.as_bytes()),
                        }
                        self.next.push(0);
                        self.cell(|out, json| text(out, json, batch, value));
                    }
                    rest = after;
                }
            }
            Some((_, nodes)) => {
                self.next.extend_from_slice(b"value\0");
                self.cell(|out, json| text(out, json, batch, nodes));
            }
            None => {
                self.next.extend_from_slice(b"message\0");
                self.cell(|out, _| {
                    out.extend_from_slice(batch.line(record));
                    Kind::Text
                });
            }
        }
        // A table is another one when its title is.
        self.next.push(0);
        clean(&mut self.next, &self.scratch);
    }

    fn cell(&mut self, write: impl FnOnce(&mut Vec<u8>, &mut json::Writer) -> Kind) {
        self.line.clear();
        let kind = write(&mut self.line, &mut self.json);
        let start = self.texts.len();
        let width = clean(&mut self.texts, &self.line);
        self.row.push(Cell { start, end: self.texts.len(), width, kind });
    }

    /// Writes the rows that wait.
    fn rows(
        &mut self,
        times: &[i64],
        fresh: bool,
        write: &mut impl FnMut(i64, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(first) = times.first() else { return Ok(()) };
        let (names, title) = split(&self.names);
        let names: Vec<&[u8]> = names.split(|byte| *byte == 0).collect();
        let count = self.cells.len() / times.len();
        let set = columns(&self.cells, count);
        let shows_more = set.iter().zip(&self.columns).any(|(new, old)| new.used && !old.used);
        if fresh || shows_more {
            self.columns = set;
            for (column, name) in self.columns.iter_mut().zip(&names) {
                column.width = column.width.max(width(name).min(WIDEST));
            }
            if mem::replace(&mut self.begun, true) {
                write(*first, b"\n")?;
            }
            self.line.clear();
            if !title.is_empty() {
                self.line.extend_from_slice(title);
                self.line.push(b'\n');
                write(*first, &self.line)?;
                self.line.clear();
            }
            for (name, column) in names.iter().zip(&self.columns).filter(|(_, column)| column.used) {
                place(&mut self.line, name, width(name), column);
            }
            end(&mut self.line);
            write(*first, &self.line)?;
        } else {
            for (column, new) in self.columns.iter_mut().zip(&set) {
                column.width = column.width.max(new.width);
                column.decimals = column.decimals.max(new.decimals);
            }
        }
        for (cells, time) in self.cells.chunks(count.max(1)).zip(times) {
            self.line.clear();
            for (cell, column) in cells.iter().zip(&self.columns).filter(|(_, column)| column.used) {
                let text = self.texts.get(cell.start..cell.end).unwrap_or_default();
                match cell.kind {
                    Kind::Nothing => place(&mut self.line, b"-", 1, column),
                    Kind::Broken(decimals) if decimals < column.decimals => {
                        self.scratch.clear();
                        self.scratch.extend_from_slice(text);
                        self.scratch.extend_from_slice(if decimals == 0 { b"." } else { b"" });
                        self.scratch.resize(self.scratch.len() + column.decimals - decimals, b'0');
                        place(&mut self.line, &self.scratch, self.scratch.len(), column);
                    }
                    _ => place(&mut self.line, text, cell.width, column),
                }
            }
            end(&mut self.line);
            write(*time, &self.line)?;
        }
        self.cells.clear();
        self.texts.clear();
        Ok(())
    }
}

/// Names of columns and title.
fn split(names: &[u8]) -> (&[u8], &[u8]) {
    // Names end in a zero, and so does their list: the title stands behind the second of two zeros, or alone.
    match names.windows(2).position(|pair| pair == [0, 0]) {
        Some(at) => (names.get(..at).unwrap_or_default(), names.get(at + 2..).unwrap_or_default()),
        None => (&[], names.get(1..).unwrap_or_default()),
    }
}

/// How columns have to be set for these cells.
fn columns(cells: &[Cell], count: usize) -> Vec<Column> {
    let mut columns = vec![Column::default(); count];
    for row in cells.chunks(count.max(1)) {
        for (column, cell) in columns.iter_mut().zip(row) {
            if cell.kind == Kind::Nothing {
                continue;
            }
            if !mem::replace(&mut column.used, true) {
                column.right = cell.kind != Kind::Text;
            }
            if let Kind::Broken(decimals) = cell.kind {
                column.decimals = column.decimals.max(decimals);
            }
        }
    }
    for row in cells.chunks(count.max(1)) {
        for (column, cell) in columns.iter_mut().zip(row) {
            let more = match cell.kind {
                Kind::Broken(0) if column.decimals > 0 => column.decimals + 1,
                Kind::Broken(decimals) => column.decimals - decimals,
                _ => 0,
            };
            column.width = column.width.max((cell.width + more).min(WIDEST));
        }
    }
    columns
}

/// Appends a cell, `width` characters long, behind those that are there.
fn place(line: &mut Vec<u8>, text: &[u8], width: usize, column: &Column) {
    if !line.is_empty() {
        line.extend_from_slice(b"  ");
    }
    let padding = column.width.saturating_sub(width);
    if column.right {
        line.resize(line.len() + padding, b' ');
        line.extend_from_slice(text);
    } else {
        line.extend_from_slice(text);
        line.resize(line.len() + padding, b' ');
    }
}

/// Ends a line, without spaces at its end.
fn end(line: &mut Vec<u8>) {
    while line.last() == Some(&b' ') {
        line.pop();
    }
    line.push(b'\n');
}

/// Appends a value as text and says what it is.
fn text(out: &mut Vec<u8>, json: &mut json::Writer, batch: &RecordBatch, nodes: &[Node]) -> Kind {
    match nodes.first().map(|node| node.value) {
        None | Some(Value::Null) => Kind::Nothing,
        Some(Value::Str(text)) => {
            out.extend_from_slice(batch.text(text));
            Kind::Text
        }
        Some(Value::Int(_) | Value::Uint(_)) => {
            json.value(out, batch, nodes);
            Kind::Whole
        }
        Some(Value::Float(_)) => {
            json.value(out, batch, nodes);
            if out.ends_with(b".0") {
                out.truncate(out.len() - 2);
            }
            match out.iter().rposition(|byte| *byte == b'.') {
                // A power of ten behind the digits is left alone.
                _ if out.contains(&b'e') => Kind::Whole,
                Some(point) => Kind::Broken(out.len() - point - 1),
                None => Kind::Broken(0),
            }
        }
        Some(Value::Bool(_) | Value::Object(_) | Value::Array(_)) => {
            json.value(out, batch, nodes);
            Kind::Text
        }
    }
}

/// Appends a text in which nothing breaks the line or the terminal, and tells how many characters it has.
fn clean(out: &mut Vec<u8>, text: &[u8]) -> usize {
    if text.iter().all(|byte| (0x20..0x7F).contains(byte)) {
        out.extend_from_slice(text);
        return text.len();
    }
    let mut count = 0;
    let mut bytes = [0; 4];
    for char in String::from_utf8_lossy(text).chars() {
        if char.is_control() {
            for char in char.escape_default() {
                out.extend_from_slice(char.encode_utf8(&mut bytes).as_bytes());
                count += 1;
            }
        } else {
            out.extend_from_slice(char.encode_utf8(&mut bytes).as_bytes());
            count += 1;
        }
    }
    count
}

/// How many characters a text has.
fn width(text: &[u8]) -> usize {
    std::str::from_utf8(text).map_or(text.len(), |text| text.chars().count())
}

#[cfg(test)]
mod tests;
