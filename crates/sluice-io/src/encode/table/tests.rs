use sluice_core::{Fields, Pools};

use super::*;
use crate::testing::records;

/// A batch of records whose fields are these.
fn batch(rows: &[&[(&str, Field)]]) -> RecordBatch {
    let lines: Vec<String> = (0..rows.len()).map(|at| format!("line {at}\n")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut batch = records(&Pools::new(1 << 20, 1 << 22), &lines).into_records().unwrap();
    batch.parse().for_each(|at, mut line| {
        if rows[at].is_empty() {
            return;
        }
        let root = line.fields.push(Key::NONE, Value::Object(0));
        rows[at].iter().for_each(|(name, field)| field.push(name, line.fields));
        line.fields.close(root);
        line.set_root(root);
    });
    batch
}

#[derive(Clone, Copy)]
enum Field {
    Text(&'static str),
    Plain(Value),
    List(i64),
}

use Field::{List, Plain, Text};

impl Field {
    fn push(self, name: &str, fields: &mut Fields<'_>) {
        let key = fields.key(name);
        match self {
            Text(text) => {
                let text = fields.compute(|out| out.extend_from_slice(text.as_bytes())).0;
                fields.push(key, Value::Str(text));
            }
            Plain(value) => drop(fields.push(key, value)),
            List(number) => {
                let place = fields.push(key, Value::Array(0));
                fields.push(Key::NONE, Value::Int(number));
                fields.close(place);
            }
        }
    }
}

fn int(number: i64) -> Field {
    Plain(Value::Int(number))
}

fn float(number: f64) -> Field {
    Plain(Value::Float(number))
}

fn written(title: Option<&str>, batches: &[RecordBatch]) -> String {
    let mut writer = Writer::new(title.map(str::to_owned));
    let mut out = Vec::new();
    for batch in batches {
        writer
            .batch(batch, |_, line| {
                out.extend_from_slice(line);
                Ok(())
            })
            .unwrap();
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn texts_stand_to_the_left_and_numbers_to_the_right() {
    let batch = batch(&[
        &[("host", Text("10.0.0.1")), ("packets", int(7)), ("percent", float(12.5))],
        &[("host", Text("a")), ("packets", int(1234)), ("percent", float(100.0))],
        &[("host", Plain(Value::Null)), ("packets", int(-1)), ("percent", float(0.25))],
    ]);
    let expected = "\
host      packets  percent
10.0.0.1        7    12.50
a            1234   100.00
-              -1     0.25
";
    assert_eq!(written(None, &[batch]), expected);
}

#[test]
fn other_fields_or_another_title_begin_a_new_table() {
    let batch = batch(&[
        &[("report", Text("ports")), ("port", int(80))],
        &[("report", Text("ports")), ("port", Text("(other)"))],
        &[("report", Text("hosts")), ("port", int(443))],
        &[("report", Text("hosts")), ("host", Text("a")), ("list", List(1))],
        &[],
    ]);
    let expected = "\
ports
   port
     80
(other)

hosts
port
 443

hosts
host  list
a     [1]

message
line 4
";
    assert_eq!(written(Some("report"), &[batch]), expected);
}

#[test]
fn a_table_goes_on_in_the_next_batch_and_only_gets_wider() {
    let row = |name: &'static str, n: i64| batch(&[&[("name", Text(name)), ("n", int(n))]]);
    let expected = "name  n\na     1\nlonger  200\nb         3\n";
    assert_eq!(written(None, &[row("a", 1), row("longer", 200), row("b", 3)]), expected);
}

#[test]
fn a_column_without_values_is_left_out_until_there_is_one() {
    let row = |vlan: Field| batch(&[&[("vlan", vlan), ("n", int(1))]]);
    let nothing = Plain(Value::Null);
    assert_eq!(written(None, &[row(nothing), row(nothing), row(int(7))]), "n\n1\n1\n\nvlan  n\n   7  1\n");
}

#[test]
fn nothing_in_a_value_breaks_the_table() {
    let batch = batch(&[
        &[("a\nb", Text("tab\tand\u{1b}[31m")), ("", Text("é"))],
        &[("a\nb", Text("")), ("", Plain(Value::Bool(true)))],
    ]);
    let lines = [r"a\nb                !!", r"tab\tand\u{1b}[31m  é", "                    true", ""];
    assert_eq!(written(None, &[batch]), lines.join("\n").replace("!!", "\"\""));
}

#[test]
fn a_long_value_stands_out_alone() {
    let long: &'static str = "x".repeat(100_000).leak();
    let batch = batch(&[&[("a", Text(long)), ("b", int(1))], &[("a", Text("y")), ("b", int(2))]]);
    let text = written(None, &[batch]);
    let lengths: Vec<usize> = text.lines().map(str::len).collect();
    assert_eq!(lengths, [WIDEST + 3, 100_003, WIDEST + 3]);
}

#[test]
fn very_large_numbers_are_left_as_they_are() {
    let batch = batch(&[&[("n", float(1e300))], &[("n", float(f64::NAN))], &[("n", float(-0.5))]]);
    let text = written(None, &[batch]);
    assert!(text.contains("1e300") || text.contains("1e+300"), "{text}");
    assert!(text.ends_with("-0.5\n"), "{text}");
}
