//! What a packet tells about its flow.

use sluice_core::{Flags, Frame, Layers};
use sluice_wire::decode::{icmpv4, icmpv6};
use sluice_wire::flow::{self, community};
use sluice_wire::layers::Proto;

use super::key::{self, Common, Key};

/// TCP flags, which also stand for what chunks of SCTP do.
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const ACK: u8 = 0x10;

/// What kind of packet it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Sctp,
    /// An ICMP message that asks, or one that answers.
    Question,
    Answer,
    /// An ICMP error about the flow.
    Error,
    /// Anything else.
    #[default]
    Other,
}

/// Who sent it, as far as the packet alone or a stage before tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
    #[default]
    Unknown,
}

/// What a packet tells about its flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub key: Key,
    /// Whether the lower end of the key sent it.
    pub forward: bool,
    pub kind: Kind,
    pub sender: Sender,
    /// Whether it goes to more than one host.
    pub to_many: bool,
    pub time: i64,
    /// Bytes on the wire, of the IP packet, and behind the transport header.
    pub wire: u32,
    pub ip: u32,
    pub payload: u32,
    pub flags: u8,
    /// The code of an ICMP message.
    pub code: u8,
    /// Whether the TCP header is there up to the window.
    pub has_numbers: bool,
    pub window: u16,
    pub seq: u32,
    pub ack: u32,
}

/// Where a packet is: in which VLANs, in how many tunnels, and in which virtual network.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub vlans: u64,
    pub depth: u8,
    pub network: u32,
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn be32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// Ports, or what stands for them, and the type of an ICMP message.
fn ports(data: &[u8], layers: &Layers, protocol: u8) -> (u16, u16, u8) {
    match layers.transport() {
        Some((Proto::Icmpv4 | Proto::Icmpv6, at)) => {
            let kind = data.get(at).copied().unwrap_or_default();
            let has_identifier = match protocol {
                icmpv4::NUMBER => icmpv4::has_identifier(kind),
                _ => icmpv6::has_identifier(kind),
            };
            let id = match has_identifier {
                true => be16(data, at + 4).unwrap_or_default(),
                false => data.get(at + 1).copied().unwrap_or_default().into(),
            };
            let asked =
                community::counterpart(protocol, kind).filter(|_| !community::is_question(protocol, kind));
            (id, id, asked.unwrap_or(kind))
        }
        Some(_) => layers.ports(data).map_or((0, 0, 0), |(from, to)| (from, to, 0)),
        None => (0, 0, 0),
    }
}

/// The key of a packet with these layers, and whether the lower end sent it.
#[inline(always)]
fn key_of(data: &[u8], layers: &Layers, place: Place) -> Option<(Key, bool, bool)> {
    let (from, to, v6) = key::addresses(data, layers)?;
    let protocol = layers.ip_protocol()?;
    let (from_port, to_port, kind) = ports(data, layers, protocol);
    let Place { vlans, depth, network } = place;
    let common = Common { protocol, vlans, depth, network, kind, v6 };
    let (key, forward) = Key::new((from, from_port), (to, to_port), common);
    let to_many = if v6 { to[0] >> 56 == 0xFF } else { (to[1] >> 28) == 0xE || to[1] == 0xFFFF_FFFF };
    Some((key, forward, to_many))
}

/// Reads a packet; says no when it has no IP header, and `seen` is not to be used then.
#[inline(always)]
pub(super) fn read(frame: &Frame, data: &[u8], layers: &Layers, place: Place, seen: &mut Seen) -> bool {
    let Some((_, network)) = layers.network() else { return false };
    let end = layers.claimed_end(data);
    seen.ip = end.saturating_sub(network) as u32;
    seen.wire = if place.depth == 0 { frame.wire } else { seen.ip };
    seen.time = frame.time;
    (seen.payload, seen.flags, seen.code) = (0, 0, 0);
    (seen.has_numbers, seen.window, seen.seq, seen.ack) = (false, 0, 0, 0);
    if let Some(quoted) = quoted(data, layers) {
        let Some((key, forward, to_many)) = key_of(data, &quoted, place) else { return false };
        // What comes back from where the quoted packet went.
        (seen.key, seen.forward, seen.to_many) = (key, !forward, to_many);
        (seen.kind, seen.sender) = (Kind::Error, Sender::Unknown);
        return true;
    }
    let Some((key, forward, to_many)) = key_of(data, layers, place) else { return false };
    (seen.key, seen.forward, seen.to_many) = (key, forward, to_many);
    seen.kind = Kind::Other;
    seen.sender = match frame.flags {
        flags if place.depth > 0 || flags == Flags::default() => Sender::Unknown,
        flags if flags.contains(Flags::FROM_CLIENT) => Sender::Client,
        flags if flags.contains(Flags::FROM_SERVER) => Sender::Server,
        _ => Sender::Unknown,
    };
    match layers.transport() {
        Some((Proto::Tcp, at)) => tcp(seen, data, at, end),
        Some((Proto::Sctp, at)) => sctp(seen, data, at, end),
        Some((Proto::Icmpv4 | Proto::Icmpv6, at)) => icmp(seen, data, at, end),
        Some((Proto::Udp | Proto::UdpLite, at)) => seen.payload = end.saturating_sub(at + 8) as u32,
        _ => seen.payload = end.saturating_sub(body(layers)) as u32,
    }
    true
}

/// The layers of the packet that an ICMP error quotes.
#[inline]
fn quoted(data: &[u8], layers: &Layers) -> Option<Layers> {
    match layers.transport() {
        Some((Proto::Icmpv4 | Proto::Icmpv6, _)) => {
            flow::quoted(data, layers).filter(|quoted| quoted.ip_protocol().is_some())
        }
        _ => None,
    }
}

/// Where the first header starts that is none of IP, or what no header was found in.
fn body(layers: &Layers) -> usize {
    let mut after = layers.own().skip_while(|(proto, _)| !proto.is_network()).skip(1);
    let of_ip = |proto: Proto| proto.is_extension() || matches!(proto, Proto::Ipv6Fragment | Proto::Ah);
    after.find(|(proto, _)| !of_ip(*proto)).map_or(layers.payload(), |(_, at)| at)
}

#[inline]
fn tcp(seen: &mut Seen, data: &[u8], at: usize, end: usize) {
    seen.kind = Kind::Tcp;
    let header = data.get(at + 12).map_or(20, |byte| usize::from(byte >> 4) * 4);
    seen.payload = end.saturating_sub(at + header.max(20)) as u32;
    if let Some(header) = data.get(at..).and_then(|data| data.first_chunk::<16>()) {
        let [_, _, _, _, s, e, q, n, a, c, k, r, _, flags, high, low] = *header;
        seen.seq = u32::from_be_bytes([s, e, q, n]);
        seen.ack = u32::from_be_bytes([a, c, k, r]);
        seen.flags = flags;
        seen.window = u16::from_be_bytes([high, low]);
        seen.has_numbers = true;
    }
}

fn icmp(seen: &mut Seen, data: &[u8], at: usize, end: usize) {
    let (protocol, kind) = (seen.key.protocol(), data.get(at).copied().unwrap_or_default());
    seen.payload = end.saturating_sub(at + icmpv4::LEN) as u32;
    seen.code = data.get(at + 1).copied().unwrap_or_default();
    seen.kind = match community::counterpart(protocol, kind) {
        Some(_) if community::is_question(protocol, kind) => Kind::Question,
        Some(_) => Kind::Answer,
        None => Kind::Other,
    };
}

/// How many chunks of a packet are looked at.
const CHUNKS: usize = 32;

/// Reads the chunks: INIT, INIT ACK, ABORT and SHUTDOWN stand for SYN, SYN with ACK, RST and FIN.
fn sctp(seen: &mut Seen, data: &[u8], at: usize, end: usize) {
    seen.kind = Kind::Sctp;
    let mut at = at + 12;
    for _ in 0..CHUNKS {
        let (Some(kind), Some(length)) = (data.get(at), be16(data, at + 2).map(usize::from)) else { return };
        if length < 4 || at + 4 > end {
            return;
        }
        match kind {
            // DATA and I-DATA have headers of 16 and 20 bytes.
            0 => seen.payload += length.saturating_sub(16) as u32,
            64 => seen.payload += length.saturating_sub(20) as u32,
            1 => seen.flags |= SYN,
            2 => seen.flags |= SYN | ACK,
            6 => seen.flags |= RST,
            // SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE: each side sends one at least.
            7 | 8 | 14 => seen.flags |= FIN,
            _ => seen.flags |= ACK,
        }
        at += length.next_multiple_of(4);
    }
}

/// The number of the virtual network that the first tunnel of `layers` names: that of VXLAN, Geneve and NVGRE.
pub(super) fn virtual_network(data: &[u8], layers: &Layers) -> Option<u32> {
    let (proto, at) = layers.own().find(|(proto, _)| proto.is_tunnel())?;
    match proto {
        Proto::Vxlan | Proto::VxlanGpe | Proto::Geneve => be32(data, at + 4).map(|word| word >> 8),
        Proto::Gre => {
            let (flags, carries) = (be16(data, at)?, be16(data, at + 2)?);
            (flags == 0x2000 && carries == 0x6558).then(|| be32(data, at + 4).map(|key| key >> 8))?
        }
        _ => None,
    }
}
