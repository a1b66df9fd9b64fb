//! IP packets straight inside of IP packets: RFC 2003 (IPv4) and RFC 2473 (IPv6), and either in the other.

use super::{Cursor, Next, Step};

/// The IP protocol number of IPv4 in IP.
pub const IPV4: u8 = 4;
/// The IP protocol number of IPv6 in IP.
pub const IPV6: u8 = 41;

pub(crate) fn decode(cursor: &mut Cursor<'_>, ethertype: u16) -> Step {
    cursor.enter()?;
    Ok(Next::EtherType(ethertype))
}
