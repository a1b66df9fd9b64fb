//! What holds for every packet and every change.

use proptest::prelude::*;

use super::super::common;
use super::super::*;
use crate::addr::Mac;
use crate::flow::Endpoint;
use crate::link::LinkType;
use crate::testing::tunnel::{Nested, nested};
use crate::testing::{decode, spec};
use crate::verify::{self, Offload, Verdict, Verdicts};

/// Changes whatever it is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct All {
    pub wants: Wants,
    pub amount: u32,
}

impl Change for All {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn v4(&mut self, address: u32, side: Side) -> u32 {
        address.wrapping_add(self.amount).wrapping_add(u32::from(side == Side::Source))
    }

    fn v6(&mut self, address: u128, side: Side) -> u128 {
        address.wrapping_add(u128::from(self.amount) << 40).wrapping_sub(u128::from(side == Side::Source))
    }

    fn port(&mut self, port: u16, side: Side) -> u16 {
        port.wrapping_add(self.amount as u16).wrapping_add(u16::from(side == Side::Source))
    }

    fn hops(&mut self, hops: u8) -> u8 {
        hops.wrapping_add(self.amount as u8)
    }

    fn class(&mut self, class: u8, is_v4: bool) -> u8 {
        class ^ (self.amount >> 8) as u8 ^ u8::from(is_v4)
    }

    fn label(&mut self, label: u32) -> u32 {
        label.wrapping_add(self.amount)
    }

    fn shift(&mut self, from: Endpoint, to: Endpoint) -> u32 {
        self.amount.wrapping_mul(u32::from(from.port)).wrapping_add(u32::from(to.port))
    }

    fn mac(&mut self, mac: Mac, side: Side) -> Mac {
        let Mac([a, b, c, d, e, f]) = self.station(mac);
        Mac([a, b, c, d, e, f ^ u8::from(side == Side::Source)])
    }

    fn station(&mut self, mac: Mac) -> Mac {
        let Mac([a, b, c, d, e, f]) = mac;
        let [_, x, y, z] = self.amount.to_be_bytes();
        Mac([a, b, c ^ x, d ^ y, e ^ z, f])
    }
}

prop_compose! {
    fn all()(
        wants in any::<(bool, bool, bool, bool, bool, bool)>(),
        amount in prop_oneof![Just(0u32), 0u32..4, any::<u32>()],
    ) -> All {
        let (addresses, ports, header, sequence, macs, inner) = wants;
        let wants = Wants { addresses, ports, header, sequence, macs, inner, checksums: Checksums::Incremental };
        All { wants, amount }
    }
}

/// What is found in each of the packets in one another.
fn verdicts(frame: &[u8], layers: &Layers) -> Vec<Verdicts> {
    let packets = std::iter::successors(Some(*layers), |outer| outer.inner(frame));
    packets.map(|packet| verify::check(frame, &packet, frame.len() as u32, Offload::None)).collect()
}

fn are_good(frame: &[u8], layers: &Layers) -> bool {
    verdicts(frame, layers).iter().all(Verdicts::is_acceptable)
}

/// A frame with tunnels whose UDP headers have a checksum.
fn checked(nested: &Nested) -> (Vec<u8>, Layers) {
    let mut frame = nested.frame();
    let layers = decode(&frame);
    for packet in std::iter::successors(Some(layers), |outer| outer.inner(&frame)).collect::<Vec<_>>() {
        if let Some((Proto::Udp, at)) = packet.transport().filter(|_| packet.inner(&frame).is_some()) {
            frame[at + 6] = 1;
        }
    }
    recompute(&mut frame, &layers);
    (frame, layers)
}

/// The same frame with every checksum computed anew.
fn renewed(frame: &[u8], layers: &Layers) -> Vec<u8> {
    let mut frame = frame.to_vec();
    recompute(&mut frame, layers);
    frame
}

fn applied(frame: &mut [u8], layers: &Layers, all: &mut All) -> Layers {
    let mut layers = *layers;
    match apply(frame, &mut layers, all) {
        Effect::Structure => decode(frame),
        _ => layers,
    }
}

proptest! {
    #[test]
    fn the_short_way_and_the_long_way_lead_to_one_place(spec in spec(), mut all in all(), damage: Option<u16>) {
        let mut frame = spec.frame();
        let layers = decode(&frame);
        if let Some((_, at)) = layers.transport().filter(|_| damage.is_some()) {
            frame[at + 6..at + 8].copy_from_slice(&damage.unwrap_or_default().to_be_bytes());
        }
        let (mut short, mut long) = (frame.clone(), frame);
        let (mut short_layers, mut long_layers) = (layers, layers);
        if let Some(effect) = common::apply(&mut short, &mut short_layers, &mut all) {
            let other = visit(&mut long, &long_layers, &mut all);
            long_layers.rehash(&long);
            prop_assert_eq!((effect, &short), (other, &long));
            prop_assert_eq!(short_layers, long_layers);
        }
    }

    #[test]
    fn an_update_is_a_recomputation(spec in spec(), mut all in all()) {
        let mut frame = spec.frame();
        let layers = applied(&mut frame, &decode(&spec.frame()), &mut all);
        prop_assert_eq!(&frame, &renewed(&frame, &layers));
        prop_assert!(are_good(&frame, &layers), "{:?}", verdicts(&frame, &layers));
        prop_assert_eq!(layers, decode(&frame));
    }

    #[test]
    fn an_update_is_a_recomputation_in_tunnels_too(nested in nested(3), mut all in all()) {
        let (mut frame, layers) = checked(&nested);
        prop_assert!(are_good(&frame, &layers), "{:?}", verdicts(&frame, &layers));
        let length = frame.len();
        // The ports of tunnels stay, or they would be none.
        all.wants.ports &= nested.tunnels.is_empty();
        let layers = applied(&mut frame, &layers, &mut all);
        prop_assert_eq!(frame.len(), length);
        prop_assert_eq!(&frame, &renewed(&frame, &layers));
        prop_assert!(are_good(&frame, &layers), "{:?}", verdicts(&frame, &layers));
        prop_assert_eq!(layers, decode(&frame));
    }

    #[test]
    fn ports_in_tunnels_change_and_the_layers_follow(nested in nested(3), mut all in all()) {
        let (mut frame, before) = checked(&nested);
        all.wants = Wants { ports: true, inner: true, ..Wants::default() };
        let layers = applied(&mut frame, &before, &mut all);
        prop_assert_eq!(layers, decode(&frame));
        // Looked at as before, every sum is right.
        prop_assert_eq!(&frame, &renewed(&frame, &layers));
    }

    #[test]
    fn a_recomputation_changes_nothing_that_is_right(spec in spec()) {
        let frame = spec.frame();
        prop_assert_eq!(&renewed(&frame, &decode(&frame)), &frame);
    }

    #[test]
    fn what_is_broken_is_wrong_and_can_be_mended(nested in nested(2), mut all in all()) {
        let (mut frame, layers) = checked(&nested);
        all.wants = Wants { checksums: Checksums::Break, ..Wants::default() };
        let before = frame.clone();
        apply(&mut frame, &mut layers.clone(), &mut all);
        for verdicts in verdicts(&frame, &layers) {
            prop_assert!(!matches!(verdicts.network, Verdict::Good), "{verdicts:?}");
            prop_assert!(!matches!(verdicts.transport, Verdict::Good), "{verdicts:?}");
        }
        prop_assert_eq!(renewed(&frame, &layers), before);
    }

    #[test]
    fn checksums_that_are_kept_are_those_of_before(spec in spec(), mut all in all()) {
        all.wants.checksums = Checksums::Keep;
        let before = spec.frame();
        let mut frame = before.clone();
        let mut layers = decode(&frame);
        apply(&mut frame, &mut layers, &mut all);
        for (sum, length) in sums(&layers) {
            prop_assert_eq!(&frame[sum..sum + length], &before[sum..sum + length]);
        }
        prop_assert_eq!(layers, decode(&frame));
    }

    #[test]
    fn nothing_panics(frame: Vec<u8>, other in nested(3), mut all in all(), recomputes: bool) {
        if recomputes {
            all.wants.checksums = Checksums::Recompute;
        }
        // Layers that belong to another frame, and a frame that is none.
        let mut layers = decode(&other.frame());
        let mut copy = frame.clone();
        apply(&mut copy, &mut layers, &mut all);
        recompute(&mut copy, &layers);
        let mut layers = Layers::decode(LinkType::RAW, &frame, frame.len() as u32);
        apply(&mut copy, &mut layers, &mut all);
        prop_assert_eq!(copy.len(), frame.len());
    }
}

/// Where the checksums of a packet stand, and their lengths.
fn sums(layers: &Layers) -> Vec<(usize, usize)> {
    let mut sums = vec![];
    if let Some((Proto::Ipv4, at)) = layers.network() {
        sums.push((at + 10, 2));
    }
    if let Some((proto, at)) = layers.transport() {
        sums.push(match proto {
            Proto::Tcp => (at + 16, 2),
            Proto::Udp | Proto::UdpLite => (at + 6, 2),
            Proto::Sctp => (at + 8, 4),
            _ => (at + 2, 2),
        });
    }
    sums
}
