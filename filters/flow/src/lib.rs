//! Filters that know which packets belong together.

#![forbid(unsafe_code)]

mod defragment;
mod flows;
mod state;

#[doc(hidden)]
pub use flows::probe::Probe;
