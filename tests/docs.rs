//! The documentation is true: links lead somewhere, code is code that is compiled, pipelines pass the check, what is
//! generated is up to date.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sluice_tests::{Folder, root};

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(&path)).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

/// Every Markdown file of the repository, relative to its root.
fn pages() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name()) {
            let hidden = path.to_string_lossy().starts_with('.') || path == "target";
            let path = folder.join(path);
            if !hidden && root().join(&path).is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(""), &mut found);
    assert!(found.contains(&PathBuf::from("README.md")));
    found
}

/// The fenced blocks of a page: language and content.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The page without its blocks and its code in backquotes.
fn prose(page: &str) -> String {
    let mut code = false;
    let mut text = String::new();
    for line in page.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !code {
            text.extend([line, "\n"]);
        }
    }
    text
}

/// The targets of `[text](target)` and `![text](target)`.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page);
    let mut links = Vec::new();
    for (at, _) in prose.match_indices("](") {
        let rest = &prose[at + 2..];
        links.extend(rest.find(')').map(|end| rest[..end].to_owned()));
    }
    links
}

/// The name that a heading gets as the target of a link.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).lines().filter(|l| l.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    headings.iter().map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for page in pages() {
        for link in links(&read(&page)) {
            if link.contains("://") {
                continue;
            }
            let (path, place) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.clone() } else { page.with_file_name("").join(path) };
            let there = root().join(&target).exists();
            if !there || (!place.is_empty() && !anchors(&read(&target)).contains(place)) {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_folders_that_the_readme_lists_are_there() {
    let readme = read("README.md");
    let (_, table) = readme.split_once("## Folders").unwrap();
    let row = |line: &str| {
        let (name, _) = line.strip_prefix("| [`")?.split_once("/`]")?;
        Some(name.to_owned())
    };
    let listed: Vec<String> = table.lines().filter_map(row).collect();
    assert!(listed.len() >= 7, "{listed:?}");
    let absent: Vec<_> = listed.iter().filter(|name| !root().join(name).is_dir()).collect();
    assert!(absent.is_empty(), "{absent:?}");
}

#[test]
fn the_reference_is_what_the_command_prints() {
    let ran = Folder::new().sluice(&["reference"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        read("docs/reference.md") == ran.stdout,
        "docs/reference.md is out of date: run `cargo run -- reference > docs/reference.md`"
    );
}

#[test]
fn the_page_of_fields_is_what_the_command_prints() {
    let ran = Folder::new().sluice(&["reference", "--fields"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        read("docs/fields.md") == ran.stdout,
        "docs/fields.md is out of date: run `cargo run -- reference --fields > docs/fields.md`"
    );
}

#[test]
fn the_expressions_that_are_shown_can_be_used() {
    let blocks = blocks(&read("docs/expressions.md"));
    let examples: Vec<_> = blocks.iter().filter(|(language, _)| language == "text").collect();
    assert!(!examples.is_empty());
    for line in examples.iter().flat_map(|(_, text)| text.lines()) {
        sluice_expr::expr::Predicate::new(line).unwrap_or_else(|error| panic!("{}", error.render(line)));
    }
}

#[test]
fn every_pipeline_on_a_page_passes_the_check_and_its_own_tests() {
    let mut pipelines = 0;
    for page in pages() {
        let blocks = blocks(&read(&page));
        let whole = |(language, text): &&(String, String)| language == "yaml" && text.starts_with("version:");
        for (_, text) in blocks.iter().filter(whole) {
            // That one needs the plugin; it is run with it in CI.
            if text.contains("by_size") {
                continue;
            }
            pipelines += 1;
            let folder = Folder::new();
            folder.write("p.yaml", text);
            let mut args = vec!["check", "p.yaml"];
            args.extend(text.contains("input: {about: log to read}").then_some("input=x"));
            for args in [&args[..], &["test", "p.yaml"]] {
                let ran = folder.sluice(args);
                assert_eq!(ran.code, 0, "{}: {ran:?}", page.display());
            }
        }
    }
    assert!(pipelines >= 2);
}

#[test]
fn pipelines_that_are_shown_are_those_of_the_examples() {
    for (page, example) in [
        ("README.md", "examples/sort-out.yaml"),
        ("docs/writing-a-filter.md", "examples/custom-binary/by-size.yaml"),
    ] {
        let example = read(example);
        assert!(blocks(&read(page)).iter().any(|(_, text)| *text == example), "{page}");
    }
}

#[test]
fn the_code_of_the_filter_guide_is_that_of_the_examples() {
    let sources = [
        "examples/plugin-crate/src/by_size.rs",
        "examples/plugin-crate/src/lib.rs",
        "examples/plugin-crate/Cargo.toml",
        "examples/custom-binary/src/main.rs",
    ];
    let sources = sources.map(read);
    let blocks = blocks(&read("docs/writing-a-filter.md"));
    let code = blocks.iter().filter(|(language, _)| language == "rust" || language == "toml");
    let mut seen = 0;
    for (_, text) in code {
        seen += 1;
        assert!(sources.iter().any(|source| source.contains(text.as_str())), "no example contains\n{text}");
    }
    assert!(seen >= 8);
}

#[test]
fn the_errors_that_the_manual_shows_are_those_of_the_command() {
    let blocks = blocks(&read("docs/config.md"));
    let at = blocks.iter().position(|(_, text)| text.contains("${inptu}") && text.starts_with("version"));
    let at = at.unwrap();
    let folder = Folder::new();
    folder.write("wrong.yaml", &blocks[at].1);
    let ran = folder.sluice(&["check", "wrong.yaml", "input=a.pcap"]);
    assert_eq!((ran.code, ran.stderr), (78, blocks[at + 1].1.clone()));
}

#[test]
fn decisions_are_numbered_without_gaps_and_listed() {
    let index = read("docs/decisions/README.md");
    let mut names: Vec<String> = fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    for (number, name) in (1..).zip(&names) {
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is not number {number}");
        assert!(index.contains(&format!("]({name})")), "{name} is not in the index");
        let page = read(Path::new("docs/decisions").join(name));
        for section in ["## Context", "## Decision", "## Consequence"] {
            assert!(page.contains(section), "{name} lacks {section}");
        }
    }
    assert!(names.len() >= 10);
}
