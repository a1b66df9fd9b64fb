//! The invariants of docs/architecture.md: which crate may know which, and what must not be said where.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sluice::Registry;
use sluice_tests::root;

/// What a crate may depend on besides its tests, of ours. A name that ends in `*` stands for all that begin so.
const MAY_KNOW: [(&str, &[&str]); 13] = [
    ("sluice-wire", &[]),
    ("sluice-queue", &[]),
    ("sluice-core", &["sluice-queue", "sluice-wire"]),
    ("sluice-expr", &["sluice-core", "sluice-wire"]),
    ("sluice-pcap", &["sluice-core", "sluice-wire"]),
    ("sluice-capture", &["sluice-core", "sluice-wire", "sluice-expr"]),
    ("sluice-config", &["sluice-core"]),
    ("sluice-runtime", &["sluice-config", "sluice-core", "sluice-queue"]),
    ("sluice-testkit", &["sluice-core", "sluice-wire"]),
    ("sluice-io", &["sluice-core", "sluice-wire", "sluice-expr", "sluice-pcap", "sluice-capture"]),
    ("sluice-filter-*", &["sluice-core", "sluice-wire", "sluice-expr", "sluice-pcap", "sluice-capture"]),
    ("sluice-builtins", &["sluice-io", "sluice-filter-*"]),
    (
        "sluice",
        &[
            "sluice-builtins",
            "sluice-capture",
            "sluice-config",
            "sluice-core",
            "sluice-expr",
            "sluice-pcap",
            "sluice-runtime",
            "sluice-testkit",
            "sluice-wire",
        ],
    ),
];

/// Crates of others that not everybody may use.
const RESTRICTED: [(&str, &[&str]); 11] = [
    ("anyhow", &["sluice"]),
    ("clap", &["sluice"]),
    ("flate2", &["sluice-io"]),
    ("indicatif", &["sluice"]),
    ("lz4_flex", &["sluice-io"]),
    ("ruzstd", &["sluice-io"]),
    ("annotate-snippets", &["sluice-config"]),
    ("saphyr-parser", &["sluice-config"]),
    ("serde_yaml", &["sluice", "sluice-config", "sluice-testkit"]),
    ("signal-hook", &["sluice-runtime"]),
    ("pnet_packet", &["sluice-wire"]),
];

fn fits(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

/// The packages of the workspace, as cargo sees them.
fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let args = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(args).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Those that make up the product.
fn product() -> Vec<Value> {
    let of_product = |package: &Value| {
        let manifest = package["manifest_path"].as_str().unwrap();
        manifest.contains("/crates/") || manifest.contains("/filters/")
    };
    packages().into_iter().filter(of_product).collect()
}

/// The names under which a package uses others, and whether only its tests do.
fn dependencies(package: &Value) -> Vec<(String, bool)> {
    let name = |d: &Value| d["rename"].as_str().or(d["name"].as_str()).unwrap().to_owned();
    let list = package["dependencies"].as_array().unwrap();
    list.iter().map(|d| (name(d), d["kind"] == "dev")).collect()
}

#[test]
fn no_crate_knows_one_that_it_must_not_know() {
    let mut wrong = Vec::new();
    for package in product() {
        let name = package["name"].as_str().unwrap();
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(pattern, _)| fits(name, pattern)) else {
            wrong.push(format!("{name} has no entry in MAY_KNOW"));
            continue;
        };
        for (used, in_tests) in dependencies(&package) {
            let ours = used == "sluice" || used.starts_with("sluice-");
            // Tests may also know the tools for testing, and those of the built-ins what they look through.
            let for_tests = in_tests && ["sluice-testkit", "sluice-core"].contains(&used.as_str());
            if ours && !for_tests && !allowed.iter().any(|pattern| fits(&used, pattern)) {
                wrong.push(format!("{name} depends on {used}"));
            }
            if let Some((_, users)) = RESTRICTED.iter().find(|(crate_, _)| *crate_ == used)
                && !in_tests
                && !users.contains(&name)
            {
                wrong.push(format!("{name} uses {used}, which only {} may", users.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_below_depends_on_anything_of_ours_even_in_tests() {
    for package in product() {
        if ["sluice-wire", "sluice-queue"].contains(&package["name"].as_str().unwrap()) {
            let ours: Vec<_> =
                dependencies(&package).into_iter().filter(|(name, _)| name.starts_with("sluice")).collect();
            assert!(ours.is_empty(), "{}: {ours:?}", package["name"]);
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_package_but_one() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    for package in packages() {
        let manifest = fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        if package["name"] == "sluice-capture" {
            // There it is allowed by module, and each block has to say why it is sound.
            let lints = ["unsafe_code = \"deny\"", "undocumented_unsafe_blocks = \"warn\""];
            assert!(lints.iter().all(|lint| manifest.contains(lint)));
            continue;
        }
        let forbids =
            manifest.contains("[lints]\nworkspace = true") || manifest.contains("unsafe_code = \"forbid\"");
        assert!(forbids, "{} does not forbid unsafe code", package["name"]);
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Whether a file holds tests only.
fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_string_lossy();
    stem == "tests" || stem.ends_with("_tests") || stem == "testing" || stem == "model"
}

/// A file without its comments and its tests, line by line.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let end = text.find("\n#[cfg(test)]\nmod ").unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(str::to_owned).collect()
}

/// Every line of the product's code that holds one of the words, unless its package may say it.
fn said(words: &[&str], may_say: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for package in product() {
        let name = package["name"].as_str().unwrap();
        if may_say.contains(&name) {
            continue;
        }
        let mut files = Vec::new();
        rust_files(&Path::new(package["manifest_path"].as_str().unwrap()).with_file_name("src"), &mut files);
        assert!(!files.is_empty(), "{name} has no source");
        for file in files.iter().filter(|file| !is_test(file)) {
            let lines = code(file).into_iter().filter(|line| words.iter().any(|word| line.contains(word)));
            found.extend(lines.map(|line| format!("{}: {}", file.display(), line.trim())));
        }
    }
    found
}

fn never(words: &[&str], may_say: &[&str]) {
    let found = said(words, may_say);
    assert!(found.is_empty(), "only {may_say:?} may say so:\n{}", found.join("\n"));
}

#[test]
fn only_the_command_prints() {
    never(
        &[
            "println!",
            "eprintln!",
            " print!(",
            "eprint!(",
            "dbg!(",
            "std::io::stdout",
            "std::io::stderr",
            " io::stdout()",
            " io::stderr()",
        ],
        &["sluice"],
    );
}

#[test]
fn only_the_runtime_starts_threads() {
    never(&["thread::spawn", "thread::Builder", "thread::scope"], &["sluice-runtime"]);
}

#[test]
fn only_the_command_and_the_runtime_end_or_signal_a_process() {
    never(&["process::exit", "process::abort", "signal_hook::"], &["sluice", "sluice-runtime"]);
}

#[test]
fn the_core_knows_no_thread_no_clock_and_no_yaml() {
    let others: Vec<String> = product().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).filter(|name| *name != "sluice-core").collect();
    never(&["std::thread", "Instant", "SystemTime", "serde_yaml", "std::fs", "std::net::Tcp"], &others);
}

#[test]
fn the_runtime_names_no_component() {
    let registry = Registry::collect().unwrap();
    let names: Vec<String> = registry.iter().map(|component| format!("\"{}\"", component.name)).collect();
    assert!(names.len() > 10);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let others: Vec<String> = product().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    let others: Vec<&str> =
        others.iter().map(String::as_str).filter(|name| *name != "sluice-runtime").collect();
    never(&names, &others);
}

#[test]
fn what_is_looked_for_would_be_found() {
    assert!(!said(&["thread::Builder"], &[]).is_empty());
    assert!(!said(&["pub fn register", "macro_rules! register"], &[]).is_empty());
}
