use std::borrow::Cow;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer};
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, prepared};
use sluice_expr::Value;
use sluice_expr::expr::Computation;

use crate::condition::{Condition, both, refused, takes};

sluice_core::register! {
    /// Sets the mark of packets: a number that travels with them through the pipeline.
    ///
    /// The mark is a number or an expression that gives one, from 0 to 4294967295. Expressions read it as `frame.mark`;
    /// it is 0 until it is set, and no file keeps it. Where the expression has no value, or none in that range, the mark
    /// stays what it was.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes what the expressions ask about and gives the same. It drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: mark
    ///   mark: hash(ip.src) % 16
    ///   where: tcp or udp
    /// ```
    ///
    /// ## See also
    ///
    /// `where`, `route`
    filter mark(prepare), Stateless, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The mark: a number, or an expression such as `hash(ip.src) % 16`.
    mark: Text,
    /// Which packets get it; all of them without this.
    r#where: Option<String>,
}

/// An expression, which may be a number that YAML takes for one.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Text;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or an expression")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "integer"], "minimum": 0, "maximum": u32::MAX})
    }
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let computation = Computation::new(&options.mark.0).map_err(|error| refused("mark", &error))?;
    if !matches!(computation.kind(), sluice_expr::Type::Int) {
        let message = format!("`{}` gives no whole number", options.mark.0);
        return Err(OptionError::at("mark", message));
    }
    let condition = options.r#where.map(|text| Condition::expression("where", &text)).transpose()?;
    let mut input = both(PortType::Packets, takes(computation.needs()));
    if let Some(condition) = &condition {
        input = input.and_then(|input| both(input, condition.takes()));
    }
    let Some(input) = input else {
        return Err(OptionError::new("records have no mark").help("ask about fields of packets"));
    };
    Ok(prepared::selector(Ports::filter(input, PortType::Any), move |_| {
        Ok(Mark {
            computation: computation.clone(),
            condition: condition.clone(),
            held: Vec::new(),
            marks: Vec::new(),
        })
    }))
}

struct Mark {
    computation: Computation,
    condition: Option<Condition>,
    /// For each packet of the present batch whether it gets one; here to be reused.
    held: Vec<bool>,
    /// The new marks with the places of their packets; likewise.
    marks: Vec<(usize, u32)>,
}

impl Filter for Mark {
    fn process(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let Self { computation, condition, held, marks } = self;
        held.clear();
        if let Some(condition) = condition {
            condition.judge(&mut batch, held, out)?;
        }
        marks.clear();
        computation.first(&mut batch, |at, value| {
            if let Value::Int(number) = value
                && let Ok(mark) = u32::try_from(number)
                && held.get(at).copied().unwrap_or(true)
            {
                marks.push((at, mark));
            }
        });
        let mut batch = batch.into_packets()?;
        let frames = batch.frames_mut();
        for (at, mark) in marks {
            if let Some(frame) = frames.get_mut(*at) {
                frame.mark = *mark;
            }
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::{Batch, MAIN, Registry};
    use sluice_testkit::{Harness, Packets, traffic};

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: mark\n{options}"))
    }

    fn marks(options: &str) -> Vec<u32> {
        let [a, b] = ["10.0.0.1:40000", "10.0.0.2:53"].map(|text| text.parse().unwrap());
        let frames = [traffic::tcp(a, b, 2, b""), traffic::udp(b, a, b""), traffic::arp([1; 4], [2; 4])];
        let outcome = harness(options).unwrap().give(Packets::new().frames(frames).build()).unwrap();
        let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
        batch.frames().iter().map(|frame| frame.mark).collect()
    }

    #[test]
    fn a_mark_is_a_number_or_computed() {
        assert_eq!(marks("  mark: 7"), [7, 7, 7]);
        assert_eq!(marks("  mark: udp.srcport"), [0, 53, 0]);
        assert_eq!(marks("  mark: 9\n  where: tcp.port == 53"), [9, 0, 0]);
        assert_eq!(marks("  mark: frame.len - 1000"), [0, 0, 0]);
    }

    #[test]
    fn wrong_marks_are_refused() {
        for (options, message) in [
            ("  mark: ip.src", "mark: `ip.src` gives no whole number"),
            ("  mark: record.len", "records have no mark"),
            ("  mark: 1\n  where: tpc", "where: there is no field `tpc`: did you mean `tcp`?"),
        ] {
            assert_eq!(harness(options).err().unwrap().to_string(), message);
        }
    }
}
