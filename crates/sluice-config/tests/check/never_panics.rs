//! Whatever is done to a pipeline, the check answers, and its answer can be shown.

use proptest::prelude::*;

use super::check;
use super::valid::PIPELINES;

fn judge(text: &str) {
    if let Err(errors) =
        check("mutilated.yaml", text, &[("input", "a"), ("n", "5")], &[("TOKEN", "abcdefgh")])
    {
        assert!(errors.iter().next().is_some());
        for error in &errors {
            assert!(text.get(error.span.clone()).is_some());
        }
        assert!(errors.render(false).contains("mutilated.yaml") || text.is_empty());
        errors.render(true);
    }
}

/// One change: at this place of the text, take so much away and put that in.
type Change = (prop::sample::Index, usize, &'static str);

fn change() -> impl Strategy<Value = Change> {
    let pieces = prop::sample::select(vec![
        "",
        "",
        "x",
        " ",
        "\n",
        "\t",
        ":",
        ": ",
        "- ",
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "!t ",
        "|\n",
        ">",
        "#",
        "${",
        "${input}",
        "$$",
        "\u{0}",
        "\u{feff}",
        "é",
        "\u{1F600}",
        "\r\n",
        "---\n",
        "? ",
        "<<: ",
        "~",
        "-1",
        "1e999",
    ]);
    (any::<prop::sample::Index>(), 0usize..6, pieces)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_of_characters(which in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..8)) {
        let mut text: Vec<char> = PIPELINES[which.index(PIPELINES.len())].1.chars().collect();
        for (at, taken, put) in changes {
            let start = at.index(text.len() + 1);
            let end = (start + taken).min(text.len());
            text.splice(start..end, put.chars());
        }
        judge(&text.into_iter().collect::<String>());
    }

    #[test]
    fn edits_of_lines(
        which in any::<prop::sample::Index>(),
        moves in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8), 1..6),
    ) {
        let mut lines: Vec<String> = PIPELINES[which.index(PIPELINES.len())].1.lines().map(str::to_owned).collect();
        for (from, to, what) in moves {
            let (from, to) = (from.index(lines.len()), to.index(lines.len()));
            match what {
                0 => lines.swap(from, to),
                1 => lines.insert(to, lines[from].clone()),
                2 if lines.len() > 1 => _ = lines.remove(from),
                _ => lines[from].insert_str(0, "  "),
            }
        }
        judge(&lines.join("\n"));
    }

    #[test]
    fn any_text(text in "(version: 1\n)?(stages:\n)?(.|\n){0,80}") {
        judge(&text);
    }
}
