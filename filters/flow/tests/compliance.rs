//! Every filter of this family fulfils what the component specification asks for.

use sluice_core::Registry;
use sluice_filter_flow as _;
use sluice_testkit::compliance;

#[test]
fn every_filter_complies() {
    let registry = Registry::collect().unwrap();
    let broken: Vec<_> =
        registry.iter().filter_map(|c| compliance::check(c).err()).map(|b| b.to_string()).collect();
    assert!(registry.iter().count() > 0 && broken.is_empty(), "{}", broken.join("\n"));
}
