//! The law that nothing is allocated per item, for tests that have a counting allocator: a test binary can have one, a
//! library cannot.

use std::sync::Arc;

use sluice_core::{CaptureInfo, Frame, HEADROOM, PacketBatch, Pools};
use sluice_wire::link::LinkType;

/// How many items a batch has, and half of how many the larger ones have.
const ITEMS: usize = 500;

/// Makes batches as a source does: a slab from the pool, filled, and frames that point into it.
pub struct Feed {
    pools: Pools,
    info: Arc<CaptureInfo>,
    frames: Vec<Vec<u8>>,
}

impl Feed {
    /// Batches of these Ethernet frames, again and again.
    pub fn new(frames: Vec<Vec<u8>>) -> Self {
        Self { pools: crate::pools(), info: Arc::new(CaptureInfo::of(LinkType::ETHERNET)), frames }
    }

    /// A batch of so many packets. What is allocated is the slab alone.
    pub fn batch(&self, packets: usize) -> PacketBatch {
        let (mut slab, mut batch) = (self.pools.slab(256 * 1024), self.pools.packets());
        let mut places = [(0u32, 0u32); 2 * ITEMS];
        let mut filled = 0;
        for (place, frame) in places.iter_mut().zip(self.frames.iter().cycle().take(packets)) {
            let range = slab.append(&[0; HEADROOM]).and_then(|_| slab.append(frame));
            let Some(range) = range else { break };
            (*place, filled) = ((range.start as u32, range.len() as u32), filled + 1);
        }
        batch.fill(slab.into(), Arc::clone(&self.info));
        places.iter().take(filled).for_each(|(offset, len)| batch.push(Frame::new(*offset, *len)));
        batch
    }
}

/// Checks that `run`, which is told how many batches of how many items to take, allocates at most two for each batch and
/// nothing for an item. `count` tells how often what it is given allocates; `what` is run stands in the messages.
pub fn check(what: &str, count: impl Fn(&mut dyn FnMut()) -> u64, mut run: impl FnMut(usize, usize)) {
    run(2, 2 * ITEMS);
    let mut of = |batches, items| count(&mut || run(batches, items));
    let (once, longer, larger) = (of(10, ITEMS), of(20, ITEMS), of(10, 2 * ITEMS));
    assert!(once > 0, "{what}: the slab of each batch is one, so the counter does not count");
    assert!(longer <= once + 20, "{what}: {once} allocations for 10 batches, {longer} for 20");
    assert!(
        larger <= once,
        "{what}: {once} allocations for {ITEMS} items a batch, {larger} for twice as many"
    );
}
