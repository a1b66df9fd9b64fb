//! The registry: which components this program holds.
//!
//! A component registers itself with one [`register!`](crate::register) statement in its own file. [`Registry::collect`] gathers what was
//! linked into one sorted value; everything else (the configuration check, `sluice list`, the reference pages, the
//! compliance test) works on that value and on nothing global.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Prepared, Reason};

/// What a component is in a pipeline. The order is the order of listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Has no input, produces batches.
    Source,
    /// Takes batches and passes batches on.
    Filter,
    /// Takes batches and brings them out of the pipeline.
    Sink,
}

impl Kind {
    /// All kinds, in the order of listings.
    pub const ALL: [Kind; 3] = [Kind::Source, Kind::Filter, Kind::Sink];

    /// The word that names the kind in a pipeline file: `source`, `filter` or `sink`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Source => "source",
            Kind::Filter => "filter",
            Kind::Sink => "sink",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many threads may run a component at once and still give the right result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parallelism {
    /// Any number of instances, any batch to any of them. A stateless filter emits at most one batch on each port for
    /// each batch that it is given; the runtime ends the run where one emits more.
    Stateless,
    /// Any number of instances, as long as all items of one key meet the same one.
    Keyed,
    /// One instance.
    Serial,
}

impl Parallelism {
    /// The word used in listings and documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Parallelism::Stateless => "stateless",
            Parallelism::Keyed => "keyed",
            Parallelism::Serial => "serial",
        }
    }
}

/// One registered component: all that is known about it without making one.
pub struct Component {
    /// Source, filter or sink.
    pub kind: Kind,
    /// The name in a pipeline file, in snake_case; unique within its kind.
    pub name: &'static str,
    /// The user's page in Markdown; its first paragraph is the summary.
    pub docs: &'static str,
    /// How it may be run in parallel.
    pub parallelism: Parallelism,
    /// Every reason for which it may drop an item.
    pub drops: &'static [&'static Reason],
    /// The JSON schema of its options.
    pub schema: fn() -> Value,
    /// Checks the options and compiles them; opens and starts nothing.
    pub prepare: fn(Value) -> Result<Arc<dyn Prepared>, OptionError>,
    /// The crate that registers it.
    pub krate: &'static str,
    /// The file that registers it.
    pub file: &'static str,
}

inventory::collect!(Component);

impl Component {
    /// The first paragraph of the page, on one line.
    pub fn summary(&self) -> String {
        let lines = self.docs.lines().map(str::trim);
        lines.skip_while(|l| l.is_empty()).take_while(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The YAML of the page's first fenced block: one or more stages, as list items.
    pub fn example(&self) -> Option<String> {
        let mut lines = self.docs.lines().map(|l| l.strip_prefix(' ').unwrap_or(l));
        lines.find(|l| l.trim() == "```yaml")?;
        Some(lines.take_while(|l| l.trim() != "```").map(|l| format!("{l}\n")).collect())
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.kind, self.name, self.krate)
    }
}

/// Two crates registered the same kind and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Kind and name, as in "filter `rewrite`".
    pub what: String,
    /// The two crates, in alphabetical order.
    pub crates: [&'static str; 2],
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is registered twice, by crate `{}` and by crate `{}`",
            self.what, self.crates[0], self.crates[1]
        )
    }
}

impl std::error::Error for Duplicate {}

/// The components of a program, sorted by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    components: Vec<&'static Component>,
}

impl Registry {
    /// Gathers every component that was linked into this program.
    pub fn collect() -> Result<Self, Duplicate> {
        Self::from_components(inventory::iter::<Component>)
    }

    /// A registry of exactly these components.
    pub fn from_components(
        components: impl IntoIterator<Item = &'static Component>,
    ) -> Result<Self, Duplicate> {
        let mut components: Vec<_> = components.into_iter().collect();
        components.sort_by_key(|c| (c.kind, c.name, c.krate));
        match components.windows(2).find(|w| (w[0].kind, w[0].name) == (w[1].kind, w[1].name)) {
            Some(w) => Err(Duplicate {
                what: format!("{} `{}`", w[0].kind, w[0].name),
                crates: [w[0].krate, w[1].krate],
            }),
            None => Ok(Self { components }),
        }
    }

    /// The component of this kind and name.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&'static Component> {
        let at = self.components.binary_search_by(|c| (c.kind, c.name).cmp(&(kind, name))).ok()?;
        Some(self.components[at])
    }

    /// All components, sorted by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = &'static Component> + '_ {
        self.components.iter().copied()
    }
}

/// One step of the way from a stage's options to the value that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An item of a sequence, from 0.
    Index(usize),
}

/// Why options were refused: which value, where in it, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionError {
    /// The way to the value, from the stage's options; empty for the stage as a whole.
    pub path: Vec<Step>,
    /// The offset in bytes inside a scalar at which it goes wrong, for expressions.
    pub offset: Option<usize>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl OptionError {
    /// An error about the stage's options as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// An error about one option.
    pub fn at(key: &str, message: impl Into<String>) -> Self {
        Self { path: vec![Step::Key(key.to_owned())], message: message.into(), ..Self::default() }
    }

    /// The same error, one step deeper.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.path.push(Step::Key(key.into()));
        self
    }

    /// The same error, about an item of a sequence.
    pub fn index(mut self, index: usize) -> Self {
        self.path.push(Step::Index(index));
        self
    }

    /// The same error, at this byte of the scalar.
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The same error with advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.path.iter().enumerate() {
            match step {
                Step::Key(key) if i > 0 => write!(f, ".{key}")?,
                Step::Key(key) => f.write_str(key)?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for OptionError {}

/// What a component's `prepare` function looks like before [`register!`](crate::register) erases the type of its options.
pub type PrepareFn<O> = fn(O) -> Result<Arc<dyn Prepared>, OptionError>;

/// The schema of the options that `prepare` takes.
#[doc(hidden)]
pub fn schema_of<O: JsonSchema>(_: PrepareFn<O>) -> Value {
    schemars::schema_for!(O).to_value()
}

/// Reads the options, then prepares.
#[doc(hidden)]
pub fn prepare_with<O: DeserializeOwned>(
    prepare: PrepareFn<O>,
    options: Value,
) -> Result<Arc<dyn Prepared>, OptionError> {
    use serde_path_to_error::Segment;
    let options = serde_path_to_error::deserialize(options).map_err(|error| {
        let steps = error.path().iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        OptionError { path: steps.collect(), message: error.inner().to_string(), ..OptionError::default() }
    })?;
    prepare(options)
}

/// Registers a component. The `///` lines are its page in the reference: a one-line summary, what it does, `## Ports and
/// drop reasons`, `## Example` with one YAML block, `## See also`.
///
/// ```
/// use std::sync::Arc;
/// use sluice_core::{Batch, Error, Filter, OptionError, Output, Ports, Prepared, prepared};
///
/// sluice_core::register! {
///     /// Passes everything on.
///     ///
///     /// ## Example
///     ///
///     /// ```yaml
///     /// - filter: noop
///     /// ```
///     filter noop(prepare), Stateless, drops []
/// }
///
/// /// It has no options.
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {}
///
/// fn prepare(_: Options) -> Result<Arc<dyn Prepared>, OptionError> {
///     Ok(prepared::filter(Ports::any(), |_| Ok(Noop)))
/// }
///
/// struct Noop;
///
/// impl Filter for Noop {
///     fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
///         out.emit(batch);
///         Ok(())
///     }
/// }
/// # assert!(sluice_core::Registry::collect().unwrap().get(sluice_core::Kind::Filter, "noop").is_some());
/// ```
#[macro_export]
macro_rules! register {
    ($(#[doc = $doc:expr])+ source $name:ident $($rest:tt)+) => {
        $crate::register!(@ Source, concat!($($doc, "\n"),+), $name $($rest)+);
    };
    ($(#[doc = $doc:expr])+ filter $name:ident $($rest:tt)+) => {
        $crate::register!(@ Filter, concat!($($doc, "\n"),+), $name $($rest)+);
    };
    ($(#[doc = $doc:expr])+ sink $name:ident $($rest:tt)+) => {
        $crate::register!(@ Sink, concat!($($doc, "\n"),+), $name $($rest)+);
    };
    (@ $kind:ident, $docs:expr, $name:ident($prepare:path), $parallelism:ident, drops [$($reason:path),* $(,)?] $(,)?) => {
        $crate::inventory::submit! {
            $crate::Component {
                kind: $crate::Kind::$kind,
                name: stringify!($name),
                docs: $docs,
                parallelism: $crate::Parallelism::$parallelism,
                drops: &[$(&$reason),*],
                schema: || $crate::registry::schema_of($prepare),
                prepare: |options| $crate::registry::prepare_with($prepare, options),
                krate: env!("CARGO_PKG_NAME"),
                file: file!(),
            }
        }
    };
}

#[cfg(test)]
mod tests;
