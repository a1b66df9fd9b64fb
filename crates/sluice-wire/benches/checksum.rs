//! What a checksum costs: computed over whole packets, and updated for an address and a port.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sluice_wire::checksum::{self, Delta};

fn checksums(c: &mut Criterion) {
    let mut group = c.benchmark_group("checksum");
    for length in [20, 64, 576, 1500] {
        let bytes: Vec<u8> = (0..length).map(|at: u32| at as u8).collect();
        group.throughput(Throughput::Bytes(length.into()));
        group.bench_with_input(BenchmarkId::new("full", length), &bytes, |b, bytes| {
            b.iter(|| checksum::finish(checksum::sum(black_box(bytes))));
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("update/port", |b| {
        b.iter(|| checksum::update(black_box(0x1234), black_box(80), black_box(8080)));
    });
    group.bench_function("update/address", |b| {
        b.iter(|| Delta::word32(black_box(0x0a00_0001), black_box(0xac10_0001)).apply(black_box(0x1234)));
    });
    let (old, new) = ([7; 16], [9; 16]);
    group.bench_function("update/IPv6 address", |b| {
        b.iter(|| checksum::update_bytes(black_box(0x1234), 0, black_box(&old), black_box(&new)));
    });
    group.finish();
}

criterion_group!(all, checksums);
criterion_main!(all);
