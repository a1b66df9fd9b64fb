//! The fields and functions of expressions, for people and as Markdown.

use std::fmt::Write as _;

use sluice_expr::expr::{FUNCTIONS, Function};
use sluice_expr::fields::{self, Field, GROUPS};

use super::out::Failed;
use super::text::{self, wrapped_table};

const HEAD: &str = "\
# Fields and functions

What [expressions](expressions.md) may ask about, generated from the catalogue. To write it anew after it has changed:

    cargo run -- reference --fields > docs/fields.md

Fields have the names of Wireshark's display filters where Wireshark has them. A field of a header occurs once for each
such header, outermost first; what an ICMP error quotes does not count.
";

/// The fields whose names begin so, as a table.
pub fn fields(prefix: &str) -> anyhow::Result<String> {
    let fields = || fields::all().map(|field| field.name);
    let rows = fields::all()
        .filter(|field| field.name.starts_with(prefix))
        .map(|field| vec![field.name.to_owned(), kind(field), about(field)]);
    shown(rows.collect(), "field", prefix, fields())
}

/// The functions whose names begin so, as a table.
pub fn functions(prefix: &str) -> anyhow::Result<String> {
    let rows = FUNCTIONS.iter().filter(|function| function.name.starts_with(prefix));
    let rows = rows.map(|function| vec![call(function), function.about.to_owned()]);
    shown(rows.collect(), "function", prefix, FUNCTIONS.iter().map(|function| function.name))
}

fn shown<'a>(
    rows: Vec<Vec<String>>,
    what: &str,
    prefix: &str,
    known: impl Iterator<Item = &'a str>,
) -> anyhow::Result<String> {
    if rows.is_empty() {
        let help = match text::nearest(prefix, known) {
            Some(near) => format!(": did you mean `{near}`?"),
            None => format!(": `sluice show {what}s` shows all"),
        };
        return Err(Failed::usage(format!("no {what} begins with `{prefix}`{help}")).into());
    }
    Ok(wrapped_table(&rows))
}

fn kind(field: &Field) -> String {
    let kind = field.kind.name();
    if field.unit.is_empty() { kind.to_owned() } else { format!("{kind} ({})", field.unit) }
}

fn about(field: &Field) -> String {
    let words: Vec<_> = field.words.iter().map(|(word, number)| format!("\"{word}\" is {number}")).collect();
    if words.is_empty() { field.about.to_owned() } else { format!("{}: {}", field.about, words.join(", ")) }
}

fn call(function: &Function) -> String {
    format!("{}({})", function.name, function.arguments)
}

/// Everything, as Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    // Writing to a string cannot fail, here and below.
    for group in GROUPS {
        let _ = writeln!(page, "\n## {}\n\n| name | type | meaning |\n|---|---|---|", group.title);
        for field in group.fields {
            let _ = writeln!(page, "| `{}` | {} | {} |", field.name, kind(field), about(field));
        }
    }
    let _ = writeln!(page, "\n## Functions\n\n| function | gives |\n|---|---|");
    for function in FUNCTIONS {
        let _ = writeln!(page, "| `{}` | {} |", call(function), function.about);
    }
    page
}
