//! Nothing is allocated per packet on the way through decode and rewrite.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use allocation_counter::measure;
use sluice_core::{CaptureInfo, Frame, HEADROOM, Pools, Registry};
use sluice_filter_packet as _;
use sluice_testkit::{Harness, traffic};
use sluice_wire::link::LinkType;

const PACKETS: usize = 500;

/// What a source does: a slab from the pool, filled, and a batch of frames that point into it.
struct Source {
    pools: Pools,
    info: Arc<CaptureInfo>,
    frames: Vec<Vec<u8>>,
}

impl Source {
    fn batch(&self, packets: usize) -> sluice_core::PacketBatch {
        let (mut slab, mut batch) = (self.pools.slab(256 * 1024), self.pools.packets());
        let mut places = [(0u32, 0u32); 2 * PACKETS];
        for (place, frame) in places.iter_mut().zip(self.frames.iter().cycle().take(packets)) {
            slab.append(&[0; HEADROOM]).unwrap();
            let range = slab.append(frame).unwrap();
            *place = (range.start as u32, range.len() as u32);
        }
        batch.fill(slab.into(), Arc::clone(&self.info));
        places.iter().take(packets).for_each(|(offset, len)| batch.push(Frame::new(*offset, *len)));
        batch
    }
}

#[test]
fn at_most_two_allocations_a_batch() {
    let registry = Registry::collect().unwrap();
    let mut decode = Harness::from_yaml(&registry, "- filter: decode").unwrap();
    let yaml = "- filter: rewrite\n  addresses: {10.0.0.0/8: 172.16.0.0/12}\n  ports: {8000-8999: 80}\n  ttl_add: -1";
    let mut rewrite = Harness::from_yaml(&registry, yaml).unwrap();
    let source = Source {
        pools: sluice_testkit::pools(),
        info: Arc::new(CaptureInfo::of(LinkType::ETHERNET)),
        frames: traffic::mixture(64, 1),
    };
    let mut run = |batches: usize, packets: usize| {
        for _ in 0..batches {
            let mut decoded = None;
            decode.feed(source.batch(packets), |_, batch| decoded = Some(batch)).unwrap();
            rewrite.feed(decoded.unwrap(), |_, batch| assert_eq!(batch.len(), packets)).unwrap();
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
        "{once} allocations for batches of {PACKETS}, {larger} for batches twice as large"
    );
}
