//! What is to become of a packet: asked field by field.

use crate::addr::Mac;
use crate::flow::Endpoint;

/// Whose address or port it is, seen from the packet that travels.
///
/// An ICMP error quotes a packet that went the other way: the quoted destination is the sender's side here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The sender's.
    Source,
    /// The receiver's.
    Destination,
}

impl Side {
    pub(super) fn turned(self, turn: bool) -> Self {
        match (self, turn) {
            (side, false) => side,
            (Self::Source, true) => Self::Destination,
            (Self::Destination, true) => Self::Source,
        }
    }
}

/// What becomes of the checksums over fields that change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Updated by what changed, so that a wrong one stays wrong by the same difference.
    #[default]
    Incremental,
    /// Computed anew, changed or not, where every byte that they cover is there; updated where not.
    Recompute,
    /// Left as they are.
    Keep,
    /// Made wrong on purpose.
    Break,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Fields have other values.
    Fields,
    /// So has a field by which it may be known what follows, such as the port of a tunnel: the layers have to be decoded
    /// again.
    Structure,
}

impl Effect {
    #[inline(always)]
    pub(super) fn of(changed: bool) -> Self {
        if changed { Self::Fields } else { Self::None }
    }
}

/// Which fields a [`Change`] wants to be asked about; the others are not even read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// IP addresses, wherever they stand.
    pub addresses: bool,
    /// Ports of transport headers.
    pub ports: bool,
    /// Time to live, traffic class and flow label of the outermost IP header.
    pub header: bool,
    /// Sequence and acknowledgement numbers of TCP.
    pub sequence: bool,
    /// MAC addresses, wherever they stand.
    pub macs: bool,
    /// Fields of packets in tunnels too.
    pub inner: bool,
    /// What becomes of checksums.
    pub checksums: Checksums,
}

/// Says what fields become.
///
/// Every method is given a value and answers with the new one, or the same. It has to be a function of its arguments as
/// far as a conversation should stay consistent: one address is asked about wherever it stands.
pub trait Change {
    /// What to ask about.
    fn wants(&self) -> Wants;

    /// An IPv4 address.
    fn v4(&mut self, address: u32, side: Side) -> u32 {
        let _ = side;
        address
    }

    /// An IPv6 address.
    fn v6(&mut self, address: u128, side: Side) -> u128 {
        let _ = side;
        address
    }

    /// A port.
    fn port(&mut self, port: u16, side: Side) -> u16 {
        let _ = side;
        port
    }

    /// The time to live of IPv4 or the hop limit of IPv6.
    fn hops(&mut self, hops: u8) -> u8 {
        hops
    }

    /// The type of service of IPv4 or the traffic class of IPv6: six bits of DSCP, two of ECN.
    fn class(&mut self, class: u8, is_v4: bool) -> u8 {
        let _ = is_v4;
        class
    }

    /// The flow label of IPv6, 20 bits.
    fn label(&mut self, label: u32) -> u32 {
        label
    }

    /// By how much the sequence numbers of what `from` sends to `to` move on, by the addresses and ports before the
    /// change. What `to` acknowledges is moved by the same amount.
    fn shift(&mut self, from: Endpoint, to: Endpoint) -> u32 {
        let _ = (from, to);
        0
    }

    /// An address of the outermost link-layer header.
    fn mac(&mut self, mac: Mac, side: Side) -> Mac {
        let _ = side;
        mac
    }

    /// A MAC address anywhere else. One that stands in the link-layer header of the frame too is not asked about, but
    /// becomes what that one became.
    fn station(&mut self, mac: Mac) -> Mac {
        mac
    }
}
