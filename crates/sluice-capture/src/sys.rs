//! System calls that no safe crate has, each behind a function that is safe to call.

#![allow(unsafe_code)]

pub(crate) mod ethtool;
pub(crate) mod peek;

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Structures and numbers that the kernel fills in.
///
/// # Safety
/// Every pattern of bits is a value of the type, and none of them owns anything.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: every pattern of bits is an integer.
unsafe impl Plain for libc::c_int {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: two or three integers.
unsafe impl Plain for libc::tpacket_stats_v3 {}
// SAFETY: integers, arrays of them, and a union of such.
unsafe impl Plain for libc::ifreq {}
// SAFETY: seven integers.
unsafe impl Plain for libc::tpacket_req3 {}
// SAFETY: four integers.
unsafe impl Plain for libc::tpacket_req {}
// SAFETY: three integers and an array of them.
unsafe impl Plain for libc::packet_mreq {}

fn check(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// Sets an option of a socket, see setsockopt(2).
pub(crate) fn set_option<T: Plain>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    let pointer = std::ptr::from_ref(value).cast();
    // SAFETY: the pointer and the length are those of `value`, which outlives the call; the kernel only reads there.
    let returned = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, pointer, size_of::<T>() as libc::socklen_t)
    };
    check(returned).map(drop)
}

/// Gives a socket a program: a filter, or one that divides packets among sockets.
pub(crate) fn set_program(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    program: &[libc::sock_filter],
) -> io::Result<()> {
    let len = libc::c_ushort::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let pointer = std::ptr::from_ref(&program).cast();
    let length = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the pointer and the length are those of `program`, whose own are those of the instructions; both outlive the
    // call, in which the kernel only reads and copies them.
    let returned = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, pointer, length) };
    check(returned).map(drop)
}

/// Reads an option of a socket, see getsockopt(2). What the kernel does not fill in is zero.
pub(crate) fn option<T: Plain>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = size_of::<T>() as libc::socklen_t;
    let pointer = value.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` bytes, all of them inside of `value`, which outlives the call.
    let returned = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, pointer, &raw mut length) };
    check(returned)?;
    // SAFETY: zeroes, or what the kernel wrote over them: any pattern of bits is a `T`, which `Plain` promises.
    Ok(unsafe { value.assume_init() })
}

/// What the kernel tells of an interface, see netdevice(7).
#[derive(Clone, Copy)]
pub(crate) struct Answer(libc::ifreq);

impl Answer {
    /// What is told as a number: an index, an MTU.
    pub(crate) fn number(&self) -> libc::c_int {
        // SAFETY: every field of the union is `Plain`, and all of it was initialised.
        unsafe { self.0.ifr_ifru.ifru_ifindex }
    }

    /// What is told as flags.
    pub(crate) fn flags(&self) -> u16 {
        // SAFETY: as for `number`.
        unsafe { self.0.ifr_ifru.ifru_flags as u16 }
    }

    /// What is told as an address: its kind, and six bytes of it.
    pub(crate) fn address(&self) -> (u16, [u8; 6]) {
        // SAFETY: as for `number`.
        let address = unsafe { self.0.ifr_ifru.ifru_hwaddr };
        let [a, b, c, d, e, f, ..] = address.sa_data;
        (address.sa_family, [a, b, c, d, e, f].map(|byte| byte as u8))
    }
}

/// A request about the interface of this name, which is cut to what fits.
fn request(name: &[u8]) -> libc::ifreq {
    // SAFETY: zeroes are an `ifreq`, as any pattern of bits is, which `Plain` says of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().zip(name.iter().take(room)) {
        *to = *from as libc::c_char;
    }
    request
}

/// Asks one of the questions of netdevice(7) about the interface of this name, which is cut to what fits.
pub(crate) fn ask_interface(socket: BorrowedFd<'_>, name: &[u8], what: libc::c_ulong) -> io::Result<Answer> {
    let mut request = request(name);
    // SAFETY: the requests that this crate makes read and write an `ifreq` and nothing else; it outlives the call.
    let returned = unsafe { libc::ioctl(socket.as_raw_fd(), what as _, &raw mut request) };
    check(returned)?;
    Ok(Answer(request))
}

/// Asks an interface to stamp all packets that it receives with the time of its own clock.
pub(crate) fn stamp_in_hardware(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    // HWTSTAMP_TX_OFF and HWTSTAMP_FILTER_ALL of net_tstamp.h.
    let mut wanted = libc::hwtstamp_config { flags: 0, tx_type: 0, rx_filter: 1 };
    let mut request = request(name);
    request.ifr_ifru.ifru_data = (&raw mut wanted).cast();
    // SAFETY: this request reads and writes an `ifreq` and the configuration that it points to; both outlive the call.
    let returned = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSHWTSTAMP as _, &raw mut request) };
    check(returned).map(drop)
}

/// Binds a packet socket, see packet(7): to the interface of this number, or to all for 0, and to a protocol in host order.
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, interface: u32, protocol: u16) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol.to_be(),
        sll_ifindex: interface as libc::c_int,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the pointer and the length are those of `address`, which outlives the call; the kernel only reads there.
    let returned = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    check(returned).map(drop)
}
