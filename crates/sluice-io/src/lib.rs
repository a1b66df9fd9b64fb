//! The built-in sources and sinks.
//!
//! A component is one file under `sources` or `sinks`, which registers itself; what several of them share, or what is
//! large, is an engine: a module of its own beside them.

#![forbid(unsafe_code)]

mod capture;
mod combine;
mod encode;
mod generator;
mod input;
mod lines;
mod live;
mod outfile;
mod pack;
mod rotate;
mod sinks;
mod sources;
mod unpack;

#[cfg(test)]
mod testing;
