//! The protocols, one file each, all with the same sections: what it is and where it is specified; numbers; `view`,
//! which reads fields and judges nothing; the decoding step, which checks lengths and says what comes next.

pub mod ah;
pub mod arp;
mod common;
pub mod ethernet;
pub mod hdlc;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ipv4;
pub mod ipv6;
pub mod ipv6ext;
pub mod llc;
pub mod mobility;
pub mod null;
pub mod ppp;
pub mod sctp;
pub mod sll;
pub mod sll2;
pub mod tcp;
pub mod udp;
pub mod udplite;
pub mod vlan;

use crate::flow;
use crate::layers::{Layers, MAX_HEADERS, NONE, Proto, Stop, flag};
use crate::link::LinkType;

/// What a header says about the one after it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next {
    /// An EtherType, 0x0600 or above.
    EtherType(u16),
    /// An IEEE 802.2 header.
    Llc,
    /// An IP protocol number.
    Protocol(u8),
}

/// The outcome of one step: what comes next, or why nothing does.
pub(crate) type Step = Result<Next, Stop>;

/// A frame on its way through the decoders.
pub(crate) struct Cursor<'a> {
    frame: &'a [u8],
    /// Written in place: moving a value just written in pieces costs more than finding the headers.
    layers: &'a mut Layers,
    /// How many bytes were on the wire, never less than captured.
    wire: usize,
    /// The offset of the next header.
    at: usize,
    /// Where the bytes end that may belong to the next header.
    end: usize,
    /// Whether a shortage before `end` is the capture's fault.
    cut: bool,
    /// Whether the innermost IP header is IPv6.
    v6: bool,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn new(frame: &'a [u8], wire: usize, at: usize, layers: &'a mut Layers) -> Self {
        let cut = wire > frame.len();
        let wire = wire.max(frame.len());
        Self { frame, layers, wire, at, end: frame.len(), cut, v6: false }
    }

    /// The bytes from the next header to the end of what may belong to it.
    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.frame.get(self.at..self.end).unwrap_or_default()
    }

    /// Why there are too few bytes here.
    #[inline]
    fn shortage(&self) -> Stop {
        if self.cut { Stop::Truncated } else { Stop::BadLength }
    }

    /// Checks that `length` bytes are there.
    #[inline(always)]
    fn need(&self, length: usize) -> Result<(), Stop> {
        if self.end.saturating_sub(self.at) >= length { Ok(()) } else { Err(self.shortage()) }
    }

    /// Records a header that begins here and returns its index.
    #[inline(always)]
    fn push(&mut self, proto: Proto) -> Result<u8, Stop> {
        let index = self.layers.count;
        let slot = usize::from(index);
        let (Some(place), Some(offset), Ok(at)) =
            (self.layers.protos.get_mut(slot), self.layers.offsets.get_mut(slot), u16::try_from(self.at))
        else {
            return Err(Stop::TooDeep);
        };
        *place = proto;
        *offset = at;
        self.layers.count = index + 1;
        Ok(index)
    }

    /// Records the IP header that begins here. The outermost one becomes the network header.
    #[inline(always)]
    fn push_network(&mut self, proto: Proto) -> Result<(), Stop> {
        let index = self.push(proto)?;
        self.v6 = proto == Proto::Ipv6;
        if self.layers.network == NONE {
            self.layers.network = index;
        }
        Ok(())
    }

    /// Narrows the rest to an IP packet that claims to end at `claimed`.
    #[inline(always)]
    fn narrow(&mut self, claimed: usize) {
        if claimed > self.end {
            self.layers.flags |= flag::CUT;
            self.cut = claimed <= self.wire;
        } else {
            self.end = claimed;
            self.cut = false;
        }
    }

    /// Records the transport header that begins here, if its first four bytes are there.
    #[inline(always)]
    fn push_transport(&mut self, proto: Proto) -> Result<(), Stop> {
        self.need(4)?;
        let index = self.push(proto)?;
        if self.layers.transport == NONE {
            self.layers.transport = index;
        }
        Ok(())
    }

    /// Ends with the payload that begins `header` bytes from here.
    #[inline(always)]
    fn payload(&mut self, header: usize) -> Step {
        let enough = self.need(header);
        self.at = (self.at + header).min(self.end);
        enough.and(Err(Stop::Payload))
    }

    #[inline(always)]
    fn run(&mut self, first: Step) {
        let mut step = first;
        let stop = loop {
            step = match step {
                Ok(Next::Protocol(number)) => self.protocol(number),
                Ok(Next::EtherType(number)) => self.ethertype(number),
                Ok(Next::Llc) => llc::decode(self),
                Err(stop) => break stop,
            };
        };
        self.layers.stop = stop;
        self.layers.payload = clamp(self.at.min(self.end));
        self.layers.l3_end = clamp(self.end);
    }

    #[inline(always)]
    fn ethertype(&mut self, number: u16) -> Step {
        self.layers.ethertype = number;
        match number {
            ethernet::IPV4 => ipv4::decode(self),
            ethernet::IPV6 => ipv6::decode(self),
            ethernet::ARP => arp::decode(self),
            _ if vlan::is_tag(number) => vlan::decode(self),
            _ => Err(Stop::Unsupported),
        }
    }

    #[inline(always)]
    fn protocol(&mut self, number: u8) -> Step {
        self.layers.protocol = number;
        match number {
            tcp::NUMBER => tcp::decode(self),
            udp::NUMBER => udp::decode(self),
            icmpv4::NUMBER => icmpv4::decode(self),
            icmpv6::NUMBER => icmpv6::decode(self),
            igmp::NUMBER => igmp::decode(self),
            sctp::NUMBER => sctp::decode(self),
            udplite::NUMBER => udplite::decode(self),
            ah::NUMBER => ah::decode(self),
            mobility::NUMBER => mobility::decode(self),
            _ if self.v6 => ipv6ext::decode(self, number),
            _ => Err(Stop::Unsupported),
        }
    }

    /// Raw IP: the version nibble tells what it is.
    fn ip(&mut self) -> Step {
        match self.rest().first().map(|byte| byte >> 4) {
            Some(4) => Ok(Next::EtherType(ethernet::IPV4)),
            Some(6) => Ok(Next::EtherType(ethernet::IPV6)),
            Some(_) => Err(Stop::Malformed),
            None => Err(self.shortage()),
        }
    }
}

fn clamp(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// See [`Layers::decode`].
#[inline]
pub(crate) fn decode(link: LinkType, frame: &[u8], wire_len: u32) -> Layers {
    if link.is_ethernet()
        && let Some(layers) = common::decode(frame)
    {
        return layers;
    }
    general(link, frame, wire_len)
}

/// Decodes header by header.
fn general(link: LinkType, frame: &[u8], wire_len: u32) -> Layers {
    let mut layers = Layers::default();
    let mut cursor = Cursor::new(frame, wire_len as usize, 0, &mut layers);
    let first = match link {
        LinkType::ETHERNET => ethernet::decode(&mut cursor),
        _ => other_link(link, &mut cursor),
    };
    cursor.run(first);
    layers.flow_hash = flow::hash_frame(frame, &layers);
    layers
}

fn other_link(link: LinkType, cursor: &mut Cursor<'_>) -> Step {
    match link {
        LinkType::LINUX_SLL => sll::decode(cursor),
        LinkType::LINUX_SLL2 => sll2::decode(cursor),
        LinkType::NULL => null::decode(cursor, Proto::Null),
        LinkType::LOOP => null::decode(cursor, Proto::Loop),
        LinkType::PPP | LinkType::PPP_HDLC => ppp::decode(cursor),
        LinkType::HDLC => hdlc::decode(cursor),
        LinkType::IPV4 => Ok(Next::EtherType(ethernet::IPV4)),
        LinkType::IPV6 => Ok(Next::EtherType(ethernet::IPV6)),
        _ if link.is_raw_ip() => cursor.ip(),
        _ => Err(Stop::Unsupported),
    }
}

/// Finds the headers of the IP packet that an ICMP error quotes at `at`, up to `end`.
///
/// Offsets count from the start of `frame`. A quotation is nearly always cut, so that its length fields prove nothing;
/// its flow hash is not computed.
pub(crate) fn quoted(frame: &[u8], at: usize, end: usize) -> Option<Layers> {
    let frame = frame.get(..end)?;
    let mut layers = Layers::default();
    let mut cursor = Cursor::new(frame, usize::MAX, at, &mut layers);
    let first = cursor.ip();
    cursor.run(first);
    layers.network().map(|_| layers)
}

const _: () = assert!(MAX_HEADERS < NONE as usize);

/// Source and destination port of a header that begins with them.
#[inline]
pub(crate) fn ports(frame: &[u8], at: usize) -> Option<(u16, u16)> {
    let [a, b, c, d] = *array(frame, at)?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// The `N` bytes at `at`.
#[inline(always)]
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

/// The big-endian 16-bit number at `at`.
#[inline(always)]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(|bytes| u16::from_be_bytes(*bytes))
}

/// The big-endian 32-bit number at `at`.
#[inline(always)]
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
