//! What is wrong with an expression, and where.

use std::fmt;

/// A part of an expression's text, in bytes.
///
/// All spans are equal: where something was written does not count when trees are compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// From the start of this one to the end of another.
    pub const fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end }
    }
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

/// Why an expression cannot be used.
#[derive(Debug, Clone)]
pub struct Error {
    span: Span,
    message: String,
}

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    /// The part of the text that is wrong; it is empty at the place where something is missing.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The cause: lower case, without a full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Three lines for a terminal: the cause, the expression, and marks below the part that is wrong.
    pub fn render(&self, text: &str) -> String {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let indent =
            before.get(line_start..).unwrap_or_default().chars().map(|c| if c == '\t' { c } else { ' ' });
        let wrong = text.get(self.span.start..self.span.end).unwrap_or_default();
        let width = wrong.lines().next().map_or(1, |part| part.chars().count().max(1));
        let marks: String = indent.chain(std::iter::repeat_n('^', width)).collect();
        format!("{self}\n  {line}\n  {marks}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Nobody meant another word by a longer one, and comparing takes time with the square of the length.
const LONGEST_WORD: usize = 64;

/// `: did you mean ...?`, or nothing where no known word is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    if word.len() > LONGEST_WORD {
        return String::new();
    }
    let word = word.to_ascii_lowercase();
    let alike = |known: &'a str| (strsim::normalized_damerau_levenshtein(&word, known), known);
    let best = known.into_iter().map(alike).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, known)) if likeness >= 0.6 => format!(": did you mean `{known}`?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_stand_below_what_is_wrong() {
        let error = Error::new(Span { start: 9, end: 11 }, "no");
        assert_eq!(error.render("ip and\n  xy z"), "no\n    xy z\n    ^^");
        assert_eq!(Error::new(Span { start: 2, end: 2 }, "no").render("ip"), "no\n  ip\n    ^");
    }

    #[test]
    fn only_a_near_word_is_offered() {
        assert_eq!(did_you_mean("prot", ["host", "proto"]), ": did you mean `proto`?");
        assert_eq!(did_you_mean("zebra", ["host", "proto"]), "");
    }
}
