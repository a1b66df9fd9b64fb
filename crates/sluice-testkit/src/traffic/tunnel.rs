//! Packets in packets, with right lengths and checksums.

use std::net::{IpAddr, SocketAddr};

use sluice_wire::checksum;

use super::{ip, udp};

/// A way to carry a packet in an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// IP straight in IP.
    Ip,
    /// GRE with a key.
    Gre,
    /// GRE with a checksum over all that it carries.
    GreChecksum,
    /// An Ethernet frame in GRE.
    GreEthernet,
    /// An Ethernet frame in VXLAN, over UDP with a checksum.
    Vxlan,
    /// An Ethernet frame in VXLAN, over UDP without a checksum; with one in IPv6.
    VxlanNoSum,
    /// An Ethernet frame in Geneve with an option, over UDP with a checksum.
    Geneve,
    /// IP in GTP-U, over UDP with a checksum.
    GtpU,
    /// IP behind MPLS labels in GRE.
    Mpls,
}

impl Tunnel {
    /// All of them.
    pub const ALL: [Tunnel; 9] = [
        Tunnel::GreEthernet,
        Tunnel::Vxlan,
        Tunnel::VxlanNoSum,
        Tunnel::Geneve,
        Tunnel::Ip,
        Tunnel::Gre,
        Tunnel::GreChecksum,
        Tunnel::GtpU,
        Tunnel::Mpls,
    ];

    /// Whether it carries Ethernet frames.
    pub fn is_ethernet(self) -> bool {
        matches!(self, Self::GreEthernet | Self::Vxlan | Self::VxlanNoSum | Self::Geneve)
    }
}

/// An Ethernet frame in a tunnel between two addresses of one family, in an Ethernet frame of its own.
///
/// A tunnel that carries IP takes what follows the first 14 bytes of `frame`, which then must be an IP packet.
pub fn tunnel(kind: Tunnel, from: IpAddr, to: IpAddr, frame: &[u8]) -> Vec<u8> {
    let packet = frame.get(14..).unwrap_or_default();
    let ethertype = frame.get(12..14).unwrap_or_default();
    let is_v6 = ethertype == [0x86, 0xDD];
    let datagram = |port: u16, header: &[u8], content: &[u8]| {
        udp(SocketAddr::new(from, 49_152), SocketAddr::new(to, port), &[header, content].concat())
    };
    match kind {
        Tunnel::Ip => ip(from, to, if is_v6 { 41 } else { 4 }, packet),
        Tunnel::Gre => ip(from, to, 47, &[&[0x20, 0], ethertype, &[0, 0, 0, 7], packet].concat()),
        Tunnel::GreChecksum => {
            let mut gre = [&[0x80, 0], ethertype, &[0; 4], packet].concat();
            let sum = checksum::finish(checksum::sum(&gre));
            gre[4..6].copy_from_slice(&sum.to_be_bytes());
            ip(from, to, 47, &gre)
        }
        Tunnel::GreEthernet => ip(from, to, 47, &[&[0, 0, 0x65, 0x58], frame].concat()),
        Tunnel::Vxlan => datagram(4789, &[8, 0, 0, 0, 0, 0, 9, 0], frame),
        Tunnel::VxlanNoSum => {
            let mut outer = datagram(4789, &[8, 0, 0, 0, 0, 0, 9, 0], frame);
            if from.is_ipv4() {
                outer[40..42].fill(0);
            }
            outer
        }
        Tunnel::Geneve => datagram(6081, &[1, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 0], frame),
        Tunnel::GtpU => {
            let [a, b] = (packet.len() as u16).to_be_bytes();
            datagram(2152, &[0x30, 255, a, b, 0, 0, 0, 9], packet)
        }
        Tunnel::Mpls => ip(from, to, 47, &[&[0, 0, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64], packet].concat()),
    }
}
