//! Packet sockets, see packet(7).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::sys;

/// Whether a packet begins with the header of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// It does.
    Link,
    /// It begins with the header of the network layer; the rest is told beside it.
    Cooked,
}

/// What a socket has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that passed the filter, the dropped ones among them.
    pub packets: u64,
    /// Packets for which there was no room.
    pub drops: u64,
    /// How often a ring was full.
    pub freezes: u64,
}

/// A packet socket. It gets nothing before it is bound.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens one. This takes the capability `CAP_NET_RAW`.
    pub fn open(framing: Framing) -> io::Result<Self> {
        let kind = match framing {
            Framing::Link => SocketType::RAW,
            Framing::Cooked => SocketType::DGRAM,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(Self(socket_with(AddressFamily::PACKET, kind, flags, None)?))
    }

    /// Lets packets of all protocols in, from the interface of this index, or from all for 0.
    pub fn bind(&self, interface: u32) -> io::Result<()> {
        sys::bind_packet(self.as_fd(), interface, libc::ETH_P_ALL as u16)
    }

    /// Binds it to an interface to send through, so that nothing comes in.
    pub fn bind_to_send(&self, interface: u32) -> io::Result<()> {
        sys::bind_packet(self.as_fd(), interface, 0)
    }

    /// What it has counted since this was asked before.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let told: libc::tpacket_stats_v3 = self.option(libc::PACKET_STATISTICS)?;
        Ok(Statistics {
            packets: told.tp_packets.into(),
            drops: told.tp_drops.into(),
            freezes: told.tp_freeze_q_cnt.into(),
        })
    }

    /// Sets an option of the level `SOL_PACKET`.
    pub(crate) fn set_option<T: sys::Plain>(&self, name: libc::c_int, value: &T) -> io::Result<()> {
        sys::set_option(self.as_fd(), libc::SOL_PACKET, name, value)
    }

    fn option<T: sys::Plain>(&self, name: libc::c_int) -> io::Result<T> {
        sys::option(self.as_fd(), libc::SOL_PACKET, name)
    }

    /// Gives what is sent to the driver at once, past the queues of traffic control.
    pub fn bypass_queues(&self) -> io::Result<()> {
        self.set_option(libc::PACKET_QDISC_BYPASS, &1)
    }

    /// Leaves out what the interface sends.
    pub fn ignore_outgoing(&self) -> io::Result<()> {
        self.set_option(libc::PACKET_IGNORE_OUTGOING, &1)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
