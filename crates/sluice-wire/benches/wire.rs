//! What one packet costs: decoding by the shape of the packet, rewriting both addresses, verifying, text.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sluice_wire::layers::{DEFAULT_TUNNELS, Layers};
use sluice_wire::link::LinkType;
use sluice_wire::map::AddressMap;
use sluice_wire::verify::Offload;
use sluice_wire::{checksum, edit, render, verify};

/// How many packets are decoded in one go, as in a batch.
const BATCH: usize = 64;

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ethertype.to_be_bytes()[..], payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b] = (payload.len() as u16 + 20).to_be_bytes();
    [&[0x45, 0, a, b, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 1, 2, 3], payload].concat()
}

fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b] = (payload.len() as u16).to_be_bytes();
    let mut address = [0; 16];
    address[0] = 0xFD;
    [&[0x60, 0, 0, 0, a, b, protocol, 64], &address[..], &address, payload].concat()
}

fn tcp(payload: usize) -> Vec<u8> {
    let header = [0xC7, 0x38, 1, 0xBB, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0];
    [&header[..], &vec![b'x'; payload]].concat()
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let [a, b] = (payload.len() as u16 + 8).to_be_bytes();
    let [c, d] = port.to_be_bytes();
    [&[0xC7, 0x38, c, d, a, b, 0, 0], payload].concat()
}

/// A frame of every common shape.
fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let four = ipv4(6, &tcp(100));
    let frame = ethernet(0x0800, &four);
    let tag = |id: u8, next: u16, payload: &[u8]| [&[0, id], &next.to_be_bytes()[..], payload].concat();
    let error = [&[3, 1, 0, 0, 0, 0, 0, 0], &ipv4(17, &udp(53, &[7; 20]))[..]].concat();
    let vxlan = [&[8, 0, 0, 0, 0, 0, 5, 0], &frame[..]].concat();
    vec![
        ("tcp4", frame),
        ("udp4", ethernet(0x0800, &ipv4(17, &udp(53, &[7; 100])))),
        ("tcp6", ethernet(0x86DD, &ipv6(6, &tcp(100)))),
        ("udp6", ethernet(0x86DD, &ipv6(17, &udp(53, &[7; 100])))),
        ("vlan", ethernet(0x8100, &tag(5, 0x0800, &four))),
        ("qinq", ethernet(0x88A8, &tag(5, 0x8100, &tag(6, 0x0800, &four)))),
        (
            "fragment",
            ethernet(0x0800, &{
                let mut later = ipv4(17, &[7; 100]);
                later[7] = 100;
                later
            }),
        ),
        ("extension", ethernet(0x86DD, &ipv6(60, &[&[6, 0, 1, 4, 0, 0, 0, 0], &tcp(100)[..]].concat()))),
        ("mpls", ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64], &four[..]].concat())),
        ("pppoe", ethernet(0x8864, &[&[0x11, 0, 0, 7, 0, 142, 0, 0x21], &four[..]].concat())),
        ("icmp error", ethernet(0x0800, &ipv4(1, &error))),
        (
            "arp",
            ethernet(
                0x0806,
                &[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2],
            ),
        ),
        ("ipip", ethernet(0x0800, &ipv4(4, &four))),
        ("gre", ethernet(0x0800, &ipv4(47, &[&[0x20, 0, 8, 0, 0, 0, 0, 1], &four[..]].concat()))),
        ("vxlan", ethernet(0x0800, &ipv4(17, &udp(4789, &vxlan)))),
        (
            "gtp",
            ethernet(0x0800, &ipv4(17, &udp(2152, &[&[0x30, 255, 0, 140, 0, 0, 0, 7], &four[..]].concat()))),
        ),
    ]
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut batch = vec![Layers::default(); BATCH];
    for (name, frame) in shapes() {
        let wire_len = frame.len() as u32;
        group.bench_with_input(BenchmarkId::from_parameter(name), &frame, |bencher, frame| {
            bencher.iter(|| {
                for layers in &mut batch {
                    layers.decode_again(LinkType::ETHERNET, black_box(frame), wire_len, DEFAULT_TUNNELS);
                }
                batch.len()
            });
        });
    }
    group.finish();
    let Some((_, frame)) = shapes().into_iter().find(|(name, _)| *name == "vxlan") else { return };
    let layers = Layers::decode(LinkType::ETHERNET, &frame, frame.len() as u32);
    criterion.bench_function("inner of vxlan", |bencher| bencher.iter(|| layers.inner(black_box(&frame))));
}

fn other(criterion: &mut Criterion) {
    let mut frame = ethernet(0x0800, &ipv4(6, &tcp(1460)));
    let wire_len = frame.len() as u32;
    let layers = Layers::decode(LinkType::ETHERNET, &frame, wire_len);
    criterion.bench_function("verify 1514 bytes", |bencher| {
        bencher.iter(|| verify::check(black_box(&frame), &layers, wire_len, Offload::None));
    });
    criterion.bench_function("crc32c 1460 bytes", |bencher| {
        bencher.iter(|| checksum::crc32c(&[black_box(frame.get(54..).unwrap_or_default())]));
    });
    let mut out = Vec::new();
    let time = 1_714_564_800_123_456_789;
    criterion.bench_function("line", |bencher| {
        bencher.iter(|| {
            out.clear();
            render::line(&mut out, time, &frame, &layers, wire_len, Default::default());
        });
    });
    let (ordinal, interface, offload) = (1, 0, Offload::None);
    let packet =
        render::Packet { time, ordinal, interface, frame: &frame, layers: &layers, wire_len, offload };
    criterion.bench_function("json", |bencher| {
        bencher.iter(|| {
            out.clear();
            render::json(&mut out, &packet);
        });
    });
    criterion.bench_function("tree", |bencher| {
        bencher.iter(|| {
            out.clear();
            render::tree(&mut out, &packet);
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

criterion_group!(all, decoding, other);
criterion_main!(all);
