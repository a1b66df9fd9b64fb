use super::*;
use crate::tape::Value;

fn pools() -> Pools {
    Pools::new(4096, 65_536)
}

/// A batch of these lines, each with its own ending.
fn batch(pools: &Pools, lines: &[&str]) -> RecordBatch {
    let mut slab = pools.slab(lines.iter().map(|line| line.len()).sum());
    let mut batch = pools.records();
    let places: Vec<_> = lines.iter().map(|line| slab.append(line.as_bytes()).unwrap()).collect();
    batch.fill(slab.into());
    for (line, place) in lines.iter().zip(places) {
        let ending = line.len() - line.trim_end_matches(['\r', '\n']).len();
        batch.push(Record::new(place.start as u32, line.len() as u32, ending as u8));
    }
    batch
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    batch.iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect()
}

#[test]
fn a_line_is_seen_without_its_ending_and_written_with_it() {
    let pools = pools();
    let batch = batch(&pools, &["one\n", "two\r\n", "\n", "three"]);
    assert_eq!(lines(&batch), ["one", "two", "", "three"]);
    assert_eq!(batch.runs().collect::<Vec<_>>(), [b"one\ntwo\r\n\nthree"]);
    assert_eq!(batch.bytes(), 15);
}

#[test]
fn runs_join_neighbours_alone() {
    let pools = pools();
    let mut gap = batch(&pools, &["a\n", "b\n", "c\n", "d\n"]);
    gap.retain(|at, _| at != 1);
    assert_eq!(gap.runs().collect::<Vec<_>>(), [&b"a\n"[..], b"c\nd\n"]);
    let open = batch(&pools, &["a", "b\n"]);
    assert_eq!(open.runs().collect::<Vec<_>>(), [&b"a"[..], b"b\n"], "two lines must not become one");
}

#[test]
fn fields_are_found_by_key_and_skipped_by_span() {
    let pools = pools();
    let mut batch = batch(&pools, &["x=1\n", "none\n"]);
    batch.parse().for_each(|at, mut line| {
        if at > 0 {
            return;
        }
        let root = line.fields.push(Key::NONE, Value::Object(0));
        let inner = line.fields.key("inner");
        let list = line.fields.push(inner, Value::Array(0));
        line.fields.push(Key::NONE, Value::Int(1));
        line.fields.close(list);
        let x = line.fields.key("x");
        let text = line.slice(2, 3);
        line.fields.push(x, Value::Str(text));
        let (computed, ()) = line.fields.compute(|out| out.extend_from_slice(b"new"));
        let y = line.fields.key("y");
        line.fields.push(y, Value::Str(computed));
        line.fields.close(root);
        line.set_root(root);
    });
    let check = |batch: &RecordBatch| {
        let nodes = batch.fields(&batch.records()[0]).unwrap();
        assert_eq!((nodes.len(), nodes[0].span(), nodes[1].span()), (5, 5, 2));
        let found = |name: &str| {
            let key = batch.key(name)?;
            let node = nodes.iter().find(|node| node.key == key)?;
            match node.value {
                Value::Str(text) => Some(batch.text(text)),
                _ => None,
            }
        };
        assert_eq!((found("x"), found("y"), found("z")), (Some(&b"1"[..]), Some(&b"new"[..]), None));
        assert!(batch.fields(&batch.records()[1]).is_none());
    };
    check(&batch);
    check(&batch.duplicate(&pools));
}

#[test]
fn what_is_taken_back_leaves_no_trace() {
    let pools = pools();
    let mut batch = batch(&pools, &["x\n"]);
    batch.parse().for_each(|_, line| {
        let mark = line.fields.mark();
        line.fields.push(Key::NONE, Value::Null);
        line.fields.rewind(mark);
        assert_eq!(line.fields.mark(), mark);
    });
    assert!(batch.fields(&batch.records()[0]).is_none());
}

#[test]
fn moved_lines_share_nothing_with_the_others() {
    let pools = pools();
    let mut kept = batch(&pools, &["a\n", "b\n", "c\n"]);
    let mut moved = pools.records();
    assert_eq!(kept.move_to(&mut moved, &pools, |at, _| at == 1), 1);
    assert_eq!((lines(&kept), lines(&moved)), (vec!["a".into(), "c".into()], vec!["b".into()]));
    assert_eq!(kept.move_to(&mut moved, &pools, |_, _| false), 0);
    kept.clear();
    assert_eq!(lines(&moved), ["b"]);
}
