//! One line per packet, its fields in the order in which tcpdump has them.

mod control;
mod tunnel;

use super::text::Text;
use super::{civil, fragment, names, tcp_flags, upper_len};
use crate::decode::{arp, be16, esp, llc, mpls, pppoe, sctp, tcp, udp, vlan};
use crate::layers::{Layers, Proto, Stop};

/// Nanoseconds in a second.
const NS: u64 = 1_000_000_000;

/// How many digits the fraction of a second has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Digits {
    /// Six.
    #[default]
    Micro,
    /// Nine.
    Nano,
}

/// What a line begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stamp {
    /// Date and time of day in UTC.
    #[default]
    Date,
    /// The time of day in UTC.
    Clock,
    /// Seconds, from wherever time is counted.
    Seconds,
    /// Nothing.
    None,
}

/// What [`line()`] may be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineOptions {
    /// The digits of the fraction of a second.
    pub digits: Digits,
    /// Whether the addresses of the Ethernet header come first. Where there are none of IP or ARP, they do anyway.
    pub link: bool,
    /// What it begins with.
    pub stamp: Stamp,
}

/// Appends one line that describes the packet, with its line ending.
///
/// `time_ns` counts from the epoch, where it is written as a date; lengths are those of payloads, as in tcpdump. What a tunnel
/// carries follows on the same line.
pub fn line(
    out: &mut Vec<u8>,
    time_ns: i64,
    frame: &[u8],
    layers: &Layers,
    wire_len: u32,
    options: LineOptions,
) {
    let mut text = Text(out);
    stamp(&mut text, time_ns, options);
    if options.link || (layers.network().is_none() && layers.find(Proto::Arp).is_none()) {
        ethernet(&mut text, frame, layers);
    }
    packet(&mut text, frame, layers, wire_len as usize);
    match layers.stop() {
        Stop::Truncated => text.str(" [truncated]"),
        Stop::BadLength => text.str(" [bad length]"),
        Stop::Malformed => text.str(" [malformed]"),
        Stop::TooDeep => text.str(" [nested too deep]"),
        Stop::Payload | Stop::Fragment | Stop::Unsupported => &mut text,
    };
    text.byte(b'\n');
}

fn stamp(text: &mut Text<'_>, time_ns: i64, options: LineOptions) {
    let digits = match options.digits {
        Digits::Micro => 6,
        Digits::Nano => 9,
    };
    match options.stamp {
        Stamp::Date => text.time(civil(time_ns), b' ', digits),
        Stamp::Clock => text.clock(civil(time_ns), digits),
        Stamp::Seconds => {
            let sign = if time_ns < 0 { "-" } else { "" };
            let (seconds, rest) = (time_ns.unsigned_abs() / NS, time_ns.unsigned_abs() % NS);
            text.str(sign).num(seconds).byte(b'.').fraction(rest as u32, digits)
        }
        Stamp::None => return,
    };
    text.byte(b' ');
}

fn ethernet(text: &mut Text<'_>, frame: &[u8], layers: &Layers) {
    let Some(at) = layers.find(Proto::Ethernet) else { return };
    if let (Some(destination), Some(source)) = (frame.get(at..at + 6), frame.get(at + 6..at + 12)) {
        text.mac(source).str(" > ").mac(destination).str(", ");
    }
}

/// A packet of `length` bytes, and what it carries.
fn packet(text: &mut Text<'_>, frame: &[u8], layers: &Layers, length: usize) {
    for (proto, at) in layers.own() {
        match proto {
            Proto::Vlan => tag(text, frame, at),
            Proto::Mpls => labels(text, frame, at),
            Proto::Pppoe => {
                let session = pppoe::view(frame, at).map_or(0, |header| header.session);
                text.str("PPPoE [ses 0x").hex(session.into(), 4).str("] ");
            }
            _ => {}
        }
    }
    if layers.network().is_some() {
        ip(text, frame, layers);
    } else if let Some(at) = layers.find(Proto::Arp) {
        arp(text, frame, layers, at);
    } else {
        other(text, frame, layers, length);
    }
}

fn tag(text: &mut Text<'_>, frame: &[u8], at: usize) {
    if let Some(tag) = vlan::view(frame, at) {
        text.str("vlan ").num(tag.get_vlan_identifier());
        text.str(", p ").num(tag.get_priority_code_point().0).str(", ");
    }
}

fn labels(text: &mut Text<'_>, frame: &[u8], at: usize) {
    text.str("MPLS ");
    for label in mpls::stack(frame, at) {
        text.str("(label ").num(label.label).str(", tc ").num(label.class);
        text.str(if label.is_bottom { ", [S], ttl " } else { ", ttl " }).num(label.ttl).str(") ");
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
        _ if tunnel::write(text, frame, layers) => {}
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
        Some((Proto::Icmpv4, at)) => control::icmpv4(text, frame, layers, at),
        Some((Proto::Icmpv6, at)) => control::icmpv6(text, frame, layers, at),
        Some((Proto::Igmp, at)) => {
            text.str("igmp, length ").len(upper_len(layers, at));
        }
        _ if let Some((spi, sequence)) = layers.find(Proto::Esp).and_then(|at| esp::view(frame, at)) => {
            text.str("ESP(spi=0x").hex(spi.into(), 8).str(",seq=0x").hex(sequence.into(), 1);
            text.str("), length ").len(upper_len(layers, layers.payload()) + esp::LEN);
        }
        _ => {
            let length = upper_len(layers, layers.payload());
            let protocol = layers.ip_protocol().unwrap_or_default();
            match names::protocol(protocol) {
                Some(name) => text.str(name),
                None => text.str("ip-proto-").num(protocol),
            };
            text.str(", length ").len(length);
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

fn other(text: &mut Text<'_>, frame: &[u8], layers: &Layers, length: usize) {
    if layers.ethertype() != 0 {
        match names::ethertype(layers.ethertype()) {
            Some(name) => text.str(name),
            None => text.str("ethertype 0x").hex(layers.ethertype().into(), 4),
        };
    } else if let Some(at) = layers.find(Proto::Llc) {
        let name = llc::view(frame, at).and_then(|[destination, ..]| names::service(destination));
        text.str(name.unwrap_or("LLC"));
    } else if layers.find(Proto::Ppp).is_some() {
        text.str("PPP");
    } else {
        text.str("unknown");
    }
    text.str(", length ").len(length);
}
