use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{
    Batch, ERRORS, Error, Filter, MAIN, OptionError, Output, PortType, Ports, Prepared, prepared,
};

use crate::condition::{Condition, both, take};

sluice_core::register! {
    /// Sends packets or records to named ports, by expressions.
    ///
    /// Each route has a port and a condition: `where` with a typed expression, or `bpf` with one in the syntax of tcpdump.
    /// An item goes to the port of the first route that it fits, or with `match: all` to that of every one, as often as
    /// it fits. What fits none goes to the port `unmatched`.
    ///
    /// A stage reads a port with `inputs: route.web`.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes what the expressions ask about, packets or records. Gives the same on one port for each route and on
    /// `unmatched`; there is no main output. It drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: route
    ///   routes:
    ///     - {port: web, where: "tcp.port in {80, 443}"}
    ///     - {port: names, bpf: udp port 53}
    /// ```
    ///
    /// ## See also
    ///
    /// `where`
    filter route(prepare), Stateless, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The routes, in the order in which they are tried.
    #[schemars(length(min = 1))]
    routes: Vec<Route>,
    /// To how many ports an item goes.
    #[serde(default)]
    r#match: Match,
}

/// A port and what goes to it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Route {
    /// The name of the port, in small letters, digits and `_`.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]*$"))]
    port: String,
    /// What this expression is true of goes there.
    r#where: Option<String>,
    /// What this expression in the syntax of tcpdump selects goes there.
    bpf: Option<String>,
}

/// To how many ports an item goes.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Match {
    /// To that of the first route that it fits.
    #[default]
    First,
    /// To that of every route that it fits.
    All,
}

const UNMATCHED: &str = "unmatched";

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let mut conditions = Vec::new();
    let mut ports = Ports { input: Some(PortType::Any), outputs: Vec::new() };
    if options.routes.is_empty() {
        return Err(OptionError::at("routes", "expected at least one route"));
    }
    for (index, route) in options.routes.iter().enumerate() {
        let at = |key: &str, message: String| OptionError::at("routes", message).index(index).key(key);
        let name = route.port.as_str();
        let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_plain {
            return Err(at("port", format!("`{name}` is not a name of small letters, digits and `_`")));
        }
        if [UNMATCHED, ERRORS, MAIN].contains(&name) {
            return Err(at("port", format!("`{name}` is the name of another port")));
        }
        if ports.output(name).is_some() {
            return Err(at("port", format!("there is a port `{name}` already")));
        }
        let condition = Condition::of(route.r#where.as_deref(), route.bpf.as_deref()).map_err(|error| {
            let mut path = OptionError::at("routes", "").index(index).path;
            path.extend(error.path);
            OptionError { path, ..error }
        })?;
        let (before, takes) = (ports.input.unwrap_or(PortType::Any), condition.takes());
        let Some(input) = both(before, takes) else {
            return Err(at(
                if route.bpf.is_some() { "bpf" } else { "where" },
                format!("this asks about {}, the routes before about {}", takes.as_str(), before.as_str()),
            ));
        };
        ports.input = Some(input);
        ports = ports.with(route.port.clone(), PortType::Any);
        conditions.push(condition);
    }
    ports = ports.with(UNMATCHED, PortType::Any);
    let how = options.r#match;
    Ok(prepared::selector(ports, move |_| {
        Ok(Router { conditions: conditions.clone(), how, held: Vec::new(), chosen: Vec::new() })
    }))
}

struct Router {
    conditions: Vec<Condition>,
    how: Match,
    /// For each item of the present batch whether it fits the present route; here to be reused.
    held: Vec<bool>,
    /// For each item of the present batch the port that it goes to; likewise.
    chosen: Vec<usize>,
}

impl Router {
    /// The number of the port `unmatched`.
    fn unmatched(&self) -> usize {
        self.conditions.len()
    }

    fn first(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let unmatched = self.unmatched();
        let Self { conditions, held, chosen, .. } = self;
        chosen.clear();
        chosen.resize(batch.len(), unmatched);
        for (port, condition) in conditions.iter_mut().enumerate() {
            condition.judge(&mut batch, held, out)?;
            for (chosen, held) in chosen.iter_mut().zip(held.iter()) {
                if *held && *chosen == unmatched {
                    *chosen = port;
                }
            }
        }
        for port in 0..=unmatched {
            // The whole batch goes as it is.
            if chosen.iter().all(|chosen| *chosen == port) {
                if !batch.is_empty() {
                    out.emit_to(port, batch);
                }
                break;
            }
            if let Some(taken) = take(&mut batch, out, |at| chosen[at] == port) {
                out.emit_to(port, taken);
            }
            chosen.retain(|chosen| *chosen != port);
        }
        Ok(())
    }

    fn all(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let unmatched = self.unmatched();
        let Self { conditions, held, chosen, .. } = self;
        chosen.clear();
        chosen.resize(batch.len(), unmatched);
        let mut sent = 0;
        for (port, condition) in conditions.iter_mut().enumerate() {
            condition.judge(&mut batch, held, out)?;
            let fit = held.iter().filter(|held| **held).count();
            if fit == 0 {
                continue;
            }
            sent += fit;
            for (chosen, held) in chosen.iter_mut().zip(held.iter()) {
                if *held {
                    *chosen = port;
                }
            }
            let mut copy = batch.duplicate(out.pools());
            if let Some(taken) = take(&mut copy, out, |at| held[at]) {
                out.emit_to(port, taken);
            }
        }
        let gone = batch.retain(|at| chosen[at] == unmatched);
        out.created(sent - gone);
        if !batch.is_empty() {
            out.emit_to(unmatched, batch);
        }
        Ok(())
    }
}

impl Filter for Router {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        match self.how {
            Match::First => self.first(batch, out),
            Match::All => self.all(batch, out),
        }
    }
}

#[cfg(test)]
mod tests;
