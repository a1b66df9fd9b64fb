//! What the kernel tells of a device over generic netlink, in the family `netdev` of Linux 6.3 and later.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// The family that knows the numbers of the others.
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

const GET_DEVICE: u8 = 1;
const DEVICE_INDEX: u16 = 1;
const DEVICE_XDP: u16 = 3;

/// The type of a message that holds an error in place of an answer.
const ERROR: u16 = 2;
/// The flag of every question.
const REQUEST: u16 = 1;
/// Before the attributes of a message: the header of netlink, and that of a generic family.
const HEADER: usize = 16 + 4;

/// `NETDEV_XDP_ACT_*`: what the driver of this interface can do with XDP programs. An error where the kernel does not tell.
pub(crate) fn xdp_features(index: u32) -> io::Result<u64> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::GENERIC))?;
    let family = ask(&socket, CONTROL, GET_FAMILY, (FAMILY_NAME, b"netdev\0"), FAMILY_ID)?;
    let family =
        family.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes)).ok_or(io::ErrorKind::InvalidData)?;
    let told = ask(&socket, family, GET_DEVICE, (DEVICE_INDEX, &index.to_ne_bytes()), DEVICE_XDP)?;
    told.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes)).ok_or(io::ErrorKind::InvalidData.into())
}

/// The attribute `wanted` of the answer to a question that has one attribute.
fn ask(
    socket: &OwnedFd,
    family: u16,
    command: u8,
    (kind, value): (u16, &[u8]),
    wanted: u16,
) -> io::Result<Vec<u8>> {
    let mut question = vec![0; HEADER];
    let length = (4 + value.len()) as u16;
    question.extend([length.to_ne_bytes(), kind.to_ne_bytes()].concat());
    question.extend(value);
    question.resize(question.len().next_multiple_of(4), 0);
    let length = (question.len() as u32).to_ne_bytes();
    let header =
        [&length[..], &family.to_ne_bytes(), &REQUEST.to_ne_bytes(), &[0; 8], &[command, 1]].concat();
    question.splice(..header.len(), header);
    send(socket, &question, SendFlags::empty())?;
    let mut answer = [0; 8192];
    // It is there as soon as the question was sent.
    let (_, length) = recv(socket, &mut answer, RecvFlags::DONTWAIT)?;
    let answer = answer.get(..length).unwrap_or_default();
    attribute(answer, wanted).map(<[u8]>::to_vec).ok_or(io::ErrorKind::Unsupported.into())
}

/// The value of an attribute of a message.
fn attribute(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let u16_at =
        |bytes: &[u8], at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes));
    if u16_at(message, 4)? == ERROR {
        return None;
    }
    let mut rest = message.get(HEADER..)?;
    loop {
        let length = usize::from(u16_at(rest, 0)?);
        let value = rest.get(4..length)?;
        if u16_at(rest, 2)? == wanted {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_and_what_is_cut_off_is_not() {
        let one = |kind: u16, value: &[u8]| {
            let mut one = [(4 + value.len() as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
            one.extend(value);
            one.resize(one.len().next_multiple_of(4), 0);
            one
        };
        let message = [vec![0; HEADER], one(1, b"odd"), one(7, b"wanted")].concat();
        assert_eq!(attribute(&message, 7), Some(&b"wanted"[..]));
        assert_eq!(attribute(&message, 8), None);
        for end in 0..HEADER + 8 + 10 {
            assert_eq!(attribute(&message[..end], 7), None, "{end}");
        }
    }

    #[test]
    fn no_interface_has_the_number_0() {
        assert!(xdp_features(0).is_err());
    }
}
