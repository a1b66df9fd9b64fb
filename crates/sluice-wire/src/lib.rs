//! Header views, layer offsets, checksums, flow keys and checksum-true editing; no I/O.
//!
//! Everything here is a pure function of bytes. **No function of this crate panics, whatever bytes it is given**: not
//! on short, lying or random frames, and not on a [`Layers`](layers::Layers) that belongs to another frame.
//!
//! Header fields are read through the view types of [`pnet_packet`], re-exported here. Those do not check lengths, so
//! every file of [`decode`] checks what a header says about itself before it goes on.
//!
//! Not here: capture files, reassembly of fragments or streams, and state of any kind.

#![forbid(unsafe_code)]

pub use pnet_packet;

pub mod addr;
pub mod checksum;
pub mod decode;
pub mod edit;
pub mod flow;
pub mod layers;
pub mod link;
pub mod map;
mod pseudo;
pub mod render;
pub mod verify;

#[cfg(test)]
mod testing;
