//! The whole file: its top-level keys, and the steps of the check.

use std::path::Path;

use sluice_core::Registry;

use crate::diagnostic::{Problem, Problems};
use crate::fill::{Filler, Secrets};
use crate::params::{Declared, ParamSpec, Values};
use crate::pipeline::{Execution, Input, Pipeline, StageSpec};
use crate::stage::{Draft, Reader};
use crate::yaml::{Data, Entry, Span};
use crate::{
    Diagnostics, Document, Settings, execution, graph, options, params, stage, suggest, tests_section, yaml,
};

/// The keys of a pipeline file.
const KEYS: [&str; 7] = ["version", "name", "about", "params", "execution", "stages", "tests"];

/// The version of the file that this program reads.
const VERSION: u64 = 1;

pub(crate) fn check(
    document: &Document,
    registry: &Registry,
    settings: &Settings<'_>,
) -> Result<Pipeline, Diagnostics> {
    let mut problems = Problems::default();
    let pipeline = root(document, &mut problems).and_then(|root| {
        let file = File { document, entries: root, start: 0..0 };
        file.check(registry, settings, &mut problems)
    });
    problems.into_result(document, pipeline)
}

pub(crate) fn declared_params(document: &Document) -> Result<Vec<ParamSpec>, Diagnostics> {
    let mut problems = Problems::default();
    let specs = root(document, &mut problems).map(|entries| {
        let file = File { document, entries, start: 0..0 };
        file.declared(&mut problems).0.into_iter().map(|declared| declared.spec).collect()
    });
    problems.into_result(document, specs)
}

fn root(document: &Document, problems: &mut Problems) -> Option<Vec<Entry>> {
    let root = yaml::parse(&document.text, problems)?;
    match root.data {
        Data::Map(entries) => Some(entries),
        Data::Null => {
            problems.push(Problem::new(&(0..0), "the file is empty").help(yaml::BEGINNING));
            None
        }
        _ => {
            let problem = options::mismatch(&root, "the file is not a pipeline", "a mapping");
            problems.push(problem.help(yaml::BEGINNING));
            None
        }
    }
}

struct File<'a> {
    document: &'a Document,
    entries: Vec<Entry>,
    start: Span,
}

impl File<'_> {
    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }

    /// Where to point when a top-level key is missing.
    fn first(&self) -> &Span {
        self.entries.first().map_or(&self.start, |entry| &entry.key.span)
    }

    fn check(
        &self,
        registry: &Registry,
        settings: &Settings<'_>,
        problems: &mut Problems,
    ) -> Option<Pipeline> {
        let text = &self.document.text;
        self.refuse_unknown(problems);
        self.version(problems);
        let name = self.text("name", problems);
        let about = self.text("about", problems);
        let (declared, values) = self.params(settings, problems);
        let mut filler =
            Filler { document: text, values: &values, env: settings.env, secrets: Secrets::default() };
        let execution = match self.entry("execution") {
            Some(entry) => {
                let mut node = entry.value.clone();
                filler.fill(&mut node, problems);
                execution::read(text, &node, &entry.key.span, problems)
            }
            None => Execution::default(),
        };
        let stages = self.stages(&mut filler, registry, problems);
        let tests = self.entry("tests");
        let tests = tests.map(|entry| tests_section::read(text, &entry.value, &declared, problems));
        Some(Pipeline {
            name: name.unwrap_or_else(|| stem(&self.document.name)),
            about,
            params: declared.into_iter().map(|declared| declared.spec).collect(),
            execution,
            stages: stages?,
            tests: tests.unwrap_or_default(),
        })
    }

    fn refuse_unknown(&self, problems: &mut Problems) {
        for entry in self.entries.iter().filter(|entry| !KEYS.contains(&entry.key.text.as_str())) {
            problems.push(
                Problem::new(&entry.key.span, format!("unknown key `{}`", entry.key.text))
                    .cause(format!("a pipeline has {}", suggest::list(KEYS)))
                    .help_if(suggest::closest(&entry.key.text, KEYS)),
            );
        }
    }

    fn version(&self, problems: &mut Problems) {
        let Some(entry) = self.entry("version") else {
            problems.push(Problem::new(self.first(), "missing key `version`").help("write `version: 1`"));
            return;
        };
        match &entry.value.data {
            Data::Number(version) if version.as_u64() == Some(VERSION) => {}
            Data::Number(_) => problems.push(
                Problem::new(&entry.value.span, format!("version {} is not known", entry.value.raw))
                    .cause(format!("this program reads version {VERSION}")),
            ),
            _ => problems.push(options::mismatch(
                &entry.value,
                "`version` has the wrong type",
                "the integer `1`",
            )),
        }
    }

    fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let node = &self.entry(key)?.value;
        if node.data != Data::Text || node.raw.trim().is_empty() {
            let what = if node.data == Data::Text { "is empty" } else { "has the wrong type" };
            problems.push(options::mismatch(node, format!("`{key}` {what}"), "a string"));
        }
        Some(node.raw.trim().to_owned())
    }

    fn declared(&self, problems: &mut Problems) -> (Vec<Declared>, Span) {
        match self.entry("params") {
            Some(entry) => {
                (params::declared(&self.document.text, &entry.value, problems), entry.key.span.clone())
            }
            None => (Vec::new(), self.first().clone()),
        }
    }

    fn params(&self, settings: &Settings<'_>, problems: &mut Problems) -> (Vec<Declared>, Values) {
        let (declared, span) = self.declared(problems);
        let values = params::values(&declared, &span, &settings.params, problems);
        (declared, values)
    }

    fn stages(
        &self,
        filler: &mut Filler<'_>,
        registry: &Registry,
        problems: &mut Problems,
    ) -> Option<Vec<StageSpec>> {
        let Some(entry) = self.entry("stages") else {
            problems.push(
                Problem::new(self.first(), "missing key `stages`")
                    .help("list the stages below it: `- source: NAME`, `- filter: NAME`, `- sink: NAME`"),
            );
            return None;
        };
        let mut node = entry.value.clone();
        filler.fill(&mut node, problems);
        let items = match &node.data {
            Data::List(items) if !items.is_empty() => items,
            Data::List(_) | Data::Null => {
                problems.push(
                    Problem::new(&entry.key.span, "the pipeline has no stages")
                        .help("list them: `- source: NAME`, `- filter: NAME`, `- sink: NAME`"),
                );
                return None;
            }
            _ => {
                problems.push(options::mismatch(&node, "`stages` is not a list", "a list of stages"));
                return None;
            }
        };
        let reader = Reader { document: filler.document, registry, secrets: &filler.secrets };
        let mut drafts: Vec<_> = items.iter().map(|item| reader.stage(item, problems)).collect();
        stage::name_all(&mut drafts, problems);
        let edges = graph::connect(&drafts, problems);
        let order = graph::order(&drafts, &edges, problems)?;
        let gives = graph::resolve(&drafts, &edges, &order, registry, problems);
        problems.is_empty().then(|| assemble(filler.document, drafts, &edges, &order, gives)).flatten()
    }
}

/// Puts the stages in their order. Nothing comes out where something is unknown, which was reported then.
fn assemble(
    document: &str,
    drafts: Vec<Draft>,
    edges: &[Vec<graph::Edge>],
    order: &[usize],
    mut gives: graph::Gives,
) -> Option<Vec<StageSpec>> {
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, stage)| place[*stage] = at);
    let mut drafts: Vec<_> = drafts.into_iter().map(Some).collect();
    let spec = |&stage: &usize| {
        let draft = drafts[stage].take()?;
        let (prepared, ports) = draft.prepared?;
        let input = |edge: &graph::Edge| Some(Input { stage: place[edge.from], port: edge.port? });
        Some(StageSpec {
            id: draft.id,
            component: draft.component?,
            prepared,
            options: draft.options,
            ports,
            inputs: edges[stage].iter().map(input).collect::<Option<_>>()?,
            workers: draft.workers,
            shard_by: draft.shard_by,
            pipe: draft.pipe,
            on_error: draft.on_error,
            line: document[..draft.head.start].matches('\n').count() + 1,
            gives: gives[stage].take()?,
        })
    };
    order.iter().map(spec).collect()
}

fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}
