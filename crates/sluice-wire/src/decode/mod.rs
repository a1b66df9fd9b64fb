//! The protocols, one file each, all with the same sections: what it is and where it is specified; numbers; `view`,
//! which reads fields and judges nothing; the decoding step, which checks lengths and says what comes next.

pub mod ah;
pub mod arp;
mod common;
pub mod erspan;
pub mod esp;
pub mod etherip;
pub mod ethernet;
pub mod fabricpath;
pub mod geneve;
pub mod gre;
pub mod gtpu;
pub mod hdlc;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ipip;
pub mod ipv4;
pub mod ipv6;
pub mod ipv6ext;
pub mod l2tp;
pub mod llc;
pub mod mobility;
pub mod mpls;
pub mod null;
pub mod options;
pub mod ppp;
pub mod pppoe;
pub mod sctp;
pub mod sll;
pub mod sll2;
pub mod tcp;
pub mod teredo;
mod tunnel;
pub mod udp;
pub mod udplite;
pub mod vlan;
pub mod vxlan;

use crate::flow;
use crate::layers::{DEFAULT_TUNNELS, Layers, MAX_HEADERS, NONE, Proto, Stop, flag};
use crate::link::LinkType;

pub(crate) use common::flow4;

/// What a header says about the one after it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next {
    /// An EtherType, 0x0600 or above.
    EtherType(u16),
    /// An Ethernet header.
    Ethernet,
    /// A PPP header.
    Ppp,
    /// An IP header, of the version that its first four bits say.
    Ip,
    /// An IEEE 802.2 header.
    Llc,
    /// An IP protocol number.
    Protocol(u8),
}

/// The outcome of one step: what comes next, or why nothing does.
pub(crate) type Step = Result<Next, Stop>;

/// What is known of the outermost IP packet while what its tunnel carries is decoded.
#[derive(Debug, Clone, Copy)]
struct Outer {
    l3_end: u32,
    ethertype: u16,
    transport: u8,
    protocol: u8,
    flags: u8,
}

/// A frame on its way through the decoders.
pub(crate) struct Cursor<'a> {
    frame: &'a [u8],
    /// Written in place: moving a value just written in pieces costs more than finding the headers.
    layers: &'a mut Layers,
    /// Where the bytes end that were on the wire and may belong to the next header; never less than `end`.
    wire: usize,
    /// The offset of the next header.
    at: usize,
    /// Where the bytes end that may belong to the next header.
    end: usize,
    /// Whether a shortage before `end` is the capture's fault.
    cut: bool,
    /// Whether the innermost IP header is IPv6.
    v6: bool,
    /// How many tunnels may still be entered.
    tunnels: u8,
    /// Set by the first tunnel that is entered.
    outer: Option<Outer>,
    /// What is to be forgotten.
    skip: Skip,
}

/// What a decoder may forget of what it has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    Nothing,
    /// Everything before the content of the first tunnel.
    ToContent,
    /// Everything before the second IP header.
    ToIp,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn new(frame: &'a [u8], wire: usize, at: usize, tunnels: u8, layers: &'a mut Layers) -> Self {
        let cut = wire > frame.len();
        let wire = wire.max(frame.len());
        Self {
            frame,
            layers,
            wire,
            at,
            end: frame.len(),
            cut,
            v6: false,
            tunnels,
            outer: None,
            skip: Skip::Nothing,
        }
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
        if self.skip == Skip::ToIp && self.layers.network != NONE {
            self.forget(if proto == Proto::Ipv4 { ethernet::IPV4 } else { ethernet::IPV6 });
        }
        let index = self.push(proto)?;
        self.v6 = proto == Proto::Ipv6;
        if self.layers.network == NONE {
            self.layers.network = index;
        }
        Ok(())
    }

    /// Makes the header that begins here the first one.
    #[inline(never)]
    fn forget(&mut self, ethertype: u16) {
        *self.layers = Layers { ethertype, ..Layers::default() };
        (self.skip, self.outer) = (Skip::Nothing, None);
    }

    /// Narrows the rest to what ends at `claimed` inside of the IP packet at hand, such as the payload of UDP.
    fn carry(&mut self, claimed: usize) -> &mut Outer {
        if self.layers.flags & flag::FRAGMENT != 0 {
            // The other fragments have the rest of what is carried.
            self.shorten();
        } else if claimed <= self.end {
            self.cut = false;
        }
        let l3_end = clamp(self.end);
        self.wire = self.wire.min(claimed);
        self.end = self.end.min(claimed);
        let layers = &*self.layers;
        self.outer.get_or_insert(Outer {
            l3_end,
            ethertype: layers.ethertype,
            transport: layers.transport,
            protocol: layers.protocol,
            flags: layers.flags,
        })
    }

    /// Enters a tunnel: what comes next is a packet of its own.
    fn enter(&mut self) -> Result<(), Stop> {
        let tunnels = self.tunnels;
        let outer = self.carry(usize::MAX);
        if outer.flags >> flag::TUNNELS == 0 {
            outer.flags |= tunnels.min(15) << flag::TUNNELS;
        }
        self.layers.flags = 0;
        self.tunnels = tunnels.checked_sub(1).ok_or(Stop::TooDeep)?;
        if self.skip == Skip::ToContent {
            self.forget(0);
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
        self.wire = self.wire.min(claimed);
    }

    /// Narrows the rest to the `length` bytes that a header of the link layer says to follow.
    fn narrow_link(&mut self, length: usize) -> Result<(), Stop> {
        let claimed = self.at + length;
        if claimed <= self.end {
            (self.end, self.cut) = (claimed, false);
        } else if !self.cut || claimed > self.wire {
            return Err(Stop::BadLength);
        }
        self.wire = self.wire.min(claimed);
        Ok(())
    }

    /// Notes that what follows was cut off before it was put here.
    fn shorten(&mut self) {
        (self.cut, self.wire) = (true, usize::MAX);
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
                Ok(Next::Ethernet) => ethernet::decode(self),
                Ok(Next::Ppp) => ppp::decode(self),
                Ok(Next::Ip) => self.ip(),
                Err(stop) => break stop,
            };
        };
        self.layers.stop = stop;
        self.layers.payload = clamp(self.at.min(self.end));
        self.layers.end = clamp(self.end);
        self.layers.l3_end = self.layers.end;
        if let Some(outer) = self.outer {
            let Outer { l3_end, ethertype, transport, protocol, flags } = outer;
            let layers = &mut *self.layers;
            (layers.l3_end, layers.ethertype) = (l3_end, ethertype);
            (layers.transport, layers.protocol, layers.flags) = (transport, protocol, flags);
        }
    }

    #[inline(always)]
    fn ethertype(&mut self, number: u16) -> Step {
        self.layers.ethertype = number;
        match number {
            ethernet::IPV4 => ipv4::decode(self),
            ethernet::IPV6 => ipv6::decode(self),
            ethernet::ARP => arp::decode(self),
            _ if vlan::is_tag(number) => vlan::decode(self),
            _ => self.other_ethertype(number),
        }
    }

    #[inline(never)]
    fn other_ethertype(&mut self, number: u16) -> Step {
        match number {
            ethernet::BRIDGED => Ok(Next::Ethernet),
            mpls::UNICAST | mpls::MULTICAST => mpls::decode(self),
            pppoe::SESSION => pppoe::decode(self, Proto::Pppoe),
            pppoe::DISCOVERY => pppoe::decode(self, Proto::PppoeDiscovery),
            fabricpath::ETHERTYPE => fabricpath::decode(self),
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
            ipip::IPV4 => ipip::decode(self, ethernet::IPV4),
            ipip::IPV6 => ipip::decode(self, ethernet::IPV6),
            gre::NUMBER => gre::decode(self),
            esp::NUMBER => esp::decode(self),
            etherip::NUMBER => etherip::decode(self),
            ethernet::NUMBER => {
                self.enter()?;
                Ok(Next::Ethernet)
            }
            mpls::NUMBER => {
                self.enter()?;
                Ok(Next::EtherType(mpls::UNICAST))
            }
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

/// See [`Layers::decode_again`].
#[inline]
pub(crate) fn decode(layers: &mut Layers, link: LinkType, frame: &[u8], wire_len: u32, tunnels: u8) {
    if link.is_ethernet()
        && let Some(found) = common::v4(frame)
    {
        *layers = found;
    } else {
        less_common(layers, link, frame, wire_len, tunnels);
    }
}

#[inline(never)]
fn less_common(layers: &mut Layers, link: LinkType, frame: &[u8], wire_len: u32, tunnels: u8) {
    *layers = Layers::default();
    if !(link.is_ethernet() && common::v6(frame, layers).is_some()) {
        general(link, frame, wire_len, tunnels, layers);
    }
}

/// Decodes header by header.
#[inline(always)]
fn general(link: LinkType, frame: &[u8], wire_len: u32, tunnels: u8, layers: &mut Layers) {
    let mut cursor = Cursor::new(frame, wire_len as usize, 0, tunnels, layers);
    let first = match link {
        LinkType::ETHERNET => ethernet::decode(&mut cursor),
        _ => other_link(link, &mut cursor),
    };
    cursor.run(first);
    layers.flow_hash = flow::hash_frame(frame, layers);
}

fn other_link(link: LinkType, cursor: &mut Cursor<'_>) -> Step {
    match link {
        LinkType::LINUX_SLL => sll::decode(cursor),
        LinkType::LINUX_SLL2 => sll2::decode(cursor),
        LinkType::NULL => null::decode(cursor, Proto::Null),
        LinkType::LOOP => null::decode(cursor, Proto::Loop),
        LinkType::PPP | LinkType::PPP_HDLC => ppp::decode(cursor),
        LinkType::HDLC => hdlc::decode(cursor),
        LinkType::PPP_ETHER => pppoe::decode(cursor, Proto::Pppoe),
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
    let mut cursor = Cursor::new(frame, usize::MAX, at, DEFAULT_TUNNELS, &mut layers);
    let first = cursor.ip();
    cursor.run(first);
    layers.network().map(|_| layers)
}

/// See [`Layers::inner`].
pub(crate) fn inner(layers: &Layers, frame: &[u8]) -> Option<Layers> {
    again(layers, frame, Skip::ToIp)
}

/// See [`Layers::carried`].
pub(crate) fn carried(layers: &Layers, frame: &[u8]) -> Option<Layers> {
    again(layers, frame, Skip::ToContent)
}

/// Decodes the outermost IP packet once more, to forget that there was one.
///
/// So what the outer lengths say about the inner packet counts as it did the first time.
fn again(layers: &Layers, frame: &[u8], skip: Skip) -> Option<Layers> {
    let tunnels = layers.flags >> flag::TUNNELS;
    let (_, at) = layers.network().filter(|_| tunnels > 0)?;
    let frame = frame.get(..layers.l3_end().min(frame.len()))?;
    // Of a packet that goes on after the capture, whether it was cut off or lies about its length.
    let wire = if layers.stop() == Stop::BadLength { frame.len() } else { usize::MAX };
    let mut found = Layers::default();
    let mut cursor = Cursor::new(frame, wire, at, tunnels, &mut found);
    cursor.skip = skip;
    let first = cursor.ip();
    cursor.run(first);
    if cursor.skip == skip {
        return None;
    }
    found.flow_hash = flow::hash_frame(frame, &found);
    Some(found)
}

/// Whether UDP ports may announce a tunnel.
#[inline(always)]
pub(crate) fn is_tunnel(source: u16, destination: u16) -> bool {
    tunnel::of_ports(source, destination).is_some()
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
