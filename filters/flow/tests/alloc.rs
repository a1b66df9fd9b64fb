//! Nothing is allocated per packet of a flow that is known, nor per packet that is no fragment.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use allocation_counter::measure;
use sluice_core::{CaptureInfo, Frame, HEADROOM, Pools, Registry};
use sluice_filter_flow as _;
use sluice_testkit::{Harness, traffic};
use sluice_wire::link::LinkType;

const PACKETS: usize = 500;

fn batch(
    pools: &Pools,
    info: &Arc<CaptureInfo>,
    frames: &[Vec<u8>],
    packets: usize,
) -> sluice_core::PacketBatch {
    let (mut slab, mut batch) = (pools.slab(256 * 1024), pools.packets());
    let mut places = [(0u32, 0u32); 2 * PACKETS];
    for (place, frame) in places.iter_mut().zip(frames.iter().cycle().take(packets)) {
        slab.append(&[0; HEADROOM]).unwrap();
        let range = slab.append(frame).unwrap();
        *place = (range.start as u32, range.len() as u32);
    }
    batch.fill(slab.into(), Arc::clone(info));
    places.iter().take(packets).for_each(|(offset, len)| batch.push(Frame::new(*offset, *len)));
    batch
}

#[test]
fn at_most_two_allocations_a_batch() {
    let registry = Registry::collect().unwrap();
    let frames = traffic::mixture(64, 1);
    let (pools, info) = (sluice_testkit::pools(), Arc::new(CaptureInfo::of(LinkType::ETHERNET)));
    for yaml in ["{filter: flows}", "{filter: flows, tunnels: 2}", "{filter: defragment}"] {
        let mut filter = Harness::from_yaml(&registry, &format!("- {yaml}")).unwrap();
        let mut run = |batches: usize, packets: usize| {
            for _ in 0..batches {
                filter.feed(batch(&pools, &info, &frames, packets), |_, _| {}).unwrap();
            }
        };
        run(2, 2 * PACKETS);
        let once = measure(|| run(10, PACKETS)).count_total;
        let longer = measure(|| run(20, PACKETS)).count_total;
        let larger = measure(|| run(10, 2 * PACKETS)).count_total;
        assert!(once > 0, "the slab of each batch is one, so the counter does not count");
        assert!(longer <= once + 20, "{once} allocations for 10 batches, {longer} for 20");
        assert!(
            larger <= once,
            "{once} allocations for {PACKETS} packets a batch, {larger} for twice as many"
        );
    }
}
