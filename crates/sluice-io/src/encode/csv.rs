//! Records as comma-separated values, RFC 4180, with lines that end in a line feed.

use sluice_core::tape::{Node, Value};
use sluice_core::{Record, RecordBatch};

use super::json;

/// A cell as a range of the texts.
type Cell = Option<(usize, usize)>;

/// Writes records under the columns that the first one has.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    json: json::Writer,
    /// The names of the columns; those of fields inside others with a point between.
    columns: Vec<String>,
    /// Whether the columns are written above their values.
    has_header: bool,
    /// The first field that no column was there for, until somebody is told.
    left_out: Option<String>,
    // What follows is here to be reused.
    path: String,
    open: Vec<Object>,
    cells: Vec<Cell>,
    texts: Vec<u8>,
}

/// An object that has not ended: where it does, and how long the path was before it.
#[derive(Clone, Copy, Debug)]
struct Object {
    end: usize,
    path: usize,
}

impl Writer {
    pub(crate) fn new(has_header: bool) -> Self {
        Self { has_header, ..Self::default() }
    }

    /// The name of a field that is not among the columns, the first time that there is one.
    pub(crate) fn left_out(&mut self) -> Option<String> {
        self.left_out.take_if(|name| !name.is_empty()).inspect(|_| self.left_out = Some(String::new()))
    }

    /// Appends a record, and before the first one a line with the names of its fields.
    pub(crate) fn record(&mut self, out: &mut Vec<u8>, batch: &RecordBatch, record: &Record) {
        self.texts.clear();
        self.cells.clear();
        let is_first = self.columns.is_empty();
        self.cells.resize(self.columns.len(), None);
        match batch.fields(record) {
            Some([Node { value: Value::Object(_), .. }, nodes @ ..]) => self.object(batch, nodes, is_first),
            Some(nodes) => {
                self.path.clear();
                self.path.push_str("value");
                self.field(0, is_first, |texts, json| value(texts, json, batch, nodes));
            }
            None => {
                self.path.clear();
                self.path.push_str("message");
                self.field(0, is_first, |texts, _| quote(texts, batch.line(record)));
            }
        }
        if is_first && self.has_header {
            for (at, name) in self.columns.iter().enumerate() {
                out.extend_from_slice(if at == 0 { b"" } else { b"," });
                quote(out, name.as_bytes());
            }
            out.push(b'\n');
        }
        for (at, cell) in self.cells.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"" } else { b"," });
            let range = cell.map_or(0..0, |(start, end)| start..end);
            out.extend_from_slice(self.texts.get(range).unwrap_or_default());
        }
        out.push(b'\n');
    }

    /// Reads the fields of an object, and those of objects in it, without recursion: a hostile line may nest deep.
    fn object(&mut self, batch: &RecordBatch, nodes: &[Node], is_first: bool) {
        self.path.clear();
        self.open.clear();
        let (mut at, mut column) = (0, 0);
        while let Some(node) = nodes.get(at) {
            while let Some(object) = self.open.pop_if(|object| object.end <= at) {
                self.path.truncate(object.path);
            }
            let before = self.path.len();
            if before > 0 {
                self.path.push('.');
            }
            self.path.push_str(batch.name(node.key));
            if let Value::Object(inner) = node.value {
                self.open.push(Object { end: at + 1 + inner as usize, path: before });
                at += 1;
                continue;
            }
            let end = (at + node.span()).min(nodes.len());
            let of_value = nodes.get(at..end).unwrap_or_default();
            column = self.field(column, is_first, |texts, json| value(texts, json, batch, of_value)) + 1;
            self.path.truncate(before);
            at = end;
        }
    }

    /// Puts a value under the column that has the present path as its name, which most likely is number `guess`. Returns
    /// the number of the column.
    fn field(
        &mut self,
        guess: usize,
        is_first: bool,
        write: impl FnOnce(&mut Vec<u8>, &mut json::Writer),
    ) -> usize {
        let found = match self.columns.get(guess) {
            Some(name) if *name == self.path => Some(guess),
            _ => self.columns.iter().position(|name| *name == self.path),
        };
        let at = match found {
            Some(at) => at,
            None if is_first => {
                self.columns.push(self.path.clone());
                self.cells.push(None);
                self.columns.len() - 1
            }
            None => {
                self.left_out.get_or_insert_with(|| self.path.clone());
                return guess;
            }
        };
        let start = self.texts.len();
        write(&mut self.texts, &mut self.json);
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Some((start, self.texts.len()));
        }
        at
    }
}

/// Appends a value: nothing for null, a list as JSON.
fn value(out: &mut Vec<u8>, json: &mut json::Writer, batch: &RecordBatch, nodes: &[Node]) {
    match nodes.first().map(|node| node.value) {
        None | Some(Value::Null) => {}
        Some(Value::Str(text)) => quote(out, batch.text(text)),
        Some(Value::Float(number)) if !number.is_finite() => {}
        Some(Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_)) => {
            json.value(out, batch, nodes)
        }
        Some(Value::Array(_) | Value::Object(_)) => {
            let mut text = Vec::new();
            json.value(&mut text, batch, nodes);
            quote(out, &text);
        }
    }
}

/// Appends a text, in quotes where it has to be. An empty one is quoted, too: nothing at all is null.
fn quote(out: &mut Vec<u8>, text: &[u8]) {
    let is_plain = |byte: &u8| !matches!(byte, b',' | b'"' | b'\r' | b'\n');
    let has_edge = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == b' ');
    if text.iter().all(is_plain) && !has_edge(text.first()) && !has_edge(text.last()) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
