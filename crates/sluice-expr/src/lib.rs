//! Saying which packets are meant: the tcpdump filter syntax, compiled to classic BPF.
//!
//! Everything here is a pure function of text and bytes. **No function of this crate panics or runs without end,
//! whatever text, program or frame it is given.**
//!
//! Not here: sockets, files, and the filters that select packets.

#![forbid(unsafe_code)]

pub mod bpf;
mod error;

pub use error::{Error, Span};
