//! The page of a component, set for a terminal.

use sluice_core::Component;

use super::text::{WIDTH, table, wrap, wrapped_table};
use super::{components, options};

/// The whole page: what its author wrote, then what is known from its declarations.
pub fn page(component: &Component) -> String {
    let mut page = format!("{} {}\n\n{}", component.kind, component.name, set(component.docs));
    let rows: Vec<_> =
        options::options(component).into_iter().map(|o| vec![o.name, o.kind, o.default, o.about]).collect();
    page.push_str("\nOPTIONS\n\n");
    if rows.is_empty() {
        page.push_str("  none\n");
    } else {
        let head = ["name", "values", "default", ""].map(str::to_owned).to_vec();
        page.push_str(&indent(&wrapped_table(&[vec![head], rows].concat())));
    }
    page.push_str("\nFACTS\n\n");
    page.push_str(&indent(&table(&facts(component), &[])));
    page
}

fn facts(component: &Component) -> Vec<Vec<String>> {
    let mut facts = Vec::new();
    facts.extend(
        components::ports(component).map(|ports| ["flow".to_owned(), components::flow(&ports)].to_vec()),
    );
    facts.push(["threads".to_owned(), components::threads(component).to_owned()].to_vec());
    for (at, reason) in component.drops.iter().enumerate() {
        let title = if at == 0 { "drops" } else { "" };
        facts.push([title.to_owned(), format!("{}: {}", reason.name, reason.about)].to_vec());
    }
    facts.push(["crate".to_owned(), component.krate.to_owned()].to_vec());
    facts
}

fn indent(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

/// Sets the Markdown of a page: headings in capitals, paragraphs wrapped, lists and code kept.
fn set(docs: &str) -> String {
    let mut text = String::new();
    let mut paragraph = String::new();
    let mut code = false;
    let flush = |paragraph: &mut String, text: &mut String| {
        let hang = if paragraph.starts_with("- ") { "  " } else { "" };
        for (at, line) in
            wrap(paragraph, WIDTH - hang.len()).into_iter().enumerate().filter(|(_, l)| !l.is_empty())
        {
            text.push_str(if at == 0 { "" } else { hang });
            text.push_str(&line);
            text.push('\n');
        }
        paragraph.clear();
    };
    for line in docs.trim().lines().map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        if line.trim_start().starts_with("```") {
            flush(&mut paragraph, &mut text);
            code = !code;
        } else if code {
            text.push_str(&format!("    {line}\n"));
        } else if let Some(heading) = line.strip_prefix("## ") {
            flush(&mut paragraph, &mut text);
            text.push_str(&format!("{}\n", heading.to_uppercase()));
        } else {
            if line.is_empty() || line.starts_with("- ") {
                flush(&mut paragraph, &mut text);
            }
            if line.is_empty() {
                text.push('\n');
            }
            paragraph.push_str(line.trim());
            paragraph.push(' ');
        }
    }
    flush(&mut paragraph, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_set_for_a_terminal() {
        let docs = " One\n two.\n\n ## Example\n\n ```yaml\n - filter: x\n   a: 1\n ```\n\n - `a`: first\n   and more\n - b\n";
        let expected = "One two.\n\nEXAMPLE\n\n    - filter: x\n      a: 1\n\n- `a`: first and more\n- b\n";
        assert_eq!(set(docs), expected);
    }
}
