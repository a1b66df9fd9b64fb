//! What a link-layer header carries, and what it says about it.

use sluice_core::{Flags, Frame, Layers};
use sluice_wire::decode::{ethernet, hdlc, null, sll, sll2};
use sluice_wire::layers::Proto;
use sluice_wire::link::LinkType;

/// What comes after the header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Something with this EtherType, VLAN tags among it.
    EtherType(u16),
    /// An LLC frame of this length.
    Llc(u16),
}

/// A packet without its link-layer header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    /// Where it begins.
    pub start: usize,
    pub kind: Kind,
    pub source: Option<[u8; 6]>,
    pub destination: Option<[u8; 6]>,
    /// What a cooked header says about it, from 0 (to us) to 4 (sent by us).
    pub packet_type: u16,
}

/// The protocol of LLC in a cooked capture.
const LINUX_LLC: u16 = 4;
/// The types of packets in a cooked capture.
const TO_US: u16 = 0;
const BROADCAST: u16 = 1;
const MULTICAST: u16 = 2;
const FROM_US: u16 = 4;

impl Carried {
    /// What a frame of this link type carries, if that can be told.
    pub(super) fn of(link: LinkType, frame: &Frame, data: &[u8], layers: &Layers) -> Option<Self> {
        let ends =
            |start| Self { start, kind: Kind::Llc(0), source: None, destination: None, packet_type: TO_US };
        let wire = data.len().max(frame.wire as usize);
        let llc = |start: usize| Some(Kind::Llc(u16::try_from(wire.checked_sub(start)?).ok()?));
        let mut found = match layers.headers().next()? {
            (Proto::Ethernet, 0) => {
                let field = word(data, 12)?;
                let kind =
                    if field < ethernet::MIN_ETHERTYPE { Kind::Llc(field) } else { Kind::EtherType(field) };
                Self { kind, destination: mac(data, 0), source: mac(data, 6), ..ends(ethernet::LEN) }
            }
            (Proto::Sll, 0) => {
                let kind = cooked(word(data, 14)?, sll::view(data, 0)?.get_link_layer_address_type())?;
                let source = mac(data, 6).filter(|_| word(data, 4) == Some(6));
                Self { kind: kind.or(llc(sll::LEN))?, source, packet_type: word(data, 0)?, ..ends(sll::LEN) }
            }
            (Proto::Sll2, 0) => {
                let kind = cooked(word(data, 0)?, sll2::view(data, 0)?.get_arphrd_type())?;
                let source = mac(data, 12).filter(|_| data.get(11) == Some(&6));
                let packet_type = data.get(10).copied().map(u16::from)?;
                Self { kind: kind.or(llc(sll2::LEN))?, source, packet_type, ..ends(sll2::LEN) }
            }
            (Proto::Hdlc, 0) => Self { kind: Kind::EtherType(hdlc::view(data, 0)?), ..ends(hdlc::LEN) },
            (Proto::Null | Proto::Loop, 0) => Self { kind: Kind::EtherType(ip(layers)?), ..ends(null::LEN) },
            (Proto::Ppp, 0) | (Proto::Ipv4 | Proto::Ipv6, 0) => {
                Self { kind: Kind::EtherType(ip(layers)?), ..ends(layers.network()?.1) }
            }
            _ => return None,
        };
        if !matches!(link, LinkType::LINUX_SLL | LinkType::LINUX_SLL2) {
            found.packet_type = match found.destination {
                _ if frame.flags.contains(Flags::OUTBOUND) => FROM_US,
                Some([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) => BROADCAST,
                Some([first, ..]) if first & 1 != 0 => MULTICAST,
                _ => TO_US,
            };
        }
        Some(found)
    }

    /// Leaves out what stands before the IP packet, tags among it. `false` when there is no IP packet.
    pub(super) fn narrow_to_ip(&mut self, layers: &Layers) -> bool {
        let Some(((_, at), ethertype)) = layers.network().zip(ip(layers)) else { return false };
        (self.start, self.kind) = (at, Kind::EtherType(ethertype));
        true
    }
}

/// The EtherType of the outermost IP packet.
fn ip(layers: &Layers) -> Option<u16> {
    layers.network().map(|(proto, _)| if proto == Proto::Ipv4 { ethernet::IPV4 } else { ethernet::IPV6 })
}

/// What the protocol of a cooked header announces: nothing in the inner option stands for LLC. `None` for what only
/// Linux knows.
fn cooked(protocol: u16, arphrd: u16) -> Option<Option<Kind>> {
    match protocol {
        _ if arphrd == sll::ARPHRD_NETLINK => None,
        LINUX_LLC => Some(None),
        0..ethernet::MIN_ETHERTYPE => None,
        _ => Some(Some(Kind::EtherType(protocol))),
    }
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn mac(data: &[u8], at: usize) -> Option<[u8; 6]> {
    data.get(at..)?.first_chunk().copied()
}
