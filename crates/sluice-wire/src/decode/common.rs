//! The most common frames, recognised in one go: TCP and UDP over IPv4 without options or over IPv6 without extension
//! headers, over Ethernet without tags.
//!
//! Everything else, and everything odd about such a frame, is left to the general decoders, with which this must agree.
//! Those over IPv4 are by far the most common and end in one value: the compiler then writes it to where it belongs
//! instead of moving it there in pieces.

use super::{array, clamp, ethernet, ipv4, ipv6, tcp, tunnel, udp};
use crate::flow;
use crate::layers::{Layers, MAX_HEADERS, Proto};

const IP: usize = ethernet::LEN;
const UPPER_4: usize = IP + ipv4::LEN;
const UPPER_6: usize = IP + ipv6::LEN;
const VERSION_AND_LENGTH: u8 = 0x45;

const fn protos(transport: Proto) -> [Proto; MAX_HEADERS] {
    let mut protos = [Proto::Ethernet; MAX_HEADERS];
    protos[1] = Proto::Ipv4;
    protos[2] = transport;
    protos
}

const OFFSETS: [u16; MAX_HEADERS] = {
    let mut offsets = [0; MAX_HEADERS];
    offsets[1] = IP as u16;
    offsets[2] = UPPER_4 as u16;
    offsets
};

/// What all that is said about a frame with TCP or UDP over IPv4 follows from.
struct Found {
    source: (u32, u16),
    destination: (u32, u16),
    protocol: u8,
    end: usize,
    payload: usize,
}

impl Found {
    #[inline(always)]
    fn v4(frame: &[u8]) -> Option<Self> {
        let head: &[u8; UPPER_4 + udp::LEN] = frame.first_chunk()?;
        let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let fragment = half(IP + 6) & (ipv4::MORE_FRAGMENTS | ipv4::FRAGMENT_OFFSET);
        if half(12) != ethernet::IPV4 || head[IP] != VERSION_AND_LENGTH || fragment != 0 {
            return None;
        }
        let (protocol, end) = (head[IP + 9], IP + usize::from(half(IP + 2)));
        let ports = (half(UPPER_4), half(UPPER_4 + 2));
        let payload = match protocol {
            tcp::NUMBER => after_tcp(frame, UPPER_4, end)?,
            udp::NUMBER => after_udp(frame, UPPER_4, end, ports)?,
            _ => return None,
        };
        let (source, destination) = ((word(IP + 12), ports.0), (word(IP + 16), ports.1));
        Some(Self { source, destination, protocol, end, payload })
    }
}

/// The layers of a frame with TCP or UDP over IPv4, if it is one.
#[inline(always)]
pub(super) fn v4(frame: &[u8]) -> Option<Layers> {
    let Found { source, destination, protocol, end, payload } = Found::v4(frame)?;
    Some(Layers {
        flow_hash: flow::hash_v4(source, destination, protocol, 0),
        l3_end: clamp(end),
        end: clamp(end),
        payload: clamp(payload),
        offsets: OFFSETS,
        ethertype: ethernet::IPV4,
        protos: if protocol == tcp::NUMBER { protos(Proto::Tcp) } else { protos(Proto::Udp) },
        count: 3,
        network: 1,
        transport: 2,
        protocol,
        ..Layers::default()
    })
}

/// The flow of a frame with TCP or UDP over IPv4, if it is one.
#[inline(always)]
pub(crate) fn flow4(frame: &[u8]) -> Option<flow::Compact> {
    let Found { source, destination, protocol, .. } = Found::v4(frame)?;
    Some(flow::Compact::new(source, destination, protocol))
}

/// Writes the layers of a frame with TCP or UDP over IPv6, if it is one.
#[inline(always)]
pub(super) fn v6(frame: &[u8], layers: &mut Layers) -> Option<()> {
    let head: &[u8; UPPER_6 + udp::LEN] = frame.first_chunk()?;
    let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (length, protocol) = (usize::from(half(IP + 4)), head[IP + 6]);
    if half(12) != ethernet::IPV6 || head[IP] >> 4 != 6 || length == 0 {
        return None;
    }
    let end = UPPER_6 + length;
    let ports = (half(UPPER_6), half(UPPER_6 + 2));
    let (proto, payload) = match protocol {
        tcp::NUMBER => (Proto::Tcp, after_tcp(frame, UPPER_6, end)?),
        udp::NUMBER => (Proto::Udp, after_udp(frame, UPPER_6, end, ports)?),
        _ => return None,
    };
    let address = |at| array(head, at).map(|bytes| u128::from_be_bytes(*bytes));
    let hash = flow::hash_v6((address(IP + 8)?, ports.0), (address(IP + 24)?, ports.1), protocol, 0);
    (layers.protos[1], layers.protos[2]) = (Proto::Ipv6, proto);
    (layers.offsets[1], layers.offsets[2]) = (IP as u16, UPPER_6 as u16);
    (layers.count, layers.network, layers.transport) = (3, 1, 2);
    (layers.l3_end, layers.end, layers.payload) = (clamp(end), clamp(end), clamp(payload));
    (layers.ethertype, layers.protocol, layers.flow_hash) = (ethernet::IPV6, protocol, hash);
    Some(())
}

/// Where the payload of the TCP header at `at` begins, if nothing about it is odd.
#[inline(always)]
fn after_tcp(frame: &[u8], at: usize, end: usize) -> Option<usize> {
    let header = usize::from(*frame.get(at + 12)? >> 4) * 4;
    (header >= tcp::LEN && at + header <= end && end <= frame.len()).then_some(at + header)
}

/// Where the payload of the UDP header at `at` begins, if nothing about it is odd and it may not be a tunnel.
#[inline(always)]
fn after_udp(frame: &[u8], at: usize, end: usize, (source, destination): (u16, u16)) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes(*array(frame, at + 4)?));
    let is_even = length >= udp::LEN && at + length <= end && end <= frame.len();
    (is_even && tunnel::of_ports(source, destination).is_none()).then_some(at + udp::LEN)
}
