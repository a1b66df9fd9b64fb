//! Nothing is allocated per packet or record that is counted under a known key.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use allocation_counter::measure;
use sluice_core::Registry;
use sluice_filter_aggregate as _;
use sluice_testkit::alloc::{Feed, check};
use sluice_testkit::{Harness, traffic};

#[test]
fn at_most_two_allocations_a_batch() {
    let registry = Registry::collect().unwrap();
    let feed = Feed::new(traffic::mixture(64, 1));
    for by in ["flow", "host, port", "hierarchy", "size, vlan, ttl, conversation"] {
        let mut filter = Harness::from_yaml(&registry, &format!("- filter: count\n  by: [{by}]")).unwrap();
        check(
            by,
            |work| measure(work).count_total,
            |batches, packets| {
                (0..batches).for_each(|_| filter.feed(feed.batch(packets), |_, _| {}).unwrap());
            },
        );
    }
}
