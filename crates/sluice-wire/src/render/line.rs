//! One line per packet, its fields in the order in which tcpdump has them.

use super::text::Text;
use super::{fragment, tcp_flags, upper_len};
use crate::decode::{arp, be16, be32, icmpv4, icmpv6, sctp, tcp, udp, vlan};
use crate::layers::{Layers, Proto, Stop};

/// How many digits the fraction of a second has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Digits {
    /// Six.
    #[default]
    Micro,
    /// Nine.
    Nano,
}

/// What [`line()`] may be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineOptions {
    /// The digits of the fraction of a second.
    pub digits: Digits,
    /// Whether the addresses of the Ethernet header come first.
    pub link: bool,
}

/// Appends one line that describes the packet, with its line ending.
///
/// `time_ns` counts from the epoch and is written in UTC; lengths are those of payloads, as in tcpdump.
pub fn line(
    out: &mut Vec<u8>,
    time_ns: i64,
    frame: &[u8],
    layers: &Layers,
    wire_len: u32,
    options: LineOptions,
) {
    let mut text = Text(out);
    let digits = match options.digits {
        Digits::Micro => 6,
        Digits::Nano => 9,
    };
    text.time(super::civil(time_ns), b' ', digits).byte(b' ');
    if options.link {
        ethernet(&mut text, frame, layers);
    }
    tags(&mut text, frame, layers);
    if layers.network().is_some() {
        ip(&mut text, frame, layers);
    } else if let Some(at) = layers.find(Proto::Arp) {
        arp(&mut text, frame, layers, at);
    } else {
        other(&mut text, layers, wire_len);
    }
    match layers.stop() {
        Stop::Truncated => text.str(" [truncated]"),
        Stop::BadLength => text.str(" [bad length]"),
        Stop::Malformed => text.str(" [malformed]"),
        Stop::TooDeep => text.str(" [nested too deep]"),
        Stop::Payload | Stop::Fragment | Stop::Unsupported => &mut text,
    };
    text.byte(b'\n');
}

fn ethernet(text: &mut Text<'_>, frame: &[u8], layers: &Layers) {
    let Some(at) = layers.find(Proto::Ethernet) else { return };
    if let (Some(destination), Some(source)) = (frame.get(at..at + 6), frame.get(at + 6..at + 12)) {
        text.mac(source).str(" > ").mac(destination).str(", ");
    }
}

fn tags(text: &mut Text<'_>, frame: &[u8], layers: &Layers) {
    for (_, at) in layers.headers().filter(|(proto, _)| *proto == Proto::Vlan) {
        if let Some(tag) = vlan::view(frame, at) {
            text.str("vlan ").num(tag.get_vlan_identifier());
            text.str(", p ").num(tag.get_priority_code_point().0).str(", ");
        }
    }
}

fn ip(text: &mut Text<'_>, frame: &[u8], layers: &Layers) {
    let (Some((network, _)), Some((source, destination))) = (layers.network(), layers.addresses(frame))
    else {
        return;
    };
    text.str(if network == Proto::Ipv4 { "IP " } else { "IP6 " });
    let ports = layers.ports(frame);
    text.ip(source);
    if let Some((port, _)) = ports {
        text.byte(b'.').num(port);
    }
    text.str(" > ").ip(destination);
    if let Some((_, port)) = ports {
        text.byte(b'.').num(port);
    }
    text.str(": ");
    match layers.transport() {
        Some((Proto::Tcp, at)) => tcp(text, frame, layers, at),
        Some((Proto::Udp | Proto::UdpLite, at)) => {
            let name = if layers.find(Proto::Udp).is_some() { "UDP" } else { "UDP-Lite" };
            let length = be16(frame, at + 4).filter(|length| *length != 0 && name == "UDP").map(usize::from);
            let length = length.unwrap_or(upper_len(layers, at)).saturating_sub(udp::LEN);
            text.str(name).str(", length ").len(length);
        }
        Some((Proto::Sctp, at)) => {
            text.str("sctp, length ").len(upper_len(layers, at).saturating_sub(sctp::LEN));
        }
        Some((Proto::Icmpv4, at)) => icmpv4(text, frame, layers, at),
        Some((Proto::Icmpv6, at)) => icmpv6(text, frame, layers, at),
        Some((Proto::Igmp, at)) => {
            text.str("igmp, length ").len(upper_len(layers, at));
        }
        _ => {
            let length = upper_len(layers, layers.payload());
            text.str("ip-proto-").num(layers.ip_protocol().unwrap_or_default()).str(", length ").len(length);
        }
    }
    if layers.is_fragment()
        && let Some((id, offset, more)) = fragment(frame, layers)
    {
        text.str(" (frag id ").num(id).str(", offset ").num(offset);
        text.str(if more { ", more)" } else { ", last)" });
    }
}

fn tcp(text: &mut Text<'_>, frame: &[u8], layers: &Layers, at: usize) {
    let Some(header) = tcp::view(frame, at) else {
        text.str("tcp, length ").len(upper_len(layers, at));
        return;
    };
    let flags = header.get_flags();
    text.str("Flags [");
    if flags == 0 {
        text.str("none");
    }
    for letter in tcp_flags(flags) {
        text.byte(letter);
    }
    text.byte(b']');
    let length = upper_len(layers, at).saturating_sub(usize::from(header.get_data_offset()) * 4);
    let sequence = header.get_sequence();
    text.str(", seq ").num(sequence);
    if length > 0 {
        text.byte(b':').num(sequence.wrapping_add(length as u32));
    }
    if flags & 0x10 != 0 {
        text.str(", ack ").num(header.get_acknowledgement());
    }
    text.str(", win ").num(header.get_window());
    if flags & 0x20 != 0 {
        text.str(", urg ").num(header.get_urgent_ptr());
    }
    text.str(", length ").len(length);
}

fn icmpv4(text: &mut Text<'_>, frame: &[u8], layers: &Layers, at: usize) {
    text.str("ICMP ");
    let Some([kind, code]) = frame.get(at..).and_then(|header| header.first_chunk()) else { return };
    match (kind, code) {
        (0, _) => text.str("echo reply"),
        (8, _) => text.str("echo request"),
        (3, 0) => text.str("net unreachable"),
        (3, 1) => text.str("host unreachable"),
        (3, 2) => text.str("protocol unreachable"),
        (3, 3) => text.str("port unreachable"),
        (3, 4) => {
            text.str("unreachable - need to frag (mtu ").num(be16(frame, at + 6).unwrap_or(0)).byte(b')')
        }
        (3, 13) => text.str("unreachable - admin prohibited"),
        (3, _) => text.str("unreachable - code ").num(*code),
        (4, _) => text.str("source quench"),
        (5, _) => text.str("redirect"),
        (9, _) => text.str("router advertisement"),
        (10, _) => text.str("router solicitation"),
        (11, 0) => text.str("time exceeded in-transit"),
        (11, _) => text.str("time exceeded in reassembly"),
        (12, _) => text.str("parameter problem"),
        (13, _) => text.str("time stamp query"),
        (14, _) => text.str("time stamp reply"),
        _ => text.str("type-").num(*kind),
    };
    if icmpv4::has_identifier(*kind) {
        identifier(text, frame, at);
    }
    text.str(", length ").len(upper_len(layers, at));
}

fn identifier(text: &mut Text<'_>, frame: &[u8], at: usize) {
    if let (Some(id), Some(sequence)) = (be16(frame, at + 4), be16(frame, at + 6)) {
        text.str(", id ").num(id).str(", seq ").num(sequence);
    }
}

fn icmpv6(text: &mut Text<'_>, frame: &[u8], layers: &Layers, at: usize) {
    text.str("ICMP6, ");
    let Some([kind, code]) = frame.get(at..).and_then(|header| header.first_chunk()) else { return };
    match (kind, code) {
        (1, 4) => text.str("destination unreachable, unreachable port"),
        (1, _) => text.str("destination unreachable, code ").num(*code),
        (2, _) => text.str("packet too big, mtu ").num(be32(frame, at + 4).unwrap_or(0)),
        (3, 0) => text.str("time exceeded in-transit"),
        (3, _) => text.str("time exceeded in reassembly"),
        (4, _) => text.str("parameter problem"),
        (128, _) => text.str("echo request"),
        (129, _) => text.str("echo reply"),
        (130, _) => text.str("multicast listener query"),
        (131, _) => text.str("multicast listener report"),
        (132, _) => text.str("multicast listener done"),
        (133, _) => text.str("router solicitation"),
        (134, _) => text.str("router advertisement"),
        (135, _) => text.str("neighbor solicitation, who has "),
        (136, _) => text.str("neighbor advertisement, tgt is "),
        (137, _) => text.str("redirect"),
        (143, _) => text.str("multicast listener report v2"),
        _ => text.str("type-").num(*kind),
    };
    if matches!(kind, 135 | 136)
        && let Some(target) = frame.get(at + 8..).and_then(|rest| rest.first_chunk::<16>())
    {
        text.v6((*target).into());
    }
    if icmpv6::has_identifier(*kind) {
        identifier(text, frame, at);
    }
    text.str(", length ").len(upper_len(layers, at));
}

fn arp(text: &mut Text<'_>, frame: &[u8], layers: &Layers, at: usize) {
    text.str("ARP, ");
    let Some(header) = arp::view(frame, at) else { return };
    match (header.operation, header.addresses(frame)) {
        (arp::REQUEST, Some((sender, target))) => {
            text.str("Request who-has ").v4(target).str(" tell ").v4(sender);
        }
        (arp::REPLY, Some((sender, _))) => {
            let hardware = frame.get(header.sender_hardware()..header.sender_protocol());
            text.str("Reply ").v4(sender).str(" is-at ").mac(hardware.unwrap_or_default());
        }
        (operation, _) => {
            text.str("operation ").num(operation);
        }
    }
    text.str(", length ").len(upper_len(layers, at));
}

fn other(text: &mut Text<'_>, layers: &Layers, wire_len: u32) {
    if layers.ethertype() != 0 {
        text.str("ethertype 0x").hex(layers.ethertype().into(), 4);
    } else if layers.find(Proto::Llc).is_some() {
        text.str("LLC");
    } else {
        text.str("unknown");
    }
    text.str(", length ").num(wire_len);
}
