//! Filters that know which packets belong together.

#![forbid(unsafe_code)]

mod defragment;
mod flows;

#[doc(hidden)]
pub use flows::probe::Probe;
