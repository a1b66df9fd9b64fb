//! Text files.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, OptionError, Output, PortType, Ports, Prepared, Sink, prepared};
use sluice_wire::render::LineOptions;

use crate::encode::{Encoder, Format};
use crate::outfile::OutFile;
use crate::rotate::{Pieces, Rotate};

sluice_core::register! {
    /// Writes lines or JSON to a file.
    ///
    /// Records are written as they came, byte for byte; with `format: json`, packets and records are one JSON object per
    /// line. A last line without an ending stays so, unless another line follows it.
    ///
    /// The file has the name `NAME.part` while it is written and gets its own name when the run has ended well, in place
    /// of a file that was there before. Devices, FIFOs and `-` (standard output) are written directly, and so is a file
    /// with `append: true`.
    ///
    /// With `rotate` there are many files, numbered before the extension: `path: web.log` gives `web-0001.log`,
    /// `web-0002.log` and so on, each whole as soon as it has its name. A later run goes on with the next number.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets or records. It drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - sink: file
    ///   path: web.log
    ///   rotate: {size: 100MiB, every: 1h, keep: 24}
    /// ```
    ///
    /// ## See also
    ///
    /// `stdout`; `pcap_file`, which writes packets as a capture.
    sink file(prepare), Serial, drops []
}

/// Options of the sink `file`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The file to write, relative to the working directory; `-` is standard output.
    path: PathBuf,
    /// How items are written.
    #[serde(default)]
    format: Format,
    /// Write behind what the file holds already.
    #[serde(default)]
    append: bool,
    /// Begin a new file when this one is long or old enough.
    rotate: Option<Rotate>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { path, format, append, rotate } = options;
    if path.as_os_str().is_empty() {
        return Err(OptionError::at("path", "the path is empty"));
    }
    if let Some(rotate) = &rotate {
        rotate.check()?;
        if append {
            return Err(OptionError::at("append", "`append` and `rotate` exclude each other")
                .help("with `rotate`, a later run goes on with the next number"));
        }
        if path.as_os_str() == "-" {
            return Err(OptionError::at("rotate", "standard output cannot be rotated"));
        }
    }
    Ok(prepared::sink(Ports::sink(PortType::Any), move |_| {
        let target = match &rotate {
            Some(rule) => Target::Pieces(Pieces::create(&path, rule.clone())?),
            None if append => Target::One(OutFile::append(&path)?),
            None => Target::One(OutFile::create(&path)?),
        };
        Ok(TextFile { target, encoder: Encoder::new(format, LineOptions::default()) })
    }))
}

enum Target {
    One(OutFile),
    Pieces(Pieces),
}

struct TextFile {
    target: Target,
    encoder: Encoder,
}

impl Sink for TextFile {
    fn write(&mut self, mut batch: Batch, _: &mut Output) -> Result<(), Error> {
        match (&mut self.target, &mut batch) {
            (Target::One(file), Batch::Records(batch)) if self.encoder.copies_records() => {
                batch.runs().try_for_each(|lines| file.lines(lines))
            }
            (Target::One(file), batch) => self.encoder.each(batch, |_, line| file.lines(line)),
            (Target::Pieces(pieces), batch) => self.encoder.each(batch, |time, line| pieces.line(time, line)),
        }
    }

    fn flush(&mut self, _: &mut Output) -> Result<(), Error> {
        match &mut self.target {
            Target::One(file) => file.flush(),
            Target::Pieces(pieces) => pieces.flush(),
        }
    }

    fn finish(&mut self, _: &mut Output) -> Result<(), Error> {
        match &mut self.target {
            Target::One(file) => file.finish(),
            Target::Pieces(pieces) => pieces.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
