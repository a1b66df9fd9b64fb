//! The `tests:` section: what a pipeline promises about its output.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::diagnostic::{Problem, Problems};
use crate::options::{self, Subject};
use crate::params::{self, Declared};
use crate::yaml::{Data, Node};

/// One test: run the pipeline on these files with these params and compare what it wrote.
///
/// A param of which the value is the name of one of the files stands for the path of that file in a directory of the
/// test's own; whoever runs the test sees to that.
#[derive(Clone, Debug, PartialEq)]
pub struct TestCase {
    /// What it is called.
    pub name: String,
    /// The params that it sets, in the order of the file.
    pub params: Vec<(String, Value)>,
    /// The files that there are before the run.
    pub files: Vec<(String, Content)>,
    /// The files that there must be after the run.
    pub expect: Vec<(String, Content)>,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
}

/// What is in a file of a test.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The whole text, as it is.
    Text(String),
    /// The lines of a text, each ended by a newline; for a capture that is expected, its packets as `sluice` prints
    /// them, one line each.
    Lines(Vec<String>),
    /// The packets of a capture: their bytes in hexadecimal, in which spaces and colons do not matter.
    Packets(
        #[serde(deserialize_with = "hex_list")]
        #[schemars(with = "Vec<Hex>")]
        Vec<Vec<u8>>,
    ),
    /// How many there are: packets in a capture, lines in a text. For expected files only.
    Count(u64),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TestCase")]
pub(crate) struct Case {
    /// What the test is called.
    name: String,
    /// The params that it sets. The name of a file below stands for its path.
    #[serde(default)]
    params: serde_json::Map<String, Value>,
    /// The files that there are before the run.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Content>")]
    files: Files,
    /// The files that there must be after the run.
    #[schemars(with = "std::collections::BTreeMap<String, Content>")]
    expect: Files,
}

/// Files in the order in which they are written.
#[derive(Default)]
struct Files(Vec<(String, Content)>);

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> de::Visitor<'de> for Visit {
            type Value = Files;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping from file names to contents")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Files, A::Error> {
                let mut files = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    files.push(entry);
                }
                Ok(Files(files))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// Bytes in hexadecimal.
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        bytes(&text).map(Hex).map_err(de::Error::custom)
    }
}

impl JsonSchema for Hex {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hex".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

fn hex_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    Ok(Vec::<Hex>::deserialize(deserializer)?.into_iter().map(|hex| hex.0).collect())
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut digits = Vec::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != ':') {
        digits.push(c.to_digit(16).ok_or_else(|| format!("`{c}` is no hexadecimal digit"))? as u8);
    }
    if digits.len() % 2 > 0 {
        return Err(format!("{} hexadecimal digits make no whole bytes", digits.len()));
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Reads the `tests:` section.
pub(crate) fn read(
    document: &str,
    section: &Node,
    declared: &[Declared],
    problems: &mut Problems,
) -> Vec<TestCase> {
    let Some(items) = section.items() else {
        if !matches!(section.data, Data::Null) {
            problems.push(options::mismatch(section, "`tests` is not a list", "a list of tests"));
        }
        return Vec::new();
    };
    let mut cases: Vec<TestCase> = Vec::new();
    for node in items {
        let Some(case) = case(document, node, declared, problems) else { continue };
        if cases.iter().any(|earlier| earlier.name == case.name) {
            let span = node.get("name").map_or(&node.span, |name| &name.span);
            problems.push(Problem::new(span, format!("there are two tests with the name `{}`", case.name)));
        }
        cases.push(case);
    }
    cases
}

fn case(document: &str, node: &Node, declared: &[Declared], problems: &mut Problems) -> Option<TestCase> {
    let name = node.get("name").filter(|n| n.is_scalar()).map_or("", |n| n.raw.as_str());
    let of = if name.is_empty() { "a test".to_owned() } else { format!("test `{name}`") };
    for entry in node.get("params").and_then(Node::entries).unwrap_or(&[]) {
        match declared.iter().find(|d| d.spec.name == entry.key.text) {
            None => problems.push(params::unknown(
                &entry.key.text,
                declared.iter().map(|d| d.spec.name.as_str()),
                &entry.key.span,
            )),
            Some(d) if !d.spec.kind.takes(&entry.value.to_json()) => problems.push(options::mismatch(
                &entry.value,
                format!("param `{}` has another type", d.spec.name),
                &format!("a value of type `{}`", d.spec.kind),
            )),
            Some(_) => {}
        }
    }
    for entry in node.get("files").and_then(Node::entries).unwrap_or(&[]) {
        if let Some(count) = entry.value.entries().and_then(|e| e.iter().find(|e| e.key.text == "count")) {
            problems.push(
                Problem::new(
                    &count.key.span,
                    format!("file `{}` cannot be made from a count", entry.key.text),
                )
                .help("give its `text`, `lines` or `packets`"),
            );
        }
    }
    let case: Case = options::read(document, &Subject::section(of), node, &node.span, problems)?;
    Some(TestCase {
        name: case.name,
        params: case.params.into_iter().collect(),
        files: case.files.0,
        expect: case.expect.0,
        line: document[..node.span.start].matches('\n').count() + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hexadecimal_with_and_without_space() {
        assert_eq!(bytes("00ff"), Ok(vec![0, 255]));
        assert_eq!(bytes("00:1A 2b\n"), Ok(vec![0, 0x1a, 0x2b]));
        assert_eq!(bytes(""), Ok(vec![]));
        assert!(bytes("0").is_err());
        assert!(bytes("0g").is_err());
        assert!(bytes("é0").is_err());
    }
}
