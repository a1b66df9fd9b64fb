//! Batches as text, and comparison with files that hold the expected text.
//!
//! `SLUICE_BLESS=1 cargo test` writes what came out into the files instead; look at the difference before you keep it.

use std::path::Path;

use serde_json::{Map, Number, Value as Json};
use sluice_core::tape::{Key, Node, Value};
use sluice_core::{Batch, Record, RecordBatch};

/// One item a line: frames in hexadecimal, records as JSON where they have fields and as their lines where not.
pub fn text(batch: &Batch) -> String {
    let mut text = String::new();
    match batch {
        Batch::Packets(batch) => {
            for (_, data) in batch.iter() {
                text.extend(data.iter().map(|byte| format!("{byte:02x}")));
                text.push('\n');
            }
        }
        Batch::Records(batch) => {
            for (record, line) in batch.iter() {
                match fields(batch, record) {
                    Some(fields) => text.push_str(&fields.to_string()),
                    None => text.push_str(&String::from_utf8_lossy(line)),
                }
                text.push('\n');
            }
        }
    }
    text
}

/// The fields of a record; of several values under one key the last.
pub fn fields(batch: &RecordBatch, record: &Record) -> Option<Json> {
    value(batch, batch.fields(record)?).map(|(_, value)| value)
}

/// The first value of `nodes`, and its key.
fn value(batch: &RecordBatch, nodes: &[Node]) -> Option<(Key, Json)> {
    let (node, rest) = nodes.split_first()?;
    let json = match node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Uint(value) => value.into(),
        Value::Float(value) => Number::from_f64(value).map_or(Json::Null, Json::Number),
        Value::Str(text) => String::from_utf8_lossy(batch.text(text)).into(),
        Value::Object(len) => {
            let inner = children(batch, rest.get(..len as usize)?);
            Json::Object(inner.map(|(key, value)| (batch.name(key).to_owned(), value)).collect::<Map<_, _>>())
        }
        Value::Array(len) => {
            Json::Array(children(batch, rest.get(..len as usize)?).map(|(_, value)| value).collect())
        }
    };
    Some((node.key, json))
}

fn children<'a>(batch: &'a RecordBatch, mut nodes: &'a [Node]) -> impl Iterator<Item = (Key, Json)> + 'a {
    std::iter::from_fn(move || {
        let child = value(batch, nodes)?;
        nodes = nodes.get(nodes.first()?.span()..)?;
        Some(child)
    })
}

/// Compares `actual` with the file's content; the error shows the first line that differs.
pub fn check(file: &Path, actual: &str) -> Result<(), String> {
    let name = file.display();
    if std::env::var_os("SLUICE_BLESS").is_some() {
        return std::fs::write(file, actual).map_err(|e| format!("cannot write `{name}`: {e}"));
    }
    let expected = std::fs::read_to_string(file).map_err(|e| format!("cannot read `{name}`: {e}"))?;
    if expected == actual {
        return Ok(());
    }
    let differs = expected.lines().zip(actual.lines()).position(|(expected, actual)| expected != actual);
    let at = differs.unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
    Err(format!("`{name}` line {}:\nexpected {}\ngot      {}", at + 1, line(&expected), line(actual)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Packets, records};

    #[test]
    fn text_and_comparison() {
        assert_eq!(text(&Packets::new().frame([1, 0xAB]).frame([]).build().into()), "01ab\n\n");
        assert_eq!(text(&records(["a", "b"]).into()), "a\nb\n");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("golden");
        std::fs::write(&file, "a\nb\n").unwrap();
        assert_eq!(check(&file, "a\nb\n"), Ok(()));
        assert!(check(&file, "a\nc\n").unwrap_err().ends_with("line 2:\nexpected b\ngot      c"));
        assert!(check(&file, "a\n").unwrap_err().ends_with("expected b\ngot      (end)"));
    }
}
