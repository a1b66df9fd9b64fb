//! What running and compiling a filter costs, for packets that are alike, of three sorts and of all kinds.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_expr::bpf::{Filter, Machine, Options};
use sluice_testkit::traffic;
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
    let sorts: Vec<_> = kinds.iter().cycle().take(64).cloned().collect();
    let alike: Vec<_> = kinds.iter().take(1).cycle().take(64).cloned().collect();
    let all = traffic::mixture(4096, 1);
    let mut group = criterion.benchmark_group("run");
    for text in [
        "ip",
        "tcp port 443",
        "net 10.0.0.0/8 and not port 80",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "len > 100 and ip[8] * 2 < 130",
    ] {
        let Some(machine) = machine(text) else { continue };
        for (name, packets) in [("alike", &alike), ("three sorts", &sorts), ("all kinds", &all)] {
            group.throughput(Throughput::Elements(packets.len() as u64));
            group.bench_function(format!("{text}, {name}"), |bencher| {
                bencher.iter(|| {
                    let passed =
                        black_box(packets).iter().filter(|frame| machine.matches(frame, frame.len() as u32));
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
