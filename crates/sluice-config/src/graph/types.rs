//! What each output carries, and whether every input takes what it gets.

use serde_json::Value;
use sluice_core::{Component, Kind, PortType, Ports, Registry};

use super::{Edge, Gives};
use crate::diagnostic::{Problem, Problems};
use crate::stage::Draft;
use crate::yaml::Span;

/// Follows the types along the order and reports every edge that does not fit.
pub(crate) fn resolve(
    drafts: &[Draft],
    edges: &[Vec<Edge>],
    order: &[usize],
    registry: &Registry,
    problems: &mut Problems,
) -> Gives {
    let mut gives: Gives = vec![None; drafts.len()];
    for &stage in order {
        let Some(ports) = drafts[stage].ports() else { continue };
        let inputs: Vec<_> =
            edges[stage].iter().filter_map(|edge| Some((edge, given(&gives, edge)?))).collect();
        let fits = match ports.input {
            Some(takes) => {
                refuse_unfit(drafts, stage, takes, &inputs, registry, problems)
                    && refuse_mixed(drafts, stage, &inputs, problems)
            }
            None => true,
        };
        // What a wrong input would turn into is not known, so nobody after it is blamed.
        let input = if fits { common(inputs.iter().map(|(_, given)| *given)) } else { None };
        gives[stage] = outputs(ports, input);
    }
    gives
}

fn given(gives: &Gives, edge: &Edge) -> Option<PortType> {
    gives[edge.from].as_ref()?.get(edge.port?).copied()
}

/// What several inputs carry together.
fn common(mut types: impl Iterator<Item = PortType>) -> Option<PortType> {
    let first = types.next()?;
    // Packets that were decoded and packets that were not are packets.
    Some(if types.all(|other| other == first) { first } else { PortType::Packets })
}

/// What the outputs carry when this comes in; nothing where it is not known.
fn outputs(ports: &Ports, input: Option<PortType>) -> Option<Vec<PortType>> {
    let main = ports.outputs.first().map_or(PortType::Any, |port| port.carries);
    let same = match ports.input {
        None => Some(main),
        Some(_) => input,
    };
    let resolved = ports.outputs.iter().map(|port| match port.carries {
        PortType::Any => same,
        carries => Some(carries),
    });
    resolved.collect()
}

fn refuse_unfit(
    drafts: &[Draft],
    stage: usize,
    takes: PortType,
    inputs: &[(&Edge, PortType)],
    registry: &Registry,
    problems: &mut Problems,
) -> bool {
    let draft = &drafts[stage];
    let mut fits = true;
    for (edge, given) in inputs.iter().filter(|(_, given)| !takes.accepts(*given)) {
        fits = false;
        let giver = &drafts[edge.from];
        let (takes_word, given_word) = (takes.as_str(), given.as_str());
        let message =
            format!("{} takes {takes_word}, but {} gives {given_word}", draft.title(), giver.title());
        let problem = Problem::new(&edge.span, message).cause(format!("takes {takes_word}"));
        problems.push(problem.label(&giver.head, format!("gives {given_word}")).help(
            match converter(registry, *given, takes) {
                Some(name) => format!("put a stage `filter: {name}` between them"),
                None => format!("no filter turns {given_word} into {takes_word}"),
            },
        ));
    }
    fits
}

fn refuse_mixed(
    drafts: &[Draft],
    stage: usize,
    inputs: &[(&Edge, PortType)],
    problems: &mut Problems,
) -> bool {
    let find = |records: bool| inputs.iter().find(|(_, given)| (*given == PortType::Records) == records);
    let (Some((packets, _)), Some((records, _))) = (find(false), find(true)) else { return true };
    let label = |edge: &Edge, what: &str| -> (Span, String) {
        (edge.span.clone(), format!("{} gives {what}", drafts[edge.from].title()))
    };
    let mut both = [label(packets, "packets"), label(records, "records")];
    both.sort_by_key(|(span, _)| span.start);
    let [first, second] = both;
    problems.push(
        Problem::new(&second.0, format!("{} reads both packets and records", drafts[stage].title()))
            .cause(second.1)
            .label(&first.0, first.1)
            .help("let two stages read them"),
    );
    false
}

/// A filter that makes what is wanted out of what there is.
fn converter(registry: &Registry, given: PortType, wanted: PortType) -> Option<&'static str> {
    let converts = |ports: &Ports| {
        let takes = ports.input.is_some_and(|input| input != PortType::Any && input.accepts(given));
        let gives = ports.outputs.first().map(|port| port.carries);
        takes && gives.is_some_and(|gives| gives != PortType::Any && wanted.accepts(gives))
    };
    let filters = registry.iter().filter(|component| component.kind == Kind::Filter);
    filters
        .filter(|filter| example_ports(filter).is_some_and(|ports| converts(&ports)))
        .map(|f| f.name)
        .next()
}

/// The ports that a component has in its own example: ports depend on options, and those are options that it takes.
fn example_ports(component: &Component) -> Option<Ports> {
    let example: Value = serde_yaml::from_str(&component.example()?).ok()?;
    let named =
        |stage: &&Value| stage.get(component.kind.as_str()).and_then(Value::as_str) == Some(component.name);
    let mut options = example.as_array()?.iter().find(named)?.as_object()?.clone();
    options.retain(|key, _| !crate::stage::is_reserved(key));
    (component.prepare)(Value::Object(options)).ok().map(|prepared| prepared.ports())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_carries_anything_carries_what_came_in() {
        let ports = Ports::any().with_errors().with("other", PortType::Records);
        use PortType::*;
        assert_eq!(outputs(&ports, Some(Layers)), Some(vec![Layers, Layers, Records]));
        assert_eq!(outputs(&ports, None), None);
        assert_eq!(outputs(&Ports::filter(Any, Packets), None), Some(vec![Packets]));
        assert_eq!(outputs(&Ports::source(Packets).with_errors(), None), Some(vec![Packets, Packets]));
    }

    #[test]
    fn decoded_and_other_packets_together_are_packets() {
        use PortType::*;
        assert_eq!(common([Layers, Layers].into_iter()), Some(Layers));
        assert_eq!(common([Layers, Packets].into_iter()), Some(Packets));
        assert_eq!(common([].into_iter()), None);
    }
}
