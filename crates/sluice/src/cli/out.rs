//! The one place that prints.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use sluice_config::Diagnostics;

use super::DONE;

/// The exit code for what failed.
pub const FAILED: u8 = 1;
/// The exit code for a wrong command line.
pub const USAGE: u8 = 2;
/// The exit code for a wrong pipeline.
pub const BAD_PIPELINE: u8 = 78;

/// An error with an exit code of its own.
#[derive(Debug)]
pub struct Failed {
    code: u8,
    message: String,
}

impl Failed {
    /// The user asked for something that there is not.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    /// Something went wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: FAILED, message: message.into() }
    }

    /// Standard output takes no more.
    pub fn stdout(error: &io::Error) -> Self {
        Self::new(format!("cannot write to standard output: {}", said(error)))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

/// What the system said, without the error number that helps nobody.
pub fn said(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Prints to standard output.
pub fn print(text: &str) -> anyhow::Result<u8> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failed::stdout(&error))?;
    Ok(DONE)
}

/// Prints to standard error; there is nobody to tell when that fails.
pub fn note(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Prints one error.
pub fn error(message: impl fmt::Display) {
    note(&format!("{}{message}\n", paint("error: ", "1;31")));
}

/// Prints one warning.
pub fn warning(message: impl fmt::Display) {
    note(&format!("{}{message}\n", paint("warning: ", "1;33")));
}

/// Tells why a command failed, and with which code.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(diagnostics) = error.downcast_ref::<Diagnostics>() {
        note(&diagnostics.render(colored()));
        return ExitCode::from(BAD_PIPELINE);
    }
    self::error(format_args!("{error:#}"));
    ExitCode::from(error.downcast_ref::<Failed>().map_or(FAILED, |failed| failed.code))
}

/// Whether standard error shows colors.
pub fn colored() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(text: &str, style: &str) -> String {
    if colored() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}
