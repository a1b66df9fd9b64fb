//! A socket of AF_XDP, see the kernel's af_xdp.rst.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::memory::{Chunks, Mapped};
use crate::sys::{self, Plain};

// SAFETY: integers; the address in it is one that the kernel reads as a number.
unsafe impl Plain for libc::xdp_umem_reg {}
// SAFETY: integers.
unsafe impl Plain for libc::xdp_mmap_offsets {}
// SAFETY: integers.
unsafe impl Plain for libc::xdp_options {}
// SAFETY: integers.
unsafe impl Plain for libc::xdp_statistics {}

/// Gets packets of one queue of one interface.
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// Opens one, whose packets will arrive in these chunks. It takes the capability `CAP_NET_RAW`.
    pub(super) fn new(chunks: &Chunks) -> io::Result<Self> {
        let family = AddressFamily::from_raw(libc::AF_XDP as u16);
        let socket = Self(socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?);
        socket.set(libc::XDP_UMEM_REG, &chunks.registration())?;
        Ok(socket)
    }

    /// Makes the ring of chunks to fill and the one of packets received, of this many slots each, a power of two.
    pub(super) fn rings(&self, slots: u32) -> io::Result<(Mapped<u64>, Mapped<libc::xdp_desc>)> {
        self.set(libc::XDP_UMEM_FILL_RING, &slots)?;
        // Nothing is sent, but there is no binding without a ring that tells what was.
        self.set(libc::XDP_UMEM_COMPLETION_RING, &2)?;
        self.set(libc::XDP_RX_RING, &slots)?;
        let offsets: libc::xdp_mmap_offsets =
            sys::option(self.as_fd(), libc::SOL_XDP, libc::XDP_MMAP_OFFSETS)?;
        let fill = Mapped::new(self.as_fd(), libc::XDP_UMEM_PGOFF_FILL_RING as i64, slots, &offsets.fr)?;
        Ok((fill, Mapped::new(self.as_fd(), libc::XDP_PGOFF_RX_RING, slots, &offsets.rx)?))
    }

    /// Binds it to a queue.
    pub(super) fn bind(&self, interface: u32, queue: u32, flags: u16) -> io::Result<()> {
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: flags,
            sxdp_ifindex: interface,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        let length = size_of::<libc::sockaddr_xdp>() as libc::socklen_t;
        // SAFETY: the pointer and the length are those of `address`, which outlives the call; the kernel only reads there.
        let returned = unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length) };
        if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Whether packets arrive without being copied.
    pub(super) fn is_zero_copy(&self) -> io::Result<bool> {
        let told: libc::xdp_options = sys::option(self.as_fd(), libc::SOL_XDP, libc::XDP_OPTIONS)?;
        Ok(told.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
    }

    /// What it has counted since it was opened.
    pub(super) fn statistics(&self) -> io::Result<libc::xdp_statistics> {
        sys::option(self.as_fd(), libc::SOL_XDP, libc::XDP_STATISTICS)
    }

    /// Lets the driver look for chunks to fill, where it waits for that.
    pub(super) fn wake(&self) {
        // What is wrong with the socket is told by `error`.
        let _ = rustix::net::recv(self.as_fd(), &mut [0u8; 0], rustix::net::RecvFlags::DONTWAIT);
    }

    /// What has happened to it, such as that its interface went away.
    pub(super) fn error(&self) -> io::Result<()> {
        rustix::net::sockopt::socket_error(self.as_fd())?.map_err(io::Error::from)
    }

    fn set<T: Plain>(&self, name: libc::c_int, value: &T) -> io::Result<()> {
        sys::set_option(self.as_fd(), libc::SOL_XDP, name, value)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
