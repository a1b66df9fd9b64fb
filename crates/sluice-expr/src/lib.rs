//! Saying which items are meant, and what is to be computed from them: the catalogue of fields, typed expressions over
//! it, and the tcpdump filter syntax, compiled to classic BPF.
//!
//! Everything here is a pure function of text and bytes. **No function of this crate panics or runs without end,
//! whatever text, program, frame or record it is given.**
//!
//! Not here: sockets, files, and the filters that select packets.

#![forbid(unsafe_code)]

pub mod bpf;
mod error;
pub mod expr;
pub mod fields;
mod time;
mod value;

pub use error::{Error, Span};
pub use value::{Type, Value};
