//! What decode, validate and rewrite cost per packet.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluice_core::Registry;
use sluice_filter_packet as _;
use sluice_testkit::{Harness, Packets, pools, traffic};

const PACKETS: u64 = 256;

fn stages(c: &mut Criterion) {
    let Ok(registry) = Registry::collect() else { return };
    let mut group = c.benchmark_group("packet");
    group.throughput(Throughput::Elements(PACKETS));
    let both = (([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], 443).into());
    let tcp: Vec<_> = (0..PACKETS).map(|_| traffic::tcp(both.0, both.1, 16, &[7; 400])).collect();
    let mixture = traffic::mixture(PACKETS as usize, 1);
    for (name, yaml) in [
        ("decode", "- filter: decode"),
        ("validate", "- filter: validate"),
        ("rewrite", "- filter: rewrite\n  addresses: {10.0.0.0/8: 172.16.0.0/12}"),
    ] {
        for (kind, frames) in [("tcp", &tcp), ("mixture", &mixture)] {
            let Ok(mut stage) = Harness::from_yaml(&registry, yaml) else { continue };
            let pools = pools();
            let packets = Packets::new().frames(frames);
            let batch = || {
                let mut batch = packets.build_in(&pools);
                if name != "decode" {
                    batch.decode();
                }
                batch
            };
            let mut run = |batch| {
                let mut kept = None;
                let result = stage.feed(batch, |_, batch| kept = Some(batch));
                (kept, result.is_ok())
            };
            group.bench_function(format!("{name}/{kind}"), |b| {
                b.iter_batched(&batch, &mut run, BatchSize::PerIteration)
            });
        }
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
