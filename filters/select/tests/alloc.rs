//! Nothing is allocated per packet or line by what expressions ask.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use allocation_counter::measure;
use sluice_core::{Batch, Pools, Record, Registry};
use sluice_filter_select as _;
use sluice_testkit::{Harness, Packets, traffic};

const ITEMS: usize = 200;

fn packets(pools: &Pools, count: usize) -> Batch {
    let frames = traffic::mixture(count, 1);
    Packets::new().frames(frames).build_in(pools).into()
}

fn lines(pools: &Pools, count: usize) -> Batch {
    let (mut slab, mut batch) = (pools.slab(64 * 1024), pools.records());
    for _ in 0..count {
        slab.append(b"one Line\n").unwrap();
    }
    batch.fill(slab.into());
    for at in 0..count {
        batch.push(Record::new(at as u32 * 9, 9, 1));
    }
    batch.into()
}

/// Allocations of the filter alone, for so many batches of so many items.
fn count(
    filter: &mut Harness,
    pools: &Pools,
    make: fn(&Pools, usize) -> Batch,
    batches: usize,
    items: usize,
) -> u64 {
    let made: Vec<_> = (0..batches).map(|_| make(pools, items)).collect();
    measure(|| made.into_iter().for_each(|batch| filter.feed(batch, |_, _| {}).unwrap())).count_total
}

fn check(yaml: &str, make: fn(&Pools, usize) -> Batch) {
    let mut filter = Harness::from_yaml(&Registry::collect().unwrap(), yaml).unwrap();
    let pools = sluice_testkit::pools();
    count(&mut filter, &pools, make, 2, 2 * ITEMS);
    let once = count(&mut filter, &pools, make, 10, ITEMS);
    let larger = count(&mut filter, &pools, make, 10, 2 * ITEMS);
    assert!(
        larger <= once + 20,
        "{yaml}: {once} allocations for batches of {ITEMS}, {larger} for twice as large"
    );
}

#[test]
fn expressions_allocate_nothing_per_item() {
    for text in [
        "tcp.port == 443 and ip.ttl < 65 and ip.src == 10.0.0.0/8",
        "lower(payload) contains \"get\" or upper(payload) matches \"^POST\"",
        "text(ip.src) == \"10.0.0.1\" or hash(ip.addr, tcp.port) % 2 == 0",
        "tcp.checksum.status == 1 or entropy(payload) > 4",
    ] {
        check(&format!("- filter: where\n  where: {text}"), packets);
    }
    check("- filter: where\n  bpf: tcp port 443 or udp", packets);
    check("- filter: mark\n  mark: hash(ip.src) % 4\n  where: tcp", packets);
    check("- filter: where\n  where: lower(record.line) contains \"line\"", lines);
    check("- filter: set\n  fields: {length: record.len, small: lower(record.line)}", lines);
}
