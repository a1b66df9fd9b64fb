//! Nothing is allocated per packet on the way through decode and rewrite.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use allocation_counter::measure;
use sluice_core::Registry;
use sluice_filter_packet as _;
use sluice_testkit::alloc::{Feed, check};
use sluice_testkit::{Harness, traffic};

#[test]
fn at_most_two_allocations_a_batch() {
    let registry = Registry::collect().unwrap();
    let feed = Feed::new(traffic::mixture(64, 1));
    let mut decode = Harness::from_yaml(&registry, "- filter: decode").unwrap();
    let yaml = "- filter: rewrite\n  addresses: {10.0.0.0/8: 172.16.0.0/12}\n  ports: {8000-8999: 80}\n  ttl_add: -1";
    let mut rewrite = Harness::from_yaml(&registry, yaml).unwrap();
    check(
        "decode and rewrite",
        |work| measure(work).count_total,
        |batches, packets| {
            for _ in 0..batches {
                let mut decoded = None;
                decode.feed(feed.batch(packets), |_, batch| decoded = Some(batch)).unwrap();
                rewrite.feed(decoded.unwrap(), |_, batch| assert_eq!(batch.len(), packets)).unwrap();
            }
        },
    );
}
