//! What is wrong with a document, and how it is shown.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::Document;

/// A text shows at most this many errors: nobody reads more before the first ones are mended.
const SHOWN: usize = 100;

/// A second place that an error speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place, in bytes of the document.
    pub span: Range<usize>,
    /// What is to be seen there.
    pub text: String,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The place, in bytes of the document.
    pub span: Range<usize>,
    /// The line of the place, from 1.
    pub line: usize,
    /// The column of the place in characters, from 1.
    pub column: usize,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Why it is wrong; shown at the place.
    pub cause: Option<String>,
    /// Other places that have to do with it.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Every error of a document, sorted by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    document: Document,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The errors, sorted by position.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// The text for people: for each error its place, the source line, the cause and the help.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for (i, diagnostic) in self.list.iter().take(SHOWN).enumerate() {
            if i > 0 {
                text.push('\n');
            }
            text.push_str(&diagnostic.render(&self.document, &renderer));
            text.push('\n');
        }
        if let Some(more) = self.list.len().checked_sub(SHOWN + 1) {
            text.push_str(&format!("\nand {} more errors\n", more + 1));
        }
        text
    }
}

impl Diagnostic {
    fn render(&self, document: &Document, renderer: &Renderer) -> String {
        let mut primary = AnnotationKind::Primary.span(self.span.clone());
        if let Some(cause) = &self.cause {
            primary = primary.label(cause);
        }
        let context = self.labels.iter().map(|l| AnnotationKind::Context.span(l.span.clone()).label(&l.text));
        let snippet =
            Snippet::source(&document.text).path(&document.name).annotation(primary).annotations(context);
        let mut group = Level::ERROR.primary_title(&self.message).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An error while it is being put together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Problem {
    span: Range<usize>,
    message: String,
    cause: Option<String>,
    labels: Vec<Label>,
    help: Option<String>,
}

impl Problem {
    pub fn new(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self { span: span.clone(), message: message.into(), cause: None, labels: Vec::new(), help: None }
    }

    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub fn label(mut self, span: &Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span: span.clone(), text: text.into() });
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With help only where there is some.
    pub fn help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// Collects problems while the check goes on.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    seen: HashSet<(usize, String)>,
}

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        // What an anchor holds is met again at each of its aliases, but it is written once.
        if self.seen.insert((problem.span.start, problem.message.clone())) {
            self.list.push(problem);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn extend(&mut self, other: Problems) {
        other.list.into_iter().for_each(|problem| self.push(problem));
    }

    /// The finished list, or `value` where there was no problem.
    pub fn into_result<T>(self, document: &Document, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(self.into_diagnostics(document)),
        }
    }

    pub fn into_diagnostics(mut self, document: &Document) -> Diagnostics {
        let text = &document.text;
        self.list.iter_mut().for_each(|problem| problem.span = visible(text, problem.span.clone()));
        self.list.sort_by_key(|problem| problem.span.start);
        let mut cursor = Cursor { at: 0, line: 1, column: 1 };
        let list = self.list.into_iter().map(|problem| {
            cursor.advance(text, problem.span.start);
            problem.locate(text, &cursor)
        });
        Diagnostics { document: document.clone(), list: list.collect() }
    }
}

/// A place that moves through a text once, so that locating many problems takes no longer than reading the text.
struct Cursor {
    at: usize,
    line: usize,
    column: usize,
}

impl Cursor {
    fn advance(&mut self, text: &str, to: usize) {
        let passed = &text[self.at..to];
        if let Some(newline) = passed.rfind('\n') {
            self.line += passed.matches('\n').count();
            self.column = passed[newline + 1..].chars().count() + 1;
        } else {
            self.column += passed.chars().count();
        }
        self.at = to;
    }
}

impl Problem {
    fn locate(self, text: &str, place: &Cursor) -> Diagnostic {
        Diagnostic {
            line: place.line,
            column: place.column,
            span: self.span,
            message: self.message,
            cause: self.cause,
            labels: self.labels.into_iter().map(|l| Label { span: visible(text, l.span), ..l }).collect(),
            help: self.help,
        }
    }
}

/// The span cut to the text, to whole characters and to its first line, so that it can be underlined.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    let start = floor(text, span.start);
    let end = floor(text, span.end).max(start);
    let line = text[start..end].lines().next().unwrap_or("");
    start..start + line.trim_end().len()
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
