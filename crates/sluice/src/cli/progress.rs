//! How far a run has come, on a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sluice_core::{Notice, Reporter};
use sluice_runtime::{ProgressFn, Snapshot};

use super::out;

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(100);
/// A run that is over sooner shows no bar.
const PATIENCE: f64 = 0.5;

/// The bar of a run; hidden where nobody would see it.
#[derive(Clone)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar, unless it is unwanted or standard error is no terminal.
    pub fn new(wanted: bool) -> Self {
        if !wanted || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// A board on standard error for text that is drawn anew again and again; hidden where nobody would see it.
    pub fn stderr() -> Self {
        Self::board(io::stderr().is_terminal(), ProgressDrawTarget::stderr())
    }

    /// The same on standard output.
    pub fn stdout() -> Self {
        Self::board(io::stdout().is_terminal(), ProgressDrawTarget::stdout())
    }

    fn board(is_seen: bool, target: ProgressDrawTarget) -> Self {
        let bar = if is_seen { ProgressBar::with_draw_target(None, target) } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Whether anybody sees what is drawn.
    pub fn is_seen(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Draws text in place of what was there.
    pub fn draw(&self, text: String) {
        self.0.set_message(text);
    }

    /// What the runtime is to call, if anybody would see it.
    pub fn calls(&self, wanted: bool) -> Option<(Duration, ProgressFn)> {
        if !wanted || !io::stderr().is_terminal() {
            return None;
        }
        let bar = self.clone();
        Some((EVERY, Box::new(move |snapshot: &Snapshot| bar.show(snapshot))))
    }

    fn show(&self, snapshot: &Snapshot) {
        let sources = || snapshot.stages.iter().filter(|stage| stage.kind == "source");
        // What is left is known only where every source knows how much there is.
        let Some(total) = sources().map(|source| source.total).sum::<Option<u64>>() else { return };
        if self.0.is_hidden() && snapshot.seconds >= PATIENCE {
            self.0.set_draw_target(ProgressDrawTarget::stderr());
        }
        // A file that grows while it is read has more than it said at first.
        let read = sources().map(|source| source.read).sum();
        self.0.set_length(total.max(read));
        self.0.set_position(read);
    }

    /// Removes it.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// Prints notices above the bar.
impl Reporter for Bar {
    fn notice(&self, notice: Notice) {
        self.0.suspend(|| match notice.stage.as_str() {
            "" => out::note(&format!("{}\n", notice.message)),
            stage => out::warning(format_args!("stage `{stage}`: {}", notice.message)),
        });
    }
}
