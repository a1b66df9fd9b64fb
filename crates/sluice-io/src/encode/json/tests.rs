use proptest::prelude::*;
use sluice_core::Pools;
use sluice_core::tape::Key;

use super::*;
use crate::testing::records;

fn encoded(batch: &RecordBatch) -> Vec<String> {
    let mut writer = Writer::default();
    let written = batch.records().iter().map(|record| {
        let mut out = Vec::new();
        writer.record(&mut out, batch, record);
        String::from_utf8(out).unwrap()
    });
    written.collect()
}

fn batch(lines: &[&str]) -> RecordBatch {
    records(&Pools::new(4096, 65_536), lines).into_records().unwrap()
}

#[test]
fn a_record_without_fields_is_its_line() {
    let batch = batch(&["plain\n", "a \"b\" \\ \t\u{1}\u{7f}é\r\n"]);
    let expected = [r#"{"message":"plain"}"#, "{\"message\":\"a \\\"b\\\" \\\\ \\t\\u0001\u{7f}é\"}"];
    assert_eq!(encoded(&batch), expected);
}

#[test]
fn bytes_that_are_not_utf8_are_replaced() {
    let mut out = Vec::new();
    string(&mut out, b"a\xff\"\xc3\n");
    assert_eq!(String::from_utf8(out).unwrap(), "\"a\u{fffd}\\\"\u{fffd}\\n\"");
}

/// Sets the fields of the only record of a batch.
fn fields<T>(set: impl Fn(&mut sluice_core::Fields<'_>) -> T) -> String {
    let mut batch = batch(&["line\n"]);
    batch.parse().for_each(|_, mut line| {
        set(line.fields);
        line.set_root(0);
    });
    encoded(&batch).remove(0)
}

#[test]
fn values_nest_and_keep_their_order() {
    let written = fields(|f| {
        let root = f.push(Key::NONE, Value::Object(0));
        let (z, a, list) = (f.key("z"), f.key("a\"b"), f.key("list"));
        f.push(z, Value::Int(-5));
        f.push(a, Value::Uint(u64::MAX));
        let items = f.push(list, Value::Array(0));
        f.push(Key::NONE, Value::Null);
        let inner = f.push(Key::NONE, Value::Object(0));
        f.close(inner);
        let inner = f.push(Key::NONE, Value::Array(0));
        f.push(Key::NONE, Value::Bool(true));
        f.close(inner);
        f.push(Key::NONE, Value::Float(0.1));
        f.push(Key::NONE, Value::Float(f64::NAN));
        f.close(items);
        f.push(z, Value::Bool(false));
        f.close(root);
    });
    assert_eq!(written, r#"{"z":-5,"a\"b":18446744073709551615,"list":[null,{},[true],0.1,null],"z":false}"#);
    assert_eq!(fields(|f| f.push(Key::NONE, Value::Null)), "null");
    assert_eq!(fields(|f| f.push(Key::NONE, Value::Array(0))), "[]");
}

#[test]
fn any_depth_is_written() {
    const DEPTH: usize = 100_000;
    let written = fields(|f| {
        let places: Vec<usize> = (0..DEPTH).map(|_| f.push(Key::NONE, Value::Array(0))).collect();
        places.into_iter().rev().for_each(|place| f.close(place));
    });
    assert_eq!(written, "[".repeat(DEPTH) + &"]".repeat(DEPTH));
}

proptest! {
    #[test]
    fn strings_read_back_as_they_were(text: String) {
        let mut out = Vec::new();
        string(&mut out, text.as_bytes());
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
