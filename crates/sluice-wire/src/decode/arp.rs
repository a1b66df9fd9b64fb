//! ARP, RFC 826: hardware and protocol type, their address lengths, operation, sender and target.

use std::net::Ipv4Addr;

use super::{Cursor, Step, array, be16, ethernet};
use crate::layers::{Proto, Stop};

/// The length of the fixed part, before the addresses.
pub const LEN: usize = 8;
/// The operation that asks.
pub const REQUEST: u16 = 1;
/// The operation that answers.
pub const REPLY: u16 = 2;

/// The fixed part of an ARP header and where its addresses are.
///
/// `pnet_packet` assumes IPv4 over Ethernet; this reads the two lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 1 for Ethernet.
    pub hardware: u16,
    /// The EtherType of the addresses asked for.
    pub protocol: u16,
    /// 1 asks, 2 answers.
    pub operation: u16,
    hardware_len: usize,
    protocol_len: usize,
    at: usize,
}

impl Header {
    /// The offset of the sender's hardware address.
    pub fn sender_hardware(&self) -> usize {
        self.at + LEN
    }

    /// The offset of the sender's protocol address.
    pub fn sender_protocol(&self) -> usize {
        self.sender_hardware() + self.hardware_len
    }

    /// The offset of the target's hardware address.
    pub fn target_hardware(&self) -> usize {
        self.sender_protocol() + self.protocol_len
    }

    /// The offset of the target's protocol address.
    pub fn target_protocol(&self) -> usize {
        self.target_hardware() + self.hardware_len
    }

    /// The length of the header with its addresses.
    pub fn length(&self) -> usize {
        LEN + 2 * (self.hardware_len + self.protocol_len)
    }

    /// Whether the protocol addresses are those of IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.protocol == ethernet::IPV4 && self.protocol_len == 4
    }

    /// Whether the hardware addresses are MAC addresses.
    pub fn has_macs(&self) -> bool {
        self.hardware_len == 6
    }

    /// The sender's and the target's IPv4 address.
    pub fn addresses(&self, frame: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
        if !self.is_ipv4() {
            return None;
        }
        let sender: &[u8; 4] = array(frame, self.sender_protocol())?;
        let target: &[u8; 4] = array(frame, self.target_protocol())?;
        Some((Ipv4Addr::from(*sender), Ipv4Addr::from(*target)))
    }
}

/// The fixed part at `at`.
pub fn view(frame: &[u8], at: usize) -> Option<Header> {
    let [hardware_len, protocol_len] = *array(frame, at.checked_add(4)?)?;
    Some(Header {
        hardware: be16(frame, at)?,
        protocol: be16(frame, at + 2)?,
        operation: be16(frame, at + 6)?,
        hardware_len: usize::from(hardware_len),
        protocol_len: usize::from(protocol_len),
        at,
    })
}

pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Step {
    cursor.need(LEN)?;
    let header = view(cursor.frame, cursor.at).ok_or(Stop::BadLength)?;
    cursor.push(Proto::Arp)?;
    cursor.payload(header.length())
}
