//! The field catalogue: every field of packets and records, with its name, type, unit and meaning.
//!
//! Names are those of Wireshark's display filters where it has the field. A field may occur several times in a packet:
//! source and destination of `ip.addr`, or the headers of several tunnels, outermost first. What an ICMP error quotes is
//! not counted: it is no header of this packet.

mod frame;
mod link;
mod network;
mod packet;
mod source;
mod transport;
mod tunnel;

use crate::Type;

pub use packet::Packet;
pub(crate) use source::{Number, Numbers, Source, numbers};

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name, such as `tcp.port`.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: Type,
    /// What a number counts; empty where there is nothing to say.
    pub unit: &'static str,
    /// What it is: one phrase.
    pub about: &'static str,
    /// Words for some of its numbers; they may be written in their place.
    pub words: &'static [(&'static str, u64)],
    pub(crate) source: Source,
}

impl Field {
    pub(crate) const fn new(name: &'static str, kind: Type, source: Source, about: &'static str) -> Self {
        Self { name, kind, unit: "", about, words: &[], source }
    }

    pub(crate) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) const fn words(mut self, words: &'static [(&'static str, u64)]) -> Self {
        self.words = words;
        self
    }

    /// Whether it is one of records, not of packets.
    pub fn is_of_records(&self) -> bool {
        matches!(self.source, Source::Record(_))
    }

    /// Whether it can be told without looking for headers.
    pub(crate) fn is_of_frame(&self) -> bool {
        matches!(self.source, Source::Frame(_) | Source::Whole)
    }
}

/// The fields of one protocol or subject.
#[derive(Debug)]
pub struct Group {
    /// Its title.
    pub title: &'static str,
    /// The fields, in the order of the header.
    pub fields: &'static [Field],
}

/// Every field, by subject.
pub static GROUPS: &[Group] = &[
    Group { title: "Frames", fields: frame::FRAME },
    Group { title: "Records", fields: frame::RECORD },
    Group { title: "Ethernet", fields: link::ETHERNET },
    Group { title: "VLAN tags", fields: link::VLAN },
    Group { title: "Other link layers", fields: link::OTHER },
    Group { title: "ARP", fields: link::ARP },
    Group { title: "IPv4", fields: network::IPV4 },
    Group { title: "IPv6", fields: network::IPV6 },
    Group { title: "ICMP and IGMP", fields: network::CONTROL },
    Group { title: "TCP", fields: transport::TCP },
    Group { title: "UDP and UDP-Lite", fields: transport::UDP },
    Group { title: "SCTP", fields: transport::SCTP },
    Group { title: "Tunnels and security", fields: tunnel::TUNNEL },
    Group { title: "Flows and payload", fields: frame::FLOW },
];

/// Every field, in the order of the catalogue.
pub fn all() -> impl Iterator<Item = &'static Field> {
    GROUPS.iter().flat_map(|group| group.fields)
}

/// The field of this name.
pub fn find(name: &str) -> Option<&'static Field> {
    all().find(|field| field.name == name)
}

#[cfg(test)]
mod tests;
