use sluice_core::{Pools, tape::Key};

use super::*;
use crate::testing::records;

/// A record whose fields a closure sets; without one, it has none.
type Fields = Option<fn(&mut sluice_core::Fields<'_>)>;

fn batch(rows: &[Fields]) -> RecordBatch {
    let lines: Vec<String> = (0..rows.len()).map(|at| format!("line, {at}\n")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut batch = records(&Pools::new(1 << 20, 1 << 22), &lines).into_records().unwrap();
    batch.parse().for_each(|at, mut line| {
        let Some(set) = rows[at] else { return };
        let root = line.fields.push(Key::NONE, Value::Object(0));
        set(line.fields);
        line.fields.close(root);
        line.set_root(root);
    });
    batch
}

fn text(fields: &mut sluice_core::Fields<'_>, name: &str, value: &str) {
    let key = fields.key(name);
    let text = fields.compute(|out| out.extend_from_slice(value.as_bytes())).0;
    fields.push(key, Value::Str(text));
}

fn number(fields: &mut sluice_core::Fields<'_>, name: &str, value: i64) {
    let key = fields.key(name);
    fields.push(key, Value::Int(value));
}

fn written(writer: &mut Writer, rows: &[Fields]) -> String {
    let batch = batch(rows);
    let mut out = Vec::new();
    batch.records().iter().for_each(|record| writer.record(&mut out, &batch, record));
    String::from_utf8(out).unwrap()
}

#[test]
fn the_first_record_has_the_columns() {
    let mut writer = Writer::new(true);
    let rows: [Fields; 3] = [
        Some(|fields| {
            text(fields, "a", "x");
            number(fields, "b", -7);
        }),
        Some(|fields| {
            number(fields, "b", 8);
            text(fields, "c", "left out");
        }),
        Some(|fields| text(fields, "a", "")),
    ];
    assert_eq!(written(&mut writer, &rows), "a,b\nx,-7\n,8\n\"\",\n");
    assert_eq!(writer.left_out().as_deref(), Some("c"));
    // The header stands once, and the user is told once.
    assert_eq!(written(&mut writer, &rows), "x,-7\n,8\n\"\",\n");
    assert_eq!(writer.left_out(), None);
    assert_eq!(written(&mut Writer::new(false), &rows[..1]), "x,-7\n");
}

#[test]
fn what_would_end_a_cell_is_quoted() {
    let rows: [Fields; 1] = [Some(|fields| {
        text(fields, "comma, too", "1,2");
        text(fields, "b", "say \"so\"");
        text(fields, "c", "two\nlines");
        text(fields, "d", " edge");
        text(fields, "e", "plain text");
    })];
    assert_eq!(
        written(&mut Writer::new(true), &rows),
        "\"comma, too\",b,c,d,e\n\"1,2\",\"say \"\"so\"\"\",\"two\nlines\",\" edge\",plain text\n"
    );
}

#[test]
fn fields_inside_others_have_names_with_points_and_lists_are_json() {
    let rows: [Fields; 1] = [Some(|fields| {
        let key = fields.key("flow");
        let flow = fields.push(key, Value::Object(0));
        number(fields, "packets", 3);
        let key = fields.key("empty");
        let empty = fields.push(key, Value::Object(0));
        fields.close(empty);
        let key = fields.key("deep");
        let deep = fields.push(key, Value::Object(0));
        text(fields, "er", "x");
        fields.close(deep);
        fields.close(flow);
        let key = fields.key("vlan");
        let list = fields.push(key, Value::Array(0));
        fields.push(Key::NONE, Value::Int(7));
        fields.push(Key::NONE, Value::Int(9));
        fields.close(list);
        let key = fields.key("nothing");
        fields.push(key, Value::Null);
        let key = fields.key("yes");
        fields.push(key, Value::Bool(true));
    })];
    assert_eq!(
        written(&mut Writer::new(true), &rows),
        "flow.packets,flow.deep.er,vlan,nothing,yes\n3,x,\"[7,9]\",,true\n"
    );
}

#[test]
fn a_line_that_was_not_parsed_is_a_message() {
    assert_eq!(written(&mut Writer::new(true), &[None, None]), "message\n\"line, 0\"\n\"line, 1\"\n");
}
