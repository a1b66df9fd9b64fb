//! What to say about a text that is no YAML.

use super::Span;
use crate::diagnostic::Problem;

/// Why this text cannot be parsed at all.
pub(super) fn unreadable(text: &str, max_bytes: usize) -> Option<Problem> {
    if text.len() > max_bytes {
        return Some(Problem::new(&(0..0), format!("the file is larger than {} MiB", max_bytes >> 20)));
    }
    if text.starts_with('\u{feff}') {
        return Some(
            Problem::new(&(0..0), "the file begins with a byte order mark")
                .help("save it as UTF-8 without BOM"),
        );
    }
    let bad = |c: char| c == '\u{fffd}' || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    let (at, found) = text.char_indices().find(|(_, c)| bad(*c))?;
    let span = at..at + found.len_utf8();
    Some(if found == '\u{fffd}' {
        Problem::new(&span, "the file is not UTF-8").cause("no character can be read here")
    } else {
        Problem::new(&span, format!("the file holds the control character U+{:04X}", u32::from(found)))
    })
}

/// The parser's error, in the words of somebody who writes pipelines.
pub(super) fn explain(text: &str, at: usize, info: &str, open: Option<&Span>) -> Problem {
    let rest = &text[at.min(text.len())..];
    let character = at..at + rest.chars().next().map_or(0, char::len_utf8);
    let flow = open.filter(|span| text[(*span).clone()].ends_with(['{', '[']));
    let says = |words: &str| info.contains(words);
    if says("recursion limit") {
        return super::too_deep(&character);
    }
    if says("tab") {
        return Problem::new(&tab(text, at).unwrap_or(character), "a tab is used for indentation")
            .help("indent with spaces");
    }
    if says("quoted scalar") {
        return Problem::new(&character, "a quoted text is not closed")
            .cause("it begins here")
            .help("close it with the same quote, or check how its further lines are indented");
    }
    if says("unknown anchor") {
        let name = rest.split(|c: char| c.is_whitespace() || ",]}".contains(c)).next().unwrap_or("");
        return Problem::new(
            &(at..at + name.len()),
            format!("nothing is anchored as `{}`", name.replacen('*', "&", 1)),
        )
        .help("an anchor must stand before its aliases; put a text that begins with `*` in quotes");
    }
    if let Some(open) = flow
        && let Some(dollar) = unquoted_reference(text, open.start, at)
    {
        let end = text[dollar..].find('}').map_or(dollar + 2, |length| dollar + length + 1);
        return Problem::new(&(dollar..end), "a `${...}` between brackets is not in quotes")
            .cause("its braces are read as a mapping here")
            .help(format!("write \"{}\"", &text[dollar..end]));
    }
    if let Some(open) = flow {
        let bracket = &text[open.end - 1..open.end];
        return Problem::new(&(open.end - 1..open.end), format!("a `{bracket}` is not closed"))
            .cause("it begins here")
            .help(format!("close it with `{}`", if bracket == "{" { "}" } else { "]" }));
    }
    if says("mapping values are not allowed") {
        return Problem::new(&character, "a `:` stands where no value can begin")
            .help("check the indentation, and put a text that holds `: ` in quotes");
    }
    if says("unexpected character") || says("cannot start any token") {
        let what = match &text[character.clone()] {
            "`" => "a backtick".to_owned(),
            other => format!("`{other}`"),
        };
        return Problem::new(&character, format!("a value cannot begin with {what}"))
            .help("put it in quotes");
    }
    if says("did not find expected") || says("indent") || says("simple key expect") {
        return Problem::new(&character, "the indentation does not fit the lines above")
            .help("let the keys of one mapping and the `-` of one list stand under each other");
    }
    Problem::new(&character, format!("the file is not valid YAML: {info}"))
}

/// The last `${` before the place where the parser gave up, if nothing quotes it.
fn unquoted_reference(text: &str, from: usize, at: usize) -> Option<usize> {
    let references = text[from..].match_indices("${").map(|(offset, _)| from + offset);
    let last = references.take_while(|dollar| *dollar <= at + 1).last()?;
    (!text[..last].ends_with(['"', '\''])).then_some(last)
}

/// The tab in the indentation of this line or the next one that has some. The parser names the value before it.
fn tab(text: &str, at: usize) -> Option<Span> {
    let mut start = text[..at.min(text.len())].rfind('\n').map_or(0, |newline| newline + 1);
    for line in text[start..].split_inclusive('\n') {
        let indentation = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(start + tab..start + tab + 1);
        }
        start += line.len();
    }
    None
}
