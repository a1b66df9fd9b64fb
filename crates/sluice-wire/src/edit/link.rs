//! Addresses of the link layer: those of Ethernet and cooked headers, and of ARP.

use super::change::{Change, Side};
use super::sums::write;
use super::visit::Pass;
use crate::addr::Mac;
use crate::checksum::Delta;
use crate::decode::{arp, array, be16, ethernet};
use crate::layers::{Layers, Proto};

const ARPHRD_ETHERNET: u16 = 1;

/// The addresses of the outermost link-layer header, before and after.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stations([Option<(Mac, Mac)>; 2]);

impl Stations {
    /// What an address becomes that stands in the header too.
    pub fn get(&self, mac: Mac) -> Option<Mac> {
        self.0.iter().flatten().find(|(old, _)| *old == mac).map(|(_, new)| *new)
    }
}

impl<C: Change> Pass<'_, C> {
    /// Changes the addresses of the outermost link-layer header. Returns whether any did.
    pub(super) fn header_stations(&mut self, layers: &Layers) -> bool {
        let mut changed = false;
        for (slot, side) in [Side::Source, Side::Destination].into_iter().enumerate() {
            let Some(at) = place(self.frame, layers, side) else { continue };
            let Some(old) = array(self.frame, at).map(|bytes| Mac(*bytes)) else { continue };
            let new = self.change.mac(old, side);
            changed |= new != old && write(self.frame, at, new.0).is_some();
            // A group is nobody's address.
            if let Some(slot) = self.stations.0.get_mut(slot).filter(|_| !old.is_group()) {
                *slot = Some((old, new));
            }
        }
        changed
    }

    /// Changes the addresses of an Ethernet header in a tunnel.
    pub(super) fn inner_stations(&mut self, at: usize) -> Delta {
        self.station(at) + self.station(at + 6)
    }

    /// Changes the addresses of an ARP header.
    pub(super) fn arp(&mut self, at: usize) -> Delta {
        let mut delta = Delta::NONE;
        let Some(header) = arp::view(self.frame, at) else { return delta };
        if self.wants.addresses && header.is_ipv4() {
            for (place, side) in
                [(header.sender_protocol(), Side::Source), (header.target_protocol(), Side::Destination)]
            {
                delta += self.v4(place, side).shifted(place - at);
            }
        }
        if self.wants.macs && header.has_macs() {
            for place in [header.sender_hardware(), header.target_hardware()] {
                // The target's is unknown while it is asked for.
                if array(self.frame, place).is_some_and(|mac| *mac != [0; 6]) {
                    delta += self.station(place).shifted(place - at);
                }
            }
        }
        delta
    }
}

/// The offset of a side's MAC address in the outermost link-layer header.
fn place(frame: &[u8], layers: &Layers, side: Side) -> Option<usize> {
    let (proto, at) = layers.headers().next()?;
    let is_source = side == Side::Source;
    match proto {
        Proto::Ethernet if frame.len() >= at + ethernet::LEN => Some(if is_source { at + 6 } else { at }),
        // A cooked header tells the sender alone.
        Proto::Sll if is_source => {
            (be16(frame, at + 2)? == ARPHRD_ETHERNET && be16(frame, at + 4)? == 6).then_some(at + 6)
        }
        Proto::Sll2 if is_source => {
            (be16(frame, at + 8)? == ARPHRD_ETHERNET && *frame.get(at + 11)? == 6).then_some(at + 12)
        }
        _ => None,
    }
}
