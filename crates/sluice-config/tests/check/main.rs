//! The check as a whole, over pipelines that are right, wrong and mutilated.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail as loudly as a test")]

mod broken;
mod components;
mod editor;
mod never_panics;
mod valid;

use sluice_config::{Diagnostics, Document, Pipeline, Settings};
use sluice_core::Registry;

/// Checks a text with these params and this environment.
fn check(
    name: &str,
    text: &str,
    params: &[(&str, &str)],
    env: &[(&str, &str)],
) -> Result<Pipeline, Diagnostics> {
    let document = Document { name: name.to_owned(), text: text.to_owned() };
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let env = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings { params: params.iter().map(owned).collect(), env: &env };
    sluice_config::check(&document, &Registry::collect().unwrap(), &settings)
}
