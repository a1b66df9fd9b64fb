use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use sluice_core::tape::{Key, Text, Value as Taped};
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, prepared};
use sluice_expr::Value;
use sluice_expr::expr::Computation;

use crate::condition::{both, takes};

sluice_core::register! {
    /// Sets fields of records to what expressions compute.
    ///
    /// Each entry of `fields` names a field and gives the expression for it. All of them see the record as it came. A
    /// field that is there already gets the new value; where an expression has no value, the field stays as it was. Several
    /// values become a list. Addresses, times, durations and bytes are written as text.
    ///
    /// The line of the record stays what it is; a sink that writes JSON writes the fields.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes records and gives the same. It drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: set
    ///   fields:
    ///     slow: .took > 0.5
    ///     host: lower(.host)
    ///     length: record.len
    /// ```
    ///
    /// ## See also
    ///
    /// `where`, `parse_json`
    filter set(prepare), Stateless, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Fields and the expressions for them, such as `{host: lower(.host)}`.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    fields: Map<String, Json>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let mut fields = Vec::new();
    for (name, text) in options.fields {
        let at = |message: &str| OptionError::at("fields", message).key(name.as_str());
        let Json::String(text) = text else { return Err(at("expected an expression")) };
        let computation = Computation::new(&text).map_err(|error| {
            let offset = error.span().start;
            at(error.message()).offset(offset)
        })?;
        if both(PortType::Records, takes(computation.needs())).is_none() {
            return Err(at("this asks about packets, and fields of records are set"));
        }
        fields.push(Assignment { name, computation });
    }
    if fields.is_empty() {
        return Err(OptionError::at("fields", "expected at least one field"));
    }
    Ok(prepared::filter(Ports::filter(PortType::Records, PortType::Records), move |_| {
        Ok(Set { fields: fields.clone(), found: Vec::new(), text: Vec::new(), keys: Vec::new() })
    }))
}

#[derive(Clone)]
struct Assignment {
    name: String,
    computation: Computation,
}

/// A computed value that needs no record: text stands in a buffer.
#[derive(Clone)]
enum Kept {
    Plain(Taped),
    Text(Range<usize>),
}

/// A value with the places of its record, of its field, and among the values of the two.
struct Found {
    record: usize,
    field: usize,
    number: usize,
    value: Kept,
}

struct Set {
    fields: Vec<Assignment>,
    /// What was computed for the present batch; here to be reused, as are the others.
    found: Vec<Found>,
    text: Vec<u8>,
    keys: Vec<Key>,
}

/// Writes down a value; texts go to `text`.
fn keep(value: Value<'_>, text: &mut Vec<u8>) -> Kept {
    Kept::Plain(match value {
        Value::Bool(value) => Taped::Bool(value),
        Value::Int(number) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Taped::Int(number),
            (_, Ok(number)) => Taped::Uint(number),
            _ => Taped::Float(number as f64),
        },
        Value::Float(number) => Taped::Float(number),
        value => {
            let start = text.len();
            match value {
                Value::Text(bytes) => text.extend_from_slice(bytes),
                // Writing to a buffer cannot fail.
                value => drop(write!(text, "{value}")),
            }
            return Kept::Text(start..text.len());
        }
    })
}

impl Set {
    fn compute(&mut self, batch: &mut Batch) {
        let Self { fields, found, text, .. } = self;
        found.clear();
        text.clear();
        for (field, assignment) in fields.iter_mut().enumerate() {
            let (mut last, mut number) = (usize::MAX, 0);
            assignment.computation.batch(batch, |record, value| {
                number = if record == last { number + 1 } else { 0 };
                last = record;
                found.push(Found { record, field, number, value: keep(value, text) });
            });
        }
        found.sort_unstable_by_key(|found| (found.record, found.field, found.number));
    }
}

impl Filter for Set {
    fn process(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        self.compute(&mut batch);
        let Self { fields, found, text, keys } = self;
        let mut batch = batch.into_records()?;
        let mut rest = &found[..];
        batch.parse().for_each(|at, mut line| {
            let (mine, others) = rest.split_at(rest.partition_point(|found| found.record <= at));
            rest = others;
            if mine.is_empty() {
                return;
            }
            let by_field = |a: &Found, b: &Found| a.field == b.field;
            keys.clear();
            keys.extend(mine.chunk_by(by_field).map(|values| line.fields.key(&fields[values[0].field].name)));
            let root = line.renew(keys);
            for (values, key) in mine.chunk_by(by_field).zip(keys.iter()) {
                let list = (values.len() > 1).then(|| line.fields.push(*key, Taped::Array(0)));
                for found in values {
                    let value = match &found.value {
                        Kept::Plain(value) => *value,
                        Kept::Text(range) => {
                            let bytes = text.get(range.clone()).unwrap_or_default();
                            let (text, ()): (Text, ()) =
                                line.fields.compute(|buffer| buffer.extend_from_slice(bytes));
                            Taped::Str(text)
                        }
                    };
                    line.fields.push(if list.is_some() { Key::NONE } else { *key }, value);
                }
                if let Some(list) = list {
                    line.fields.close(list);
                }
            }
            line.fields.close(root);
        });
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::tape::{Node, Value as Taped};
    use sluice_core::{Batch, MAIN, RecordBatch, Registry};
    use sluice_testkit::{Harness, records};

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: set\n{options}"))
    }

    /// The fields of each record as text.
    fn shown(batch: &RecordBatch) -> Vec<String> {
        let show = |nodes: &[Node]| {
            let show = |node: &Node| {
                let value = match node.value {
                    Taped::Str(text) => String::from_utf8_lossy(batch.text(text)).into_owned(),
                    value => format!("{value:?}"),
                };
                format!("{}={value}", batch.name(node.key))
            };
            nodes.iter().skip(1).map(show).collect::<Vec<_>>().join(" ")
        };
        batch.records().iter().map(|record| batch.fields(record).map_or(String::new(), show)).collect()
    }

    fn set(options: &str, again: &str) -> Vec<String> {
        let mut first = harness(options).unwrap().give(records(["one", "three"])).unwrap();
        let outcome = harness(again).unwrap().give(first.take(MAIN).unwrap()).unwrap();
        let Some(Batch::Records(batch)) = outcome.port(MAIN) else { panic!("no records") };
        shown(batch)
    }

    #[test]
    fn fields_are_added_and_replaced() {
        let first =
            "  fields:\n    length: record.len\n    line: upper(record.line)\n    long: record.len > 3";
        assert_eq!(
            set(first, "  fields: {length: .length * 2, none: .absent}"),
            ["line=ONE long=Bool(false) length=Int(6)", "line=THREE long=Bool(true) length=Int(10)"]
        );
        assert_eq!(
            set(first, "  fields: {ip: ip(\"10.0.0.1\"), line: 'if .long then .line else 1.5'}"),
            [
                "length=Int(3) long=Bool(false) ip=10.0.0.1 line=Float(1.5)",
                "length=Int(5) long=Bool(true) ip=10.0.0.1 line=THREE"
            ]
        );
    }

    #[test]
    fn wrong_fields_are_refused_where_they_stand() {
        for (options, message) in [
            ("  fields: {}", "fields: expected at least one field"),
            ("  fields: {a: ip.src}", "fields.a: this asks about packets, and fields of records are set"),
            ("  fields: {a: lwer(.a)}", "fields.a: there is no function `lwer`: did you mean `lower`?"),
        ] {
            assert_eq!(harness(options).err().unwrap().to_string(), message);
        }
    }
}
