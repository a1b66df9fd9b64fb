use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, Reason, prepared};

use crate::condition::{Condition, take};

sluice_core::register! {
    /// Passes the packets or records of which an expression is true.
    ///
    /// `where` takes a typed expression over the fields of packets (`tcp.port == 443 and ip.ttl < 5`), with the names and
    /// the meaning of Wireshark's display filters, or over those of records (`.status >= 500`). `sluice show fields` lists
    /// the fields, `sluice show functions` the functions; the page on expressions has the rest.
    ///
    /// `bpf` takes an expression in the syntax of tcpdump (`tcp port 443 and not net 10.0.0.0/8`). It is compiled for each
    /// link type that comes; of one that it cannot be asked of, no packet is selected, and the user is told.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes what the expression asks about, packets or records, and gives the same. With `rest: port` the others go to
    /// the port `rest`.
    ///
    /// - `not_selected`: the expression is not true of it, and there is no port for the rest
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: where
    ///   where: tcp.port in {80, 443, 8000..8999} and ip.addr == 10.0.0.0/8
    /// ```
    ///
    /// ```yaml
    /// - filter: where
    ///   bpf: tcp port 443
    /// ```
    ///
    /// ## See also
    ///
    /// `route`, `decode`, `sample`
    filter where(prepare), Stateless, drops [NOT_SELECTED]
}

static NOT_SELECTED: Reason =
    Reason::new("not_selected", "the expression is not true of it, and there is no port for the rest");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Passes what this expression is true of, such as `tcp.port == 443 and ip.ttl < 5`.
    r#where: Option<String>,
    /// Passes what this expression in the syntax of tcpdump selects, such as `tcp port 443`.
    bpf: Option<String>,
    /// What becomes of the others.
    #[serde(default)]
    rest: Rest,
}

/// What becomes of items that are not selected.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Rest {
    /// They are dropped and counted.
    #[default]
    Drop,
    /// They go to the port `rest`.
    Port,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let condition = Condition::of(options.r#where.as_deref(), options.bpf.as_deref())?;
    let rest = options.rest;
    let mut ports = Ports::filter(condition.takes(), PortType::Any);
    if rest == Rest::Port {
        ports = ports.with("rest", PortType::Any);
    }
    Ok(prepared::selector(ports, move |_| Ok(Where { condition: condition.clone(), rest, held: Vec::new() })))
}

struct Where {
    condition: Condition,
    rest: Rest,
    /// For each item of the present batch whether it passes; here to be reused.
    held: Vec<bool>,
}

impl Filter for Where {
    fn process(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let Self { condition, rest, held } = self;
        condition.judge(&mut batch, held, out)?;
        match rest {
            Rest::Drop => {
                let gone = batch.retain(|at| held[at]);
                out.dropped(&NOT_SELECTED, gone);
            }
            Rest::Port => {
                if let Some(others) = take(&mut batch, out, |at| !held[at]) {
                    out.emit_to(1, others);
                }
            }
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
#[path = "where/tests.rs"]
mod tests;
