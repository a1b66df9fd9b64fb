//! Looking at components: which one a name means, and what its ports are.

use serde_json::Value;
use sluice_core::{Component, Kind, Ports, Registry};

/// The components that a name means: `rewrite`, or `source:pcap_file`.
pub fn find(registry: &Registry, name: &str) -> Vec<&'static Component> {
    let (kind, name) = match name.split_once(':') {
        Some((kind, name)) => (Some(kind), name),
        None => (None, name),
    };
    let wanted = |c: &&'static Component| c.name == name && kind.is_none_or(|kind| kind == c.kind.as_str());
    registry.iter().filter(wanted).collect()
}

/// The ports of a component as its own example uses it.
pub fn ports(component: &Component) -> Option<Ports> {
    let stages: Vec<Value> = serde_yaml::from_str(&component.example()?).ok()?;
    let named =
        |stage: &Value| stage.get(component.kind.as_str()).and_then(Value::as_str) == Some(component.name);
    let mut stage = stages.into_iter().find(named)?;
    let options = stage.as_object_mut()?;
    let reserved = ["id", "inputs", "workers", "shard_by", "pipe", "on_error"];
    for key in reserved.into_iter().chain(Kind::ALL.map(Kind::as_str)) {
        options.shift_remove(key);
    }
    let prepared = (component.prepare)(stage).ok()?;
    Some(prepared.ports())
}

/// What a component takes and gives, in one sentence.
pub fn flow(ports: &Ports) -> String {
    let takes = ports.input.map(|input| format!("takes {}", input.as_str()));
    let output = |port: &sluice_core::Port| match (&*port.name, ports.input) {
        (sluice_core::MAIN, Some(input)) if port.carries == input => "the same".to_owned(),
        (sluice_core::MAIN, _) => port.carries.as_str().to_owned(),
        (name, Some(input)) if port.carries == input => format!("the same on port `{name}`"),
        (name, _) => format!("{} on port `{name}`", port.carries.as_str()),
    };
    let outputs: Vec<String> = ports.outputs.iter().map(output).collect();
    let gives = (!outputs.is_empty()).then(|| format!("gives {}", outputs.join(", ")));
    takes.into_iter().chain(gives).collect::<Vec<_>>().join("; ")
}

/// What its parallelism means to a user.
pub fn threads(component: &Component) -> &'static str {
    use sluice_core::Parallelism::{Keyed, Serial, Stateless};
    match (component.kind, component.parallelism) {
        (Kind::Filter, Stateless) => "stateless: `workers: N` runs it on N threads, and the order is kept",
        (_, Stateless) => "stateless",
        (_, Keyed) => "keyed: all items of one key meet the same instance",
        (_, Serial) => "serial: it runs on one thread",
    }
}
