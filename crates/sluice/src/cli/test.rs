//! `sluice test`: runs the tests that pipelines carry.

mod files;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde_json::Value;
use sluice_config::{Content, Document, TestCase};
use sluice_core::{Registry, Silent};
use sluice_runtime::{Options, Outcome};

use super::out::{self, FAILED, Failed};
use super::{DONE, args, load, run};

/// Runs the tests of the pipelines named, or of all that are built in.
pub fn test(registry: &Registry, args: &args::Test) -> anyhow::Result<u8> {
    let documents: Vec<Document> = match args.pipelines.as_slice() {
        [] => load::BUILT_IN.iter().filter_map(|(name, _)| load::built_in(name)).collect(),
        names => names.iter().map(|name| load::document(name)).collect::<anyhow::Result<_>>()?,
    };
    run::keep_panics_quiet();
    let (mut passed, mut failed) = (0, 0);
    for document in &documents {
        let tests = tests(registry, document)?;
        if tests.is_empty() {
            out::print(&format!("{}: no tests\n", document.name))?;
        }
        for test in &tests {
            let wrong = one(registry, document, test, args.division)?;
            let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
            out::print(&format!("{}: {} ... {verdict}\n", document.name, test.name))?;
            for line in wrong.iter().flat_map(|wrong| wrong.lines()) {
                out::print(&format!("    {line}\n"))?;
            }
            *if wrong.is_empty() { &mut passed } else { &mut failed } += 1;
        }
    }
    out::print(&format!("\n{passed} passed, {failed} failed\n"))?;
    Ok(if failed == 0 { DONE } else { FAILED })
}

/// The tests that a pipeline carries. Reading them needs a value for every param, which the tests themselves give.
fn tests(registry: &Registry, document: &Document) -> anyhow::Result<Vec<TestCase>> {
    let raw: Value = serde_yaml::from_str(&document.text).unwrap_or_default();
    let given = |name: &str| raw["tests"].as_array()?.iter().find_map(|test| test["params"].get(name));
    let params = sluice_config::params(document)?;
    let open: Vec<_> = params.into_iter().filter(|param| param.default.is_none()).collect();
    if raw.get("tests").is_none() && !open.is_empty() {
        // Nothing gives them a value, such as the name of an interface.
        return Ok(Vec::new());
    }
    let params = open
        .iter()
        .filter_map(|param| given(&param.name).map(|value| (param.name.clone(), load::as_param(value))));
    Ok(load::check(registry, document, params.collect())?.tests)
}

/// Runs one test; tells what was not as expected.
fn one(
    registry: &Registry,
    document: &Document,
    test: &TestCase,
    division: args::Division,
) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir().context("cannot make a temporary directory")?;
    for (name, content) in &test.files {
        let path = inside(folder.path(), name)?;
        files::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let names = || test.files.iter().chain(&test.expect).map(|(name, _)| name);
    let placed = |text: String| {
        let file = names().any(|name| *name == text);
        Ok(if file { inside(folder.path(), &text)?.to_string_lossy().into_owned() } else { text })
    };
    let param = |(name, value): &(String, Value)| {
        let text = match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| placed(load::as_param(item)));
                items.collect::<anyhow::Result<Vec<String>>>()?.join(",")
            }
            value => placed(load::as_param(value))?,
        };
        Ok((name.clone(), text))
    };
    let params = test.params.iter().map(param).collect::<anyhow::Result<_>>()?;
    let mut pipeline = load::check(registry, document, params)?;
    division.apply(&mut pipeline);
    let mut wrong = Vec::new();
    match sluice_runtime::run(&pipeline, Options::new(Arc::new(Silent))) {
        Err(failure) => wrong.push(run::sentence(&failure)),
        Ok(ran) => {
            wrong.extend(ran.failures.iter().map(run::sentence));
            if ran.outcome == Outcome::Lost {
                wrong.push("the run lost data".to_owned());
            }
        }
    }
    for (name, content) in &test.expect {
        wrong.extend(compare(&inside(folder.path(), name)?, name, content));
    }
    Ok(wrong)
}

fn compare(path: &Path, name: &str, expected: &Content) -> Option<String> {
    match std::fs::read(path) {
        Err(error) => Some(format!("{name} cannot be read: {}", out::said(&error))),
        Ok(found) => files::compare(&found, expected).map(|difference| format!("{name}: {difference}")),
    }
}

/// The path of a test's file, which must not lead out of its folder.
fn inside(folder: &Path, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !plain || name.contains('/') {
        return Err(Failed::new(format!("`{name}` is no plain file name")).into());
    }
    Ok(folder.join(name))
}
