//! Capture by sockets of AF_XDP: one for each queue of an interface, with a program on the interface that leads packets to them.
//!
//! Packets that arrive so are taken away from the host: its own network stack does not see them. What arrives in queues that
//! have no socket goes on to it.
//!
//! Packets are copied once, out of the memory that the kernel puts them in, and the chunks of that go back at once.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_core::Error;

use crate::{Framing, Interface, PacketSocket, Settings};
use arrivals::Arrivals;
use bpf::{Link, Program, Sockets};
use socket::Socket;
use words::{in_words, not_attached, not_bound, not_opened};

pub use queue::Queue;
pub use together::Together;

mod arrivals;
mod bpf;
mod memory;
mod queue;
mod ring;
mod socket;
mod together;
mod words;

/// Where the program runs that takes the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In the driver where that can run programs, and else behind it.
    #[default]
    Any,
    /// In the driver.
    Driver,
    /// Behind the driver, on any interface.
    Kernel,
}

/// How packets get into the memory of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// As the driver can.
    #[default]
    Any,
    /// The kernel copies them there.
    Copy,
    /// The device puts them there.
    Device,
}

/// How to capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Where the program runs.
    pub place: Place,
    /// How packets get to the sockets.
    pub transfer: Transfer,
}

/// Bytes before each packet that the kernel keeps for the program.
const KERNEL_HEADROOM: u32 = 256;
/// What a frame has besides its payload: the header of Ethernet and two VLAN tags.
const OVERHEAD: u32 = 14 + 2 * 4;
/// For how many packets a queue has room, at least and at most.
const PACKETS: (u64, u64) = (64, 1 << 20);

/// The way from an interface to the sockets of its queues.
///
/// It takes the capabilities `CAP_NET_RAW`, `CAP_NET_ADMIN` and `CAP_BPF` to make all of this, and none to use it.
pub struct Way {
    interface: Interface,
    queues: u32,
    choice: Choice,
    sockets: Sockets,
    program: Program,
    /// What is in force as long as there is somebody to receive packets.
    kept: Mutex<Option<(Link, Option<PacketSocket>)>>,
}

impl Way {
    /// One for this many queues of an interface. Nothing goes that way before it is [`opened`](Self::open).
    pub fn new(interface: &Interface, queues: u32, choice: Choice) -> Result<Arc<Self>, Error> {
        let name = &interface.name;
        if !interface.link().is_some_and(|link| link.is_ethernet()) {
            return Err(Error::input(format!("`{name}` is no Ethernet interface, and XDP is for no other")));
        }
        let sockets = Sockets::new(queues).map_err(Error::io("make a map of sockets for XDP"))?;
        // Kernels before Linux 5.18 have no packets in several pieces.
        let program = Program::load(&sockets, true)
            .or_else(|_| Program::load(&sockets, false))
            .map_err(Error::io("load a program for XDP"))?;
        let interface = interface.clone();
        Ok(Arc::new(Self { interface, queues, choice, sockets, program, kept: Mutex::default() }))
    }

    /// How many queues there are.
    pub fn queues(&self) -> u32 {
        self.queues
    }

    /// Opens a socket for a queue. All of them share the memory that the settings give to one ring; of the others, the one
    /// that is meant is the number of the interface. Packets come whole and unfiltered.
    pub fn queue(self: &Arc<Self>, queue: u32, settings: &Settings) -> Result<Queue, Error> {
        let bytes =
            u64::from(settings.block_size) * u64::from(settings.blocks) / u64::from(self.queues.max(1));
        let chunk = chunk_size(self.interface.mtu);
        let (socket, arrivals) = Arrivals::open(packets(bytes, chunk), chunk)
            .map_err(|e| Error::io("open a socket of AF_XDP")(in_words(e, not_opened)))?;
        let doing = format!("capture on queue {queue} of `{}`", self.interface.name);
        let flags = match self.choice.transfer {
            Transfer::Any => 0,
            Transfer::Copy => libc::XDP_COPY,
            Transfer::Device => libc::XDP_ZEROCOPY,
        };
        bind(&socket, self.interface.index, queue, flags)
            .map_err(|e| Error::io(&doing)(in_words(e, not_bound)))?;
        self.sockets.set(queue, socket.as_fd()).map_err(Error::io(doing))?;
        Ok(Queue::new(queue, settings.number, socket, arrivals, Arc::clone(self)))
    }

    /// Lets packets go to the sockets that there are; those of other queues go on to the host.
    pub fn open(&self, promiscuous: bool) -> Result<(), Error> {
        let name = &self.interface.name;
        let promiscuous = promiscuous
            .then(|| receive_everything(&self.interface))
            .transpose()
            .map_err(Error::io(format!("receive everything on `{name}`")))?;
        let link = self.program.attach(self.interface.index, flags(self.choice.place)).map_err(|e| {
            Error::io(format!("attach a program for XDP to `{name}`"))(in_words(e, not_attached))
        })?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((link, promiscuous));
        Ok(())
    }

    /// Lets the packets of a queue go on to the host.
    fn close(&self, queue: u32) {
        // Where that takes rights, as before Linux 5.19, they come until the last one gives up the way.
        let _ = self.sockets.remove(queue);
    }
}

/// The size of chunks for packets of this MTU: the smaller of the two sizes there are, if a packet fits.
fn chunk_size(mtu: u32) -> u32 {
    if mtu.saturating_add(OVERHEAD + KERNEL_HEADROOM) <= 2048 { 2048 } else { 4096 }
}

/// How many packets there is room for in so much memory, in chunks of this size; a power of two.
fn packets(bytes: u64, chunk: u32) -> u32 {
    let chunks = (bytes / u64::from(chunk)).clamp(PACKETS.0, PACKETS.1);
    1 << chunks.ilog2()
}

/// What makes an interface receive what is not meant for it, as long as it is open.
fn receive_everything(interface: &Interface) -> io::Result<PacketSocket> {
    let socket = PacketSocket::open(Framing::Link)?;
    socket.promiscuous(interface.index)?;
    Ok(socket)
}

/// Binds with all that this kernel can, and waits a while for a socket that had the queue before: it is closed for a moment
/// before the kernel lets go of the queue.
fn bind(socket: &Socket, interface: u32, queue: u32, flags: u16) -> io::Result<()> {
    // Before Linux 6.6 there are no packets in several pieces, before 5.4 no driver sleeps.
    const MORE: [u16; 3] = [libc::XDP_USE_NEED_WAKEUP | libc::XDP_USE_SG, libc::XDP_USE_NEED_WAKEUP, 0];
    const TRIES: u32 = 50;
    let (mut more, mut tries) = (MORE.iter().peekable(), 0);
    loop {
        let with = more.peek().copied().unwrap_or(&0);
        match socket.bind(interface, queue, flags | with) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) && more.len() > 1 => drop(more.next()),
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) && tries < TRIES => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            bound => return bound,
        }
    }
}

/// `XDP_FLAGS_SKB_MODE` and `XDP_FLAGS_DRV_MODE` of if_link.h.
fn flags(place: Place) -> u32 {
    match place {
        Place::Any => 0,
        Place::Kernel => 1 << 1,
        Place::Driver => 1 << 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_room_for_a_packet_of_the_mtu() {
        assert_eq!([1500, 1770, 1771, 9000, u32::MAX].map(chunk_size), [2048, 2048, 4096, 4096, 4096]);
    }

    #[test]
    fn memory_is_used_for_a_power_of_two_of_packets() {
        let mebibyte = 1 << 20;
        let of = |bytes| packets(bytes, 2048);
        assert_eq!([0, mebibyte, 3 * mebibyte, u64::MAX].map(of), [64, 512, 1024, 1 << 20]);
    }
}
