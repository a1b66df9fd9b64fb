//! `sluice check`.

use sluice_config::Diagnostics;
use sluice_core::Registry;

use super::out::BAD_PIPELINE;
use super::{DONE, args, load, out};

/// Checks all pipelines named; those that are wrong do not keep the others from being checked.
pub fn check(registry: &Registry, args: &args::Check) -> anyhow::Result<u8> {
    let (params, names): (Vec<String>, Vec<String>) =
        args.pipelines.iter().cloned().partition(|arg| is_param(arg));
    if names.is_empty() {
        return Err(out::Failed::usage("no pipeline is named").into());
    }
    let params = load::params(&params)?;
    let mut code = DONE;
    for name in &names {
        match load::document(name).and_then(|document| load::check(registry, &document, params.clone())) {
            Ok(_) => drop(out::print(&format!("{name}: ok\n"))?),
            Err(error) => match error.downcast::<Diagnostics>() {
                Ok(diagnostics) => {
                    out::note(&diagnostics.render(out::colored()));
                    code = BAD_PIPELINE;
                }
                Err(error) => return Err(error),
            },
        }
    }
    Ok(code)
}

/// Whether an argument is `name=value`, and no path that happens to contain `=`.
fn is_param(arg: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    arg.split_once('=').is_some_and(|(before, _)| !before.is_empty() && before.chars().all(name))
}
