//! Capture-file formats: reading and writing.
//!
//! Everything here is a function of bytes: no file is opened, nothing is buffered, and nothing panics on what a file
//! says. [`recognise`] tells which format a file has; each format is a module of its own, and [`pcap`] is the first.
//!
//! Not for: packets. What is inside a record is the business of `sluice-wire`.

#![forbid(unsafe_code)]

pub mod pcap;
mod recognise;

pub use recognise::{Format, RECOGNISE, recognise};
