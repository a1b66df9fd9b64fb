//! `sluice run`.

use std::sync::Arc;
use std::thread;

use sluice_capture::rights;
use sluice_config::{ParamSpec, Pipeline};
use sluice_core::{Kind, Registry};
use sluice_runtime::{Failure, Options, Outcome, Snapshot, Summary, Views};

use super::args::{self, SummaryFormat, ViewFormat};
use super::out::{FAILED, Failed};
use super::progress::Bar;
use super::summary::{self, Ends};
use super::view::Screen;
use super::{load, out};

/// Runs a pipeline to its end.
pub fn run(registry: &Registry, args: args::Run) -> anyhow::Result<u8> {
    let document = load::document(&args.pipeline)?;
    let params = load::params(&args.params)?;
    let mut pipeline = load::check(registry, &document, params.clone())?;
    args.division.apply(&mut pipeline);
    let ends = ends(&pipeline);
    let screen = args.view.map(|format| Screen::new(format, args.per_shard, prints(&pipeline, &ends)));
    // A bar has no place beside a view.
    let has_bar = !args.quiet && screen.is_none();
    let bar = if args.view == Some(ViewFormat::Text) { Bar::stderr() } else { Bar::new(has_bar) };
    let options = Options {
        control: args.control,
        signals: true,
        progress: bar.calls(has_bar),
        view: screen.as_ref().map(|screen| screen.calls(&bar)),
        opened: Some(Box::new(rights::give_up)),
        ..Options::new(Arc::new(bar.clone()))
    };
    keep_panics_quiet();
    let ran = sluice_runtime::run(&pipeline, options);
    bar.clear();
    let ran = ran.map_err(|failure| {
        let help = unset(&failure, &pipeline.params, &params);
        Failed::new(sentence(&failure) + &help.unwrap_or_default())
    })?;
    if let Some(screen) = &screen {
        screen.end(&last(&ran))?;
    }
    ran.failures.iter().for_each(|failure| out::error(sentence(failure)));
    let usual = if args.quiet { SummaryFormat::None } else { SummaryFormat::Text };
    let format = args.summary.unwrap_or(usual);
    tell(&ran, format, &pipeline, &ends)?;
    // After a failure stages were cut off in the middle of a call, when accounts need not be even.
    let even = ran.outcome == Outcome::Failed || summary::unaccounted(&ran.snapshot).is_empty();
    Ok(if even { ran.outcome.exit_code() } else { FAILED })
}

/// What the stages of a run showed last.
fn last(ran: &Summary) -> Views {
    let Snapshot { pipeline, state, seconds, .. } = &ran.snapshot;
    Views { pipeline: pipeline.clone(), state: *state, seconds: *seconds, stages: ran.views.clone() }
}

fn tell(ran: &Summary, format: SummaryFormat, pipeline: &Pipeline, ends: &Ends) -> anyhow::Result<()> {
    match format {
        SummaryFormat::None => {}
        // The sentences that say why it failed would be lost above a table.
        SummaryFormat::Text if ran.outcome == Outcome::Failed => {}
        SummaryFormat::Text => out::note(&summary::text(ran, summary::unit(pipeline), ends)),
        SummaryFormat::Json => {
            let text = format!("{}\n", serde_json::to_string(ran)?);
            if prints(pipeline, ends) {
                out::note(&text);
            } else {
                out::print(&text)?;
            }
        }
    }
    Ok(())
}

/// Whether the pipeline itself writes to standard output.
fn prints(pipeline: &Pipeline, ends: &Ends) -> bool {
    let named =
        ends.to.iter().any(|path| ["standard output", "/dev/stdout", "/dev/fd/1"].contains(&path.as_str()));
    named || pipeline.stages.iter().any(|stage| stage.component.name == "stdout")
}

/// Why a run failed, in one sentence.
pub fn sentence(failure: &Failure) -> String {
    let Failure { stage, message, panicked } = failure;
    match (stage.as_str(), panicked) {
        ("", _) => message.clone(),
        (stage, false) => format!("stage `{stage}`: {message}"),
        (stage, true) => format!("stage `{stage}` panicked: {message}; this is a defect of the component"),
    }
}

/// The advice to set a param, where its default is what could not be used.
fn unset(failure: &Failure, declared: &[ParamSpec], given: &[(String, String)]) -> Option<String> {
    let used = |param: &&ParamSpec| {
        let default = param.default.as_ref().map(load::as_param).unwrap_or_default();
        let set = given.iter().any(|(name, _)| *name == param.name);
        !set && failure.message.contains(&format!("`{default}`"))
    };
    let name = &declared.iter().find(used)?.name;
    Some(format!(" (that is the default of `{name}`: set it with `{name}=...`)"))
}

/// A stage that panics is told like any other failure; what Rust prints itself is for whoever asks for a backtrace.
pub fn keep_panics_quiet() {
    if std::env::var_os("RUST_BACKTRACE").is_none_or(|value| value == "0") {
        let main = thread::current().id();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if thread::current().id() == main {
                usual(panic);
            }
        }));
    }
}

/// The paths and interfaces of sources and sinks, for display.
fn ends(pipeline: &Pipeline) -> Ends {
    let mut ends = Ends::default();
    for stage in &pipeline.stages {
        let (ends, standard) = match stage.component.kind {
            Kind::Source => (&mut ends.from, "standard input"),
            Kind::Sink => (&mut ends.to, "standard output"),
            Kind::Filter => continue,
        };
        let several = ["paths", "interfaces"].map(|key| stage.options[key].as_array());
        let several = several.into_iter().flatten().flatten();
        let one = ["path", "interface"].map(|key| &stage.options[key]);
        let paths = several.chain(one).filter_map(|path| path.as_str());
        ends.extend(paths.map(|path| if path == "-" { standard.to_owned() } else { path.to_owned() }));
    }
    ends
}
