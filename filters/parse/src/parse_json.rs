use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, Filter, OptionError, Output, Prepared, Reason, prepared};

use crate::bad::OnBad;
use crate::json;
use crate::time::Time;

sluice_core::register! {
    /// Reads the fields of records from lines that hold one JSON object each.
    ///
    /// The lines themselves stay as they are; the fields come in addition. The grammar is RFC 8259 to the letter, in
    /// UTF-8, with at most 127 objects and arrays inside each other. Whole numbers that fit into 64 bits stay whole;
    /// others become floating-point numbers. Where a key stands several times in an object, all of its values are
    /// kept in order, and the last one counts.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes records and gives the same with fields. With `on_bad: errors` (the default) lines that are no JSON object
    /// leave through `errors`.
    ///
    /// - `bad_json`: the line is not a JSON object
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: parse_json
    ///   time: {field: ts, format: rfc3339}
    /// ```
    ///
    /// ## See also
    ///
    /// `parse_regex`
    filter parse_json(prepare), Stateless, drops [BAD_JSON]
}

static BAD_JSON: Reason = Reason::new("bad_json", "the line is not a JSON object");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// What becomes of a line that is not a JSON object.
    #[serde(default)]
    on_bad: OnBad,
    /// The field that holds the event time. A record without a readable one keeps the time that it has.
    time: Option<Time>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { on_bad, time } = options;
    Ok(prepared::filter(on_bad.ports(), move |_| {
        Ok(ParseJson { on_bad, time: time.clone(), bad: Vec::new(), scratch: String::new() })
    }))
}

struct ParseJson {
    on_bad: OnBad,
    time: Option<Time>,
    /// The indexes of the bad lines of the present batch, and room for unescaping; here to be reused.
    bad: Vec<u32>,
    scratch: String,
}

impl Filter for ParseJson {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_records()?;
        let Self { on_bad, time, bad, scratch } = self;
        bad.clear();
        batch.parse().for_each(|at, mut line| {
            let is_object = line.text().trim_ascii_start().first() == Some(&b'{');
            if !is_object || json::parse(&mut line, scratch).is_err() {
                bad.push(at as u32);
            }
        });
        if let Some(time) = time {
            time.set(&mut batch);
        }
        on_bad.emit(batch, bad, &BAD_JSON, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::{ERRORS, MAIN, Registry};
    use sluice_testkit::{Harness, golden, records};

    const LINES: [&str; 4] = [r#"{"a": {"b": [1, "x\ty"]}}"#, "[1]", "{", r#" {"ts": 1.5, "a": null} "#];

    fn harness(options: &str) -> Harness {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: parse_json\n{options}"))
            .unwrap()
    }

    #[test]
    fn lines_stay_and_fields_come_in_addition() {
        let mut parse = harness("");
        let outcome = parse.give(records(LINES)).unwrap();
        assert_eq!(
            golden::text(outcome.port(MAIN).unwrap()),
            "{\"a\":{\"b\":[1,\"x\\ty\"]}}\n{\"ts\":1.5,\"a\":null}\n"
        );
        assert_eq!(outcome.items(MAIN), [LINES[0].as_bytes(), LINES[3].as_bytes()]);
        assert_eq!(outcome.items(ERRORS), [LINES[1].as_bytes(), LINES[2].as_bytes()]);
        assert_eq!((parse.tally().errors, parse.dropped("bad_json")), (2, 0));
    }

    #[test]
    fn bad_lines_are_dropped_or_passed_on_request() {
        let mut drops = harness("  on_bad: drop");
        assert_eq!(drops.pass(records(LINES)).unwrap().len(), 2);
        assert_eq!(drops.dropped("bad_json"), 2);
        let outcome = harness("  on_bad: pass").give(records(LINES)).unwrap();
        assert_eq!(golden::text(outcome.port(MAIN).unwrap()).lines().nth(2), Some("{"));
    }

    #[test]
    fn the_event_time_is_taken_from_a_field() {
        let outcome = harness("  time: {field: ts, format: epoch_s}").give(records(LINES)).unwrap();
        let Some(sluice_core::Batch::Records(batch)) = outcome.port(MAIN) else { panic!("no records") };
        assert_eq!(batch.records().iter().map(|r| r.time).collect::<Vec<_>>(), [0, 1_500_000_000]);
    }
}
