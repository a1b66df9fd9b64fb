//! Live capture and injection on Linux.
//!
//! Sockets, rings and what the kernel tells of interfaces, as values that are safe to use. Components that pipelines name are
//! elsewhere: they are made from these.
//!
//! The one crate with unsafe code: it stands in `sys` and in the modules that share memory with the kernel.

mod cooked;
pub mod facts;
pub mod fanout;
mod intake;
pub mod interface;
pub mod kernel_filter;
mod netdev;
pub mod portable;
pub mod receive;
pub mod rights;
pub mod ring;
pub mod send;
pub mod settings;
pub mod slots;
pub mod socket;
mod sys;
pub mod xdp;

pub use facts::Facts;
pub use interface::Interface;
pub use portable::Portable;
pub use receive::{Receive, Received};
pub use ring::Ring;
pub use send::{Outgoing, Sender, Sent};
pub use settings::{Direction, Settings};
pub use slots::Slots;
pub use socket::{Framing, PacketSocket, Statistics};
