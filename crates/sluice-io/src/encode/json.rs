//! Parsed fields as JSON.

use sluice_core::tape::{Node, Value};
use sluice_core::{Record, RecordBatch};

/// Writes the fields of records. It walks the tape with a stack of its own, as a hostile line may nest deep.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    open: Vec<Container>,
}

#[derive(Clone, Copy, Debug)]
struct Container {
    /// The node at which it has ended.
    end: usize,
    object: bool,
}

impl Writer {
    /// Appends the fields of a record; an object with its line where nothing was parsed.
    pub(crate) fn record(&mut self, out: &mut Vec<u8>, batch: &RecordBatch, record: &Record) {
        match batch.fields(record) {
            Some(nodes) => self.value(out, batch, nodes),
            None => {
                out.extend_from_slice(b"{\"message\":");
                string(out, batch.line(record));
                out.push(b'}');
            }
        }
    }

    /// Appends the value that these nodes are.
    pub(super) fn value(&mut self, out: &mut Vec<u8>, batch: &RecordBatch, nodes: &[Node]) {
        self.open.clear();
        let mut first = true;
        for (at, node) in nodes.iter().enumerate() {
            if !first {
                out.push(b',');
            }
            if self.open.last().is_some_and(|container| container.object) {
                string(out, batch.name(node.key).as_bytes());
                out.push(b':');
            }
            first = false;
            match node.value {
                Value::Null => out.extend_from_slice(b"null"),
                Value::Bool(true) => out.extend_from_slice(b"true"),
                Value::Bool(false) => out.extend_from_slice(b"false"),
                Value::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
                Value::Uint(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
                Value::Float(number) if number.is_finite() => {
                    out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
                }
                // JSON has no word for what is not a number.
                Value::Float(_) => out.extend_from_slice(b"null"),
                Value::Str(text) => string(out, batch.text(text)),
                Value::Object(inner) | Value::Array(inner) => {
                    let object = matches!(node.value, Value::Object(_));
                    out.push(if object { b'{' } else { b'[' });
                    self.open.push(Container { end: at + 1 + inner as usize, object });
                    first = true;
                }
            }
            while let Some(container) = self.open.pop_if(|container| container.end <= at + 1) {
                out.push(if container.object { b'}' } else { b']' });
                first = false;
            }
        }
    }
}

/// Appends a JSON string. Bytes that are not UTF-8 become U+FFFD, as JSON has no way to say them.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        escape(out, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = text.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\') {
        out.extend_from_slice(&text[..at]);
        match text[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => {
                let hex = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            }
        }
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests;
