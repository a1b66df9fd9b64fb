//! What a predicate costs per packet of a decoded batch with all kinds of packets.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_expr::expr::Predicate;
use sluice_testkit::{Packets, traffic};

/// Of these, the first five ask every packet everything or nearly so: no comparison before the last one decides much.
const TEXTS: [&str; 11] = [
    "ip.ttl < 65",
    "ip.ttl < 65 and ip.len > 30",
    "ip.ttl < 65 and ip.len > 30 and tcp.dstport == 443",
    "tcp.dstport == 1 or ip.ttl > 200 or ip.len < 20",
    "frame.len > 42 and ip.ttl < 65 and ip.src == 10.0.0.0/8",
    "tcp.port == 443",
    "ip.ttl < 65 and tcp.port == 443 and ip.src == 10.0.0.0/8",
    "tcp.port != 443 or ip.ttl > 200 or frame.len < 60",
    "ip.addr in {10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12}",
    "payload contains \"password\"",
    "hash(ip.src, ip.dst) % 10 == 0",
];

fn predicates(criterion: &mut Criterion) {
    let mut batch = Packets::new().frames(traffic::mixture(4096, 1)).build();
    batch.decode();
    let mut group = criterion.benchmark_group("predicate");
    group.throughput(Throughput::Elements(4096));
    for text in TEXTS {
        let Ok(mut predicate) = Predicate::new(text) else { continue };
        let mut held = Vec::new();
        group.bench_function(text, |bencher| {
            bencher.iter(|| {
                predicate.packets(black_box(&mut batch), &mut held);
                black_box(held.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, predicates);
criterion_main!(benches);
