//! One component of every built-in crate must be there; a crate that was not linked has none.

use sluice_builtins as _;
use sluice_core::{Kind, Registry};

#[test]
fn every_built_in_crate_is_linked() {
    let registry = Registry::collect().unwrap();
    for (krate, kind, name) in [
        ("sluice-io", Kind::Source, "pcap_file"),
        ("sluice-filter-aggregate", Kind::Filter, "count"),
        ("sluice-filter-flow", Kind::Filter, "flows"),
        ("sluice-filter-packet", Kind::Filter, "decode"),
        ("sluice-filter-parse", Kind::Filter, "parse_json"),
        ("sluice-filter-select", Kind::Filter, "where"),
    ] {
        let found = registry.get(kind, name).map(|component| component.krate);
        assert_eq!(found, Some(krate), "{kind} `{name}`");
    }
}
