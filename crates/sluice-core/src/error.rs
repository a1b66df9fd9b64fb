//! Why a stage failed, why items were dropped, and how a stage says something to the user.

use std::fmt;
use std::io;

/// Why a stage could not go on. It ends the run: an item that is merely bad is dropped or goes to `errors` instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused something.
    Io {
        /// What was being done, with the name of the file: "open `in.pcap`".
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The input as a whole is not what it should be: "`x.gz` is not a pcap file".
    Input(String),
    /// A component broke its contract.
    Contract(String),
}

impl Error {
    /// An error of the system while `doing` something, for `map_err`.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Io { doing, source }
    }

    /// An input that cannot be used.
    pub fn input(message: impl Into<String>) -> Self {
        Error::Input(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { doing, source } => {
                // The library's text ends in "(os error 2)", which helps nobody.
                let text = source.to_string();
                let text = text.split(" (os error").next().unwrap_or(&text);
                let mut chars = text.chars();
                let first = chars.next().map(|c| c.to_ascii_lowercase()).into_iter();
                write!(f, "cannot {doing}: {}", first.chain(chars).collect::<String>())
            }
            Error::Input(message) => f.write_str(message),
            Error::Contract(message) => write!(f, "a component broke its contract: {message}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            Error::Input(_) | Error::Contract(_) => None,
        }
    }
}

/// A named reason for which a component drops items. A component declares all of its reasons when it registers.
#[derive(Debug, PartialEq, Eq)]
pub struct Reason {
    /// The counter's name, in snake_case.
    pub name: &'static str,
    /// One phrase for the documentation: "the header checksum is wrong".
    pub about: &'static str,
}

impl Reason {
    /// A reason; make it a `static`.
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about }
    }
}

/// Something that the user should know, from a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The stage's id.
    pub stage: String,
    /// One sentence: lower case, no full stop.
    pub message: String,
}

/// Where notices go. Only the command prints; everything else is given one of these.
pub trait Reporter: Send + Sync {
    /// Takes one notice. Called from any stage thread; it must not wait long.
    fn notice(&self, notice: Notice);
}

/// A reporter that tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn notice(&self, _: Notice) {}
}
