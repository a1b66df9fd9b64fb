//! `sluice bpf`.

use sluice_expr::bpf::{Filter, Options};
use sluice_wire::link::LinkType;

use super::args;
use super::out::Failed;

/// The program for a filter expression, in the form that was asked for.
pub fn bpf(args: &args::Bpf) -> anyhow::Result<String> {
    let text = args.expression.join(" ");
    let link = link(&args.link)?;
    let wrong = |error: sluice_expr::Error| Failed::usage(error.render(&text));
    let filter: Filter = text.parse().map_err(wrong)?;
    let options = Options { snaplen: args.snaplen, live: args.live, ..Options::file(link) };
    let program = filter.compile(options).map_err(wrong)?;
    Ok(match args.form {
        0 | 1 => program.to_string(),
        2 => program.c_text(),
        _ => program.numbers(),
    })
}

/// The link type with this name or number.
fn link(name: &str) -> Result<LinkType, Failed> {
    let number = name.parse().ok().map(LinkType);
    let known = || {
        Failed::usage(format!("there is no link type `{name}`: give its name, such as `ETHERNET`, or number"))
    };
    number.or_else(|| LinkType::from_name(name)).ok_or_else(known)
}
