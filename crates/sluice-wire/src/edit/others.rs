//! Protocols that are not decoded, but whose checksum covers the addresses of the IP header.

use crate::decode::array;
use crate::layers::{Layers, Proto, Stop};

const DCCP: u8 = 33;
const OSPF: u8 = 89;
const PIM: u8 = 103;
const VRRP: u8 = 112;

/// The offset of the checksum of what the IP packet carries, if that is such a protocol.
pub(super) fn checksum(frame: &[u8], layers: &Layers) -> Option<usize> {
    if layers.stop() != Stop::Unsupported || layers.own().count() != layers.headers().count() {
        return None;
    }
    let is_v6 = layers.network()?.0 == Proto::Ipv6;
    let at = layers.payload();
    let offset = match layers.ip_protocol()? {
        DCCP => 6,
        // Over IPv4 the checksums of OSPF and PIM are about the message alone.
        OSPF if is_v6 => 12,
        PIM if is_v6 => 2,
        VRRP => {
            let [first] = *array(frame, at)?;
            // So is that of version 2.
            (first >> 4 == 3).then_some(6)?
        }
        _ => return None,
    };
    Some(at + offset)
}
