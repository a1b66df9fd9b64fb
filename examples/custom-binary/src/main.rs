//! A `sluice` command with the components of `plugin-crate` built in.
use plugin_crate as _;

fn main() -> std::process::ExitCode {
    sluice::cli::main()
}
