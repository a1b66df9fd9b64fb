//! The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks.
//!
//! A section begins with a header that tells its byte order and is followed by blocks: descriptions of interfaces, packets
//! of three kinds, names, secrets, statistics and whatever else somebody found worth keeping. What is not known here is
//! passed on as it stands.

use std::fmt;

use crate::order::Order;

mod blocks;
mod clock;
mod interface;
mod options;
mod packet;
mod read;
mod translate;
mod write;

pub use blocks::{Block, Blocks, Found};
pub(crate) use read::Reader;
pub(crate) use write::Writer;

/// Block types.
pub(crate) mod kind {
    pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
    pub(crate) const INTERFACE: u32 = 1;
    /// The obsolete one.
    pub(crate) const PACKET: u32 = 2;
    pub(crate) const SIMPLE: u32 = 3;
    pub(crate) const NAMES: u32 = 4;
    pub(crate) const STATISTICS: u32 = 5;
    pub(crate) const ENHANCED: u32 = 6;
    /// Journal entries of systemd.
    pub(crate) const JOURNAL: u32 = 9;
    pub(crate) const SECRETS: u32 = 10;
}

/// What tells the byte order of a section.
const MAGIC: u32 = 0x1a2b_3c4d;

/// How many bytes have to be free before the first block in memory: those of the headroom of a simple packet block that
/// are not the block's.
pub(crate) const MARGIN: usize = 4;

/// The length of a block without a body.
const EMPTY: usize = 12;

/// What is wrong with a block, as the rest of a sentence that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Its length is too short for its kind, no multiple of 4, or longer than is believed.
    Length(u32),
    /// The length at its end is another one than that at its start.
    Repeated(u32, u32),
    /// It is a section header without a byte-order magic.
    Magic,
    /// Its packet has this many captured bytes, more than the block has room for.
    Captured(u32),
    /// Its packet came from an interface of this number, which the section does not describe.
    Interface(u32),
    /// It describes more interfaces than can be told apart.
    Interfaces,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Length(length) => write!(f, "says that it is {length} bytes long"),
            Flaw::Repeated(first, last) => {
                write!(f, "says that it is {first} bytes long at its start and {last} at its end")
            }
            Flaw::Magic => f.write_str("begins a section without a byte-order magic"),
            Flaw::Captured(captured) => write!(f, "says that {captured} bytes were captured"),
            Flaw::Interface(number) => {
                write!(f, "names interface {number}, which the section does not describe")
            }
            Flaw::Interfaces => f.write_str("describes more interfaces than can be told apart"),
        }
    }
}

impl std::error::Error for Flaw {}

/// Fills in the length of the block that starts at `start`, and repeats it at its end.
fn close(out: &mut Vec<u8>, start: usize, order: Order) {
    let length = order.put32((out.len() - start + 4) as u32);
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&length);
    }
    out.extend_from_slice(&length);
}

/// How many bytes fill up so many to a multiple of 4.
fn padding(length: usize) -> usize {
    length.wrapping_neg() & 3
}

#[cfg(test)]
mod tests;
