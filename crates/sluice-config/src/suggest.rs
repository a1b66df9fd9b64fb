//! "Did you mean", and lists of what there is.

/// At most this many names are listed; the rest is told as a number.
const LISTED: usize = 12;

/// The name that was probably meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    let close = |known: &'a str| {
        let similarity = strsim::normalized_damerau_levenshtein(&folded, &fold(known));
        (similarity >= 0.6).then_some((known, similarity))
    };
    let best = known.into_iter().filter_map(close).max_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(known, _)| known)
}

/// The help that asks for the name that was probably meant.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// "`a`, `b` and `c`".
pub(crate) fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    joined(names, "and")
}

/// "`a`, `b` or `c`".
pub(crate) fn choice<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    joined(names, "or")
}

fn joined<S: AsRef<str>>(names: impl IntoIterator<Item = S>, word: &str) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    match names.pop() {
        None => String::new(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} {word} {last}", names.join(", ")),
    }
}

/// Case and the choice between `-` and `_` are the commonest slips, so they weigh nothing.
fn fold(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["addresses", "ports", "ttl", "when_full"];
        assert_eq!(nearest("adresses", known), Some("addresses"));
        assert_eq!(nearest("Port", known), Some("ports"));
        assert_eq!(nearest("when-full", known), Some("when_full"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(list::<&str>([]), "");
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(choice(["a", "b", "c"]), "`a`, `b` or `c`");
        assert!(list((0..20).map(|i| i.to_string())).ends_with("`11` and 8 more"));
    }
}
