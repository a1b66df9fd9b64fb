//! What running and compiling a filter costs; 64 packets a turn.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_expr::bpf::{Filter, Machine, Options};
use sluice_wire::link::LinkType;

/// A small IPv4 packet to a port.
fn packet(protocol: u8, port: u16) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 1, 2, 3, 0xC7, 0x38]);
    frame.extend(port.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    frame
}

fn machine(text: &str) -> Option<Machine> {
    let filter: Filter = text.parse().ok()?;
    Some(Machine::new(&filter.compile(Options::file(LinkType::ETHERNET)).ok()?))
}

fn benches(criterion: &mut Criterion) {
    let kinds = [packet(6, 443), packet(6, 80), packet(17, 53)];
    let mixed: Vec<&Vec<u8>> = kinds.iter().cycle().take(64).collect();
    let same: Vec<&Vec<u8>> = kinds.iter().take(1).cycle().take(64).collect();
    let mut group = criterion.benchmark_group("run");
    group.throughput(Throughput::Elements(64));
    for text in
        ["ip", "tcp port 443", "net 10.0.0.0/8 and not port 80", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0"]
    {
        let Some(machine) = machine(text) else { continue };
        for (name, packets) in [("alike", &same), ("mixed", &mixed)] {
            group.bench_function(format!("{text}, {name}"), |bencher| {
                bencher.iter(|| {
                    let passed = black_box(packets).iter().filter(|frame| machine.matches(frame, 60));
                    passed.count()
                });
            });
        }
    }
    group.finish();
    criterion.bench_function("compile tcp port 443", |bencher| {
        bencher.iter(|| machine(black_box("tcp port 443")))
    });
}

criterion_group!(all, benches);
criterion_main!(all);
