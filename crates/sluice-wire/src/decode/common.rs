//! The most common frame by far, recognised in one go: TCP over IPv4 without options, over Ethernet without tags.
//!
//! Everything else, and everything odd about such a frame, is left to the general decoders, with which this must agree.

use super::{clamp, ethernet, ipv4, tcp};
use crate::flow;
use crate::layers::{Layers, MAX_HEADERS, Proto};

const IP: usize = ethernet::LEN;
const TCP: usize = IP + ipv4::LEN;
const VERSION_AND_LENGTH: u8 = 0x45;

const PROTOS: [Proto; MAX_HEADERS] = {
    let mut protos = [Proto::Ethernet; MAX_HEADERS];
    protos[1] = Proto::Ipv4;
    protos[2] = Proto::Tcp;
    protos
};

const OFFSETS: [u16; MAX_HEADERS] = {
    let mut offsets = [0; MAX_HEADERS];
    offsets[1] = IP as u16;
    offsets[2] = TCP as u16;
    offsets
};

/// The layers of such a frame, if it is one.
#[inline(always)]
pub(super) fn decode(frame: &[u8]) -> Option<Layers> {
    let head: &[u8; TCP + tcp::LEN] = frame.first_chunk()?;
    let ip = ipv4::view(head, IP)?;
    let is_ip = head[12..14] == ethernet::IPV4.to_be_bytes() && head[IP] == VERSION_AND_LENGTH;
    let fragment =
        u16::from_be_bytes([head[IP + 6], head[IP + 7]]) & (ipv4::MORE_FRAGMENTS | ipv4::FRAGMENT_OFFSET);
    if !is_ip || fragment != 0 || head[IP + 9] != tcp::NUMBER {
        return None;
    }
    let end = IP + usize::from(ip.get_total_length());
    let header = usize::from(head[TCP + 12] >> 4) * 4;
    if header < tcp::LEN || TCP + header > end || end > frame.len() {
        return None;
    }
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let ports = word(TCP);
    Some(Layers {
        flow_hash: flow::hash_v4(
            (word(IP + 12), (ports >> 16) as u16),
            (word(IP + 16), ports as u16),
            tcp::NUMBER,
            0,
        ),
        l3_end: clamp(end),
        end: clamp(end),
        payload: clamp(TCP + header),
        offsets: OFFSETS,
        ethertype: ethernet::IPV4,
        protos: PROTOS,
        count: 3,
        network: 1,
        transport: 2,
        protocol: tcp::NUMBER,
        ..Layers::default()
    })
}
