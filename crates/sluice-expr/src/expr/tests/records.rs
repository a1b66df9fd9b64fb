//! What expressions say about records.

use sluice_core::tape::{Key, Value as Taped};
use sluice_core::{Batch, RecordBatch};
use sluice_testkit::records;

use super::super::*;

/// Four records: an object of all types, one where types differ, one without fields, one with other fields.
pub(super) fn batch() -> RecordBatch {
    let mut batch = records(["first", "second", "third", "fourth"]);
    batch.parse().for_each(|at, mut line| {
        let root = line.fields.push(Key::NONE, Taped::Object(0));
        let mut put = |name: &str, value: Taped| {
            let key = line.fields.key(name);
            line.fields.push(key, value)
        };
        match at {
            0 => {
                put("status", Taped::Int(503));
                put("took", Taped::Float(0.25));
                put("ok", Taped::Bool(false));
                put("huge", Taped::Uint(u64::MAX));
                put("none", Taped::Null);
                let nested = put("user", Taped::Object(0));
                let (text, ()) = line.fields.compute(|buffer| buffer.extend_from_slice(b"Alice"));
                let key = line.fields.key("name");
                line.fields.push(key, Taped::Str(text));
                line.fields.close(nested);
                let key = line.fields.key("tags");
                let tags = line.fields.push(key, Taped::Array(0));
                for number in [1, 2, 3] {
                    line.fields.push(Key::NONE, Taped::Int(number));
                }
                line.fields.close(tags);
            }
            1 => {
                let mut text = |name: &str, value: &str| {
                    let (text, ()) = line.fields.compute(|buffer| buffer.extend_from_slice(value.as_bytes()));
                    let key = line.fields.key(name);
                    line.fields.push(key, Taped::Str(text));
                };
                text("status", "503");
                text("client", "10.1.2.3");
                text("at", "2024-05-01T12:00:00Z");
            }
            2 => return,
            _ => {
                put("user-agent", Taped::Int(1));
            }
        }
        line.fields.close(root);
        line.set_root(root);
    });
    batch
}

fn held(text: &str) -> Vec<usize> {
    let mut predicate = Predicate::new(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    let mut held = Vec::new();
    predicate.batch(&mut Batch::from(batch()), &mut held);
    held.iter().enumerate().filter(|(_, held)| **held).map(|(at, _)| at).collect()
}

#[test]
fn a_wrong_type_is_false_and_no_error() {
    for (text, expected) in [
        (".status >= 500", &[0][..]),
        (".status == \"503\"", &[1]),
        (".status != 200", &[0]),
        ("not .status == 503", &[1, 2, 3]),
        (".status == 10.0.0.1", &[]),
        (".status contains \"50\"", &[1]),
        (".status & 1", &[0]),
        (".status + 1 == 504", &[0]),
        (".status[0:1] == \"5\"", &[1]),
        ("int(.status) == 503", &[0, 1]),
        (".status", &[0, 1]),
        (".status or .\"user-agent\"", &[0, 1, 3]),
        (".none or .ok", &[]),
        (".user and .tags", &[0]),
        (".user == 5", &[]),
        (".user.name == \"Alice\" and lower(.user.name) == \"alice\"", &[0]),
        (".user.name.first", &[]),
        (".tags == 2", &[0]),
        (".tags != 2", &[]),
        (".tags[2] == 3", &[0]),
        (".tags[3] == 3", &[]),
        ("all .tags > 0", &[0]),
        ("count(.tags) == 3", &[0]),
        (".took < 0.5 and .took * 4 == 1", &[0]),
        ("seconds(.took) < 300ms", &[0]),
        (".took < 300ms", &[]),
        (".ok == false", &[0]),
        (".ok == 0", &[]),
        (".huge == 18446744073709551615", &[0]),
        (".client in {10.0.0.0/8}", &[1]),
        (".client == 10.1.2.3 and is_private(ip(.client))", &[1]),
        (".at < 2024-05-01T12:00:01Z", &[1]),
        ("time(.at) + 5s == 2024-05-01T12:00:05Z", &[1]),
        ("record.line matches \"^f\"", &[0, 3]),
        ("record.len == 6 and record.number in {2, 4}", &[1, 3]),
        ("default(.status, .\"user-agent\") == 1", &[3]),
        (".absent == 1 or .absent != 1", &[]),
    ] {
        assert_eq!(held(text), expected, "{text}");
    }
}
