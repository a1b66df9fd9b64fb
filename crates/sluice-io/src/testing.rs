//! Running a component on its own, and capture bytes to run it on.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use sluice_core::{
    Batch, Emitted, Kind, Marker, Next, Notice, OptionError, Output, Pools, Registry, Reporter, Shard, Sink,
    Source, Stage, Tally,
};

/// The slab size of tests: small, so that packets and lines straddle slabs.
pub(crate) const SLAB: usize = 4096;

#[derive(Default)]
struct Notices(Mutex<Vec<String>>);

impl Reporter for Notices {
    fn notice(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice.message);
    }
}

/// A component with the output that it writes to.
pub(crate) struct Bench {
    pub(crate) out: Output,
    notices: Arc<Notices>,
}

/// The stage that these options make, or why they make none.
pub(crate) fn stage(kind: Kind, name: &str, options: Value) -> Result<Stage, String> {
    let component = Registry::collect().unwrap().get(kind, name).unwrap();
    let prepared = (component.prepare)(options).map_err(|e| e.to_string())?;
    prepared.instance(Shard::ONLY).map_err(|e| e.to_string())
}

/// Why these options are refused.
pub(crate) fn refused(kind: Kind, name: &str, options: Value) -> OptionError {
    let component = Registry::collect().unwrap().get(kind, name).unwrap();
    match (component.prepare)(options) {
        Ok(_) => panic!("{kind} `{name}` took it"),
        Err(e) => e,
    }
}

pub(crate) fn source(name: &str, options: Value) -> Result<Box<dyn Source>, String> {
    match stage(Kind::Source, name, options)? {
        Stage::Source(source) => Ok(source),
        _ => panic!("`{name}` is no source"),
    }
}

pub(crate) fn sink(name: &str, options: Value) -> Result<Box<dyn Sink>, String> {
    match stage(Kind::Sink, name, options)? {
        Stage::Sink(sink) => Ok(sink),
        _ => panic!("`{name}` is no sink"),
    }
}

impl Bench {
    pub(crate) fn new(kind: Kind, name: &str) -> Self {
        Self::with_slab(kind, name, SLAB)
    }

    pub(crate) fn with_slab(kind: Kind, name: &str, slab: usize) -> Self {
        let component = Registry::collect().unwrap().get(kind, name).unwrap();
        let notices = Arc::new(Notices::default());
        let pools = Pools::new(slab, 64 * slab);
        let out = Output::new(name.into(), component.drops, None, pools, notices.clone());
        Self { out, notices }
    }

    fn emitted(&mut self) -> Vec<Emitted> {
        let mut emitted = Vec::new();
        self.out.take(&mut emitted).unwrap();
        emitted
    }

    /// What was emitted since the last time.
    pub(crate) fn batches(&mut self) -> Vec<Batch> {
        self.emitted()
            .into_iter()
            .filter_map(|e| if let Emitted::Batch(0, batch) = e { Some(batch) } else { None })
            .collect()
    }

    /// The watermarks that were emitted since the last time; batches are let go.
    pub(crate) fn watermarks(&mut self) -> Vec<i64> {
        self.emitted()
            .into_iter()
            .filter_map(|e| if let Emitted::Marker(Marker::Watermark(t)) = e { Some(t) } else { None })
            .collect()
    }

    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.0.lock().unwrap().clone()
    }

    pub(crate) fn tally(&mut self) -> &Tally {
        self.out.tally()
    }

    /// Calls a source until it has ended; it must not be idle in between.
    pub(crate) fn drain(&mut self, source: &mut dyn Source) -> Result<Vec<Batch>, String> {
        let mut all = Vec::new();
        loop {
            let next = source.next(&mut self.out).map_err(|e| e.to_string())?;
            all.extend(self.batches());
            match next {
                Next::More => {}
                Next::End => return Ok(all),
                Next::Idle(_) => panic!("the source is idle"),
            }
        }
    }
}

/// One packet as it should come out: time, bytes, length on the wire.
pub(crate) type Packet = (i64, Vec<u8>, u32);

pub(crate) fn packets(batches: Vec<Batch>) -> Vec<Packet> {
    let batches = batches.into_iter().map(|batch| batch.into_packets().unwrap());
    batches
        .flat_map(|b| b.iter().map(|(f, data)| (f.time, data.to_vec(), f.wire)).collect::<Vec<_>>())
        .collect()
}

/// The lines with their endings.
pub(crate) fn lines(batches: Vec<Batch>) -> Vec<Vec<u8>> {
    let batches = batches.into_iter().map(|batch| batch.into_records().unwrap());
    batches.flat_map(|b| b.records().iter().map(|r| b.whole(r).to_vec()).collect::<Vec<_>>()).collect()
}

/// A batch of these lines, each with its ending.
pub(crate) fn records(pools: &Pools, lines: &[&str]) -> Batch {
    use sluice_core::Record;
    let mut slab = pools.slab(lines.iter().map(|l| l.len()).sum());
    let places: Vec<_> = lines.iter().map(|line| slab.append(line.as_bytes()).unwrap()).collect();
    let mut batch = pools.records();
    batch.fill(slab.into());
    for (place, line) in places.iter().zip(lines) {
        let ending = u8::from(line.ends_with('\n')) + u8::from(line.ends_with("\r\n"));
        batch.push(Record::new(place.start as u32, place.len() as u32, ending));
    }
    batch.into()
}

/// A pcap file in either byte order.
pub(crate) struct Pcap {
    pub(crate) bytes: Vec<u8>,
    big_endian: bool,
}

impl Pcap {
    /// A file with this magic number and link-type word.
    pub(crate) fn new(magic: u32, big_endian: bool, link: u32) -> Self {
        let mut this = Self { bytes: Vec::new(), big_endian };
        let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
        [magic, version, 0, 0, 65_535, link].into_iter().for_each(|w| this.word(w));
        this
    }

    pub(crate) fn micro() -> Self {
        Self::new(0xa1b2_c3d4, false, 1)
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend(if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
    }

    pub(crate) fn packet(mut self, seconds: u32, fraction: u32, data: &[u8], wire: u32) -> Self {
        [seconds, fraction, data.len() as u32, wire].into_iter().for_each(|w| self.word(w));
        self.bytes.extend(data);
        self
    }
}

/// The three formats that are unpacked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
    /// Blocks that look back on those before, or do not.
    Lz4 {
        linked: bool,
    },
}

pub(crate) const PACKINGS: [Packing; 4] =
    [Packing::Gzip, Packing::Zstd, Packing::Lz4 { linked: false }, Packing::Lz4 { linked: true }];

impl Packing {
    /// One frame with this content.
    pub(crate) fn pack(self, content: &[u8]) -> Vec<u8> {
        match self {
            Packing::Gzip => {
                use std::io::Write;
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
                packer.write_all(content).unwrap();
                packer.finish().unwrap()
            }
            Packing::Zstd => {
                ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
            }
            Packing::Lz4 { linked } => lz4(content, linked),
        }
    }
}

/// An lz4 frame with every field that there can be, in blocks of 64 KiB at most.
fn lz4(content: &[u8], linked: bool) -> Vec<u8> {
    use twox_hash::XxHash32;
    let sum = |bytes: &[u8]| XxHash32::oneshot(0, bytes);
    let mut frame = vec![0x04, 0x22, 0x4d, 0x18, if linked { 0x5c } else { 0x7c }, 0x40];
    frame.extend((content.len() as u64).to_le_bytes());
    frame.push((sum(&frame[4..]) >> 8) as u8);
    for (at, block) in content.chunks(50_000).enumerate() {
        let before = if linked { &content[..at * 50_000] } else { &[] };
        let window = &before[before.len() - before.len().min(65_536)..];
        let packed = lz4_flex::block::compress_with_dict(block, window);
        // What does not get smaller is stored as it is.
        let (flag, data) = if packed.len() < block.len() { (0, &packed[..]) } else { (1 << 31, block) };
        frame.extend((data.len() as u32 | flag).to_le_bytes());
        frame.extend(data);
        frame.extend(sum(data).to_le_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(sum(content).to_le_bytes());
    frame
}
