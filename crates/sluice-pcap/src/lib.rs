//! Capture-file formats: reading and writing.
//!
//! Everything here is a function of bytes: no file is opened, nothing is buffered, and nothing panics on what a file
//! says. [`recognise`] tells which format a file has, a [`Reader`] reads any of them into batches, and a [`Writer`] makes
//! files of batches; each format is a module of its own. [`contents`] reads a whole file that is in memory.
//!
//! Not for: packets. What is inside a record is the business of `sluice-wire`.

#![forbid(unsafe_code)]

mod memory;
mod order;
pub mod pcap;
pub mod pcapng;
mod reader;
mod recognise;
mod writer;

pub use memory::{Contents, contents};
pub use reader::{Flaw, LONGEST, Reader, Refusal, Stop};
pub use recognise::{Format, RECOGNISE, recognise};
pub use writer::{Mend, Misfits, Writer};
