//! Packets inside of packets.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Spec, ipv4, ipv6, slow_checksum, spec};

/// A way to carry an IP packet in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrap {
    Ip,
    Gre,
    GreChecksum,
    GreEthernet,
    Vxlan,
    VxlanGpe,
}

pub(crate) const WRAPS: [Wrap; 6] =
    [Wrap::Ip, Wrap::Gre, Wrap::GreChecksum, Wrap::GreEthernet, Wrap::Vxlan, Wrap::VxlanGpe];

pub(crate) fn ethertype(packet: &[u8]) -> u16 {
    if packet[0] >> 4 == 4 { 0x0800 } else { 0x86DD }
}

/// An Ethernet frame with this packet.
pub(crate) fn ethernet(packet: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 3][..], &ethertype(packet).to_be_bytes(), packet].concat()
}

/// What an IP header carries, and its protocol number.
fn payload(wrap: Wrap, packet: &[u8]) -> (u8, Vec<u8>) {
    let [high, low] = ethertype(packet).to_be_bytes();
    match wrap {
        Wrap::Ip => (if packet[0] >> 4 == 4 { 4 } else { 41 }, packet.to_vec()),
        Wrap::Gre => (47, [&[0x30, 0, high, low, 0, 0, 0, 1, 0, 0, 0, 2], packet].concat()),
        Wrap::GreChecksum => {
            let mut gre = [&[0x80, 0, high, low, 0, 0, 0, 0], packet].concat();
            let sum = slow_checksum(&gre);
            gre[4..6].copy_from_slice(&sum.to_be_bytes());
            (47, gre)
        }
        Wrap::GreEthernet => (47, [&[0x20, 0, 0x65, 0x58, 0, 0, 7, 1][..], &ethernet(packet)].concat()),
        Wrap::Vxlan => (17, udp(4789, &[&[8, 0, 0, 0, 0, 0, 5, 0][..], &ethernet(packet)].concat())),
        Wrap::VxlanGpe => {
            (17, udp(4790, &[&[0x0C, 0, 0, if high == 8 { 1 } else { 2 }, 0, 0, 5, 0], packet].concat()))
        }
    }
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() + 8) as u16;
    [&[0xC0, 0][..], &port.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

/// An IP packet that carries another one.
pub(crate) fn wrap(wrap: Wrap, is_v4: bool, packet: &[u8]) -> Vec<u8> {
    let (protocol, payload) = payload(wrap, packet);
    if is_v4 {
        ipv4([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), protocol, &[], 0, &payload)
    } else {
        ipv6(0x2001_0DB8_u128.into(), 2.into(), protocol, &payload)
    }
}

/// An IP packet in tunnels, the outermost first.
#[derive(Debug, Clone)]
pub(crate) struct Nested {
    pub inner: Spec,
    pub tunnels: Vec<(Wrap, bool)>,
}

impl Nested {
    /// The packets from the outermost to the innermost.
    pub fn packets(&self) -> Vec<Vec<u8>> {
        let mut packets = vec![self.inner.ip()];
        for (kind, is_v4) in self.tunnels.iter().rev() {
            let outer = wrap(*kind, *is_v4, packets.last().unwrap());
            packets.push(outer);
        }
        packets.reverse();
        packets
    }

    pub fn frame(&self) -> Vec<u8> {
        ethernet(&self.packets()[0])
    }
}

/// A packet in up to `depth` tunnels.
pub(crate) fn nested(depth: usize) -> impl Strategy<Value = Nested> {
    let tunnels = vec((prop::sample::select(&WRAPS), any::<bool>()), 0..=depth);
    (spec(), tunnels).prop_map(|(inner, tunnels)| Nested { inner, tunnels })
}
