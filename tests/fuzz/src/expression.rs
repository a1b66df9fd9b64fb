//! Typed expressions: any text is refused at a place in it, or printed as what it was and evaluated over any packet and any
//! record. The text ends at the first zero; behind it are the link type and the packet, which is the record's line too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_core::tape::{Key, Value as Taped};
use sluice_core::{Batch, PacketBatch, RecordBatch};
use sluice_expr::Error;
use sluice_expr::expr::{Computation, Expr, Predicate, parse};
use sluice_testkit::{Packets, records};

mod split;

fn packets(parts: &split::Parts<'_>) -> PacketBatch {
    let half = &parts.frame[..parts.frame.len() / 2];
    Packets::of(parts.link).frame(parts.frame).with(half, |frame| frame.wire += 40).build()
}

/// Records with a field of every type, and one without fields.
fn lines(line: &[u8]) -> RecordBatch {
    let mut batch = records([line, line]);
    batch.parse().for_each(|at, mut record| {
        if at > 0 {
            return;
        }
        let whole = record.slice(0, record.text().len());
        let root = record.fields.push(Key::NONE, Taped::Object(0));
        let values = [
            ("a", Taped::Int(line.len() as i64 - 40)),
            ("b", Taped::Str(whole)),
            (
                "c",
                Taped::Float(f64::from_bits(line.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))),
            ),
            ("d", Taped::Bool(line.len() % 2 == 0)),
            ("e", Taped::Null),
            ("f", Taped::Uint(u64::MAX)),
        ];
        for (name, value) in values {
            let key = record.fields.key(name);
            record.fields.push(key, value);
        }
        let key = record.fields.key("g");
        let list = record.fields.push(key, Taped::Array(0));
        for (_, value) in values {
            record.fields.push(Key::NONE, value);
        }
        record.fields.close(list);
        record.fields.close(root);
        record.set_root(root);
    });
    batch
}

fn points_into(text: &str, error: &Error) {
    let span = error.span();
    assert!(span.start <= span.end && text.get(span.start..span.end).is_some(), "{span:?}: {error}");
    error.render(text);
}

fn evaluate(text: &str, expr: &Expr, parts: &split::Parts<'_>) {
    let mut batches = [Batch::from(packets(parts)), Batch::from(lines(parts.frame))];
    match Computation::of(expr) {
        Ok(mut computation) => {
            for batch in &mut batches {
                computation.batch(batch, |_, value| drop(value.to_string()));
                computation.first(batch, |_, value| drop(value.to_string()));
            }
        }
        Err(error) => points_into(text, &error),
    }
    let mut predicate = match Predicate::of(expr) {
        Ok(predicate) => predicate,
        Err(error) => return points_into(text, &error),
    };
    // One more level may be one too many.
    let mut not = Predicate::new(&format!("not ({expr})")).ok();
    let (mut held, mut others) = (Vec::new(), Vec::new());
    for batch in &mut batches {
        predicate.batch(batch, &mut held);
        assert_eq!(held.len(), 2);
        if let Some(not) = &mut not {
            not.batch(batch, &mut others);
            assert!(
                held.iter().zip(&others).all(|(held, other)| held != other),
                "{expr}: {held:?} {others:?}"
            );
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(parts) = split::parts(data) else { return };
    match parse(parts.text) {
        Ok(expr) => {
            let printed = expr.to_string();
            assert_eq!(
                parse(&printed).map_err(|error| error.render(&printed)),
                Ok(expr.clone()),
                "{printed}"
            );
            evaluate(parts.text, &expr, &parts);
        }
        Err(error) => points_into(parts.text, &error),
    }
});
