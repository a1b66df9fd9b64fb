//! The graph: who reads from whom, in which order, and whether the types fit.

use std::collections::HashSet;

use sluice_core::{Kind, MAIN, PortType, Ports};

use crate::diagnostic::{Problem, Problems};
use crate::stage::{Draft, References};
use crate::suggest;
use crate::yaml::Span;

mod order;
mod types;

pub(crate) use order::order;
pub(crate) use types::resolve;

/// One edge, seen from the stage that reads.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    /// The stage that gives.
    pub from: usize,
    /// The number of its output; nothing where its outputs are not known.
    pub port: Option<usize>,
    /// Where the edge is written: the reference, or else the stage that reads.
    pub span: Span,
}

/// Finds the edges into every stage.
pub(crate) fn connect(drafts: &[Draft], problems: &mut Problems) -> Vec<Vec<Edge>> {
    let mut connector = Connector { drafts, problems, meant: HashSet::new(), lost: false };
    let edges: Vec<_> = (0..drafts.len()).map(|reader| connector.inputs(reader)).collect();
    let Connector { meant, lost, .. } = connector;
    if !lost {
        unread(drafts, &edges, &meant, problems);
    }
    ends(drafts, problems);
    edges
}

struct Connector<'a> {
    drafts: &'a [Draft],
    problems: &'a mut Problems,
    /// The stages that were probably meant by references that name none.
    meant: HashSet<usize>,
    /// Whether there is a reference of which nobody knows what it means.
    lost: bool,
}

impl Connector<'_> {
    fn inputs(&mut self, reader: usize) -> Vec<Edge> {
        let draft = &self.drafts[reader];
        match (&draft.inputs, draft.kind) {
            (References::Named(_, span), Some(Kind::Source)) => {
                self.problems.push(
                    Problem::new(span, format!("{} cannot have inputs", draft.title()))
                        .cause("a source reads from no stage"),
                );
                Vec::new()
            }
            (_, Some(Kind::Source)) => Vec::new(),
            (References::Named(names, _), _) => self.named(names),
            (References::Before, _) => self.before(reader).into_iter().collect(),
            (References::Wrong, _) => {
                self.lost = true;
                Vec::new()
            }
        }
    }

    fn named(&mut self, names: &[(String, Span)]) -> Vec<Edge> {
        let mut edges: Vec<Edge> = Vec::new();
        for (name, span) in names {
            let Some(edge) = self.reference(name, span) else { continue };
            match edges
                .iter()
                .find(|first| edge.port.is_some() && (first.from, first.port) == (edge.from, edge.port))
            {
                Some(first) => self.problems.push(
                    Problem::new(span, format!("`{name}` is read twice"))
                        .cause("here again")
                        .label(&first.span, "first here"),
                ),
                None => edges.push(edge),
            }
        }
        edges
    }

    fn reference(&mut self, name: &str, span: &Span) -> Option<Edge> {
        let (id, port) = name.split_once('.').map_or((name, None), |(id, port)| (id, Some(port)));
        let Some(from) = self.drafts.iter().position(|draft| draft.id == id) else {
            let ids = || self.drafts.iter().map(|draft| draft.id.as_str()).filter(|id| !id.is_empty());
            let nearest = suggest::nearest(id, ids());
            match nearest.and_then(|nearest| self.drafts.iter().position(|draft| draft.id == nearest)) {
                Some(meant) => _ = self.meant.insert(meant),
                None => self.lost = true,
            }
            self.problems.push(
                Problem::new(span, format!("there is no stage `{id}`"))
                    .cause(format!("expected {}", suggest::choice(ids())))
                    .help_if(nearest.map(|nearest| format!("did you mean `{nearest}`?"))),
            );
            return None;
        };
        let giver = &self.drafts[from];
        let Some(ports) = giver.ports() else { return Some(Edge { from, port: None, span: span.clone() }) };
        let number = ports.output(port.unwrap_or(MAIN));
        if number.is_none() {
            self.meant.insert(from);
            self.problems.push(no_output(giver, ports, port, span));
        }
        Some(Edge { from, port: Some(number?), span: span.clone() })
    }

    fn before(&mut self, reader: usize) -> Option<Edge> {
        let draft = &self.drafts[reader];
        let problem = || Problem::new(&draft.head, format!("{} has nothing to read", draft.title()));
        let Some(from) = reader.checked_sub(1) else {
            // Without any source, that is the error.
            if draft.kind.is_some() && self.drafts.iter().any(|draft| draft.kind == Some(Kind::Source)) {
                self.problems.push(
                    problem()
                        .cause("it is the first stage")
                        .help("put a source before it, or name what it reads with `inputs:`"),
                );
            }
            return None;
        };
        let giver = &self.drafts[from];
        let edge = |port| Some(Edge { from, port, span: draft.head.clone() });
        if giver.kind == Some(Kind::Sink) {
            self.problems.push(
                problem()
                    .cause("nothing comes out of the stage before it")
                    .label(&giver.head, "a sink")
                    .help("name what it reads with `inputs:`"),
            );
            return None;
        }
        let Some(ports) = giver.ports() else { return edge(None) };
        let main = ports.output(MAIN);
        if main.is_none() {
            self.meant.insert(from);
            self.problems.push(no_output(giver, ports, None, &draft.head));
        }
        edge(Some(main?))
    }
}

fn no_output(giver: &Draft, ports: &Ports, port: Option<&str>, span: &Span) -> Problem {
    let outputs = || ports.outputs.iter().map(|port| &*port.name);
    let title = giver.title();
    let problem = match port {
        Some(port) => Problem::new(span, format!("{title} has no output `{port}`")),
        None if giver.kind == Some(Kind::Sink) => {
            return Problem::new(span, format!("nothing comes out of {title}"))
                .cause("it is a sink")
                .help_if((!ports.outputs.is_empty()).then(|| named_outputs(giver, ports)));
        }
        None => Problem::new(span, format!("{title} has no main output")),
    };
    match ports.outputs.is_empty() {
        true => problem.cause("it has no outputs"),
        false => problem.cause(format!("its outputs are {}", suggest::list(outputs()))).help_if(match port {
            Some(port) => suggest::closest(port, outputs()),
            None => Some(named_outputs(giver, ports)),
        }),
    }
}

fn named_outputs(giver: &Draft, ports: &Ports) -> String {
    let names = ports.outputs.iter().map(|port| format!("inputs: {}.{}", giver.id, port.name));
    format!("name the output: {}", suggest::choice(names))
}

/// Reports every stage of which nobody reads what it is there for.
fn unread(drafts: &[Draft], edges: &[Vec<Edge>], meant: &HashSet<usize>, problems: &mut Problems) {
    let no_sink = !drafts.iter().any(|draft| matches!(draft.kind, Some(Kind::Sink) | None));
    for (giver, draft) in drafts.iter().enumerate() {
        // Where there is no sink at all, the end of the chain is unread for that reason.
        let last = no_sink && giver + 1 == drafts.len();
        if !matches!(draft.kind, Some(Kind::Source | Kind::Filter)) || last || meant.contains(&giver) {
            continue;
        }
        let main = draft.ports().and_then(|ports| ports.output(MAIN));
        let counts =
            |edge: &Edge| edge.from == giver && (main.is_none() || edge.port.is_none() || edge.port == main);
        // What cannot be read is not missed: neither where the stage after it was not understood.
        let twin = drafts.iter().filter(|other| other.id == draft.id).count() > 1;
        let follower = drafts.get(giver + 1).is_some_and(|next| next.kind.is_none());
        if !follower && !twin && !edges.iter().flatten().any(counts) {
            problems.push(
                Problem::new(&draft.head, format!("nothing reads {}", draft.title()))
                    .cause(match main {
                        Some(_) => "its main output has no reader",
                        None => "none of its outputs has a reader",
                    })
                    .help(format!(
                        "let a stage after it read it with `inputs: {}`, or take it away",
                        reference(draft, main)
                    )),
            );
        }
    }
}

fn reference(draft: &Draft, main: Option<usize>) -> String {
    match draft.ports().and_then(|ports| ports.outputs.first()) {
        Some(first) if main.is_none() => format!("{}.{}", draft.id, first.name),
        _ => draft.id.clone(),
    }
}

/// A pipeline has two ends.
fn ends(drafts: &[Draft], problems: &mut Problems) {
    let missing = |kind| !drafts.iter().any(|draft| draft.kind == Some(kind) || draft.kind.is_none());
    if let Some(first) = drafts.first()
        && missing(Kind::Source)
    {
        problems.push(
            Problem::new(&first.head, "the pipeline has no source")
                .cause(format!("the first stage is a {}", first.kind.map_or("stage", Kind::as_str)))
                .help("begin with a stage `source: NAME`"),
        );
    }
    if let Some(last) = drafts.last()
        && missing(Kind::Sink)
    {
        problems.push(
            Problem::new(&last.head, "the pipeline has no sink")
                .cause(format!("the last stage is a {}", last.kind.map_or("stage", Kind::as_str)))
                .help("end with a stage `sink: NAME`"),
        );
    }
}

/// What outputs carry, as far as it is known.
pub(crate) type Gives = Vec<Option<Vec<PortType>>>;
