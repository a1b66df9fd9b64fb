//! What reading and writing a capture file costs per packet, and how many bytes of packets a second that is.

use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluice_core::{Batch, MAIN, Next, Registry};
use sluice_io as _;
use sluice_testkit::{Error, Harness};

const PACKETS: u64 = 100_000;

fn stage(yaml: &str) -> Result<Harness, Error> {
    let registry = Registry::collect().map_err(|e| Error::Unknown(e.to_string()))?;
    Harness::from_yaml(&registry, yaml)
}

/// Everything that a source gives, in the order in which it comes.
fn all(yaml: &str) -> Result<Vec<Batch>, Error> {
    let mut source = stage(yaml)?;
    let mut batches = Vec::new();
    loop {
        let (next, mut outcome) = source.produce()?;
        batches.extend(outcome.take(MAIN));
        if next == Next::End {
            return Ok(batches);
        }
    }
}

fn write(path: &Path, batches: Vec<Batch>) -> Result<(), Error> {
    let mut sink = stage(&format!("- {{sink: pcap_file, path: {}}}", path.display()))?;
    for batch in batches {
        sink.feed(batch, |_, _| {})?;
    }
    sink.finish().map(drop)
}

/// Reads a file to its end and lets go of each batch at once.
fn read(path: &Path) -> Result<u64, Error> {
    let mut source = stage(&format!("- {{source: pcap_file, path: {}}}", path.display()))?;
    let mut packets = 0;
    loop {
        let (next, outcome) = source.produce()?;
        packets += outcome.port(MAIN).map_or(0, |batch| batch.len() as u64);
        if next == Next::End {
            return Ok(packets);
        }
    }
}

fn files(c: &mut Criterion) {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let Ok(folder) = folder else { return };
    for (name, sizes) in
        [("small", "64, 96, 128"), ("mix", "64, 64, 64, 64, 64, 64, 64, 576, 576, 576, 576, 1500")]
    {
        let traffic =
            format!("- {{source: generate, kind: packets, count: {PACKETS}, udp: 100, sizes: [{sizes}]}}");
        let Ok(made) = all(&traffic) else { continue };
        let bytes: u64 = made.iter().map(Batch::bytes).sum();
        let path = folder.path().join(format!("{name}.pcap"));
        if write(&path, made).is_err() {
            continue;
        }
        for (unit, throughput) in
            [("packets", Throughput::Elements(PACKETS)), ("bytes", Throughput::Bytes(bytes))]
        {
            let mut group = c.benchmark_group(format!("file/{unit}"));
            group.sample_size(20).throughput(throughput);
            group.bench_function(format!("read/{name}"), |b| {
                b.iter(|| read(&path).is_ok_and(|packets| packets == PACKETS));
            });
            group.bench_function(format!("write/{name}"), |b| {
                let source = format!("- {{source: pcap_file, path: {}}}", path.display());
                let out = folder.path().join("out.pcap");
                let batches = || all(&source).unwrap_or_default();
                b.iter_batched(batches, |batches| write(&out, batches).is_ok(), BatchSize::PerIteration);
            });
            group.finish();
        }
    }
}

criterion_group!(benches, files);
criterion_main!(benches);
