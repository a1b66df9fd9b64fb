//! Where the headers of a frame are: [`Layers`], one small value per packet.

use std::net::IpAddr;

use crate::decode;
use crate::flow;
use crate::link::LinkType;
use crate::pseudo;

mod select;

pub use select::{Protos, Selected};

/// How many headers are recorded for one frame; what is nested deeper ends with [`Stop::TooDeep`].
pub const MAX_HEADERS: usize = 12;

/// How many tunnels, one inside of the other, are looked into unless told otherwise.
pub const DEFAULT_TUNNELS: u8 = 4;

/// A kind of header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Proto {
    /// Ethernet II or IEEE 802.3.
    #[default]
    Ethernet,
    /// An 802.1Q or 802.1ad tag; its offset is that of the tag control information, after the TPID.
    Vlan,
    /// IEEE 802.2 logical link control.
    Llc,
    /// The SNAP extension of LLC.
    Snap,
    /// Linux cooked capture, version 1.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// BSD loopback, host byte order.
    Null,
    /// OpenBSD loopback, network byte order.
    Loop,
    /// PPP.
    Ppp,
    /// Cisco HDLC.
    Hdlc,
    /// Address resolution, RFC 826.
    Arp,
    /// IPv4, RFC 791.
    Ipv4,
    /// IPv6, RFC 8200.
    Ipv6,
    /// IPv6 hop-by-hop options.
    Ipv6HopByHop,
    /// IPv6 routing header.
    Ipv6Routing,
    /// IPv6 fragment header.
    Ipv6Fragment,
    /// IPv6 destination options.
    Ipv6DestOpts,
    /// Other IPv6 extension headers of the common shape: HIP (139), Shim6 (140), experiments (253, 254).
    Ipv6Extension,
    /// IP authentication header, RFC 4302.
    Ah,
    /// IPv6 mobility header, RFC 6275.
    Mobility,
    /// ICMP, RFC 792.
    Icmpv4,
    /// ICMPv6, RFC 4443.
    Icmpv6,
    /// IGMP.
    Igmp,
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
    /// UDP-Lite, RFC 3828.
    UdpLite,
    /// SCTP, RFC 9260.
    Sctp,
    /// Generic routing encapsulation, RFC 2784.
    Gre,
    /// VXLAN, RFC 7348.
    Vxlan,
    /// VXLAN with a generic protocol extension.
    VxlanGpe,
    /// An MPLS label stack, RFC 3032: all of its entries.
    Mpls,
    /// The control word of a pseudowire, RFC 4385.
    PwControl,
    /// Cisco FabricPath.
    FabricPath,
    /// PPP over Ethernet in a session, RFC 2516.
    Pppoe,
    /// PPP over Ethernet, looking for a session.
    PppoeDiscovery,
    /// IP encapsulating security payload, RFC 4303.
    Esp,
    /// Ethernet in IP, RFC 3378.
    EtherIp,
    /// ERSPAN, type II or III.
    Erspan,
    /// Geneve, RFC 8926.
    Geneve,
    /// GTP-U, 3GPP TS 29.281.
    GtpU,
    /// Teredo, RFC 4380: its indications, which may be none.
    Teredo,
    /// L2TP, RFC 2661.
    L2tp,
}

impl Proto {
    /// Its short name in reports, the one that packets as JSON have where they have one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "eth",
            Self::Vlan => "vlan",
            Self::Llc => "llc",
            Self::Snap => "snap",
            Self::Sll => "sll",
            Self::Sll2 => "sll2",
            Self::Null => "null",
            Self::Loop => "loop",
            Self::Ppp => "ppp",
            Self::Hdlc => "chdlc",
            Self::Arp => "arp",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ipv6",
            Self::Ipv6HopByHop => "ipv6_hop_by_hop",
            Self::Ipv6Routing => "ipv6_routing",
            Self::Ipv6Fragment => "ipv6_fragment",
            Self::Ipv6DestOpts => "ipv6_destination",
            Self::Ipv6Extension => "ipv6_extension",
            Self::Ah => "ah",
            Self::Mobility => "mipv6",
            Self::Icmpv4 => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Igmp => "igmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
            Self::Sctp => "sctp",
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::VxlanGpe => "vxlan_gpe",
            Self::Mpls => "mpls",
            Self::PwControl => "pw_control",
            Self::FabricPath => "fabricpath",
            Self::Pppoe => "pppoe",
            Self::PppoeDiscovery => "pppoe_discovery",
            Self::Esp => "esp",
            Self::EtherIp => "etherip",
            Self::Erspan => "erspan",
            Self::Geneve => "geneve",
            Self::GtpU => "gtp",
            Self::Teredo => "teredo",
            Self::L2tp => "l2tp",
        }
    }

    /// Whether this is an IP header, IPv4 or IPv6.
    pub const fn is_network(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }

    /// Whether this is what an IP header finally carries: a transport or a control protocol.
    pub const fn is_transport(self) -> bool {
        matches!(
            self,
            Self::Tcp
                | Self::Udp
                | Self::UdpLite
                | Self::Sctp
                | Self::Icmpv4
                | Self::Icmpv6
                | Self::Igmp
                | Self::Mobility
        )
    }

    /// Whether this is a header of the link layer, which comes before an IP header.
    pub const fn is_link(self) -> bool {
        matches!(
            self,
            Self::Ethernet
                | Self::Vlan
                | Self::Llc
                | Self::Snap
                | Self::Sll
                | Self::Sll2
                | Self::Null
                | Self::Loop
                | Self::Ppp
                | Self::Hdlc
                | Self::Mpls
                | Self::PwControl
                | Self::FabricPath
                | Self::Pppoe
                | Self::PppoeDiscovery
        )
    }

    /// Whether this is an IPv6 extension header that is none of fragments and has no checksum.
    pub const fn is_extension(self) -> bool {
        matches!(self, Self::Ipv6HopByHop | Self::Ipv6Routing | Self::Ipv6DestOpts | Self::Ipv6Extension)
    }

    /// Whether this header is there to carry a whole packet inside of another one.
    pub const fn is_tunnel(self) -> bool {
        matches!(
            self,
            Self::Gre
                | Self::Vxlan
                | Self::VxlanGpe
                | Self::EtherIp
                | Self::Erspan
                | Self::Geneve
                | Self::GtpU
                | Self::Teredo
                | Self::L2tp
        )
    }

    /// Whether the header begins with a source and a destination port.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::UdpLite | Self::Sctp)
    }
}

/// Why decoding ended where it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stop {
    /// Every header was understood; what follows is application data or nothing.
    #[default]
    Payload,
    /// A later fragment: what follows is a piece of the upper-layer packet without its header.
    Fragment,
    /// The capture ends before the next header does (snap length).
    Truncated,
    /// A length field contradicts the frame or another length field.
    BadLength,
    /// The next header is of a protocol that is not decoded.
    Unsupported,
    /// More tunnels than are to be looked into, more than [`MAX_HEADERS`] headers, or one beyond the first 64 KiB.
    TooDeep,
    /// A header contradicts itself, such as an IPv4 EtherType before another version number.
    Malformed,
}

pub(crate) mod flag {
    /// Part of a fragmented datagram.
    pub const FRAGMENT: u8 = 1;
    /// A fragment that is not the first one.
    pub const LATER: u8 = 2;
    /// The IP length field is zero because the packet is larger than it can say.
    pub const GSO: u8 = 4;
    /// The IP length field promises more bytes than were captured.
    pub const CUT: u8 = 8;
    /// How far to the left stands the number of tunnels, at most 15, that were still to be entered from a packet that
    /// carries one; 0 in any other.
    pub const TUNNELS: u32 = 4;
}

/// No entry in the list of headers.
pub(crate) const NONE: u8 = u8::MAX;

/// The headers found in a frame, outermost first, with their offsets.
///
/// The list goes on through tunnels. Everything said about *the* IP packet is about the outermost one: its addresses
/// and ports, where it ends, whether it is a fragment. [`inner`](Self::inner) gives the same for the packet in a tunnel.
///
/// Addresses, ports and other fields are not stored: they are read from the frame through the offsets, which costs
/// as little and never goes stale. A value says nothing about any frame but the one it was decoded from; used with
/// another one the accessors return `None` or other nonsense, but do not panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    pub(crate) flow_hash: u64,
    pub(crate) l3_end: u32,
    pub(crate) payload: u32,
    pub(crate) end: u32,
    pub(crate) offsets: [u16; MAX_HEADERS],
    pub(crate) ethertype: u16,
    pub(crate) protos: [Proto; MAX_HEADERS],
    pub(crate) count: u8,
    pub(crate) network: u8,
    pub(crate) transport: u8,
    pub(crate) protocol: u8,
    pub(crate) stop: Stop,
    pub(crate) flags: u8,
}

const _: () = assert!(size_of::<Layers>() <= 64);

impl Default for Layers {
    /// No header at all.
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Layers {
    /// No header at all.
    pub const EMPTY: Self = Self {
        flow_hash: 0,
        l3_end: 0,
        payload: 0,
        end: 0,
        offsets: [0; MAX_HEADERS],
        ethertype: 0,
        protos: [Proto::Ethernet; MAX_HEADERS],
        count: 0,
        network: NONE,
        transport: NONE,
        protocol: 0,
        stop: Stop::Payload,
        flags: 0,
    };

    /// Finds the headers of `frame`, of which `wire_len` bytes were on the wire, in up to [`DEFAULT_TUNNELS`] tunnels.
    ///
    /// Decodes as far as it can and says in [`stop`](Self::stop) why it went no further.
    #[inline]
    pub fn decode(link: LinkType, frame: &[u8], wire_len: u32) -> Self {
        Self::decode_to(link, frame, wire_len, DEFAULT_TUNNELS)
    }

    /// The same, in up to `tunnels` tunnels, one inside of the other.
    ///
    /// The header of one tunnel more is found, but not what it carries: decoding ends with [`Stop::TooDeep`].
    #[inline]
    pub fn decode_to(link: LinkType, frame: &[u8], wire_len: u32, tunnels: u8) -> Self {
        let mut layers = Self::default();
        layers.decode_again(link, frame, wire_len, tunnels);
        layers
    }

    /// The same, written in place of other layers: for vectors of them, as moving what was just written takes longer
    /// than finding the headers.
    #[inline]
    pub fn decode_again(&mut self, link: LinkType, frame: &[u8], wire_len: u32, tunnels: u8) {
        decode::decode(self, link, frame, wire_len, tunnels);
    }

    /// The layers of the next IP packet that a tunnel carries inside of the outermost one; `None` if there is none.
    ///
    /// Its IP header is the first of the list; offsets are still those in `frame`. So whatever is done with a frame
    /// and its layers can be done with the packets in its tunnels, one after the other:
    ///
    /// ```
    /// # use sluice_wire::layers::Layers;
    /// fn addresses(frame: &[u8], layers: &Layers) -> usize {
    ///     let packets = std::iter::successors(Some(*layers), |outer| outer.inner(frame));
    ///     packets.filter_map(|packet| packet.addresses(frame)).count()
    /// }
    /// ```
    ///
    /// Of packets in very deep tunnels this finds headers that the list of the outer one has no room for.
    /// What an ICMP error quotes is no tunnel; see [`flow::quoted`].
    pub fn inner(&self, frame: &[u8]) -> Option<Self> {
        decode::inner(self, frame)
    }

    /// The layers of what a tunnel carries, with the headers of a link layer if it begins with such; `None` if there is no
    /// tunnel.
    ///
    /// This is [`inner`](Self::inner) for whoever wants to see MAC addresses, tags and ARP in tunnels, too.
    pub fn carried(&self, frame: &[u8]) -> Option<Self> {
        decode::carried(self, frame)
    }

    /// The headers, outermost first, with their offsets in the frame, through all tunnels.
    #[inline]
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = (Proto, usize)> + Clone + '_ {
        let count = usize::from(self.count);
        self.protos
            .iter()
            .zip(&self.offsets)
            .take(count)
            .map(|(proto, offset)| (*proto, usize::from(*offset)))
    }

    #[inline]
    fn entry(&self, index: u8) -> Option<(Proto, usize)> {
        let index = usize::from(index);
        Some((*self.protos.get(index)?, usize::from(*self.offsets.get(index)?)))
    }

    /// The outermost IP header.
    #[inline]
    pub fn network(&self) -> Option<(Proto, usize)> {
        self.entry(self.network)
    }

    /// The transport header that belongs to [`network`](Self::network).
    ///
    /// It is given as soon as its first four bytes are captured, so that ports can be read from a cut frame.
    #[inline]
    pub fn transport(&self) -> Option<(Proto, usize)> {
        self.entry(self.transport)
    }

    /// The headers that do not stand in a tunnel, that of the tunnel included.
    #[inline]
    pub fn own(&self) -> impl Iterator<Item = (Proto, usize)> + Clone + '_ {
        let after = usize::from(self.network).saturating_add(1);
        self.headers()
            .enumerate()
            .take_while(move |(index, (proto, _))| {
                *index < after || !(proto.is_link() || proto.is_network() || *proto == Proto::Arp)
            })
            .map(|(_, header)| header)
    }

    /// The offset of the outermost header of the given kind that does not stand in a tunnel.
    #[inline]
    pub fn find(&self, proto: Proto) -> Option<usize> {
        self.own().find(|(found, _)| *found == proto).map(|(_, offset)| offset)
    }

    /// The EtherType of what the innermost link-layer header outside of tunnels carries; 0 where there is none.
    ///
    /// Link layers that number protocols otherwise are translated: a BSD loopback frame with IPv6 says 0x86DD.
    #[inline]
    pub fn ethertype(&self) -> u16 {
        self.ethertype
    }

    /// The final upper-layer protocol number of [`network`](Self::network), past all extension headers.
    #[inline]
    pub fn ip_protocol(&self) -> Option<u8> {
        self.network().map(|_| self.protocol)
    }

    /// Where the payload of the outermost IP packet ends in the frame: what its length field says, or less where the
    /// capture is cut. Padding and trailers come after. Without an IP header, the captured length.
    #[inline]
    pub fn l3_end(&self) -> usize {
        self.l3_end as usize
    }

    /// Where the payload of the outermost IP packet ends by the account of its length field, which may be past what was
    /// captured. Without an IP header, or where the field says nothing, the same as [`l3_end`](Self::l3_end).
    #[inline]
    pub fn claimed_end(&self, frame: &[u8]) -> usize {
        pseudo::claimed_end(frame, self)
    }

    /// The offset of the first byte after the last header found.
    #[inline]
    pub fn payload(&self) -> usize {
        self.payload as usize
    }

    /// The bytes after the last header found, without padding.
    #[inline]
    pub fn payload_bytes<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.payload()..self.end as usize).unwrap_or_default()
    }

    /// Why decoding ended.
    #[inline]
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// The flow this packet belongs to: equal in both directions, on every machine, in every version.
    ///
    /// See [`flow`] for what goes into it.
    #[inline]
    pub fn flow_hash(&self) -> u64 {
        self.flow_hash
    }

    /// Computes the flow hash again, after addresses, ports or VLAN ids in `frame` were changed.
    #[inline]
    pub fn rehash(&mut self, frame: &[u8]) {
        self.flow_hash = flow::hash_frame(frame, self);
    }

    /// Whether the packet is a fragment, the first one included.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.flags & flag::FRAGMENT != 0
    }

    /// Whether the packet is a fragment other than the first, so that it has no transport header.
    #[inline]
    pub fn is_later_fragment(&self) -> bool {
        self.flags & flag::LATER != 0
    }

    /// Whether the IP length is zero because the packet, left whole by offloading, is larger than the field can say.
    #[inline]
    pub fn is_gso(&self) -> bool {
        self.flags & flag::GSO != 0
    }

    /// Whether the IP packet is longer than what was captured of it.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.flags & flag::CUT != 0
    }

    /// The VLAN ids that stand before the IP header, outermost first; 0 for a priority tag.
    #[inline]
    pub fn vlan_ids<'a>(&'a self, frame: &'a [u8]) -> impl Iterator<Item = u16> + 'a {
        self.headers()
            .take(usize::from(self.network))
            .filter(|(proto, _)| *proto == Proto::Vlan)
            .filter_map(|(_, offset)| decode::vlan::view(frame, offset))
            .map(|tag| tag.get_vlan_identifier())
    }

    /// Source and destination address of the outermost IP header.
    #[inline]
    pub fn addresses(&self, frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
        match self.network()? {
            (Proto::Ipv4, at) => {
                let header = decode::ipv4::view(frame, at)?;
                Some((header.get_source().into(), header.get_destination().into()))
            }
            (_, at) => {
                let header = decode::ipv6::view(frame, at)?;
                Some((header.get_source().into(), header.get_destination().into()))
            }
        }
    }

    /// Source and destination port, for protocols that have them.
    #[inline]
    pub fn ports(&self, frame: &[u8]) -> Option<(u16, u16)> {
        match self.transport()? {
            (proto, at) if proto.has_ports() => decode::ports(frame, at),
            _ => None,
        }
    }
}
