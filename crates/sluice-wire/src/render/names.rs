//! Names of numbers, for people.

use crate::decode::{
    ah, erspan, esp, etherip, ethernet, fabricpath, gre, icmpv4, icmpv6, igmp, ipip, ipv6ext, mobility, mpls,
    pppoe, sctp, tcp, udp, udplite, vlan,
};

/// What an EtherType announces.
pub(super) fn ethertype(number: u16) -> Option<&'static str> {
    Some(match number {
        ethernet::IPV4 => "IPv4",
        ethernet::IPV6 => "IPv6",
        ethernet::ARP => "ARP",
        ethernet::BRIDGED => "Ethernet",
        mpls::UNICAST | mpls::MULTICAST => "MPLS",
        pppoe::DISCOVERY => "PPPoE discovery",
        pppoe::SESSION => "PPPoE session",
        fabricpath::ETHERTYPE => "FabricPath",
        gre::PPP => "PPP",
        erspan::TYPE_1_2 | erspan::TYPE_3 => "ERSPAN",
        0x8035 => "RARP",
        0x8809 => "slow protocols",
        0x888E => "802.1X",
        0x88CC => "LLDP",
        0x88E5 => "MACsec",
        0x88F7 => "PTP",
        0x8902 => "connectivity fault management",
        0x9000 => "loopback",
        0..ethernet::MIN_ETHERTYPE => "length",
        _ if vlan::is_tag(number) => "VLAN",
        _ => return None,
    })
}

/// What an IP protocol number stands for.
pub(super) fn protocol(number: u8) -> Option<&'static str> {
    Some(match number {
        icmpv4::NUMBER => "ICMP",
        igmp::NUMBER => "IGMP",
        ipip::IPV4 => "IPv4",
        tcp::NUMBER => "TCP",
        udp::NUMBER => "UDP",
        ipip::IPV6 => "IPv6",
        gre::NUMBER => "GRE",
        esp::NUMBER => "ESP",
        ah::NUMBER => "AH",
        icmpv6::NUMBER => "ICMPv6",
        ipv6ext::NO_NEXT => "nothing",
        88 => "EIGRP",
        89 => "OSPF",
        etherip::NUMBER => "EtherIP",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TPv3",
        sctp::NUMBER => "SCTP",
        mobility::NUMBER => "mobility",
        udplite::NUMBER => "UDP-Lite",
        mpls::NUMBER => "MPLS",
        ethernet::NUMBER => "Ethernet",
        _ => return None,
    })
}

/// What a service access point of a link is for.
pub(super) fn service(point: u8) -> Option<&'static str> {
    Some(match point {
        0x42 => "STP",
        0xE0 => "IPX",
        0xF0 => "NetBIOS",
        0xFE => "IS-IS",
        _ => return None,
    })
}

/// The name of an IPv4 option.
pub(super) fn ip_option(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "end",
        1 => "nop",
        7 => "record_route",
        68 => "timestamp",
        130 => "security",
        131 => "loose_route",
        136 => "stream_id",
        137 => "strict_route",
        148 => "router_alert",
        _ => return None,
    })
}

/// The name of an option in an IPv6 extension header.
pub(super) fn ipv6_option(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "pad1",
        1 => "padn",
        0x04 => "tunnel_limit",
        0x05 => "router_alert",
        0x26 => "quick_start",
        0x63 => "rpl",
        0xC2 => "jumbo",
        0xC9 => "home_address",
        _ => return None,
    })
}

/// The name of a TCP option.
pub(super) fn tcp_option(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "end",
        1 => "nop",
        2 => "mss",
        3 => "window_scale",
        4 => "sack_permitted",
        5 => "sack",
        8 => "timestamps",
        19 => "md5",
        28 => "user_timeout",
        29 => "ao",
        30 => "mptcp",
        34 => "fast_open",
        _ => return None,
    })
}

/// What stands behind the key of a header, where the key alone may not be understood.
pub(super) fn title(key: &str) -> &'static str {
    match key {
        "eth" => " (Ethernet)",
        "ip" => " (IPv4)",
        "sll" => " (Linux cooked capture)",
        "null" => " (BSD loopback)",
        "chdlc" => " (Cisco HDLC)",
        "cfp" => " (FabricPath)",
        "pwmcw" => " (control word of a pseudowire)",
        "mipv6" => " (mobility)",
        "inner" => " (what is carried)",
        "quoted" => " (what the error is about)",
        _ => "",
    }
}
