//! What tunnels carry: link-layer headers, ARP, IP packets.

use super::change::Change;
use super::sums::Sums;
use super::visit::{Pass, Place};
use crate::layers::{Layers, Proto};

impl<C: Change> Pass<'_, C> {
    /// Changes what the packet carries in a tunnel, for the checksums of the packet to follow.
    ///
    /// This comes before any change of the packet itself, which may be known as a tunnel by its ports.
    pub(super) fn carried(&mut self, layers: &Layers, sums: &mut Sums, place: Place) {
        let own = layers.own().count();
        for (proto, at) in layers.headers().skip(own) {
            match proto {
                Proto::Ethernet if self.wants.macs => {
                    let delta = self.inner_stations(at);
                    sums.carried(delta, at);
                }
                Proto::Arp => {
                    let delta = self.arp(at);
                    sums.carried(delta, at);
                }
                proto if proto.is_network() => break,
                _ => {}
            }
        }
        if let Some(inner) = layers.inner(self.frame)
            && let Some((_, at)) = inner.network()
        {
            let place = if place == Place::Quoted { place } else { Place::Inner };
            let delta = self.packet(&inner, place);
            sums.carried(delta, at);
        }
    }
}
