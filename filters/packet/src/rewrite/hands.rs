//! The rules at work on one packet after the other.

use std::net::IpAddr;
use std::sync::Arc;

use sluice_core::Flags;
use sluice_wire::addr::Mac;
use sluice_wire::edit::{Change, Side, Wants};
use sluice_wire::flow::Endpoint;
use sluice_wire::map::Remembered;

use super::maps::Pair;
use super::rules::{Hops, Rules, Sequence};

/// One instance's: what it has to know about the packet at hand, and what it remembers.
pub(super) struct Hands {
    rules: Arc<Rules>,
    addresses: Option<Remembered>,
    macs: Option<Remembered>,
    /// What the packet at hand is asked about.
    wants: Wants,
    /// Whether its source is the second of a pair: the server, where pairs are client and server.
    turned: bool,
    /// Whether it is known which of a pair its source is.
    has_side: bool,
}

impl Hands {
    pub fn new(rules: Arc<Rules>) -> Self {
        let addresses = rules.random.clone().map(Remembered::new);
        let macs = rules.random_macs.as_ref().map(|(keyed, _)| Remembered::new(Arc::clone(keyed)));
        let wants = rules.wants;
        Self { rules, addresses, macs, wants, turned: false, has_side: true }
    }

    /// Turns to a packet with these flags.
    #[inline(always)]
    pub fn face(&mut self, flags: Flags) {
        if self.rules.by_role {
            self.turned = flags.contains(Flags::FROM_SERVER);
            self.has_side = self.turned || flags.contains(Flags::FROM_CLIENT);
            self.wants.addresses = self.has_side;
        }
    }

    /// Whether what is changed is covered by check values that need a key.
    #[inline(always)]
    pub fn breaks_signatures(&self) -> bool {
        self.wants.addresses || self.wants.ports || self.wants.sequence
    }

    #[inline(always)]
    fn of<T>(pair: &Pair<T>, side: Side, turned: bool) -> &T {
        let [first, second] = pair;
        if (side == Side::Source) != turned { first } else { second }
    }

    fn is_skipped(&self, mac: Mac) -> bool {
        mac.is_group()
            && if mac == Mac::BROADCAST { self.rules.skip_broadcast } else { self.rules.skip_multicast }
    }
}

impl Change for Hands {
    #[inline(always)]
    fn wants(&self) -> Wants {
        self.wants
    }

    #[inline(always)]
    fn v4(&mut self, address: u32, side: Side) -> u32 {
        match Self::of(&self.rules.addresses, side, self.turned).get_v4(address) {
            Some(new) => new,
            None => self.addresses.as_mut().map_or(address, |random| random.v4(address)),
        }
    }

    #[inline(always)]
    fn v6(&mut self, address: u128, side: Side) -> u128 {
        match Self::of(&self.rules.addresses, side, self.turned).get_v6(address) {
            Some(new) => new,
            None => self.addresses.as_mut().map_or(address, |random| random.v6(address)),
        }
    }

    #[inline(always)]
    fn port(&mut self, port: u16, side: Side) -> u16 {
        let one_side = Self::of(&self.rules.ports, side, false).get(port);
        one_side.or_else(|| self.rules.both_ports.get(port)).unwrap_or(port)
    }

    #[inline(always)]
    fn hops(&mut self, hops: u8) -> u8 {
        match self.rules.hops {
            Hops::Keep => hops,
            Hops::Set(hops) => hops,
            Hops::Add(add) => i16::from(hops).saturating_add(add).clamp(1, 255) as u8,
        }
    }

    fn class(&mut self, class: u8, is_v4: bool) -> u8 {
        let (v4, v6) = self.rules.class;
        if is_v4 { v4.put(class) } else { v6.put(class) }
    }

    fn label(&mut self, label: u32) -> u32 {
        self.rules.label.unwrap_or(label)
    }

    fn shift(&mut self, from: Endpoint, to: Endpoint) -> u32 {
        match &self.rules.sequence {
            Sequence::Keep => 0,
            Sequence::Add(add) => *add,
            Sequence::Random(keyed) => {
                let half = |end: Endpoint| {
                    let bits = match end.address {
                        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
                        IpAddr::V6(address) => address.to_bits(),
                    };
                    keyed.number(u128::from(keyed.number(bits)) << 64 | u128::from(end.port))
                };
                keyed.number(u128::from(half(from)) << 64 | u128::from(half(to))) as u32
            }
        }
    }

    #[inline(always)]
    fn mac(&mut self, mac: Mac, side: Side) -> Mac {
        match Self::of(&self.rules.set_macs, side, self.turned) {
            Some(new) if self.has_side && !self.is_skipped(mac) => *new,
            _ => self.station(mac),
        }
    }

    fn station(&mut self, mac: Mac) -> Mac {
        if self.is_skipped(mac) {
            return mac;
        }
        let rules = &self.rules;
        let found = rules.macs.binary_search_by_key(&mac, |(from, _)| *from).ok();
        match (found.and_then(|at| rules.macs.get(at)), &rules.random_macs, &mut self.macs) {
            (Some((_, new)), ..) => *new,
            (None, Some((_, keep)), Some(random)) => random.mac(mac, *keep),
            _ => mac,
        }
    }
}
