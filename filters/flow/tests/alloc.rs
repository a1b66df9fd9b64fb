//! Nothing is allocated per packet of a flow that is known, nor per packet that is no fragment.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use allocation_counter::measure;
use sluice_core::Registry;
use sluice_filter_flow as _;
use sluice_testkit::alloc::{Feed, check};
use sluice_testkit::{Harness, traffic};

#[test]
fn at_most_two_allocations_a_batch() {
    let registry = Registry::collect().unwrap();
    let feed = Feed::new(traffic::mixture(64, 1));
    for yaml in
        ["{filter: flows}", "{filter: flows, tunnels: 2}", "{filter: flows, top: 10}", "{filter: defragment}"]
    {
        let mut filter = Harness::from_yaml(&registry, &format!("- {yaml}")).unwrap();
        check(
            yaml,
            |work| measure(work).count_total,
            |batches, packets| {
                (0..batches).for_each(|_| filter.feed(feed.batch(packets), |_, _| {}).unwrap());
            },
        );
    }
}
