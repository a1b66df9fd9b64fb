//! What the kernel tells of the next packet of a packet socket beside its bytes, see packet(7).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use super::Plain;

// SAFETY: integers.
unsafe impl Plain for libc::tpacket_auxdata {}
// SAFETY: integers.
unsafe impl Plain for libc::timespec {}

/// How many bytes the address has that a packet comes with.
const ADDRESS: usize = size_of::<libc::sockaddr_ll>();

/// Room for all that is told, aligned as the headers in it have to be.
#[repr(C, align(8))]
struct Control([u8; 256]);

/// What is told of a packet; what is not asked for with an option of the socket is absent.
#[derive(Clone, Copy)]
pub(crate) struct Peeked {
    /// Where it was seen: a `sockaddr_ll`.
    pub(crate) address: [u8; ADDRESS],
    /// For `PACKET_AUXDATA`.
    pub(crate) auxiliary: Option<libc::tpacket_auxdata>,
    /// For `SO_TIMESTAMPNS`.
    pub(crate) time: Option<libc::timespec>,
}

/// Looks at the next packet and leaves it where it is; nothing where there is none now.
pub(crate) fn peek(socket: BorrowedFd<'_>) -> io::Result<Option<Peeked>> {
    let mut address = [0; ADDRESS];
    let mut control = Control([0; 256]);
    // SAFETY: zeroes are a header without any address, any buffer and any control message.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = address.as_mut_ptr().cast();
    header.msg_namelen = ADDRESS as libc::socklen_t;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;
    // SAFETY: the addresses and lengths in the header are those of `address` and `control`, which outlive the call.
    let returned =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_PEEK | libc::MSG_DONTWAIT) };
    if returned < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
    }
    let mut peeked = Peeked { address, auxiliary: None, time: None };
    // SAFETY: the header is as the kernel left it, and what it points to is still there.
    let mut message = NonNull::new(unsafe { libc::CMSG_FIRSTHDR(&raw const header) });
    while let Some(found) = message {
        // SAFETY: this is one of the headers that the kernel wrote into `control`, aligned as that is.
        let about = unsafe { found.read() };
        match (about.cmsg_level, about.cmsg_type) {
            (libc::SOL_PACKET, libc::PACKET_AUXDATA) => peeked.auxiliary = content(found, &about),
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => peeked.time = content(found, &about),
            _ => {}
        }
        // SAFETY: as for the first one; this one is of the same header.
        message = NonNull::new(unsafe { libc::CMSG_NXTHDR(&raw const header, found.as_ptr()) });
    }
    Ok(Some(peeked))
}

/// The content of a control message that is as long as its header tells, where that is long enough.
fn content<T: Plain>(message: NonNull<libc::cmsghdr>, about: &libc::cmsghdr) -> Option<T> {
    // SAFETY: it computes a length and touches no memory.
    let needed = unsafe { libc::CMSG_LEN(size_of::<T>() as libc::c_uint) };
    if about.cmsg_len < needed as _ {
        return None;
    }
    // SAFETY: the message comes from `peek`, and has that many bytes behind its header.
    let content = unsafe { libc::CMSG_DATA(message.as_ptr()) }.cast::<T>();
    // SAFETY: as above, and `Plain` says that any pattern of bits will do.
    Some(unsafe { content.read_unaligned() })
}
