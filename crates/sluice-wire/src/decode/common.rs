//! The most common frames by far, recognised in one go: TCP and UDP over IPv4 without options or over IPv6 without
//! extension headers, over Ethernet without tags.
//!
//! Everything else, and everything odd about such a frame, is left to the general decoders, with which this must agree.

use super::{array, clamp, ethernet, ipv4, ipv6, tcp, tunnel, udp};
use crate::flow;
use crate::layers::{Layers, MAX_HEADERS, Proto};

const IP: usize = ethernet::LEN;
const VERSION_AND_LENGTH: u8 = 0x45;

const fn protos(network: Proto, transport: Proto) -> [Proto; MAX_HEADERS] {
    let mut protos = [Proto::Ethernet; MAX_HEADERS];
    protos[1] = network;
    protos[2] = transport;
    protos
}

const fn offsets(transport: usize) -> [u16; MAX_HEADERS] {
    let mut offsets = [0; MAX_HEADERS];
    offsets[1] = IP as u16;
    offsets[2] = transport as u16;
    offsets
}

/// The layers of such a frame, if it is one.
#[inline(always)]
pub(super) fn decode(frame: &[u8]) -> Option<Layers> {
    let head: &[u8; IP + ipv4::LEN + udp::LEN] = frame.first_chunk()?;
    if head[12..14] == ethernet::IPV4.to_be_bytes() {
        v4(head, frame)
    } else if head[12..14] == ethernet::IPV6.to_be_bytes() {
        v6(frame)
    } else {
        None
    }
}

#[inline(always)]
fn v4(head: &[u8; IP + ipv4::LEN + udp::LEN], frame: &[u8]) -> Option<Layers> {
    const UPPER: usize = IP + ipv4::LEN;
    let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let fragment = half(IP + 6) & (ipv4::MORE_FRAGMENTS | ipv4::FRAGMENT_OFFSET);
    if head[IP] != VERSION_AND_LENGTH || fragment != 0 {
        return None;
    }
    let end = IP + usize::from(half(IP + 2));
    let protocol = head[IP + 9];
    let ports = (half(UPPER), half(UPPER + 2));
    let (proto, payload) = upper(frame, UPPER, end, protocol, ports)?;
    let flow_hash = flow::hash_v4((word(IP + 12), ports.0), (word(IP + 16), ports.1), protocol, 0);
    let protos = if proto == Proto::Tcp {
        const { protos(Proto::Ipv4, Proto::Tcp) }
    } else {
        const { protos(Proto::Ipv4, Proto::Udp) }
    };
    Some(layers(flow_hash, end, payload, const { offsets(UPPER) }, ethernet::IPV4, protos, protocol))
}

#[inline(never)]
fn v6(frame: &[u8]) -> Option<Layers> {
    const UPPER: usize = IP + ipv6::LEN;
    let head: &[u8; UPPER + udp::LEN] = frame.first_chunk()?;
    let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let length = usize::from(half(IP + 4));
    if head[IP] >> 4 != 6 || length == 0 {
        return None;
    }
    let end = UPPER + length;
    let protocol = head[IP + 6];
    let ports = (half(UPPER), half(UPPER + 2));
    let (proto, payload) = upper(frame, UPPER, end, protocol, ports)?;
    let address = |at| array(head, at).map(|bytes| u128::from_be_bytes(*bytes));
    let flow_hash = flow::hash_v6((address(IP + 8)?, ports.0), (address(IP + 24)?, ports.1), protocol, 0);
    let protos = protos(Proto::Ipv6, proto);
    Some(layers(flow_hash, end, payload, const { offsets(UPPER) }, ethernet::IPV6, protos, protocol))
}

/// What the transport header at `at` is and where its payload begins, if nothing about it is odd.
#[inline(always)]
fn upper(
    frame: &[u8],
    at: usize,
    end: usize,
    protocol: u8,
    (source, destination): (u16, u16),
) -> Option<(Proto, usize)> {
    if end > frame.len() {
        return None;
    }
    if protocol == tcp::NUMBER {
        let header = usize::from(frame.get(at + 12)? >> 4) * 4;
        (header >= tcp::LEN && at + header <= end).then_some((Proto::Tcp, at + header))
    } else if protocol == udp::NUMBER {
        let length = usize::from(u16::from_be_bytes(*array(frame, at + 4)?));
        let is_odd =
            length < udp::LEN || at + length > end || tunnel::of_ports(source, destination).is_some();
        (!is_odd).then_some((Proto::Udp, at + udp::LEN))
    } else {
        None
    }
}

#[inline(always)]
fn layers(
    flow_hash: u64,
    end: usize,
    payload: usize,
    offsets: [u16; MAX_HEADERS],
    ethertype: u16,
    protos: [Proto; MAX_HEADERS],
    protocol: u8,
) -> Layers {
    Layers {
        flow_hash,
        l3_end: clamp(end),
        end: clamp(end),
        payload: clamp(payload),
        offsets,
        ethertype,
        protos,
        count: 3,
        network: 1,
        transport: 2,
        protocol,
        ..Layers::default()
    }
}
