//! Link-layer headers to be put before a packet.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_wire::decode::{ethernet, hdlc};
use sluice_wire::link::LinkType;

use super::carried::{Carried, Kind};

/// A link type that packets can get.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum To {
    /// Ethernet.
    Ethernet,
    /// Raw IP.
    Raw,
    /// Linux cooked capture, version 1.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// Cisco HDLC.
    Hdlc,
    /// PPP with address and control bytes.
    Ppp,
    /// BSD loopback (NULL), in little-endian byte order.
    BsdNull,
    /// OpenBSD loopback (LOOP).
    BsdLoop,
    /// Any number, with bytes of your own before each packet.
    User,
}

/// The length of the longest header but for those of users.
pub(super) const LONGEST: usize = 20;

/// The number that Linux has for Ethernet devices, and for those without addresses.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_NONE: u16 = 0xFFFE;
/// The protocol of LLC in a cooked capture.
const LINUX_LLC: u16 = 4;
/// The longest frame whose length can stand in the place of an EtherType.
const MAX_LLC: u16 = 1500;

impl To {
    pub(super) fn link(self, number: Option<u16>) -> LinkType {
        match self {
            To::Ethernet => LinkType::ETHERNET,
            To::Raw => LinkType::RAW,
            To::Sll => LinkType::LINUX_SLL,
            To::Sll2 => LinkType::LINUX_SLL2,
            To::Hdlc => LinkType::HDLC,
            To::Ppp => LinkType::PPP,
            To::BsdNull => LinkType::NULL,
            To::BsdLoop => LinkType::LOOP,
            To::User => LinkType(number.unwrap_or(LinkType::USER0.0)),
        }
    }

    /// Whether it carries nothing but IP.
    pub(super) fn is_for_ip(self) -> bool {
        matches!(self, To::Raw | To::Ppp | To::BsdNull | To::BsdLoop)
    }

    /// Whether its header has a source address.
    pub(super) fn has_source(self) -> bool {
        matches!(self, To::Ethernet | To::Sll | To::Sll2)
    }
}

/// The bytes of a header.
pub(super) struct Header {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Header {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            place.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn word(&mut self, word: u16) {
        self.put(&word.to_be_bytes());
    }

    /// The header of this type for a packet; nothing if it cannot carry that. For `user` it is empty.
    pub(super) fn of(to: To, carried: &Carried) -> Option<Self> {
        let mut header = Self { bytes: [0; LONGEST], len: 0 };
        let is_v4 = carried.kind == Kind::EtherType(ethernet::IPV4);
        match to {
            To::Ethernet => {
                header.put(&carried.destination.unwrap_or_default());
                header.put(&carried.source.unwrap_or_default());
                header.word(match carried.kind {
                    Kind::EtherType(ethertype) => ethertype,
                    Kind::Llc(length) => Some(length).filter(|length| *length <= MAX_LLC)?,
                });
            }
            To::Sll => {
                let (arphrd, length, address) = address(carried);
                [carried.packet_type, arphrd, length].into_iter().for_each(|word| header.word(word));
                header.put(&address);
                header.word(protocol(carried.kind));
            }
            To::Sll2 => {
                let (arphrd, length, address) = address(carried);
                header.word(protocol(carried.kind));
                // Reserved, and the interface, which is not known.
                header.put(&[0; 6]);
                header.word(arphrd);
                header.put(&[carried.packet_type as u8, length as u8]);
                header.put(&address);
            }
            To::Hdlc => {
                let Kind::EtherType(ethertype) = carried.kind else { return None };
                let to_one = carried.destination.is_none_or(|[first, ..]| first & 1 == 0);
                header.put(&[if to_one { hdlc::UNICAST } else { hdlc::BROADCAST }, 0]);
                header.word(ethertype);
            }
            To::Ppp => {
                header.put(&[0xFF, 0x03]);
                header.word(if is_v4 { 0x0021 } else { 0x0057 });
            }
            To::BsdNull => header.put(&family(is_v4).to_le_bytes()),
            To::BsdLoop => header.put(&family(is_v4).to_be_bytes()),
            To::Raw | To::User => {}
        }
        Some(header)
    }
}

/// The address family of the BSDs.
fn family(is_v4: bool) -> u32 {
    if is_v4 { 2 } else { 24 }
}

/// Device type, address length and address of a cooked header.
fn address(carried: &Carried) -> (u16, u16, [u8; 8]) {
    match carried.source {
        Some([a, b, c, d, e, f]) => (ARPHRD_ETHER, 6, [a, b, c, d, e, f, 0, 0]),
        None => (ARPHRD_NONE, 0, [0; 8]),
    }
}

fn protocol(kind: Kind) -> u16 {
    match kind {
        Kind::EtherType(ethertype) => ethertype,
        Kind::Llc(_) => LINUX_LLC,
    }
}
