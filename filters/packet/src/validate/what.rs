//! What may be wrong with a packet.

use sluice_core::{Layers, Reason};
use sluice_wire::decode::{icmpv4, icmpv6, igmp, mobility, sctp, tcp, udp, udplite};
use sluice_wire::layers::Proto;

/// Something that is wrong, or the checksum that a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Length,
    Header,
    Ipv4,
    Tcp,
    Udp,
    UdpLite,
    Sctp,
    Icmp,
    Icmpv6,
    Igmp,
    Mobility,
    Gre,
}

impl What {
    /// All of them, each at the place of its number.
    pub(super) const ALL: [What; 12] = [
        What::Length,
        What::Header,
        What::Ipv4,
        What::Tcp,
        What::Udp,
        What::UdpLite,
        What::Sctp,
        What::Icmp,
        What::Icmpv6,
        What::Igmp,
        What::Mobility,
        What::Gre,
    ];

    /// The checksum that the IP packet carries, whether its header was found or not.
    pub(super) fn transport(layers: &Layers) -> Option<What> {
        match layers.ip_protocol()? {
            tcp::NUMBER => Some(What::Tcp),
            udp::NUMBER => Some(What::Udp),
            udplite::NUMBER => Some(What::UdpLite),
            sctp::NUMBER => Some(What::Sctp),
            icmpv4::NUMBER => Some(What::Icmp),
            icmpv6::NUMBER => Some(What::Icmpv6),
            igmp::NUMBER => Some(What::Igmp),
            mobility::NUMBER => Some(What::Mobility),
            _ => None,
        }
    }

    pub(super) fn is_v6(layers: &Layers) -> bool {
        matches!(layers.network(), Some((Proto::Ipv6, _)))
    }

    pub(super) fn reason(self) -> &'static Reason {
        match self {
            What::Length => &super::BAD_LENGTH,
            What::Header => &super::BAD_HEADER,
            What::Ipv4 => &super::BAD_IPV4,
            What::Tcp => &super::BAD_TCP,
            What::Udp => &super::BAD_UDP,
            What::UdpLite => &super::BAD_UDPLITE,
            What::Sctp => &super::BAD_SCTP,
            What::Icmp => &super::BAD_ICMP,
            What::Icmpv6 => &super::BAD_ICMPV6,
            What::Igmp => &super::BAD_IGMP,
            What::Mobility => &super::BAD_MOBILITY,
            What::Gre => &super::BAD_GRE,
        }
    }

    /// The word for it in a summary.
    pub(super) fn name(self) -> &'static str {
        match self {
            What::Length => "length",
            What::Header => "header",
            What::Ipv4 => "ipv4",
            What::Tcp => "tcp",
            What::Udp => "udp",
            What::UdpLite => "udplite",
            What::Sctp => "sctp",
            What::Icmp => "icmp",
            What::Icmpv6 => "icmpv6",
            What::Igmp => "igmp",
            What::Mobility => "mobility",
            What::Gre => "gre",
        }
    }
}
