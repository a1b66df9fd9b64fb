//! Links every built-in component into the program that depends on this crate.
//!
//! Components register themselves, but a crate that nothing mentions is not linked and registers nothing: so each is
//! mentioned here, once. A crate that is listed in Cargo.toml and forgotten below does not compile.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

use sluice_filter_aggregate as _;
use sluice_filter_flow as _;
use sluice_filter_packet as _;
use sluice_filter_parse as _;
use sluice_filter_select as _;
use sluice_io as _;
