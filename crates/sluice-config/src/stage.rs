//! One stage: its component, its options, and the keys that every stage may have.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use sluice_core::{Component, Key, Kind, Parallelism, Ports, Prepared, Registry};

use crate::diagnostic::{Problem, Problems};
use crate::fill::Secrets;
use crate::options::{self, Subject};
use crate::params;
use crate::pipeline::{OnError, PipeSpec, WhenFull};
use crate::suggest;
use crate::yaml::{Data, Entry, Node, Origin, Span};

mod common;

use common::Pipe;
pub(crate) use common::{Common, RESERVED, is_reserved};

/// A stage that was read but not yet connected. What is wrong with it was reported, and what is unknown for that
/// reason is not held against others.
pub(crate) struct Draft {
    /// The name of the component as it is written.
    name: String,
    pub kind: Option<Kind>,
    pub component: Option<&'static Component>,
    /// Its options as they may be shown.
    pub options: serde_json::Value,
    pub prepared: Option<(Arc<dyn Prepared>, Ports)>,
    /// The id that is written, until [`name_all`] has given one to all.
    pub id: String,
    pub inputs: References,
    pub workers: NonZeroUsize,
    pub shard_by: Option<Key>,
    pub pipe: PipeSpec,
    pub on_error: OnError,
    /// The name of the component in the document.
    pub head: Span,
    id_span: Span,
}

/// What `inputs:` says.
pub(crate) enum References {
    /// Nothing: the stage before.
    Before,
    /// These, with their places.
    Named(Vec<(String, Span)>, Span),
    /// Something wrong.
    Wrong,
}

impl Draft {
    /// A stage of which nothing could be read.
    fn unknown(span: Span) -> Self {
        let Pipe { capacity, .. } = Pipe::default();
        Self {
            name: String::new(),
            kind: None,
            component: None,
            options: serde_json::Value::Null,
            prepared: None,
            id: String::new(),
            inputs: References::Wrong,
            workers: NonZeroUsize::MIN,
            shard_by: None,
            pipe: PipeSpec { capacity, when_full: WhenFull::Block },
            on_error: OnError::Stop,
            head: span.clone(),
            id_span: span,
        }
    }

    /// What the stage is called in messages.
    pub fn title(&self) -> String {
        match (self.kind, self.component) {
            (Some(kind), Some(component)) if component.name == self.id => format!("{kind} `{}`", self.id),
            _ => format!("stage `{}`", self.id),
        }
    }

    pub fn ports(&self) -> Option<&Ports> {
        self.prepared.as_ref().map(|(_, ports)| ports)
    }
}

/// What a stage is read with.
pub(crate) struct Reader<'a> {
    pub document: &'a str,
    pub registry: &'a Registry,
    pub secrets: &'a Secrets,
}

impl Reader<'_> {
    /// Reads one item of `stages:`.
    pub fn stage(&self, node: &Node, problems: &mut Problems) -> Draft {
        let Some(entries) = node.entries() else {
            if node.data != Data::Unknown {
                problems.push(
                    options::mismatch(node, "a stage is not a mapping", "a mapping")
                        .help("write `- source: NAME`, `- filter: NAME` or `- sink: NAME`"),
                );
            }
            return Draft::unknown(node.span.clone());
        };
        if refuse_secret(node, problems) {
            return Draft::unknown(node.span.clone());
        }
        let head = head(node, entries, problems);
        let component = head.and_then(|(kind, name)| self.component(kind, name, problems));
        let span = head.map_or(&node.span, |(_, name)| &name.span);
        let name = head.map_or("", |(_, name)| &name.raw);
        let id = node.get("id").filter(|id| id.data == Data::Text);
        let common = self.common(node, id.map_or(name, |id| &id.raw), span, problems);
        if let (Some(id), Some(_)) = (id, &common.id)
            && !params::is_name(&id.raw)
        {
            problems.push(
                Problem::new(&id.span, format!("`{}` is no id for a stage", id.raw))
                    .cause("an id begins with a letter and goes on with letters, digits, `_` or `-`"),
            );
        }
        if let Some(component) = component {
            refuse_parallel(node, component, &common, problems);
        }
        let own = own_options(node, entries);
        let options = own.to_shown_json(self.document);
        let prepared = component.and_then(|component| {
            let prepared = options::prepare(self.document, component, &own, span, self.secrets, problems)?;
            let ports = prepared.ports();
            Some((prepared, ports))
        });
        if let (Some(component), Some((prepared, _))) = (component, &prepared) {
            refuse_key(node, component, &common, &**prepared, problems);
        }
        Draft {
            name: name.to_owned(),
            kind: head.map(|(kind, _)| kind),
            component,
            prepared,
            options,
            id: common.id.unwrap_or_default(),
            inputs: references(node),
            workers: common.workers.unwrap_or(NonZeroUsize::MIN),
            shard_by: common.shard_by,
            pipe: PipeSpec { capacity: common.pipe.capacity, when_full: common.pipe.when_full },
            on_error: common.on_error,
            head: span.clone(),
            id_span: id.map_or(span, |id| &id.span).clone(),
        }
    }

    fn component(&self, kind: Kind, name: &Node, problems: &mut Problems) -> Option<&'static Component> {
        if name.data == Data::Unknown {
            return None;
        }
        if !name.is_scalar() || name.raw.is_empty() {
            let expected = format!("the name of a {kind}");
            problems.push(options::mismatch(name, format!("the {kind} has no name"), &expected));
            return None;
        }
        if let Some(component) = self.registry.get(kind, &name.raw) {
            return Some(component);
        }
        let problem = Problem::new(&name.span, format!("unknown {kind} {}", options::quoted(name)));
        let other = Kind::ALL.into_iter().find(|other| self.registry.get(*other, &name.raw).is_some());
        let names = || self.registry.iter().filter(|c| c.kind == kind).map(|c| c.name);
        problems.push(match other {
            Some(other) => {
                problem.help(format!("there is a {other} of this name: write `{other}: {}`", name.raw))
            }
            None => match suggest::closest(&name.raw, names()) {
                Some(help) => problem.help(help),
                None => problem.help(format!("there are {}", suggest::list(names()))),
            },
        });
        None
    }

    fn common(&self, node: &Node, name: &str, span: &Span, problems: &mut Problems) -> Common {
        let entries = node.entries().unwrap_or(&[]);
        let reserved = entries.iter().filter(|e| RESERVED.contains(&e.key.text.as_str())).cloned().collect();
        let mut reserved = Node { data: Data::Map(reserved), ..node.clone() };
        let instead = "use `block`, `drop_newest` or `drop_oldest`";
        options::refuse_planned(&mut reserved, &["pipe", "when_full"], &["spill"], instead, problems);
        let subject = Subject::section(format!("stage `{name}`"));
        options::read(self.document, &subject, &reserved, span, problems).unwrap_or_default()
    }
}

/// Refuses names from the environment: they stand in messages, and the environment may hold secrets.
fn refuse_secret(node: &Node, problems: &mut Problems) -> bool {
    let names = Kind::ALL.map(Kind::as_str).into_iter().chain(["id", "inputs"]);
    let secret =
        |name| node.get(name).filter(|value| value.deepest_origin() == Origin::Env).map(|v| (name, &v.span));
    let found: Vec<_> = names.filter_map(secret).collect();
    for (name, span) in &found {
        problems.push(
            Problem::new(span, format!("`{name}` cannot come from the environment"))
                .cause("messages quote it, and the environment may hold secrets")
                .help("let a param hold it"),
        );
    }
    !found.is_empty()
}

/// The entry that names the component.
fn head<'a>(node: &Node, entries: &'a [Entry], problems: &mut Problems) -> Option<(Kind, &'a Node)> {
    let kind = |entry: &Entry| Kind::ALL.into_iter().find(|kind| kind.as_str() == entry.key.text);
    let mut heads = entries.iter().filter_map(|entry| Some((kind(entry)?, entry)));
    let Some((kind, entry)) = heads.next() else {
        let meant = entries.iter().find_map(|entry| {
            let kind = suggest::nearest(&entry.key.text, Kind::ALL.map(Kind::as_str))?;
            Some((entry, kind))
        });
        let message = "the stage names no component";
        problems.push(match meant {
            Some((entry, kind)) => Problem::new(&entry.key.span, message)
                .cause("unknown key")
                .help(format!("did you mean `{kind}`?")),
            None => Problem::new(entries.first().map_or(&node.span, |e| &e.key.span), message)
                .help("begin it with `source: NAME`, `filter: NAME` or `sink: NAME`"),
        });
        return None;
    };
    if let Some((_, second)) = heads.next() {
        problems.push(
            Problem::new(&second.key.span, "the stage names two components")
                .cause("the second")
                .label(&entry.key.span, "the first")
                .help("begin another stage with `- `"),
        );
        return None;
    }
    Some((kind, &entry.value))
}

/// The stage without the keys that are no option of its component.
fn own_options(node: &Node, entries: &[Entry]) -> Node {
    let own = entries.iter().filter(|entry| !is_reserved(&entry.key.text)).cloned().collect();
    Node { data: Data::Map(own), ..node.clone() }
}

fn references(node: &Node) -> References {
    let Some(inputs) = node.get("inputs") else { return References::Before };
    let items = inputs.items().unwrap_or(std::slice::from_ref(inputs));
    if items.is_empty() || items.iter().any(|item| item.data != Data::Text) {
        return References::Wrong;
    }
    References::Named(
        items.iter().map(|item| (item.raw.clone(), item.span.clone())).collect(),
        inputs.span.clone(),
    )
}

fn refuse_parallel(node: &Node, component: &Component, common: &Common, problems: &mut Problems) {
    let Component { kind, name, parallelism, .. } = component;
    let stateless = *kind == Kind::Filter && *parallelism == Parallelism::Stateless;
    let keyed = *parallelism == Parallelism::Keyed;
    if let (Some(workers), Some(written)) = (common.workers, node.get("workers"))
        && workers.get() > 1
        && !stateless
        && !(keyed && common.shard_by.is_some())
    {
        let problem = Problem::new(&written.span, format!("{kind} `{name}` cannot have several workers"));
        problems.push(match (kind, keyed) {
            (_, true) => problem
                .cause("it is keyed: all items of a key have to meet the same one")
                .help("say what its items are divided by, such as `shard_by: flow`"),
            (Kind::Filter, _) => {
                problem.cause(format!("it is {}, and only stateless filters can", parallelism.as_str()))
            }
            (kind, _) => problem.cause(format!("it is a {kind}, and only stateless filters can")),
        });
    }
    if let Some(key) = node.entries().and_then(|e| e.iter().find(|e| e.key.text == "shard_by"))
        && !keyed
    {
        problems.push(
            Problem::new(&key.key.span, format!("{kind} `{name}` cannot be sharded"))
                .cause(format!("it is {}, and only keyed components can", parallelism.as_str())),
        );
    }
}

/// Refuses a key by which items would be parted that have to meet.
fn refuse_key(
    node: &Node,
    component: &Component,
    common: &Common,
    prepared: &dyn Prepared,
    problems: &mut Problems,
) {
    let needed = prepared.key();
    if let (Some(key), Some(written)) = (&common.shard_by, node.get("shard_by"))
        && component.parallelism == Parallelism::Keyed
        && !key.covers(&needed)
    {
        let Component { kind, name, .. } = component;
        problems.push(
            Problem::new(&written.span, format!("{kind} `{name}` cannot be sharded by `{key}`"))
                .cause(format!("it keeps what it knows by `{needed}`, and items of one would be parted"))
                .help(format!("write `shard_by: {needed}`")),
        );
    }
}

/// Gives every stage an id. Those that are written come first: a default keeps out of their way.
pub(crate) fn name_all(drafts: &mut [Draft], problems: &mut Problems) {
    let mut taken: HashMap<String, Span> = HashMap::new();
    for draft in drafts.iter().filter(|draft| !draft.id.is_empty()) {
        if let Some(first) = taken.get(&draft.id) {
            problems.push(
                Problem::new(&draft.id_span, format!("there are two stages with the id `{}`", draft.id))
                    .cause("here again")
                    .label(first, "first here"),
            );
        } else {
            taken.insert(draft.id.clone(), draft.id_span.clone());
        }
    }
    let mut next: HashMap<String, usize> = HashMap::new();
    for draft in drafts.iter_mut().filter(|draft| draft.id.is_empty()) {
        let number = next.entry(draft.name.clone()).or_insert(1);
        draft.id = loop {
            let id = if *number == 1 { draft.name.clone() } else { format!("{}-{number}", draft.name) };
            *number += 1;
            if !taken.contains_key(&id) {
                break id;
            }
        };
        taken.insert(draft.id.clone(), draft.head.clone());
    }
}
