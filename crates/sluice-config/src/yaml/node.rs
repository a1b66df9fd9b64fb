//! Values with their places.

use std::ops::Range;

use serde_json::Number;

/// A place in the document, in bytes.
pub(crate) type Span = Range<usize>;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub span: Span,
    pub data: Data,
    /// The text of a scalar, whatever its type; empty for a list or mapping.
    pub raw: String,
    pub style: Style,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text,
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// The value of a param for which there is none. That was reported, so it fits everywhere.
    Unknown,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub key: Key,
    pub value: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub span: Span,
    pub text: String,
    pub style: Style,
}

/// How something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    /// A `|` or `>` block.
    Block,
    /// A list or mapping.
    Collection,
}

/// Where a value comes from. The order is that of how careful one must be with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The document.
    Written,
    /// A `${param}`.
    Param,
    /// A `${env:NAME}`: it may be secret, and no message may hold it.
    Env,
}

impl Node {
    /// The value of a scalar that is written plainly, with the type that YAML gives it.
    pub fn plain(span: Span, raw: String) -> Self {
        Self { span, data: scalar_type(&raw), raw, style: Style::Plain, origin: Origin::Written }
    }

    pub fn text(span: Span, raw: String, style: Style) -> Self {
        Self { span, data: Data::Text, raw, style, origin: Origin::Written }
    }

    pub fn collection(span: Span, data: Data) -> Self {
        Self { span, data, raw: String::new(), style: Style::Collection, origin: Origin::Written }
    }

    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn items(&self) -> Option<&[Node]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key of this mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|e| e.key.text == key).map(|e| &e.value)
    }

    /// Whether it is no list and no mapping.
    pub fn is_scalar(&self) -> bool {
        self.style != Style::Collection
    }

    /// The origin that asks for the most care, of this value and all that is in it.
    pub fn deepest_origin(&self) -> Origin {
        let inner = match &self.data {
            Data::List(items) => items.iter().map(Node::deepest_origin).max(),
            Data::Map(entries) => entries.iter().map(|e| e.value.deepest_origin()).max(),
            _ => None,
        };
        self.origin.max(inner.unwrap_or(Origin::Written))
    }

    /// Whether the value is unknown, or something in it is.
    pub fn is_incomplete(&self) -> bool {
        match &self.data {
            Data::Unknown => true,
            Data::List(items) => items.iter().any(Node::is_incomplete),
            Data::Map(entries) => entries.iter().any(|e| e.value.is_incomplete()),
            _ => false,
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.data {
            Data::Null | Data::Unknown => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(value) => Value::Number(value.clone()),
            Data::Text => Value::String(self.raw.clone()),
            Data::List(items) => items.iter().map(Node::to_json).collect(),
            Data::Map(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.text.clone(), e.value.to_json())).collect())
            }
        }
    }

    /// The value as it may be shown: what comes from the environment stands as the document writes it.
    pub fn to_shown_json(&self, document: &str) -> serde_json::Value {
        match &self.data {
            _ if self.origin == Origin::Env => document.get(self.span.clone()).unwrap_or_default().into(),
            Data::List(items) => items.iter().map(|item| item.to_shown_json(document)).collect(),
            Data::Map(entries) => {
                let shown = |e: &Entry| (e.key.text.clone(), e.value.to_shown_json(document));
                serde_json::Value::Object(entries.iter().map(shown).collect())
            }
            _ => self.to_json(),
        }
    }

    /// What to underline for the byte at `offset` of this scalar's text.
    pub fn place(&self, document: &str, offset: usize) -> Span {
        let length = self.raw.get(offset..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.part(document, offset..offset + length)
    }

    /// What to underline for a part of this scalar's text: that part where the document shows the text as it is, the
    /// whole scalar where escapes, folding or filling in lie between.
    pub fn part(&self, document: &str, part: Span) -> Span {
        match self.text_start(document) {
            Some(start) => {
                let end = start + self.raw.len();
                (start + part.start).min(end)..(start + part.end).min(end)
            }
            None => self.span.clone(),
        }
    }

    /// Where the text of this scalar begins in the document, if it stands there unchanged.
    fn text_start(&self, document: &str) -> Option<usize> {
        let source = document.get(self.span.clone())?;
        let quotes = usize::from(self.style == Style::Quoted);
        let inner = source.get(quotes..source.len().checked_sub(quotes)?)?;
        let written = matches!(self.style, Style::Plain | Style::Quoted) && inner == self.raw;
        (written && self.origin == Origin::Written).then_some(self.span.start + quotes)
    }
}

/// The type that YAML gives to a plain scalar.
pub(crate) fn scalar_type(raw: &str) -> Data {
    use serde_yaml::Value;
    match serde_yaml::from_str(raw) {
        Ok(Value::Null) => Data::Null,
        Ok(Value::Bool(value)) => Data::Bool(value),
        // An infinite number has no form in JSON, so it stays a text.
        Ok(Value::Number(number)) => serde_json::to_value(number)
            .ok()
            .and_then(|n| n.as_number().cloned())
            .map_or(Data::Text, Data::Number),
        _ => Data::Text,
    }
}
