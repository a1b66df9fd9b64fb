//! From a name on the command line to a checked pipeline.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use sluice_config::{Document, Pipeline, Settings};
use sluice_core::Registry;

use super::out::{Failed, said};
use super::text;

/// The built-in pipelines: name and text.
pub const BUILT_IN: [(&str, &str); 15] = [
    ("bridge", include_str!("../../../../pipelines/bridge.yaml")),
    ("capture-print", include_str!("../../../../pipelines/capture-print.yaml")),
    ("capture-to-pcap", include_str!("../../../../pipelines/capture-to-pcap.yaml")),
    ("connections-live", include_str!("../../../../pipelines/connections-live.yaml")),
    ("connections", include_str!("../../../../pipelines/connections.yaml")),
    ("log-to-file", include_str!("../../../../pipelines/log-to-file.yaml")),
    ("pcap-anonymize", include_str!("../../../../pipelines/pcap-anonymize.yaml")),
    ("pcap-filter", include_str!("../../../../pipelines/pcap-filter.yaml")),
    ("pcap-flows", include_str!("../../../../pipelines/pcap-flows.yaml")),
    ("pcap-merge", include_str!("../../../../pipelines/pcap-merge.yaml")),
    ("pcap-rewrite", include_str!("../../../../pipelines/pcap-rewrite.yaml")),
    ("pcap-split", include_str!("../../../../pipelines/pcap-split.yaml")),
    ("pcap-stats", include_str!("../../../../pipelines/pcap-stats.yaml")),
    ("pcap-to-json", include_str!("../../../../pipelines/pcap-to-json.yaml")),
    ("replay", include_str!("../../../../pipelines/replay.yaml")),
];

/// The built-in pipeline of this name.
pub fn built_in(name: &str) -> Option<Document> {
    let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(Document { name: (*name).to_owned(), text: (*text).to_owned() })
}

/// The pipeline that an argument means: a file where it looks like one, a built-in pipeline otherwise.
pub fn document(name: &str) -> anyhow::Result<Document> {
    if name == "-" {
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text).context("cannot read standard input")?;
        return decoded("standard input", text);
    }
    let path = Path::new(name);
    if name.contains('/') || path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
        let text = std::fs::read(path);
        let text = text.map_err(|error| Failed::usage(format!("cannot read `{name}`: {}", said(&error))))?;
        return decoded(name, text);
    }
    built_in(name).ok_or_else(|| unknown(name).into())
}

fn decoded(name: &str, text: Vec<u8>) -> anyhow::Result<Document> {
    let text = String::from_utf8(text).map_err(|_| Failed::usage(format!("`{name}` is not UTF-8 text")))?;
    Ok(Document { name: name.to_owned(), text })
}

fn unknown(name: &str) -> Failed {
    let names = BUILT_IN.map(|(name, _)| name);
    let help = match text::nearest(name, names) {
        _ if Path::new(name).is_file() => format!("to run the file, write `./{name}`"),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("built in are {}; a file has `/` in its name or ends in `.yaml`", text::join(names)),
    };
    Failed::usage(format!("there is no pipeline `{name}`: {help}"))
}

/// Splits `name=value`.
pub fn params(given: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let split = |param: &String| {
        let (name, value) = param.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let read =
        |param| split(param).ok_or_else(|| Failed::usage(format!("`{param}` is no `name=value`")).into());
    given.iter().map(read).collect()
}

/// A value as `name=value` has it.
pub fn as_param(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_param).collect::<Vec<_>>().join(","),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| format!("{key}={}", as_param(value));
            entries.iter().map(entry).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// Checks a pipeline. Params that it does not declare are an error of the command line, not of the file.
pub fn check(
    registry: &Registry,
    document: &Document,
    params: Vec<(String, String)>,
) -> anyhow::Result<Pipeline> {
    if let Ok(declared) = sluice_config::params(document) {
        let names = || declared.iter().map(|param| param.name.as_str());
        if let Some((name, _)) = params.iter().find(|(name, _)| !names().any(|known| known == name)) {
            let help = match text::nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if declared.is_empty() => "it has none".to_owned(),
                None => format!("it has {}", text::join(names())),
            };
            return Err(Failed::usage(format!("`{}` has no param `{name}`: {help}", document.name)).into());
        }
    }
    let settings = Settings { params, env: &|name| std::env::var(name).ok() };
    Ok(sluice_config::check(document, registry, &settings)?)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn every_pipeline_of_the_folder_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
        let mut names: Vec<OsString> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, BUILT_IN.map(|(name, _)| OsString::from(format!("{name}.yaml"))));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_one() {
        let told = |name: &str| document(name).unwrap_err().to_string();
        assert_eq!(told("pcap-rewrit"), "there is no pipeline `pcap-rewrit`: did you mean `pcap-rewrite`?");
        assert!(told("x").contains("built in are `bridge`, `capture-print`, "));
        assert_eq!(told("a/b.yaml"), "cannot read `a/b.yaml`: no such file or directory");
    }
}
