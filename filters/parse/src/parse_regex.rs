use std::collections::BTreeMap;
use std::sync::Arc;

use regex::bytes::{CaptureLocations, Regex};
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::tape::{Key, Value};
use sluice_core::{Batch, Error, Filter, Line, OptionError, Output, Prepared, Reason, prepared};

use crate::bad::OnBad;
use crate::time::Time;

sluice_core::register! {
    /// Reads the fields of records from lines with a regular expression.
    ///
    /// Every named group of the pattern becomes a field; a group that takes no part in the match gives none. The
    /// pattern may match anywhere in the line: begin it with `^` and end it with `$` to match all of it. The syntax is
    /// that of the Rust crate `regex`, which needs time proportional to the length of the line whatever the pattern
    /// is, and therefore knows no look-around and no back-references.
    ///
    /// Fields are strings unless `types` says otherwise. A text that is not a number of its type stays a string.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes records and gives the same with fields. With `on_bad: errors` (the default) lines that the pattern does not
    /// match leave through `errors`.
    ///
    /// - `no_match`: the pattern does not match the line
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: parse_regex
    ///   pattern: '^(?<host>\S+) \S+ (?<user>\S+) \[(?<time>[^\]]+)\] "(?<request>[^"]*)" (?<status>\d+) (?<size>\d+|-)'
    ///   types: {status: int, size: int}
    /// ```
    ///
    /// ## See also
    ///
    /// `parse_json`
    filter parse_regex(prepare), Stateless, drops [NO_MATCH]
}

static NO_MATCH: Reason = Reason::new("no_match", "the pattern does not match the line");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The regular expression, with groups such as `(?<name>\d+)`.
    pattern: String,
    /// The types of fields that are no strings.
    #[serde(default)]
    types: BTreeMap<String, Type>,
    /// What becomes of a line that the pattern does not match.
    #[serde(default)]
    on_bad: OnBad,
    /// The field that holds the event time. A record without a readable one keeps the time that it has.
    time: Option<Time>,
}

/// The type of a field.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Type {
    /// Text.
    #[default]
    String,
    /// A whole number of 64 bits.
    Int,
    /// A floating-point number.
    Float,
}

impl Type {
    fn read(self, text: &[u8]) -> Option<Value> {
        let text = std::str::from_utf8(text).ok();
        match self {
            Type::String => None,
            Type::Int => {
                let text = text?;
                text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Uint)).ok()
            }
            Type::Float => text?.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float),
        }
    }
}

/// A named group: its number in the pattern, its name, its type.
struct Group {
    at: usize,
    name: String,
    holds: Type,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { pattern, types, on_bad, time } = options;
    let regex = compile(&pattern)?;
    let names = regex.capture_names().enumerate();
    let groups: Vec<Group> = names
        .filter_map(|(at, name)| {
            let name = name?.to_owned();
            Some(Group { at, holds: types.get(&name).copied().unwrap_or_default(), name })
        })
        .collect();
    if groups.is_empty() {
        return Err(
            OptionError::at("pattern", "the pattern has no named group").help("name one: `(?<status>\\d+)`")
        );
    }
    let known = || groups.iter().map(|g| format!("`{}`", g.name)).collect::<Vec<_>>().join(", ");
    let is_known = |name: &str| groups.iter().any(|group| group.name == name);
    if let Some(name) = types.keys().find(|name| !is_known(name)) {
        return Err(OptionError::at("types", format!("the pattern has no group `{name}`, only {}", known()))
            .key(name));
    }
    if let Some(Time { field, .. }) = time.as_ref().filter(|time| !is_known(&time.field)) {
        return Err(OptionError::at("time", format!("the pattern has no group `{field}`, only {}", known()))
            .key("field"));
    }
    let groups: Arc<[Group]> = groups.into();
    Ok(prepared::filter(on_bad.ports(), move |_| {
        let (regex, groups) = (regex.clone(), Arc::clone(&groups));
        let found = regex.capture_locations();
        Ok(ParseRegex { regex, groups, found, on_bad, time: time.clone(), bad: Vec::new() })
    }))
}

/// Compiles the pattern; a mistake in it is shown where it stands.
fn compile(pattern: &str) -> Result<Regex, OptionError> {
    let wrong = |message: String| OptionError::at("pattern", message);
    Regex::new(pattern).map_err(|error| {
        // The regex crate draws a picture of the mistake; its parser, asked again, tells place and cause apart.
        match regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern) {
            Err(regex_syntax::Error::Parse(e)) => wrong(e.kind().to_string()).offset(e.span().start.offset),
            Err(regex_syntax::Error::Translate(e)) => {
                wrong(e.kind().to_string()).offset(e.span().start.offset)
            }
            _ => match error {
                regex::Error::CompiledTooBig(limit) => {
                    wrong(format!("the compiled pattern exceeds {limit} bytes"))
                }
                error => wrong(error.to_string()),
            },
        }
    })
}

struct ParseRegex {
    regex: Regex,
    groups: Arc<[Group]>,
    on_bad: OnBad,
    time: Option<Time>,
    /// Where the groups of the present line are, and the indexes of the lines that did not match; here to be reused.
    found: CaptureLocations,
    bad: Vec<u32>,
}

impl ParseRegex {
    /// Whether the pattern matches; if so the fields are set.
    fn read(regex: &Regex, groups: &[Group], found: &mut CaptureLocations, line: &mut Line<'_, '_>) -> bool {
        let text = line.text();
        if regex.captures_read(found, text).is_none() {
            return false;
        }
        let root = line.fields.push(Key::NONE, Value::Object(0));
        for group in groups {
            let Some((start, end)) = found.get(group.at) else { continue };
            let number = text.get(start..end).and_then(|text| group.holds.read(text));
            let value = number.unwrap_or_else(|| Value::Str(line.slice(start, end)));
            let key = line.fields.key(&group.name);
            line.fields.push(key, value);
        }
        line.fields.close(root);
        line.set_root(root);
        true
    }
}

impl Filter for ParseRegex {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_records()?;
        let Self { regex, groups, found, bad, .. } = self;
        bad.clear();
        batch.parse().for_each(|at, mut line| {
            if !Self::read(regex, groups, found, &mut line) {
                bad.push(at as u32);
            }
        });
        if let Some(time) = &self.time {
            time.set(&mut batch);
        }
        self.on_bad.emit(batch, &self.bad, &NO_MATCH, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::{ERRORS, MAIN, Registry, Step};
    use sluice_testkit::{Harness, golden, records};

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: parse_regex\n{options}"))
    }

    fn refused(options: &str) -> OptionError {
        match harness(options).err() {
            Some(sluice_testkit::Error::Options(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn named_groups_become_fields() {
        let options = "  pattern: '^(?<method>[A-Z]+) (?:(?<path>\\S+) )?(?<status>\\S+) (?<took>\\S+)$'\n  types: {status: int, took: float}";
        let lines = ["GET /a 200 0.5", "PUT 404 x", "nothing", "GET / 18446744073709551615 inf"];
        let outcome = harness(options).unwrap().give(records(lines)).unwrap();
        let expected = concat!(
            r#"{"method":"GET","path":"/a","status":200,"took":0.5}"#,
            "\n",
            r#"{"method":"PUT","status":404,"took":"x"}"#,
            "\n",
            r#"{"method":"GET","path":"/","status":18446744073709551615,"took":"inf"}"#,
            "\n",
        );
        assert_eq!(golden::text(outcome.port(MAIN).unwrap()), expected);
        assert_eq!(outcome.items(ERRORS), [b"nothing"]);
    }

    #[test]
    fn lines_need_not_be_utf8() {
        let outcome = harness("  pattern: '(?<n>\\d+)'\n  types: {n: int}")
            .unwrap()
            .give(records([b"\xff 7"]))
            .unwrap();
        assert_eq!(golden::text(outcome.port(MAIN).unwrap()), "{\"n\":7}\n");
    }

    #[test]
    fn bad_lines_are_dropped_on_request() {
        let mut parse = harness("  pattern: '(?<n>\\d+)'\n  on_bad: drop").unwrap();
        assert_eq!(parse.pass(records(["1", "x"])).unwrap(), [b"1"]);
        assert_eq!(parse.dropped("no_match"), 1);
    }

    #[test]
    fn a_mistake_in_the_pattern_is_shown_where_it_stands() {
        let error = refused("  pattern: '(?<a>x)(b'");
        assert_eq!((error.path.as_slice(), error.offset), (&[Step::Key("pattern".into())][..], Some(7)));
        assert_eq!(error.message, "unclosed group");
        assert_eq!(refused("  pattern: '(?<a>\\d+)\\p{Nope}'").message, "Unicode property not found");
        assert_eq!(refused("  pattern: 'a(b)'").message, "the pattern has no named group");
        assert_eq!(
            refused("  pattern: '(?<a>\\w{500}){500}'").message,
            "the compiled pattern exceeds 10485760 bytes"
        );
        assert_eq!(
            refused("  pattern: '(?<a>b)'\n  types: {c: int}").to_string(),
            "types.c: the pattern has no group `c`, only `a`"
        );
        assert_eq!(
            refused("  pattern: '(?<a>b)'\n  time: {field: t, format: epoch_s}").to_string(),
            "time.field: the pattern has no group `t`, only `a`"
        );
    }
}
