//! BSD and OpenBSD loopback: a 4-byte address family, in the capturing host's or in network byte order.

use super::{Cursor, Next, Step, be32, ethernet};
use crate::layers::{Proto, Stop};

/// The length of the header.
pub const LEN: usize = 4;
const AF_INET: u32 = 2;
/// Nobody agreed on a number for IPv6: NetBSD and OpenBSD, FreeBSD, macOS.
const AF_INET6: [u32; 3] = [24, 28, 30];

/// The address family at `at`, whichever byte order it was written in.
pub fn view(frame: &[u8], at: usize) -> Option<u32> {
    let family = be32(frame, at)?;
    // Families are small numbers, so one above 65535 was written the other way round.
    Some(if family > 0xFFFF { family.swap_bytes() } else { family })
}

pub(crate) fn decode(cursor: &mut Cursor<'_>, proto: Proto) -> Step {
    cursor.need(LEN)?;
    let family = view(cursor.frame, cursor.at).ok_or(Stop::BadLength)?;
    cursor.push(proto)?;
    cursor.at += LEN;
    match family {
        AF_INET => Ok(Next::EtherType(ethernet::IPV4)),
        _ if AF_INET6.contains(&family) => Ok(Next::EtherType(ethernet::IPV6)),
        _ => Err(Stop::Unsupported),
    }
}
