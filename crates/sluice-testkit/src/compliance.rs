//! What every registered component has to fulfil.
//!
//! One call checks one component: its page and options as documents ([`check`] builds it from its own example), then its
//! conduct when it is fed empty, small, huge, shared and malformed batches. The accounting law and the rules of
//! docs/component-spec.md are checked after every call.

mod conduct;
mod page;
mod shards;

use std::fmt;

use serde_json::Value;
use sluice_core::{Component, Kind};

use crate::stages;

/// All rules that a component broke, one sentence each.
#[derive(Debug)]
pub struct Broken {
    /// Kind, name and file of the component.
    pub component: String,
    /// What is wrong.
    pub rules: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.component)?;
        self.rules.iter().try_for_each(|rule| write!(f, "\n  - {rule}"))
    }
}

impl std::error::Error for Broken {}

/// Checks a component, built from the example on its page.
pub fn check(component: &'static Component) -> Result<(), Broken> {
    check_with(component, |_| {})
}

/// Checks a component after `adjust` has changed the options of its example, to point it at data that is there.
///
/// The `path` of a sink is replaced by a temporary one in any case.
pub fn check_with(component: &'static Component, adjust: impl FnOnce(&mut Value)) -> Result<(), Broken> {
    let mut rules = page::check(component);
    match example(component) {
        Err(problem) => rules.push(problem),
        Ok(mut options) => {
            adjust(&mut options);
            rules.extend(conduct::check(component, options));
        }
    }
    rules.dedup();
    if rules.is_empty() {
        return Ok(());
    }
    Err(Broken { component: format!("{} `{}` ({})", component.kind, component.name, component.file), rules })
}

/// The options that the example gives to the component itself.
fn example(component: &Component) -> Result<Value, String> {
    let text = component.example().ok_or("the page has no example: a fenced block of `yaml`")?;
    let stages = stages(&text).map_err(|e| format!("the example is no list of stages: {e}"))?;
    let mut own = stages
        .into_iter()
        .filter(|(kind, name, _)| (*kind, name.as_str()) == (component.kind, component.name));
    own.next().map(|(_, _, options)| options).ok_or_else(|| "the example does not use the component".into())
}

/// Puts a temporary path in the place of a sink's.
fn redirect(kind: Kind, options: &mut Value, folder: &std::path::Path) {
    if let (Kind::Sink, Some(path)) = (kind, options.get_mut("path")) {
        let name = path.as_str().and_then(|p| p.rsplit('/').next()).filter(|n| *n != "-").unwrap_or("out");
        *path = folder.join(name).to_string_lossy().into();
    }
}
