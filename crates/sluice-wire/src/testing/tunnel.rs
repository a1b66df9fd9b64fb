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
    Mpls,
    Erspan2,
    Erspan3,
    EtherIp,
    Geneve,
    GtpU,
    Teredo,
    L2tp,
}

pub(crate) const WRAPS: [Wrap; 14] = [
    Wrap::Ip,
    Wrap::Gre,
    Wrap::GreChecksum,
    Wrap::GreEthernet,
    Wrap::Vxlan,
    Wrap::VxlanGpe,
    Wrap::Mpls,
    Wrap::Erspan2,
    Wrap::Erspan3,
    Wrap::EtherIp,
    Wrap::Geneve,
    Wrap::GtpU,
    Wrap::Teredo,
    Wrap::L2tp,
];

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
    let is_v4 = packet[0] >> 4 == 4;
    match wrap {
        Wrap::Ip => (if is_v4 { 4 } else { 41 }, packet.to_vec()),
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
            (17, udp(4790, &[&[0x0C, 0, 0, if is_v4 { 1 } else { 2 }, 0, 0, 5, 0], packet].concat()))
        }
        Wrap::Mpls => (47, [&[0, 0, 0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x21, 64], packet].concat()),
        Wrap::Erspan2 => {
            let header = [0x10, 0, 0x88, 0xBE, 0, 0, 0, 1, 0x10, 5, 0xE0, 9, 0, 0, 0, 1];
            (47, [&header[..], &ethernet(packet)].concat())
        }
        Wrap::Erspan3 => {
            let header = [0x10, 0, 0x22, 0xEB, 0, 0, 0, 1, 0x20, 5, 0xE0, 9, 0, 0, 0, 1, 0, 0, 0, 1];
            (47, [&header[..], &[0; 8], &ethernet(packet)].concat())
        }
        Wrap::EtherIp => (97, [&[0x30, 0][..], &ethernet(packet)].concat()),
        Wrap::Geneve => {
            let header = [2, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 1, 7, 7, 7, 7];
            (17, udp(6081, &[&header[..], &ethernet(packet)].concat()))
        }
        Wrap::GtpU => {
            let [a, b] = (packet.len() as u16 + 8).to_be_bytes();
            let header = [0x34, 255, a, b, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0x10, 9, 0];
            (17, udp(2152, &[&header, packet].concat()))
        }
        Wrap::Teredo => {
            let indications =
                [&[0, 1, 2, 1, 8, 8, 9][..], &[0; 9], &[0, 0, 0xFE, 0xFF, 0xF5, 0xFF, 0xFF, 0xFE]].concat();
            (17, udp(3544, &[&indications, packet].concat()))
        }
        Wrap::L2tp => {
            let [a, b] = (packet.len() as u16 + 12).to_be_bytes();
            let protocol = if is_v4 { 0x21 } else { 0x57 };
            (17, udp(1701, &[&[0x40, 2, a, b, 0, 1, 0, 2, 0xFF, 3, 0, protocol], packet].concat()))
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
    (spec(), tunnels).prop_map(|(inner, mut tunnels)| {
        // Teredo is for IPv6.
        let mut is_v4 = inner.source.is_ipv4();
        for (kind, outer_is_v4) in tunnels.iter_mut().rev() {
            if *kind == Wrap::Teredo && is_v4 {
                *kind = Wrap::Ip;
            }
            is_v4 = *outer_is_v4;
        }
        Nested { inner, tunnels }
    })
}
