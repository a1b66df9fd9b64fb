//! What counting costs per packet, by how many keys there are.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluice_core::Registry;
use sluice_filter_aggregate as _;
use sluice_testkit::{Harness, Packets, pools, traffic};

const PACKETS: u64 = 2048;

fn count(c: &mut Criterion) {
    let Ok(registry) = Registry::collect() else { return };
    let mut group = c.benchmark_group("count");
    group.throughput(Throughput::Elements(PACKETS));
    for (name, by) in [
        ("flow", "flow"),
        ("tuple", "source, source_port, destination, destination_port, ip_protocol"),
        ("host", "host"),
        ("hierarchy", "hierarchy"),
        ("size", "size"),
    ] {
        for flows in [100u32, 100_000] {
            let yaml = format!("- filter: count\n  by: [{by}]\n  top: 1");
            let Ok(mut stage) = Harness::from_yaml(&registry, &yaml) else { continue };
            let pools = pools();
            // Batches take turns, so that all flows have their turn.
            let packets: Vec<_> = (0..flows.div_ceil(PACKETS as u32))
                .map(|batch| {
                    let frames = (0..PACKETS as u32).map(|at| {
                        let flow = (batch * PACKETS as u32 + at).wrapping_mul(0x9E37_79B1) % flows;
                        let [_, b, c, d] = flow.to_be_bytes();
                        let (client, server) = (([10, b, c, d], 40_000), ([192, 0, 2, d], 443));
                        traffic::tcp(client.into(), server.into(), 16, &[7; 40])
                    });
                    Packets::new().frames(frames)
                })
                .collect();
            let mut turn = 0;
            let mut batch = || {
                turn += 1;
                let mut batch = packets[turn % packets.len()].build_in(&pools);
                batch.decode();
                batch
            };
            group.bench_function(format!("{name}/{flows}"), |b| {
                b.iter_batched(
                    &mut batch,
                    |batch| stage.feed(batch, |_, _| {}).is_ok(),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, count);
criterion_main!(benches);
