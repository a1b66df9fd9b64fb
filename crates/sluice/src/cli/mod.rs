//! The `sluice` command.
//!
//! `args` says what the command line may say; every other module is one command or something that several share. Commands
//! make text and hand it to `out`, the one place that prints.

mod args;
mod bench;
mod bpf;
mod check;
mod components;
mod eval;
mod fields;
mod graph;
mod interfaces;
mod list;
mod load;
mod options;
mod out;
mod page;
mod progress;
mod reference;
mod run;
mod show;
mod status;
mod summary;
mod test;
mod text;
mod view;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Args, Command};
use out::Failed;
use sluice_core::Registry;

/// The code of [`ExitCode::SUCCESS`], for commands that have more than two.
const DONE: u8 = 0;

/// Reads the command line and does what it says.
///
/// The exit codes: 0 done, 1 failed, 2 the command line is wrong, 65 done but data was lost, 78 the pipeline is wrong.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(told) => return tell(&told),
    };
    match dispatch(args.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => out::failed(&error),
    }
}

fn dispatch(command: Command) -> anyhow::Result<u8> {
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "sluice", &mut script);
        return out::print(&String::from_utf8_lossy(&script));
    }
    if let Command::Bpf(args) = command {
        return out::print(&bpf::bpf(&args)?);
    }
    if let Command::Interfaces(args) = command {
        return out::print(&interfaces::interfaces(&args)?);
    }
    let registry = Registry::collect()?;
    match command {
        Command::Run(args) => run::run(&registry, args),
        Command::Check(args) => check::check(&registry, &args),
        Command::List { kind } => out::print(&list::list(&registry, kind)?),
        Command::Show { name, prefix, yaml } => {
            out::print(&show::show(&registry, &name, prefix.as_deref(), yaml)?)
        }
        Command::Eval(args) => eval::eval(&registry, &args),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&sluice_config::schema(&registry))?;
            out::print(&format!("{schema}\n"))
        }
        Command::Graph(args) => out::print(&graph::graph(&registry, &args)?),
        Command::Test(args) => test::test(&registry, &args),
        Command::Bench(args) => bench::bench(&registry, &args),
        Command::Status { control, json } => out::print(&status::status(&control, json)?),
        Command::View(args) => view::view(&args),
        Command::Reference { fields: true } => out::print(&fields::reference()),
        Command::Reference { fields: false } => out::print(&reference::reference(&registry)),
        Command::Bpf(_) | Command::Interfaces(_) | Command::Completions { .. } => Ok(DONE),
    }
}

/// Shows what clap has to say: help and versions are no errors.
fn tell(told: &clap::Error) -> ExitCode {
    match told.print() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            out::failed(&Failed::stdout(&error).into())
        }
        _ => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2)),
    }
}
