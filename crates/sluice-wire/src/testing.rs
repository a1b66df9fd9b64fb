//! Packets for tests: built byte by byte with a checksum computed the slow and obvious way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::edit::{self, Editor};
use crate::layers::Layers;
use crate::link::LinkType;
use crate::verify::{self, Offload};
use crate::{flow, render};

pub(crate) mod tunnel;

/// The one's-complement checksum, one word at a time.
pub(crate) fn slow_checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Udp,
    UdpNoSum,
    UdpLite,
    Sctp,
    Echo,
    Error,
    Neighbor,
}

/// A packet to be built.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub kind: Kind,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ports: (u16, u16),
    pub vlans: Vec<u16>,
    /// IPv4: NOPs in units of four bytes. IPv6: hop-by-hop headers.
    pub options: u8,
    /// IPv6: the final destination, behind a routing header with one segment left.
    pub route: Option<Ipv6Addr>,
    pub payload: Vec<u8>,
    pub padding: usize,
}

impl Spec {
    pub fn new(kind: Kind, source: &str, destination: &str) -> Self {
        Self {
            kind,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            ports: (1024, 80),
            vlans: vec![],
            options: 0,
            route: None,
            payload: b"payload".to_vec(),
            padding: 0,
        }
    }

    pub fn frame(&self) -> Vec<u8> {
        let ip = self.ip();
        let mut types: Vec<u16> = self.vlans.iter().map(|_| 0x8100).collect();
        types.push(if self.source.is_ipv4() { 0x0800 } else { 0x86DD });
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        frame.extend(types[0].to_be_bytes());
        for (id, next) in self.vlans.iter().zip(&types[1..]) {
            frame.extend((id & 0xFFF).to_be_bytes());
            frame.extend(next.to_be_bytes());
        }
        frame.extend(ip);
        frame.extend(vec![0xA5; self.padding]);
        frame
    }

    pub fn ip(&self) -> Vec<u8> {
        let upper = self.upper();
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => ipv4(
                source,
                destination,
                self.protocol(),
                &vec![1; usize::from(self.options % 11) * 4],
                0,
                &upper,
            ),
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut next = self.protocol();
                let mut payload = upper;
                if let Some(last) = self.route {
                    let mut header = vec![next, 2, 0, 1, 0, 0, 0, 0];
                    header.extend(last.octets());
                    payload = [header, payload].concat();
                    next = 43;
                }
                for _ in 0..self.options % 3 {
                    payload = [vec![next, 0, 1, 4, 0, 0, 0, 0], payload].concat();
                    next = 0;
                }
                ipv6(source, destination, next, &payload)
            }
            _ => unreachable!("one family"),
        }
    }

    fn protocol(&self) -> u8 {
        match self.kind {
            Kind::Tcp => 6,
            Kind::Udp | Kind::UdpNoSum => 17,
            Kind::UdpLite => 136,
            Kind::Sctp => 132,
            _ if self.source.is_ipv4() => 1,
            _ => 58,
        }
    }

    /// The packet that an ICMP error to this one's destination quotes.
    pub fn reverse(&self, kind: Kind) -> Self {
        let (source, destination) = (self.destination, self.source);
        let ports = (self.ports.1, self.ports.0);
        Self { kind, source, destination, ports, vlans: vec![], route: None, padding: 0, ..self.clone() }
    }

    fn upper(&self) -> Vec<u8> {
        let (a, b) = (self.ports.0.to_be_bytes(), self.ports.1.to_be_bytes());
        let ports = [a[0], a[1], b[0], b[1]];
        let length = (self.payload.len() as u16 + 8).to_be_bytes();
        let is_v4 = self.source.is_ipv4();
        let (mut header, field) = match self.kind {
            Kind::Tcp => {
                ([&ports[..], &[0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]].concat(), 16)
            }
            Kind::Udp | Kind::UdpNoSum => ([&ports[..], &length, &[0, 0]].concat(), 6),
            Kind::UdpLite => ([&ports[..], &[0, 8, 0, 0]].concat(), 6),
            Kind::Sctp => ([&ports[..], &[1, 2, 3, 4, 0, 0, 0, 0]].concat(), 8),
            Kind::Echo => (vec![if is_v4 { 8 } else { 128 }, 0, 0, 0, a[0], a[1], 0, 1], 2),
            Kind::Error => (vec![if is_v4 { 3 } else { 1 }, 1, 0, 0, 0, 0, 0, 0], 2),
            Kind::Neighbor if is_v4 => (vec![8, 0, 0, 0, 0, 0, 0, 1], 2),
            Kind::Neighbor => ([&[135, 0, 0, 0, 0, 0, 0, 0][..], &octets(self.destination)].concat(), 2),
        };
        if self.kind == Kind::Error {
            let mut quoted = self.reverse(Kind::Udp).ip();
            // Routers quote only a part, but the headers should be whole here.
            quoted.truncate(quoted.len() - self.payload.len().min(4));
            header.extend(quoted);
        } else {
            header.extend(&self.payload);
        }
        if self.kind == Kind::Sctp {
            let crc = crate::checksum::crc32c(&[&header]);
            header[8..12].copy_from_slice(&crc.to_le_bytes());
        } else if self.kind != Kind::UdpNoSum || !is_v4 {
            let mut covered = header.clone();
            if self.kind == Kind::UdpLite {
                covered.truncate(8);
            }
            if !(is_v4 && self.protocol() == 1) {
                let mut pseudo = octets(self.source);
                pseudo.extend(self.route.map_or(octets(self.destination), |last| octets(last.into())));
                pseudo.extend((header.len() as u32).to_be_bytes());
                pseudo.extend([0, self.protocol()]);
                covered = [pseudo, covered].concat();
            }
            let mut sum = slow_checksum(&covered);
            if sum == 0 && matches!(self.protocol(), 17 | 136) {
                sum = 0xFFFF;
            }
            header[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        }
        header
    }
}

pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// An IPv4 packet; `fragment` is the word of flags and offset.
pub(crate) fn ipv4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    options: &[u8],
    fragment: u16,
    payload: &[u8],
) -> Vec<u8> {
    let length = 20 + options.len();
    let mut ip = vec![0x40 | (length / 4) as u8, 0];
    ip.extend(((length + payload.len()) as u16).to_be_bytes());
    ip.extend([0x12, 0x34]);
    ip.extend(fragment.to_be_bytes());
    ip.extend([64, protocol, 0, 0]);
    ip.extend(source.octets());
    ip.extend(destination.octets());
    ip.extend(options);
    let sum = slow_checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip.extend(payload);
    ip
}

pub(crate) fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x60, 0, 0, 0];
    ip.extend((payload.len() as u16).to_be_bytes());
    ip.extend([next, 64]);
    ip.extend(source.octets());
    ip.extend(destination.octets());
    ip.extend(payload);
    ip
}

/// Layers of an Ethernet frame captured whole.
pub(crate) fn decode(frame: &[u8]) -> Layers {
    Layers::decode(LinkType::ETHERNET, frame, frame.len() as u32)
}

const KINDS: [Kind; 8] = [
    Kind::Tcp,
    Kind::Udp,
    Kind::UdpNoSum,
    Kind::UdpLite,
    Kind::Sctp,
    Kind::Echo,
    Kind::Error,
    Kind::Neighbor,
];

/// Any packet that can be built.
pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    spec_of(&KINDS)
}

prop_compose! {
    /// Any packet of the given kinds.
    pub(crate) fn spec_of(kinds: &'static [Kind])(
        is_v4: bool,
        kind in prop::sample::select(kinds),
        ends: (u128, u128),
        ports: (u16, u16),
        vlans in vec(0u16..4096, 0..4),
        options: u8,
        route in prop::option::of(any::<u128>()),
        payload in vec(any::<u8>(), 0..80),
        padding in 0usize..20,
    ) -> Spec {
        // An incremental update cannot restore a sum of nothing but zeros, which no real packet has.
        let kind = if kind == Kind::UdpNoSum && !is_v4 { Kind::Udp } else { kind };
        let address = |bits: u128| -> IpAddr {
            if is_v4 { Ipv4Addr::from(bits as u32).into() } else { Ipv6Addr::from(bits).into() }
        };
        Spec {
            kind, source: address(ends.0), destination: address(ends.1), ports, vlans, options,
            route: route.filter(|_| !is_v4).map(Ipv6Addr::from), payload, padding,
        }
    }
}

/// Runs every function of the crate over a frame, with layers that need not be its own.
pub(crate) fn exercise(frame: &[u8], layers: &Layers, wire_len: u32) {
    let _ = verify::check(frame, layers, wire_len, Offload::None);
    let _ = (layers.addresses(frame), layers.ports(frame), layers.payload_bytes(frame).len());
    let _ = layers.vlan_ids(frame).count();
    let _ = (flow::Key::of(frame, layers), flow::quoted(frame, layers));
    let mut out = Vec::new();
    render::line(&mut out, 0, frame, layers, wire_len, Default::default());
    let packet =
        render::Packet { time: 0, ordinal: 0, interface: 0, frame, layers, wire_len, offload: Offload::None };
    render::json(&mut out, &packet);
    render::tree(&mut out, &packet);
    let _ = (layers.inner(frame), layers.carried(frame));
    let mut copy = frame.to_vec();
    let turn = |address| match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(!u32::from(address))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(!u128::from(address))),
    };
    edit::map_addresses(&mut copy, layers, &mut |address, _| Some(turn(address)));
    edit::map_ports(&mut copy, layers, &mut |port, _| Some(!port));
    let mut editor = Editor::new(&mut copy, layers);
    editor.set_source(IpAddr::V4(Ipv4Addr::LOCALHOST));
    editor.set_destination(IpAddr::V6(Ipv6Addr::LOCALHOST));
    editor.set_ports(Some(1), Some(2));
    editor.set_ttl(7);
    editor.set_mac_source(Default::default());
    assert_eq!(copy.len(), frame.len());
    layers.clone().rehash(&copy);
}
