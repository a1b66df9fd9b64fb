//! Sockets that divide the packets of an interface: `PACKET_FANOUT` of packet(7).

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::PacketSocket;

mod host_pair;

/// By what packets are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By the kernel's symmetric hash of the flow. A fragment but the first has no ports, and may go elsewhere.
    Hash,
    /// The same, with IPv4 fragments put together before.
    HashDefrag,
    /// By the pair of addresses, so that everything between two hosts stays together, fragments of both families among it.
    HostPair,
    /// In turn.
    LoadBalance,
    /// By the processor that received them.
    Cpu,
    /// By the queue of the interface that they came by.
    Queue,
}

impl Mode {
    /// Kind and flags, as the upper half of the option's word takes them.
    fn word(self) -> u32 {
        let kind = match self {
            Mode::Hash => libc::PACKET_FANOUT_HASH,
            Mode::HashDefrag => libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG,
            Mode::HostPair => libc::PACKET_FANOUT_CBPF,
            Mode::LoadBalance => libc::PACKET_FANOUT_LB,
            Mode::Cpu => libc::PACKET_FANOUT_CPU,
            Mode::Queue => libc::PACKET_FANOUT_QM,
        };
        kind << 16
    }
}

/// A group of sockets, which the kernel numbers unless it has a number.
#[derive(Debug)]
pub struct Group {
    mode: Mode,
    number: Mutex<Option<u16>>,
}

impl Group {
    /// A group in which no other program takes part, or that of this number.
    pub fn new(mode: Mode, number: Option<u16>) -> Self {
        Self { mode, number: Mutex::new(number) }
    }
}

/// How a socket becomes one of a group.
#[derive(Clone, Debug)]
pub struct Join(pub std::sync::Arc<Group>);

impl Join {
    /// Joins. Takes a socket that is bound.
    pub(crate) fn join(&self, socket: &PacketSocket) -> io::Result<()> {
        let Group { mode, number } = &*self.0;
        let mut number = number.lock().unwrap_or_else(PoisonError::into_inner);
        match *number {
            Some(number) => socket.join(mode.word() | u32::from(number))?,
            None => {
                let unique = libc::PACKET_FANOUT_FLAG_UNIQUEID << 16;
                socket.join(mode.word() | unique)?;
                *number = Some(socket.joined()? as u16);
            }
        }
        if *mode == Mode::HostPair {
            socket.divide_by(&host_pair::program())?;
        }
        Ok(())
    }
}
