//! Text files.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, OptionError, Output, Ports, Prepared, Sink, prepared};
use sluice_wire::render::LineOptions;

use crate::encode::{Encoder, Format};
use crate::outfile::OutFile;
use crate::pack::Compress;
use crate::rotate::{Rotate, Target};

sluice_core::register! {
    /// Writes lines, JSON, tables or CSV to a file.
    ///
    /// Records are written as they came, byte for byte; with `format: json`, packets and records are one JSON object per
    /// line; with `format: table`, records are tables, with `format: csv` comma-separated values; with `format: tree`, packets are
    /// written out header by header. A last line without an ending stays so, unless another line follows it.
    ///
    /// The file has the name `NAME.part` while it is written and gets its own name when the run has ended well, in place
    /// of a file that was there before. Devices, FIFOs and `-` (standard output) are written directly, and so is a file
    /// with `append: true`.
    ///
    /// With `rotate` there are many files, numbered before the extension: `path: web.log` gives `web-0001.log`,
    /// `web-0002.log` and so on, each whole as soon as it has its name. A later run goes on with the next number, behind what a
    /// run that was killed has left as `NAME.part`.
    ///
    /// A file whose name ends in `.gz` or `.zst` is compressed. It is compressed in pieces of 256 KiB, whenever they come,
    /// so that its bytes do not depend on when it is written; a reader of a pipe waits for a whole piece.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets or records; with `format: table` or `csv`, records. It drops nothing.
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
    /// The field whose value is the title of a table, with `format: table`. Records with another value begin a new one.
    title: Option<String>,
    /// Write behind what the file holds already.
    #[serde(default)]
    append: bool,
    /// Begin a new file when this one is long or old enough.
    rotate: Option<Rotate>,
    /// How the file is compressed; when absent, as its name tells: `.gz` by gzip, `.zst` by zstd, any other not at all.
    compress: Option<Compress>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { path, format, title, append, rotate, compress } = options;
    if path.as_os_str().is_empty() {
        return Err(OptionError::at("path", "the path is empty"));
    }
    let compress = Compress::choose(compress, &path)?;
    if let Some(rotate) = &rotate {
        rotate.check(&path)?;
        if append {
            return Err(OptionError::at("append", "`append` and `rotate` exclude each other")
                .help("with `rotate`, a later run goes on with the next number"));
        }
        if format == Format::Table {
            return Err(OptionError::at("rotate", "a table cannot be rotated"));
        }
        if format == Format::Csv {
            return Err(OptionError::at(
                "rotate",
                "comma-separated values cannot be rotated: only the first file would have a header",
            ));
        }
    }
    Ok(prepared::sink(Ports::sink(format.takes()), move |_| {
        // What is written behind values has the header of those.
        let has_header = append && std::fs::metadata(&path).is_ok_and(|file| file.len() > 0);
        let target = if append {
            Target::one(OutFile::append(&path)?.compressed(compress))
        } else {
            Target::create(&path, compress, rotate.as_ref())?
        };
        let mut encoder = Encoder::new(format, LineOptions::default()).titled(title.clone());
        if has_header {
            encoder = encoder.without_header();
        }
        Ok(TextFile { target, encoder })
    }))
}

struct TextFile {
    target: Target,
    encoder: Encoder,
}

impl Sink for TextFile {
    fn write(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let written = match &mut batch {
            Batch::Records(batch) if self.encoder.copies_records() && !self.target.is_rotated() => {
                batch.runs().try_for_each(|lines| self.target.file().lines(lines))
            }
            batch => self.encoder.each(batch, |time, line| self.target.line(time, line)),
        };
        self.encoder.notice().into_iter().for_each(|notice| out.notice(notice));
        written.and_then(|()| self.target.keep_up(out.now()))
    }

    fn flush(&mut self, _: &mut Output) -> Result<(), Error> {
        self.target.flush()
    }

    fn finish(&mut self, _: &mut Output) -> Result<(), Error> {
        self.target.finish()
    }
}

#[cfg(test)]
mod tests;
