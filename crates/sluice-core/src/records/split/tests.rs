use proptest::prelude::*;

use crate::tape::{Key, Node, Value};
use crate::{Batch, Pools, Record, RecordBatch, Slab};

/// Lines that hold their numbers, each with fields: its line, its number and a computed text.
fn batch(pools: &Pools, count: u64) -> RecordBatch {
    let mut slab = pools.slab(4096);
    let lines: Vec<_> = (0..count).map(|n| slab.append(format!("line {n}\n").as_bytes()).unwrap()).collect();
    let mut batch = pools.records();
    batch.fill(slab.into());
    for (number, place) in lines.into_iter().enumerate() {
        let record = Record::new(place.start as u32, place.len() as u32, 1);
        batch.push(Record { ordinal: number as u64, ..record });
    }
    batch.parse().for_each(|at, mut line| {
        if at % 5 == 4 {
            return;
        }
        let root = line.fields.push(Key::NONE, Value::Object(0));
        let key = line.fields.key("line");
        let text = line.slice(0, line.text().len());
        line.fields.push(key, Value::Str(text));
        let key = line.fields.key(&format!("number{}", at % 3));
        line.fields.push(key, Value::Int(at as i64));
        let key = line.fields.key("computed");
        let (text, ()) = line.fields.compute(|bytes| bytes.extend(format!("<{at}>").bytes()));
        line.fields.push(key, Value::Str(text));
        line.fields.close(root);
        line.set_root(root);
    });
    batch
}

fn seen(batch: &RecordBatch) -> Vec<String> {
    let node = |node: &Node| match node.value {
        Value::Str(text) => format!("{}={}", batch.name(node.key), String::from_utf8_lossy(batch.text(text))),
        other => format!("{}={other:?}", batch.name(node.key)),
    };
    let record = |record: &Record| {
        let fields = batch.fields(record).map(|nodes| nodes.iter().map(node).collect::<Vec<_>>());
        format!("{} {:?} {fields:?}", record.ordinal, batch.line(record))
    };
    batch.records().iter().map(record).collect()
}

proptest! {
    /// Divided and brought together again, a batch is what it was, wherever its lines went meanwhile.
    #[test]
    fn parts_make_the_whole(to in prop::collection::vec(0u32..3, 1..40), moved: bool) {
        let pools = Pools::new(1 << 16, 1 << 20);
        let mut parts = [None, None, None];
        batch(&pools, to.len() as u64).split(&to, &mut parts, &pools);
        let mut parts: Vec<Batch> = parts.into_iter().flatten().collect();
        if let (true, Some(Batch::Records(part))) = (moved, parts.first_mut()) {
            // The same bytes at another place.
            let whole = batch(&pools, to.len() as u64);
            part.body.main = Slab::Foreign(bytes::Bytes::copy_from_slice(whole.body.main.bytes()));
        }
        let joined = Batch::interleave(&mut parts, &pools).into_records().unwrap();
        prop_assert_eq!(seen(&joined), seen(&batch(&pools, to.len() as u64)));
    }
}
