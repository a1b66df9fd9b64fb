//! What a packet alone tells about who sent it.

use sluice_core::{Layers, PortRange};
use sluice_wire::flow::Endpoint;
use sluice_wire::layers::Proto;

use super::Side;

/// The side of the sender, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evidence {
    pub side: Side,
    /// Whether the protocol itself says so.
    pub is_sure: bool,
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// What a packet from `sender` to `receiver` tells.
pub(super) fn of(
    data: &[u8],
    layers: &Layers,
    (sender, receiver): (Endpoint, Endpoint),
    server_ports: &[PortRange],
) -> Option<Evidence> {
    let sure = |side| Some(Evidence { side, is_sure: true });
    let byte = |at: usize| data.get(at).copied();
    match layers.transport() {
        Some((Proto::Tcp, at)) => match byte(at + 13).map(|flags| flags & (SYN | ACK)) {
            Some(SYN) => return sure(Side::Client),
            Some(flags) if flags == SYN | ACK => return sure(Side::Server),
            _ => {}
        },
        // Echo, time stamp, information and address mask: the even one is the answer or the question.
        Some((Proto::Icmpv4, at)) => match byte(at) {
            Some(8 | 13 | 15 | 17) => return sure(Side::Client),
            Some(0 | 14 | 16 | 18) => return sure(Side::Server),
            _ => {}
        },
        Some((Proto::Icmpv6, at)) => match byte(at) {
            Some(128) => return sure(Side::Client),
            Some(129) => return sure(Side::Server),
            _ => {}
        },
        _ => {}
    }
    by_ports(sender.port, receiver.port, server_ports).map(|side| Evidence { side, is_sure: false })
}

/// The side of the sender by ports alone.
pub(super) fn by_ports(sender: u16, receiver: u16, server_ports: &[PortRange]) -> Option<Side> {
    let is_server = |port: u16| server_ports.iter().any(|range| range.contains(port));
    match (is_server(sender), is_server(receiver)) {
        (true, false) => Some(Side::Server),
        (false, true) => Some(Side::Client),
        (true, true) if sender < receiver => Some(Side::Server),
        (true, true) if receiver < sender => Some(Side::Client),
        _ => None,
    }
}
