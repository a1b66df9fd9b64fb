//! Broken pipelines and what is said about them: the pairs `NAME.yaml` and `NAME.expected` in `tests/broken`.
//!
//! A line `# param NAME=VALUE` or `# env NAME=VALUE` in the YAML sets one. With `UPDATE_EXPECTED=1` the expected texts
//! are written anew; read each of them then.

use std::fs;
use std::path::{Path, PathBuf};

use super::check;

fn pipelines() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/broken");
    let entries =
        |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let folders = entries(&root).into_iter().filter(|path| path.is_dir());
    let mut files: Vec<_> = folders.flat_map(|folder| entries(&folder)).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files
}

fn settings<'a>(text: &'a str, what: &str) -> Vec<(&'a str, &'a str)> {
    let marked = |line: &'a str| line.strip_prefix("# ")?.strip_prefix(what)?.trim().split_once('=');
    text.lines().filter_map(marked).collect()
}

fn judge(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let name = path.file_name().unwrap().to_str().unwrap();
    match check(name, &text, &settings(&text, "param "), &settings(&text, "env ")) {
        Ok(_) => "this pipeline was accepted\n".to_owned(),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn every_broken_pipeline_is_refused_with_the_expected_text() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = String::new();
    for path in pipelines() {
        let found = judge(&path);
        let file = path.with_extension("expected");
        if update {
            fs::write(&file, &found).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            wrong.push_str(&format!("--- {}\nexpected\n{expected}\nfound\n{found}\n", path.display()));
        }
        assert!(!found.contains("was accepted"), "{} is accepted", path.display());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_expected_text_is_left_without_its_pipeline() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/broken");
    for folder in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            assert!(file.with_extension("yaml").exists(), "{}", file.display());
        }
    }
}

#[test]
fn secrets_are_never_shown() {
    for path in pipelines() {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let found = judge(&path);
        for (name, secret) in settings(&text, "env ").into_iter().filter(|(name, _)| name.contains("SECRET"))
        {
            assert!(!found.contains(secret), "{} shows {name}:\n{found}", path.display());
        }
    }
}

#[test]
fn places_and_texts_of_errors_agree() {
    for path in pipelines() {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let Err(errors) = check("x", &text, &settings(&text, "param "), &settings(&text, "env ")) else {
            continue;
        };
        let mut last = 0;
        for error in &errors {
            let line = text.lines().nth(error.line - 1).unwrap_or("");
            let before = text[..error.span.start].rfind('\n').map_or(0, |at| at + 1);
            assert_eq!(
                error.column,
                text[before..error.span.start].chars().count() + 1,
                "{}",
                path.display()
            );
            assert!(text[before..].starts_with(line), "{}", path.display());
            assert!(last <= error.span.start, "{} is not sorted", path.display());
            last = error.span.start;
        }
    }
}
