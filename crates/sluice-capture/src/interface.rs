//! Network interfaces, as the kernel tells of them in the network namespace of the calling thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use sluice_wire::link::LinkType;

use crate::sys;

/// `ARPHRD_RAWIP` of if_arp.h, which the libc crate does not have.
const RAW_IP: u16 = 519;

/// What one needs to know to capture on an interface or to send through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number in its network namespace.
    pub index: u32,
    /// `IFF_*` of netdevice(7).
    pub flags: u32,
    /// What kind of device it is: `ARPHRD_*` of if_arp.h.
    pub hardware: u16,
    /// The longest packet that it sends, without the header of its link, in bytes.
    pub mtu: u32,
    /// Its hardware address, where that has six bytes.
    pub address: Option<[u8; 6]>,
}

impl Interface {
    /// The interface of this name.
    pub fn named(name: &str) -> io::Result<Self> {
        let socket = any_socket()?;
        let ask = |what| request(socket.as_fd(), name, what);
        let index = ask(libc::SIOCGIFINDEX)?;
        let (flags, hardware, mtu) =
            (ask(libc::SIOCGIFFLAGS)?, ask(libc::SIOCGIFHWADDR)?, ask(libc::SIOCGIFMTU)?);
        let (kind, address) = hardware.address();
        Ok(Self {
            name: name.to_owned(),
            index: index.number() as u32,
            flags: u32::from(flags.flags()),
            hardware: kind,
            mtu: mtu.number() as u32,
            address: (kind == libc::ARPHRD_ETHER).then_some(address),
        })
    }

    /// All interfaces, in the order of their numbers.
    pub fn all() -> Vec<Self> {
        let mut names: Vec<_> =
            pnet_datalink::interfaces().into_iter().map(|one| (one.index, one.name)).collect();
        names.sort();
        names.dedup();
        // One that went meanwhile is none.
        names.into_iter().filter_map(|(_, name)| Self::named(&name).ok()).collect()
    }

    /// What its frames begin with; nothing where the kernel's own header is not one of a capture file, so that packets are
    /// captured without it.
    pub fn link(&self) -> Option<LinkType> {
        match self.hardware {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Some(LinkType::ETHERNET),
            libc::ARPHRD_NONE | RAW_IP | libc::ARPHRD_TUNNEL | libc::ARPHRD_TUNNEL6 | libc::ARPHRD_SIT => {
                Some(LinkType::RAW)
            }
            _ => None,
        }
    }

    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        self.flags & libc::IFF_UP as u32 != 0
    }

    /// Whether it is up and has a carrier.
    pub fn is_running(&self) -> bool {
        self.flags & libc::IFF_RUNNING as u32 != 0
    }

    /// Whether it is the loopback interface, where each packet is seen on its way out and on its way in.
    pub fn is_loopback(&self) -> bool {
        self.flags & libc::IFF_LOOPBACK as u32 != 0
    }
}

/// A socket to ask the kernel through; takes no rights.
pub(crate) fn any_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

/// What a request of netdevice(7) gives for this interface.
fn request(socket: BorrowedFd<'_>, name: &str, what: libc::c_ulong) -> io::Result<sys::Answer> {
    let name = name.as_bytes();
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains(&0) {
        return Err(io::ErrorKind::NotFound.into());
    }
    sys::ask_interface(socket, name, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_an_interface() {
        let found = Interface::all().into_iter().find(Interface::is_loopback);
        let found = found.expect("a loopback interface");
        assert_eq!(Interface::named(&found.name).expect("it is there"), found);
        assert_eq!((found.link(), found.address), (Some(LinkType::ETHERNET), None));
    }

    #[test]
    fn a_name_that_cannot_be_one_is_of_no_interface() {
        for name in ["", "no such one", "a name longer than any interface has", "lo\0"] {
            assert!(Interface::named(name).is_err(), "{name}");
        }
    }
}
