//! The tree of a document, in which every key and value knows where it is written.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks};

use crate::diagnostic::{Problem, Problems};

mod node;
mod syntax;

pub(crate) use node::{Data, Entry, Key, Node, Origin, Span, Style, scalar_type};

/// Lists and mappings may be this deep; every walk over the tree may recurse.
const MAX_DEPTH: usize = 64;
/// Keys and values there may be in all, with what aliases repeat.
const MAX_NODES: usize = 100_000;
/// Bytes that a document may have.
const MAX_BYTES: usize = 8 << 20;

/// The help where there is nothing to go on with.
pub(crate) const BEGINNING: &str = "a pipeline begins with `version: 1` and lists its stages under `stages:`";

/// Parses the one document that `text` is to be. Nothing comes out where there is no tree to go on with.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    if let Some(problem) = syntax::unreadable(text, MAX_BYTES) {
        problems.push(problem);
        return None;
    }
    match Builder::new(text, problems).document() {
        Ok(root) => root,
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// A list or mapping of which the end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    content: Content,
    /// How many nodes and levels it holds so far.
    size: Size,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<Result<Key, Refused>>, seen: HashMap<String, Span> },
}

/// A key that was reported; its value is left out.
struct Refused;

#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    levels: usize,
}

struct Builder<'a> {
    text: &'a str,
    /// The byte at which each character begins; nothing when all are one byte.
    bytes: Option<Vec<usize>>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, Size)>,
    nodes: usize,
    problems: &'a mut Problems,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, problems: &'a mut Problems) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self { text, bytes, open: Vec::new(), anchors: HashMap::new(), nodes: 0, problems }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.text.len()),
            None => character.min(self.text.len()),
        }
    }

    fn span(&self, marks: Marks) -> Span {
        let start = self.byte(marks.start.index());
        start..self.byte(marks.end.index()).max(start)
    }

    fn document(mut self) -> Result<Option<Node>, Problem> {
        let mut root = None;
        let mut documents = 0;
        let mut parser = Parser::new_from_str(self.text);
        while let Some(event) = parser.next_event() {
            let (event, marks) = event.map_err(|error| self.syntax(&error))?;
            let span = self.span(marks);
            let finished = match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(Problem::new(&span, "the file holds more than one document")
                            .cause("a second one begins here")
                            .help("a pipeline is one file with one document: take the `---` away or split the file"));
                    }
                    None
                }
                Event::Scalar(raw, style, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &span);
                    Some(self.scalar(raw.into_owned(), style, anchor, span)?)
                }
                Event::SequenceStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &span);
                    self.begin(span, anchor, Content::List(Vec::new()))?;
                    None
                }
                Event::MappingStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &span);
                    self.begin(
                        span,
                        anchor,
                        Content::Map { entries: Vec::new(), key: None, seen: HashMap::new() },
                    )?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(&span),
                Event::Alias(anchor) => Some(self.alias(anchor, span)?),
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
            };
            if let Some((node, size)) = finished
                && let Some(node) = self.place(node, size)
            {
                root = Some(node);
            }
        }
        match root {
            None => Err(Problem::new(&(0..0), "the file is empty").help(BEGINNING)),
            root => Ok(root),
        }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let at = self.byte(error.marker().index());
        syntax::explain(self.text, at, error.info(), self.open.last().map(|open| &open.span))
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Span) {
        if tagged {
            let source = &self.text[span.clone()];
            let length = source.split_whitespace().next().map_or(0, str::len);
            self.problems.push(
                Problem::new(&(span.start..span.start + length), "a pipeline file has no tags")
                    .cause("a value's type follows from how it is written")
                    .help("take the tag away; put a text that looks like a number in quotes"),
            );
        }
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(Problem::new(span, format!("the file holds more than {MAX_NODES} values"))
                .cause("the limit is passed here; what an alias repeats counts each time"));
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        raw: String,
        style: ScalarStyle,
        anchor: usize,
        span: Span,
    ) -> Result<(Node, Size), Problem> {
        self.count(1, &span)?;
        let span = self.without_properties(span);
        let node = match style {
            ScalarStyle::Plain => Node::plain(span, raw),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Node::text(span, raw, Style::Quoted),
            ScalarStyle::Literal | ScalarStyle::Folded => Node::text(span, raw, Style::Block),
        };
        let size = Size { nodes: 1, levels: 0 };
        self.remember(anchor, &node, size);
        Ok((node, size))
    }

    /// The span of a scalar without the anchor and tag before it, and without the space after it.
    fn without_properties(&self, span: Span) -> Span {
        let mut start = span.start;
        let source = self.text[span.clone()].trim_end();
        let end = span.start + source.len();
        while self.text[start..end].starts_with(['&', '!']) {
            let rest = self.text[start..end].split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
            start = end - rest.trim_start().len();
        }
        start..end.max(start)
    }

    fn begin(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), Problem> {
        self.count(1, &span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(&span));
        }
        self.open.push(Open { span, anchor, content, size: Size { nodes: 1, levels: 1 } });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Option<(Node, Size)> {
        let Open { span: start, anchor, content, size } = self.open.pop()?;
        let flow = self.text[start.clone()].ends_with(['{', '[']);
        let from = if flow { start.end - 1 } else { start.start };
        let (data, first) = match content {
            Content::List(items) => (Data::List(items), None),
            Content::Map { entries, .. } => {
                let first = entries.first().map(|entry| entry.key.span.clone());
                (Data::Map(entries), first)
            }
        };
        let place = match first {
            _ if flow => from..span.end,
            Some(first) => first,
            None => from..start.end,
        };
        let node = Node::collection(place, data);
        self.remember(anchor, &node, size);
        Some((node, size))
    }

    fn remember(&mut self, anchor: usize, node: &Node, size: Size) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(Node, Size), Problem> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(Problem::new(&span, "an alias stands inside of what it repeats"));
        };
        let (mut node, size) = (node.clone(), *size);
        self.count(size.nodes, &span)?;
        if self.open.len() + size.levels > MAX_DEPTH {
            return Err(too_deep(&span));
        }
        node.span = span;
        Ok((node, size))
    }

    /// Puts a finished node where it belongs; gives it back when it is the root.
    fn place(&mut self, mut node: Node, size: Size) -> Option<Node> {
        let Some(parent) = self.open.last_mut() else { return Some(node) };
        parent.size.nodes = parent.size.nodes.saturating_add(size.nodes);
        parent.size.levels = parent.size.levels.max(size.levels + 1);
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key, seen } => match key.take() {
                Some(Err(Refused)) => {}
                Some(Ok(key)) => {
                    let source = &self.text[node.span.clone()];
                    // An empty value and a block have no line of their own to point at: their key has.
                    if source.is_empty() || (!node.is_scalar() && !source.starts_with(['{', '[', '*'])) {
                        node.span = key.span.clone();
                    }
                    match seen.insert(key.text.clone(), key.span.clone()) {
                        Some(first) => self.problems.push(twice(&key, &first)),
                        None => entries.push(Entry { key, value: node }),
                    }
                }
                None => {
                    let problem = if !node.is_scalar() {
                        Problem::new(&node.span, "a key is a list or a mapping").cause("expected a text")
                    } else if node.raw == "<<" && node.style == Style::Plain {
                        Problem::new(&node.span, "merge keys (`<<`) are not supported")
                            .help("write the keys out, or let an alias stand for a whole value")
                    } else {
                        *key = Some(Ok(Key { span: node.span, text: node.raw, style: node.style }));
                        return None;
                    };
                    self.problems.push(problem);
                    *key = Some(Err(Refused));
                }
            },
        }
        None
    }
}

/// The error about a key that a mapping has twice.
pub(crate) fn twice(second: &Key, first: &Span) -> Problem {
    Problem::new(&second.span, format!("key `{}` stands twice in one mapping", second.text))
        .cause("here again")
        .label(first, "first here")
}

fn too_deep(span: &Span) -> Problem {
    Problem::new(span, format!("the file is nested deeper than {MAX_DEPTH} levels"))
        .cause("the limit is passed here")
}

#[cfg(test)]
mod tests;
