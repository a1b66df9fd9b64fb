//! Every built-in component fulfils what docs/component-spec.md asks of all.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use sluice_builtins as _;
use sluice_core::{Component, Kind, Registry};
use sluice_testkit::compliance;

/// Set in the process that does the work.
const INNER: &str = "SLUICE_COMPLIANCE_INNER";

/// Files that the examples of sources name are relative to the root of the repository.
fn from_root(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path).to_string_lossy().into_owned()
}

fn check(component: &'static Component) -> Option<String> {
    let checked = compliance::check_with(component, |options| {
        if let (Kind::Source, Some(path)) = (component.kind, options.get_mut("path")) {
            *path = from_root(path.as_str().unwrap_or_default()).into();
        }
        if let (Kind::Sink, Some(interface)) = (component.kind, options.get_mut("interface")) {
            *interface = "lo".into();
        }
    });
    // Who may not capture or send cannot make what does, and is told how to be able to.
    checked.err().map(|broken| broken.to_string()).filter(|broken| !broken.contains("`sudo setcap "))
}

/// The sink `stdout` writes to the standard output of the test itself. So a process of its own does the work, whose
/// output is thrown away.
#[test]
fn every_component_does_what_all_have_to() {
    if std::env::var_os(INNER).is_none() {
        let mut inner = Command::new(std::env::current_exe().unwrap());
        inner.args(["--exact", "every_component_does_what_all_have_to", "--nocapture"]).env(INNER, "1");
        let ran = inner.stdin(Stdio::null()).stdout(Stdio::null()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        return;
    }
    let registry = Registry::collect().unwrap();
    assert!(registry.iter().count() > 0);
    let broken: Vec<_> = registry.iter().filter_map(check).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
