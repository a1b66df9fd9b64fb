//! The compliance check finds what is wrong with components that are wrong on purpose.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;

use sluice_core::{
    Batch, Error, Filter, Kind, OptionError, Output, PortType, Ports, Prepared, Reason, Registry, prepared,
    register,
};
use sluice_testkit::{Harness, Packets, compliance};

static LOST: Reason = Reason::new("lost", "it got lost");
static UNTOLD: Reason = Reason::new("untold", "Nobody told.");

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct None {}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Undocumented {
    #[serde(default)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    value: u32,
}

register! {
    /// Drops every second item and says so.
    ///
    /// ## Ports and drop reasons
    ///
    /// - `lost`: it got lost
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: halves
    /// ```
    ///
    /// ## See also
    ///
    /// Nothing.
    filter halves(halves), Stateless, drops [LOST]
}

register! {
    /// Drops every second item and says nothing, and its page says as little.
    filter Silent(silent), Stateless, drops [UNTOLD]
}

register! {
    /// Has an example for something else.
    ///
    /// ```yaml
    /// - filter: halves
    /// ```
    filter elsewhere(halves), Stateless, drops []
}

register! {
    /// Loses items, doubles batches, changes addresses behind the layers' back, and holds things back.
    ///
    /// ```yaml
    /// - filter: careless
    /// ```
    filter careless(careless), Stateless, drops []
}

register! {
    /// Drops every second item of whatever comes to it, and not of each flow.
    ///
    /// ```yaml
    /// - filter: unkeyed
    /// ```
    filter unkeyed(halves), Keyed, drops [LOST]
}

register! {
    /// Panics.
    ///
    /// ```yaml
    /// - filter: panics
    /// ```
    filter panics(panics), Stateless, drops []
}

struct Each<F>(F, u64);

impl<F: FnMut(Batch, &mut Output) + Send> Filter for Each<F> {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        (self.0)(batch, out);
        Ok(())
    }

    fn held(&self) -> u64 {
        self.1
    }
}

fn halves(_: None) -> Result<Arc<dyn Prepared>, OptionError> {
    Ok(prepared::filter(Ports::any(), |_| {
        let half = |mut batch: Batch, out: &mut Output| {
            let gone = batch.retain(|at| at % 2 == 0);
            out.dropped(&LOST, gone);
            out.emit(batch);
        };
        Ok(Each(half, 0))
    }))
}

fn silent(_: Undocumented) -> Result<Arc<dyn Prepared>, OptionError> {
    halves(None {})
}

fn careless(_: None) -> Result<Arc<dyn Prepared>, OptionError> {
    Ok(prepared::filter(Ports::filter(PortType::Layers, PortType::Layers), |_| {
        let spoil = |batch: Batch, out: &mut Output| {
            let Ok(mut batch) = batch.into_packets() else { return };
            let mut edit = batch.edit(out.pools());
            for at in 0..edit.len() {
                if let Some((frame, data, _)) = edit.packet(at) {
                    frame.ordinal += 1 << 40;
                    data.iter_mut().skip(26).take(8).for_each(|byte| *byte ^= 1);
                }
            }
            batch.retain(|at, _| at > 0);
            out.emit(batch.duplicate(out.pools()));
            out.emit(batch);
        };
        Ok(Each(spoil, 1))
    }))
}

fn panics(_: None) -> Result<Arc<dyn Prepared>, OptionError> {
    Ok(prepared::filter(Ports::any(), |_| Ok(Each(|_: Batch, _: &mut Output| panic!("on purpose"), 0))))
}

/// The rules that a filter broke. All live in this one file, so its name is no matter here.
fn broken(name: &str) -> Vec<String> {
    let registry = Registry::collect().unwrap();
    let broken = compliance::check(registry.get(Kind::Filter, name).unwrap()).unwrap_err();
    assert!(broken.component.contains(name));
    broken.rules.into_iter().filter(|rule| !rule.contains("is not named like")).collect()
}

fn names(rules: &[String], texts: &[&str]) {
    for text in texts {
        assert!(rules.iter().any(|rule| rule.contains(text)), "no `{text}` in {rules:#?}");
    }
}

#[test]
fn a_good_component_breaks_nothing() {
    assert!(broken("halves").is_empty());
}

#[test]
fn bad_documents_are_found() {
    names(
        &broken("Silent"),
        &[
            "the name `Silent` is not snake_case",
            "the page lacks the section `## Example`",
            "the drop reason `untold` needs one phrase",
            "the page does not mention the drop reason `untold`",
            "`value` of the options has no documentation",
            "the options take unknown keys",
            "the page has no example",
        ],
    );
    names(&broken("elsewhere"), &["the example does not use the component"]);
}

#[test]
fn bad_conduct_is_found() {
    names(
        &broken("careless"),
        &[
            "are accounted for",
            "it is stateless and emits two batches on `out` in one call",
            "has layers",
            "has an ordinal that did not come in",
            "`finish` left 1 items held back",
        ],
    );
    names(&broken("unkeyed"), &["it is keyed, and in 3 shards it drops"]);
    names(&broken("panics"), &["it panicked: on purpose"]);
}

#[test]
fn the_harness_counts_like_the_runtime() {
    let mut halves =
        Harness::from_yaml(&Registry::collect().unwrap(), "- filter: halves\n  id: any").unwrap();
    assert_eq!(halves.pass(Packets::new().frames([[1], [2], [3]]).build()).unwrap(), [[1], [3]]);
    let tally = halves.tally().clone();
    assert_eq!((tally.taken, tally.taken_bytes, tally.passed, tally.passed_bytes), (3, 3, 2, 2));
    assert_eq!((halves.dropped("lost"), halves.dropped("other")), (1, 0));
    for yaml in
        ["", "- filter: absent", "- sink: halves", "- {}", "- 1", "- filter: halves\n- filter: halves"]
    {
        assert!(Harness::from_yaml(&Registry::collect().unwrap(), yaml).is_err(), "{yaml}");
    }
}
