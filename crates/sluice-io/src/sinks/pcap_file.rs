//! Capture files.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{
    Batch, Error, OptionError, Output, PacketBatch, PortType, Ports, Prepared, Reason, Resolution, Sink,
    prepared,
};
use sluice_pcap::{Format, Mend, Misfits, Writer};

use crate::pack::{Compress, split_ending};
use crate::rotate::{Rotate, Target};

sluice_core::register! {
    /// Writes packets to a pcap or pcapng file.
    ///
    /// What no filter changed is copied byte for byte, whatever its byte order and resolution: the headers repeat what the
    /// input's said, and those of packets that still say the truth are left as they are. A pcapng file keeps all of its
    /// blocks and options in their order, section by section. Packets from several files go into one section, to which
    /// their interfaces are added unless they are there. Packets from no file are written in little-endian byte order
    /// with nanoseconds. Runs of packets are written to a pcap file from where they were read, without a copy.
    ///
    /// A pcap file cannot hold names, secrets, statistics and comments of a pcapng file: they are left out, which is told
    /// once. The same happens to blocks that nobody knows when they would have to change their byte order.
    ///
    /// The file has the name `NAME.part` while it is written and gets its own name when the run has ended well, in place
    /// of a file that was there before. Devices, FIFOs and `-` (standard output) are written directly.
    ///
    /// With `rotate` there are many files, numbered before the extension: `path: web.pcap` gives `web-0001.pcap`,
    /// `web-0002.pcap` and so on, each a capture of its own and whole as soon as it has its name. A later run goes on with
    /// the next number, behind what a run that was killed has left as `NAME.part`.
    ///
    /// Packets are handed on to the file when there are no more to write, and once a second when there are: of a run that is
    /// killed, `NAME.part` holds all packets but those of its last moment, and can be read to its end.
    ///
    /// A file whose name ends in `.gz` or `.zst` is compressed. It is compressed in pieces of 256 KiB, whenever they come,
    /// so that its bytes do not depend on when it is written; a reader of a pipe waits for a whole piece.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets. It drops what the file cannot hold:
    /// - `link_type_differs`: the packet has another link type than the file, which is pcap and has one
    /// - `time_out_of_range`: the file cannot tell when the packet was captured; pcap tells 1970 to 2106
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - sink: pcap_file
    ///   path: rewritten.pcap
    /// ```
    ///
    /// ## See also
    ///
    /// The source `pcap_file`; `file` and `stdout`, which write packets as text.
    sink pcap_file(prepare), Serial, drops [LINK_TYPE_DIFFERS, TIME_OUT_OF_RANGE]
}

static LINK_TYPE_DIFFERS: Reason =
    Reason::new("link_type_differs", "the packet has another link type than the pcap file");
static TIME_OUT_OF_RANGE: Reason =
    Reason::new("time_out_of_range", "the file cannot tell when the packet was captured");

/// Options of the sink `pcap_file`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The file to write, relative to the working directory; `-` is standard output.
    path: PathBuf,
    /// The format of the file.
    #[serde(default)]
    format: FileFormat,
    /// How precise the times in the file are.
    #[serde(default)]
    resolution: Precision,
    /// Begin a new file when this one is long or old enough.
    rotate: Option<Rotate>,
    /// How the file is compressed; when absent, as its name tells: `.gz` by gzip, `.zst` by zstd, any other not at all.
    compress: Option<Compress>,
}

/// Formats of capture files.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FileFormat {
    /// That of the file that the first packets came from, and pcapng for a name that ends in `.pcapng`. Packets from no
    /// file make a pcap file.
    #[default]
    Keep,
    /// pcap: packets of one link type and their times.
    Pcap,
    /// pcapng: packets of any link types, and whatever a pcapng input holds besides.
    Pcapng,
}

/// How precise times are written.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Precision {
    /// As in the file that the packets came from; nanoseconds when they came from none.
    #[default]
    Keep,
    /// Microseconds: what every program reads. Anything finer is cut off.
    Micro,
    /// Nanoseconds.
    Nano,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { path, format, resolution, rotate, compress } = options;
    if path.as_os_str().is_empty() {
        return Err(OptionError::at("path", "the path is empty"));
    }
    let compress = Compress::choose(compress, &path)?;
    if let Some(rotate) = &rotate {
        rotate.check(&path)?;
    }
    let resolution = match resolution {
        Precision::Keep => None,
        Precision::Micro => Some(Resolution::Micro),
        Precision::Nano => Some(Resolution::Nano),
    };
    let format = match format {
        FileFormat::Keep if is_named_pcapng(&path) => Some(Format::Pcapng),
        FileFormat::Keep => None,
        FileFormat::Pcap => Some(Format::Pcap),
        FileFormat::Pcapng => Some(Format::Pcapng),
    };
    Ok(prepared::sink(Ports::sink(PortType::Packets), move |_| {
        let mut writer = Writer::new(format, resolution);
        let mut target = Target::create(&path, compress, rotate.as_ref())?;
        if !target.is_rotated() && target.file().mends() {
            writer = writer.mending();
        }
        Ok(PcapFile { target, writer, told: false, told_left_out: false })
    }))
}

/// Whether the name says pcapng, compressed or not.
fn is_named_pcapng(path: &Path) -> bool {
    let (path, _) = split_ending(path);
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("pcapng"))
}

struct PcapFile {
    target: Target,
    writer: Writer,
    /// Whether the user was told about a second link type.
    told: bool,
    /// Whether the user was told that something besides packets is left out.
    told_left_out: bool,
}

impl PcapFile {
    fn put(&mut self, batch: &mut PacketBatch, range: Range<usize>, out: &Output) -> Result<(), Error> {
        self.writer.write(batch, range, out.pools(), |bytes| self.target.file().write(bytes))
    }

    /// Writes the packets that do not go into the last of the files that this batch goes into; where the rest starts.
    fn rotate(&mut self, batch: &mut PacketBatch, out: &Output) -> Result<usize, Error> {
        // The beginning of the first file is due once; that of each other file when it is begun.
        let mut start = 0;
        self.target.count(self.writer.head_size() as u64);
        for at in 0..batch.len() {
            let time = batch.frames().get(at).map_or(0, |frame| frame.time);
            if self.target.turns(time, self.writer.size(batch, at) as u64) {
                self.put(batch, start..at, out)?;
                self.target.next()?;
                self.writer.restart();
                self.target.count(self.writer.head_size() as u64);
                start = at;
            }
        }
        // What stands behind the last packet goes with it.
        self.target.count(self.writer.size(batch, batch.len()) as u64);
        Ok(start)
    }

    /// Puts right what was written in good faith.
    fn mend(&mut self) -> Result<(), Error> {
        match self.writer.mend() {
            Some(Mend { place, bytes }) => self.target.file().mend(place, &bytes),
            None => Ok(()),
        }
    }

    /// Counts what the file cannot hold.
    fn count(&mut self, misfits: &Misfits, out: &mut Output) {
        out.dropped(&LINK_TYPE_DIFFERS, misfits.other_link);
        out.dropped(&TIME_OUT_OF_RANGE, misfits.out_of_range);
        if let Some((link, of_file)) = misfits.links.filter(|_| misfits.other_link > 0)
            && !std::mem::replace(&mut self.told, true)
        {
            out.notice(format!("packets of link type `{link}` are dropped, as the file has `{of_file}`"));
        }
        if let Some(why) = misfits.left_out
            && !std::mem::replace(&mut self.told_left_out, true)
        {
            out.notice(format!("something is left out: {why}"));
        }
    }
}

impl Sink for PcapFile {
    fn write(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let misfits = self.writer.admit(&mut batch);
        self.count(&misfits, out);
        self.mend()?;
        let start = if self.target.is_rotated() { self.rotate(&mut batch, out)? } else { 0 };
        let rest = start..batch.len();
        self.put(&mut batch, rest, out)?;
        self.target.keep_up(out.now())
    }

    fn flush(&mut self, _: &mut Output) -> Result<(), Error> {
        self.target.flush()
    }

    fn finish(&mut self, _: &mut Output) -> Result<(), Error> {
        self.writer.finish(|bytes| self.target.file().write(bytes))?;
        self.mend()?;
        self.target.finish()
    }
}

#[cfg(test)]
mod tests;
