//! Two million flows take at most 250 bytes each of the memory that the process has.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sluice_filter_flow::Probe;

const FLOWS: u32 = 2_000_000;

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
#[ignore = "takes half a gigabyte: cargo test -p sluice-filter-flow --test memory -- --ignored"]
fn two_million_flows_fit() {
    let before = resident();
    let mut probe = Probe::new();
    let mut most = 0.0f64;
    for flow in 0..FLOWS {
        probe.packet(flow);
        if flow >= FLOWS / 4 && flow % 10_000 == 0 {
            most = most.max((resident() - before) as f64 / f64::from(flow + 1));
        }
    }
    println!("at most {most:.1} bytes for each of {} to {FLOWS} flows", FLOWS / 4);
    assert!(most <= 250.0, "{most}");
    assert_eq!(probe.lookup(0..FLOWS), FLOWS as usize);
}
