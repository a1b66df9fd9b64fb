//! Packet sockets, see packet(7).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use sluice_expr::bpf::program::code;
use sluice_expr::bpf::{Insn, Program};

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

    /// Lets in what passes this program, in place of what passed before.
    pub fn filter(&self, program: &Program) -> io::Result<()> {
        sys::set_program(self.as_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &insns_of(program.insns()))
    }

    /// Lets nothing in from now on.
    pub fn reject_all(&self) -> io::Result<()> {
        let nothing = insns_of(&[Insn::new(code::RET, 0)]);
        sys::set_program(self.as_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &nothing)
    }

    /// Lets the interface receive what is not meant for it, as long as the socket is open.
    pub fn promiscuous(&self, interface: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: interface as libc::c_int,
            mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set_option(libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Takes the times of packets from the clock of the interface of this name.
    pub fn stamp_in_hardware(&self, name: &str) -> io::Result<()> {
        sys::stamp_in_hardware(self.as_fd(), name.as_bytes())?;
        self.set_option(libc::PACKET_TIMESTAMP, &(libc::SOF_TIMESTAMPING_RAW_HARDWARE as libc::c_int))
    }

    /// Takes the error that waits to be told: that the interface went down.
    pub fn take_error(&self) -> io::Result<()> {
        match sys::option::<libc::c_int>(self.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR)? {
            0 => Ok(()),
            number => Err(io::Error::from_raw_os_error(number)),
        }
    }

    /// Makes room for so many bytes of packets that wait to be read one by one.
    pub(crate) fn make_room(&self, bytes: usize) -> io::Result<()> {
        // Only who administers the network gets as much as that, others what the system lets them have.
        set_socket_recv_buffer_size_force(self, bytes)
            .or_else(|_| set_socket_recv_buffer_size(self, bytes))
            .map_err(io::Error::from)
    }

    /// Divides the packets with the other sockets that join this group.
    pub(crate) fn join(&self, word: u32) -> io::Result<()> {
        self.set_option(libc::PACKET_FANOUT, &word)
    }

    /// The group that it joined, as [`join`](Self::join) takes it.
    pub(crate) fn joined(&self) -> io::Result<u32> {
        self.option(libc::PACKET_FANOUT)
    }

    /// Tells the group by which program it divides packets.
    pub(crate) fn divide_by(&self, program: &[Insn]) -> io::Result<()> {
        sys::set_program(self.as_fd(), libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, &insns_of(program))
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

/// Instructions as the kernel takes them.
fn insns_of(insns: &[Insn]) -> Vec<libc::sock_filter> {
    let one = |insn: &Insn| libc::sock_filter { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k };
    insns.iter().map(one).collect()
}

#[cfg(test)]
impl From<OwnedFd> for PacketSocket {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
