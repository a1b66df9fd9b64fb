//! Log lines, as a web server or a service would write them.

use std::io::Write;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_wire::render::{Civil, civil};

use super::random::Random;

/// What lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineFormat {
    /// An access log in the combined format of web servers.
    #[default]
    Access,
    /// One JSON object per line.
    Json,
}

/// Makes lines.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    random: Random,
    format: LineFormat,
    sizes: Vec<u16>,
    line: Vec<u8>,
    /// Whether the line was put back, to be given again.
    again: bool,
}

const METHODS: &[&str] = &["GET", "GET", "GET", "GET", "POST", "PUT", "HEAD"];
const PATHS: &[&str] =
    &["/", "/index.html", "/search", "/cart", "/login", "/api/v1/items", "/api/v1/users", "/img/logo.png"];
const STATUS: &[u16] = &[200, 200, 200, 200, 200, 304, 302, 404, 403, 500];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FILLER: &[u8] =
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 ";

impl Lines {
    /// Lines of about one of `sizes` bytes, endings included.
    pub(crate) fn new(seed: u64, format: LineFormat, sizes: Vec<u16>) -> Self {
        Self { random: Random::new(seed), format, sizes, line: Vec::new(), again: false }
    }

    /// The next line, of an event at this time.
    pub(crate) fn next(&mut self, time: i64) -> &[u8] {
        if !std::mem::take(&mut self.again) {
            let size = usize::from(self.random.pick(&self.sizes));
            self.line.clear();
            let time = civil(time);
            // Writing to a vector cannot fail.
            let end = match self.format {
                LineFormat::Access => self.access(time).map(|()| "\"\n"),
                LineFormat::Json => self.json(time).map(|()| "\"}\n"),
            };
            let end = end.unwrap_or("\n");
            let filler = size.saturating_sub(self.line.len() + end.len());
            let whole = self.line.len() + filler;
            while self.line.len() < whole {
                let piece = FILLER.len().min(whole - self.line.len());
                self.line.extend_from_slice(&FILLER[..piece]);
            }
            self.line.extend_from_slice(end.as_bytes());
        }
        &self.line
    }

    /// Makes [`next`](Self::next) give the same line again.
    pub(crate) fn put_back(&mut self) {
        self.again = true;
    }

    /// All of a line but its filler and what closes it.
    fn access(&mut self, time: Civil) -> std::io::Result<()> {
        let client = self.random.next().to_be_bytes();
        let Civil { year, day, hour, minute, second, .. } = time;
        let month = MONTHS.get(usize::from(time.month) - 1).copied().unwrap_or_default();
        let (method, path, status) = self.request();
        let bytes = self.random.below(50_000);
        write!(
            self.line,
            "10.{}.{}.{} - - [{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"",
            client[0] & 3,
            client[1],
            client[2],
        )
    }

    fn json(&mut self, time: Civil) -> std::io::Result<()> {
        let client = self.random.next().to_be_bytes();
        let Civil { year, month, day, hour, minute, second, nanosecond } = time;
        let (method, path, status) = self.request();
        let (bytes, duration) = (self.random.below(50_000), self.random.below(100_000));
        let level = if status < 500 { "info" } else { "error" };
        write!(
            self.line,
            "{{\"time\":\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanosecond:09}Z\",\"level\":\"{level}\",\
             \"client\":\"10.{}.{}.{}\",\"method\":\"{method}\",\"path\":\"{path}\",\"status\":{status},\"bytes\":{bytes},\
             \"duration_ms\":{}.{:02},\"agent\":\"",
            client[0] & 3,
            client[1],
            client[2],
            duration / 100,
            duration % 100,
        )
    }

    fn request(&mut self) -> (&'static str, &'static str, u16) {
        (self.random.pick(METHODS), self.random.pick(PATHS), self.random.pick(STATUS))
    }
}
