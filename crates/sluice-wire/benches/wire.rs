//! What one packet costs: decoding, rewriting both addresses, verifying, one line of text.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, criterion_group, criterion_main};
use sluice_wire::layers::Layers;
use sluice_wire::link::LinkType;
use sluice_wire::map::AddressMap;
use sluice_wire::verify::Offload;
use sluice_wire::{checksum, edit, render, verify};

fn tcp() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0, 5, 0xDC, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 1, 2, 3]);
    frame.extend([0xC7, 0x38, 1, 0xBB, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
    frame.extend(vec![b'x'; 1460]);
    frame
}

fn benches(criterion: &mut Criterion) {
    let mut frame = tcp();
    let wire_len = frame.len() as u32;
    let layers = Layers::decode(LinkType::ETHERNET, &frame, wire_len);
    let mut batch = Vec::new();
    criterion.bench_function("decode ipv4 tcp, 64 packets", |bencher| {
        bencher.iter(|| {
            batch.clear();
            batch.extend((0..64).map(|_| Layers::decode(LinkType::ETHERNET, black_box(&frame), wire_len)));
            batch.len()
        });
    });
    criterion.bench_function("verify 1514 bytes", |bencher| {
        bencher.iter(|| verify::check(black_box(&frame), &layers, wire_len, Offload::None));
    });
    criterion.bench_function("crc32c 1460 bytes", |bencher| {
        bencher.iter(|| checksum::crc32c(&[black_box(frame.get(54..).unwrap_or_default())]));
    });
    let mut out = Vec::new();
    criterion.bench_function("line", |bencher| {
        bencher.iter(|| {
            out.clear();
            render::line(&mut out, 1_714_564_800_123_456_789, &frame, &layers, wire_len, Default::default());
        });
    });
    criterion.bench_function("json", |bencher| {
        bencher.iter(|| {
            out.clear();
            render::json(&mut out, 1_714_564_800_123_456_789, 1, 0, &frame, &layers, wire_len);
        });
    });
    let pair = |from: &str, to: &str| from.parse().ok().zip(to.parse().ok());
    // Both directions, so that every iteration finds something to change.
    let pairs = [pair("10.0.0.0/8", "172.0.0.0/8"), pair("172.0.0.0/8", "10.0.0.0/8")];
    let map = AddressMap::new(pairs.into_iter().flatten()).unwrap_or_default();
    criterion.bench_function("map both addresses", |bencher| {
        bencher.iter(|| {
            edit::map_addresses(black_box(&mut frame), &layers, &mut |address: IpAddr, _| map.get(address))
        });
    });
    let mut again = layers;
    criterion.bench_function("rehash", |bencher| {
        bencher.iter(|| {
            again.rehash(black_box(&frame));
            again.flow_hash()
        });
    });
}

criterion_group!(all, benches);
criterion_main!(all);
