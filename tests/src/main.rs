//! The command that the tests run.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluice::cli::main()
}
