//! Setters of single fields.

use std::net::IpAddr;

use super::sums::{Sums, write};
use crate::addr::Mac;
use crate::checksum::Delta;
use crate::decode::{array, ethernet};
use crate::layers::{Layers, Proto};

/// Sets single fields of the outermost headers of one frame.
///
/// Every setter says whether the frame has such a field; if not, nothing changes.
pub struct Editor<'a> {
    frame: &'a mut [u8],
    layers: &'a Layers,
}

impl<'a> Editor<'a> {
    /// An editor of `frame`, whose layers must have been decoded from it.
    pub fn new(frame: &'a mut [u8], layers: &'a Layers) -> Self {
        Self { frame, layers }
    }

    /// Sets the source address of the IP header; the family must be the same.
    pub fn set_source(&mut self, address: IpAddr) -> bool {
        self.set_address(address, 12, 8)
    }

    /// Sets the destination address of the IP header; the family must be the same.
    ///
    /// Where a routing header names another final destination, that one stays.
    pub fn set_destination(&mut self, address: IpAddr) -> bool {
        self.set_address(address, 16, 24)
    }

    fn set_address(&mut self, address: IpAddr, in_v4: usize, in_v6: usize) -> bool {
        let Some(mut sums) = Sums::of(self.frame, self.layers) else { return false };
        let written = match (self.layers.network(), address) {
            (Some((Proto::Ipv4, at)), IpAddr::V4(address)) => {
                sums.address(self.frame, at + in_v4, address.octets())
            }
            (Some((Proto::Ipv6, at)), IpAddr::V6(address)) => {
                sums.address(self.frame, at + in_v6, address.octets())
            }
            _ => return false,
        };
        sums.apply(self.frame);
        written
    }

    /// Sets the time to live of IPv4 or the hop limit of IPv6.
    pub fn set_ttl(&mut self, ttl: u8) -> bool {
        match self.layers.network() {
            Some((Proto::Ipv4, at)) => {
                let Some([_, protocol]) = array(self.frame, at + 8).copied() else { return false };
                let Some(delta) = write(self.frame, at + 8, [ttl, protocol]) else { return false };
                let Some(mut sums) = Sums::of(self.frame, self.layers) else { return false };
                sums.header_changed(delta);
                sums.apply(self.frame);
                true
            }
            Some((_, at)) => match self.frame.get_mut(at + 7) {
                Some(limit) => {
                    *limit = ttl;
                    true
                }
                None => false,
            },
            None => false,
        }
    }

    /// Sets source and destination port; `None` leaves one as it is.
    ///
    /// An SCTP packet in fragments keeps its ports, as its CRC cannot be updated without knowing its length.
    pub fn set_ports(&mut self, source: Option<u16>, destination: Option<u16>) -> bool {
        let Some((proto, at)) = self.layers.transport() else { return false };
        let is_opaque = proto == Proto::Sctp && self.layers.is_fragment();
        let Some(old) = self.layers.ports(self.frame).filter(|_| !is_opaque) else { return false };
        let Some(mut sums) = Sums::of(self.frame, self.layers) else { return false };
        let new = (source.unwrap_or(old.0), destination.unwrap_or(old.1));
        sums.ports(self.frame, self.layers, at, new);
        sums.apply(self.frame);
        true
    }

    /// Sets the source port.
    pub fn set_source_port(&mut self, port: u16) -> bool {
        self.set_ports(Some(port), None)
    }

    /// Sets the destination port.
    pub fn set_destination_port(&mut self, port: u16) -> bool {
        self.set_ports(None, Some(port))
    }

    /// Sets the source address of the Ethernet header.
    pub fn set_mac_source(&mut self, mac: Mac) -> bool {
        self.set_mac(6, mac)
    }

    /// Sets the destination address of the Ethernet header.
    pub fn set_mac_destination(&mut self, mac: Mac) -> bool {
        self.set_mac(0, mac)
    }

    fn set_mac(&mut self, offset: usize, mac: Mac) -> bool {
        let Some(at) = self.layers.find(Proto::Ethernet) else { return false };
        if self.frame.len() < at + ethernet::LEN {
            return false;
        }
        let delta: Option<Delta> = write(self.frame, at + offset, mac.0);
        delta.is_some()
    }
}
