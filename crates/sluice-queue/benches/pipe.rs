//! What a hop between two threads costs per item, at several items a batch, beside the standard library's channel.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::mpsc::sync_channel;
use std::thread;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sluice_queue::{Popped, Refused, Signal, pipe};

const ITEMS: usize = 1 << 18;
const CAPACITY: NonZeroUsize = NonZeroUsize::new(64).unwrap();

fn through_pipe(batch: usize) -> u64 {
    let (ours, theirs) = (Signal::new(), Signal::new());
    let (mut senders, mut receivers) =
        pipe(CAPACITY, std::slice::from_ref(&ours), std::slice::from_ref(&theirs));
    let (mut sender, mut receiver) = (senders.remove(0), receivers.remove(0));
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..ITEMS / batch {
                let mut items = vec![1u64; batch];
                while let Err(Refused::Full(back)) = sender.try_push(items) {
                    items = back;
                    sender.flush();
                    ours.wait_until(None, || sender.has_room());
                }
            }
        });
        let mut sum = 0;
        loop {
            match receiver.try_pop() {
                Popped::Item(items) => sum += items.iter().sum::<u64>(),
                Popped::Empty => drop(theirs.wait_until(None, || receiver.is_ready())),
                Popped::Closed => return sum,
            }
        }
    })
}

fn through_channel(batch: usize) -> u64 {
    let (sender, receiver) = sync_channel(CAPACITY.get());
    thread::scope(|scope| {
        scope.spawn(move || (0..ITEMS / batch).all(|_| sender.send(vec![1u64; batch]).is_ok()));
        receiver.iter().map(|items| items.iter().sum::<u64>()).sum()
    })
}

fn hop(c: &mut Criterion) {
    let mut group = c.benchmark_group("hop");
    group.throughput(Throughput::Elements(ITEMS as u64)).sample_size(20);
    for batch in [1, 32, 256] {
        group.bench_function(BenchmarkId::new("pipe", batch), |b| b.iter(|| through_pipe(black_box(batch))));
        group.bench_function(BenchmarkId::new("sync_channel", batch), |b| {
            b.iter(|| through_channel(black_box(batch)))
        });
    }
    group.finish();
}

criterion_group!(benches, hop);
criterion_main!(benches);
