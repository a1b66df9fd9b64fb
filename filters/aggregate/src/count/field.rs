//! What packets are counted by: how each field gets into a key, and how it is shown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Frame, Layers};
use sluice_wire::flow;
use sluice_wire::layers::{MAX_HEADERS, Proto};
use sluice_wire::link::LinkType;
use sluice_wire::render;

use super::page::{Cell, Page};

/// What packets are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Field {
    /// The flow: both addresses and ports, whichever way the packet goes, the protocol and the VLAN ids. The identifier
    /// of an ICMP query stands for both ports, and an ICMP error belongs to the flow that it is about.
    Flow,
    /// The two IP addresses, whichever way the packet goes.
    Conversation,
    /// Either IP address: a packet counts for its source and for its destination.
    Host,
    /// The source IP address.
    Source,
    /// The destination IP address.
    Destination,
    /// Either port.
    Port,
    /// The source port.
    SourcePort,
    /// The destination port.
    DestinationPort,
    /// Either Ethernet address.
    Mac,
    /// The source Ethernet address.
    SourceMac,
    /// The destination Ethernet address.
    DestinationMac,
    /// The id of the outermost VLAN tag.
    Vlan,
    /// The EtherType of what the link layer carries.
    Ethertype,
    /// 4 or 6.
    IpVersion,
    /// The number of the protocol that IP finally carries.
    IpProtocol,
    /// The innermost header that was understood.
    Protocol,
    /// All headers, such as `eth/ip/tcp`.
    Stack,
    /// All headers, once for each level: a packet counts under `eth`, under `eth/ip` and under `eth/ip/tcp`.
    Hierarchy,
    /// The length on the wire in bytes.
    Length,
    /// The length on the wire in steps: 0-19, 20-39, 40-79 and so on, each twice as wide, up to 5120 and more.
    Size,
    /// The TCP flags, as letters.
    TcpFlags,
    /// The DSCP of the IP header.
    Dscp,
    /// The time to live or hop limit.
    Ttl,
    /// The link type.
    LinkType,
    /// The number of the interface in the capture.
    Interface,
}

/// Which of its ends a packet is looked at from, and down to which header.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub destination: bool,
    pub depth: usize,
}

/// A packet with all that fields are read from.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    pub frame: &'a Frame,
    pub data: &'a [u8],
    pub layers: &'a Layers,
    pub link: LinkType,
}

/// The names of the headers seen so far, by number.
pub(super) type Names = [&'static str; 256];

/// How many bytes an address has in keys with IPv4 addresses alone, and in those with others: the family comes first there.
pub(super) const NARROW: usize = 4;
pub(super) const WIDE: usize = 17;

/// The form of the key that is being written, and what was found out on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// [`NARROW`] or [`WIDE`].
    pub address: usize,
    /// Whether there was an IPv6 address, which a narrow key has no room for.
    pub v6: bool,
}

impl Form {
    #[inline]
    fn write(&mut self, address: IpAddr, room: &mut [u8]) -> Option<()> {
        let room = room.get_mut(..self.address)?;
        match address {
            IpAddr::V4(address) => {
                if let [family, ..] = room
                    && self.address == WIDE
                {
                    *family = 4;
                }
                *room.last_chunk_mut()? = address.octets();
            }
            IpAddr::V6(address) => {
                self.v6 = true;
                let (family, room) = room.split_first_mut()?;
                *room.first_chunk_mut()? = address.octets();
                *family = 6;
            }
        }
        Some(())
    }
}

impl Field {
    /// Its length in a key whose addresses have `address` bytes.
    pub fn width(self, address: usize) -> usize {
        match self {
            Field::Flow => 2 * (address + 2) + 1 + 6,
            Field::Conversation => 2 * address,
            Field::Host | Field::Source | Field::Destination => address,
            Field::Mac | Field::SourceMac | Field::DestinationMac => 6,
            Field::Stack | Field::Hierarchy => MAX_HEADERS,
            Field::Length => 4,
            Field::Port | Field::SourcePort | Field::DestinationPort => 2,
            Field::Vlan | Field::Ethertype | Field::LinkType | Field::Interface => 2,
            Field::IpVersion | Field::IpProtocol | Field::Protocol | Field::Size => 1,
            Field::TcpFlags | Field::Dscp | Field::Ttl => 1,
        }
    }

    /// Where its addresses begin in a narrow key.
    fn addresses(self) -> &'static [usize] {
        match self {
            Field::Flow => &[0, NARROW + 2],
            Field::Conversation => &[0, NARROW],
            Field::Host | Field::Source | Field::Destination => &[0],
            _ => &[],
        }
    }

    /// Whether it holds addresses.
    pub fn has_addresses(self) -> bool {
        !self.addresses().is_empty()
    }

    /// Its bytes in a narrow key as they would be in a wide one.
    pub fn widen(self, narrow: &[u8]) -> Vec<u8> {
        let mut wide = Vec::with_capacity(self.width(WIDE));
        for (at, byte) in narrow.iter().enumerate() {
            if self.addresses().contains(&at) {
                wide.push(4);
                wide.resize(wide.len() + WIDE - NARROW - 1, 0);
            }
            wide.push(*byte);
        }
        wide
    }

    /// Whether a packet counts for either of its ends.
    pub fn has_ends(self) -> bool {
        matches!(self, Field::Host | Field::Port | Field::Mac)
    }

    /// The columns that show it.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Field::Flow => &["a", "a_port", "b", "b_port", "protocol", "vlan"],
            Field::Conversation => &["a", "b"],
            Field::Host => &["host"],
            Field::Source => &["source"],
            Field::Destination => &["destination"],
            Field::Port => &["port"],
            Field::SourcePort => &["source_port"],
            Field::DestinationPort => &["destination_port"],
            Field::Mac => &["mac"],
            Field::SourceMac => &["source_mac"],
            Field::DestinationMac => &["destination_mac"],
            Field::Vlan => &["vlan"],
            Field::Ethertype => &["ethertype"],
            Field::IpVersion => &["ip_version"],
            Field::IpProtocol => &["ip_protocol"],
            Field::Protocol => &["protocol"],
            Field::Stack => &["stack"],
            Field::Hierarchy => &["hierarchy"],
            Field::Length => &["length"],
            Field::Size => &["size"],
            Field::TcpFlags => &["tcp_flags"],
            Field::Dscp => &["dscp"],
            Field::Ttl => &["ttl"],
            Field::LinkType => &["link_type"],
            Field::Interface => &["interface"],
        }
    }

    /// Writes it into its place in a key, so that keys sort as their fields do. `None` when the packet has no such field.
    #[inline]
    pub fn write(
        self,
        packet: &Packet<'_>,
        view: View,
        names: &mut Names,
        form: &mut Form,
        room: &mut [u8],
    ) -> Option<()> {
        let Packet { frame, data, layers, link } = *packet;
        let network = |offset: usize| {
            let (proto, at) = layers.network()?;
            Some((proto == Proto::Ipv6, *data.get(at + offset)?))
        };
        match self {
            Field::Flow => return write_flow(data, layers, form, room),
            Field::Conversation => {
                let (source, destination) = layers.addresses(data)?;
                let half = room.len() / 2;
                let (first, second) = room.split_at_mut(half);
                form.write(source.min(destination), first)?;
                return form.write(source.max(destination), second);
            }
            Field::Host if view.destination => return form.write(layers.addresses(data)?.1, room),
            Field::Host | Field::Source => return form.write(layers.addresses(data)?.0, room),
            Field::Destination => return form.write(layers.addresses(data)?.1, room),
            Field::Port if view.destination => return put(room, layers.ports(data)?.1.to_be_bytes()),
            Field::Port | Field::SourcePort => return put(room, layers.ports(data)?.0.to_be_bytes()),
            Field::DestinationPort => return put(room, layers.ports(data)?.1.to_be_bytes()),
            Field::Mac | Field::SourceMac | Field::DestinationMac => {
                let at = layers.find(Proto::Ethernet)?;
                let destination = self == Field::DestinationMac || (self == Field::Mac && view.destination);
                let from = if destination { at } else { at + 6 };
                room.copy_from_slice(data.get(from..from + 6)?);
            }
            Field::Vlan => return put(room, layers.vlan_ids(data).next()?.to_be_bytes()),
            Field::Ethertype => {
                let number = Some(layers.ethertype()).filter(|number| *number != 0)?;
                return put(room, number.to_be_bytes());
            }
            Field::IpVersion => return put(room, [if network(0)?.0 { 6 } else { 4 }]),
            Field::IpProtocol => return put(room, [layers.ip_protocol()?]),
            Field::Protocol => {
                let (proto, _) = layers.headers().next_back()?;
                return put(room, [numbered(proto, names)]);
            }
            Field::Stack | Field::Hierarchy => {
                let headers = layers.headers().take(view.depth);
                layers.headers().next()?;
                for ((proto, _), place) in headers.zip(room) {
                    *place = numbered(proto, names);
                }
            }
            Field::Length => return put(room, frame.wire.to_be_bytes()),
            Field::Size => {
                let step = (frame.wire / 20).checked_ilog2().map_or(0, |step| (step + 1).min(SIZES));
                return put(room, [step as u8]);
            }
            Field::TcpFlags => {
                let (proto, at) = layers.transport()?;
                return put(room, [*data.get(at + 13).filter(|_| proto == Proto::Tcp)?]);
            }
            Field::Dscp => {
                let ((v6, first), (_, second)) = (network(0)?, network(1)?);
                let class = if v6 { first << 4 | second >> 4 } else { second };
                return put(room, [class >> 2]);
            }
            Field::Ttl => {
                let ((v6, limit), (_, ttl)) = (network(7)?, network(8)?);
                return put(room, [if v6 { limit } else { ttl }]);
            }
            Field::LinkType => return put(room, link.0.to_be_bytes()),
            Field::Interface => return put(room, frame.interface.to_be_bytes()),
        }
        Some(())
    }

    /// Appends its cells, one for each of its columns.
    pub fn show(self, key: &[u8], names: &Names, page: &mut Page) {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        match self {
            Field::Flow => show_flow(key, page),
            Field::Conversation => {
                let (first, second) = key.split_at(key.len() / 2);
                page.text(|out| show_address(first, out));
                page.text(|out| show_address(second, out));
            }
            Field::Host | Field::Source | Field::Destination => page.text(|out| show_address(key, out)),
            Field::Mac | Field::SourceMac | Field::DestinationMac => page.text(|out| {
                for (at, byte) in key.iter().enumerate() {
                    out.extend_from_slice(format!("{}{byte:02x}", if at > 0 { ":" } else { "" }).as_bytes());
                }
            }),
            Field::Ethertype => page.show(format_args!("0x{:04x}", number(key))),
            Field::Protocol => page.show(format_args!("{}", named(key.first(), names))),
            Field::Stack | Field::Hierarchy => page.text(|out| {
                for (at, number) in key.iter().take_while(|number| **number != 0).enumerate() {
                    out.extend_from_slice(if at > 0 { b"/" } else { b"" });
                    out.extend_from_slice(named(Some(number), names).as_bytes());
                }
            }),
            Field::Size => {
                let step = number(key) as u32;
                let from = if step == 0 { 0 } else { 20 << (step - 1) };
                match step {
                    SIZES => page.show(format_args!("{from} and more")),
                    _ => page.show(format_args!("{from}-{}", (20u32 << step) - 1)),
                }
            }
            Field::TcpFlags => page.text(|out| out.extend(render::tcp_flags(number(key) as u8))),
            Field::LinkType => page.show(format_args!("{}", LinkType(number(key) as u16))),
            _ => page.cell(Cell::Number(number(key))),
        }
    }
}

/// How often the size step doubles.
const SIZES: u32 = 9;

/// The number of a header in keys, from 1.
fn numbered(proto: Proto, names: &mut Names) -> u8 {
    let number = (proto as u8).saturating_add(1);
    names[usize::from(number)] = proto.name();
    number
}

fn named(number: Option<&u8>, names: &Names) -> &'static str {
    number.map_or("", |number| names[usize::from(*number)])
}

fn put<const N: usize>(room: &mut [u8], bytes: [u8; N]) -> Option<()> {
    *room.first_chunk_mut()? = bytes;
    Some(())
}

fn show_address(bytes: &[u8], out: &mut Vec<u8>) {
    let text = match (bytes.len(), bytes.first(), bytes.last_chunk(), bytes.last_chunk()) {
        (WIDE, Some(6), _, Some(octets)) => Ipv6Addr::from_octets(*octets).to_string(),
        (_, _, Some(octets), _) => Ipv4Addr::from_octets(*octets).to_string(),
        _ => return,
    };
    out.extend_from_slice(text.as_bytes());
}

/// Lower address and port, upper address and port, protocol, VLAN ids.
#[inline]
fn write_flow(data: &[u8], layers: &Layers, form: &mut Form, room: &mut [u8]) -> Option<()> {
    let (key, _) = flow::Key::of(data, layers)?;
    let (ends, rest) = room.split_at_mut_checked(2 * (form.address + 2))?;
    let (lower, upper) = ends.split_at_mut(ends.len() / 2);
    for (end, place) in [(key.lower, lower), (key.upper, upper)] {
        let (address, port) = place.split_at_mut_checked(form.address)?;
        form.write(end.address, address)?;
        put(port, end.port.to_be_bytes())?;
    }
    let [_, _, vlans @ ..] = key.vlans.to_be_bytes();
    let (protocol, vlan) = rest.split_at_mut(1);
    put(protocol, [key.protocol])?;
    put(vlan, vlans)
}

fn show_flow(key: &[u8], page: &mut Page) {
    let (ends, rest) = key.split_at(key.len().saturating_sub(7));
    let halves = ends.split_at(ends.len() / 2);
    let port = |half: &[u8]| half.last_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    let ports = port(halves.0) != 0 || port(halves.1) != 0;
    for half in [halves.0, halves.1] {
        page.text(|out| show_address(&half[..half.len().saturating_sub(2)], out));
        page.cell(if ports { Cell::Number(port(half).into()) } else { Cell::Nothing });
    }
    let (protocol, vlans) = rest.split_at(1.min(rest.len()));
    match protocol.first() {
        Some(1) => page.show(format_args!("icmp")),
        Some(6) => page.show(format_args!("tcp")),
        Some(17) => page.show(format_args!("udp")),
        Some(58) => page.show(format_args!("icmpv6")),
        Some(132) => page.show(format_args!("sctp")),
        Some(number) => page.show(format_args!("{number}")),
        None => page.cell(Cell::Nothing),
    }
    let vlans = vlans.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    let ids = [36, 24, 12, 0].map(|shift| vlans >> shift & 0xFFF);
    match ids.iter().position(|id| *id != 0) {
        None => page.cell(Cell::Nothing),
        Some(first) => page.text(|out| {
            for (at, id) in ids.iter().skip(first).enumerate() {
                out.extend_from_slice(if at > 0 { b"/" } else { b"" });
                out.extend_from_slice(id.to_string().as_bytes());
            }
        }),
    }
}
