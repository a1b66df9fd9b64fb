//! What the flow table costs: a lookup among two million flows beside a bare read, a packet by how many flows there are,
//! memory for a flow, and the longest pause while it grows.

#![allow(clippy::print_stdout, reason = "a benchmark tells what it found")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluice_core::Registry;
use sluice_filter_flow::Probe;
use sluice_testkit::{Harness, Packets, pools, traffic};

const FLOWS: u32 = 2_000_000;
const PACKETS: u32 = 2048;

/// Numbers below `limit` in no order.
fn numbers(round: &mut u32, limit: u32) -> impl Iterator<Item = u32> {
    *round = round.wrapping_add(1);
    let start = round.wrapping_mul(PACKETS);
    (0..PACKETS).map(move |at| {
        let mixed = u64::from((start.wrapping_add(at)).wrapping_mul(0x85EB_CA6B));
        ((mixed * u64::from(limit)) >> 32) as u32
    })
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

fn lookup(c: &mut Criterion) {
    let before = resident();
    let mut probe = Probe::new();
    let mut longest = Duration::ZERO;
    for number in 0..FLOWS {
        let start = Instant::now();
        probe.packet(number);
        longest = longest.max(start.elapsed());
    }
    let each = (resident() - before) as f64 / f64::from(FLOWS);
    println!("{FLOWS} flows: {each:.1} bytes each, the longest pause for a new one {longest:?}");

    let mut group = c.benchmark_group("lookup");
    group.throughput(Throughput::Elements(PACKETS.into()));
    let mut round = 0;
    group.bench_function("flow of 2 million", |b| b.iter(|| probe.lookup(numbers(&mut round, FLOWS))));
    // As many bytes as the flows have, of which one word is read: whoever finds where something is has to read it at least.
    let lines = vec![[7u64; 30]; FLOWS as usize];
    group.bench_function("bare read of 2 million", |b| {
        b.iter(|| {
            let read = |at: u32| lines.get(at as usize).map_or(0, |line| line[0]);
            numbers(&mut round, FLOWS).fold(0, |sum: u64, at| sum.wrapping_add(black_box(read(at))))
        });
    });
    // The same where each read has to wait for the one before.
    group.bench_function("bare read of 2 million, one after the other", |b| {
        b.iter(|| {
            let read = |at: u32, last: u64| {
                lines.get((at ^ (last as u32 & 8)) as usize % lines.len()).map_or(0, |l| l[0])
            };
            numbers(&mut round, FLOWS).fold(0, |last: u64, at| black_box(read(at, last)))
        });
    });
    group.finish();
}

/// The longest calls of the stage while two million flows begin, and while they time out.
fn pauses(_: &mut Criterion) {
    let Ok(registry) = Registry::collect() else { return };
    let Ok(mut stage) = Harness::from_yaml(&registry, "- filter: flows") else { return };
    let pools = pools();
    let (mut begin, mut end) = (Duration::ZERO, Duration::ZERO);
    for first in (0..FLOWS).step_by(PACKETS as usize) {
        let batch = (first..first + PACKETS).fold(Packets::new(), |batch, number| {
            let [a, b, c, d] = number.wrapping_mul(0x9E37_79B1).to_be_bytes();
            let frame = traffic::tcp(([a, b, c, d], 40_000).into(), ([192, 0, 2, 1], 443).into(), 2, &[]);
            batch.with(frame, |frame| frame.time = i64::from(number) * 1000)
        });
        let mut batch = batch.build_in(&pools);
        batch.decode();
        let start = Instant::now();
        if stage.feed(batch, |_, _| {}).is_err() {
            return;
        }
        begin = begin.max(start.elapsed());
    }
    while stage.tally().created < u64::from(FLOWS) {
        let start = Instant::now();
        if stage.watermark(3600 * SECOND).is_err() {
            return;
        }
        end = end.max(start.elapsed());
    }
    println!(
        "{FLOWS} flows: the longest call {begin:?} for {PACKETS} new ones, {end:?} for those that time out"
    );
}

const SECOND: i64 = 1_000_000_000;

fn packets(c: &mut Criterion) {
    let Ok(registry) = Registry::collect() else { return };
    let mut group = c.benchmark_group("flows");
    group.throughput(Throughput::Elements(PACKETS.into()));
    for flows in [100u32, 100_000] {
        let Ok(mut stage) = Harness::from_yaml(&registry, "- filter: flows") else { continue };
        let pools = pools();
        // Batches take turns, so that all flows have their turn.
        let batches: Vec<_> = (0..flows.div_ceil(PACKETS))
            .map(|batch| {
                let frames = (0..PACKETS).map(|at| {
                    let flow = (batch * PACKETS + at).wrapping_mul(0x9E37_79B1) % flows;
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
            let mut batch = batches[turn % batches.len()].build_in(&pools);
            batch.decode();
            batch
        };
        group.bench_function(format!("{flows}"), |b| {
            b.iter_batched(&mut batch, |batch| stage.feed(batch, |_, _| {}).is_ok(), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, lookup, pauses, packets);
criterion_main!(benches);
