//! The options of `rewrite`, compiled.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sluice_core::{Layers, OptionError};
use sluice_wire::addr::Mac;
use sluice_wire::edit::{Checksums, Wants};
use sluice_wire::layers::Proto;
use sluice_wire::map::{AddressMap, Key, Keyed, Method, PortMap};

use super::maps::{self, Pair};
use super::options::{self, Options};

#[derive(Clone, Copy)]
pub(super) enum Hops {
    Keep,
    Set(u8),
    Add(i16),
}

/// Bits that are set to a value.
#[derive(Clone, Copy, Default)]
pub(super) struct Bits {
    mask: u8,
    value: u8,
}

impl Bits {
    fn with(self, mask: u8, value: Option<u8>) -> Self {
        match value {
            Some(value) => Self { mask: self.mask | mask, value: self.value | value },
            None => self,
        }
    }

    pub fn put(self, old: u8) -> u8 {
        (old & !self.mask) | self.value
    }
}

pub(super) enum Sequence {
    Keep,
    Add(u32),
    Random(Arc<Keyed>),
}

pub(super) struct Rules {
    /// By side; by role where there are endpoints.
    pub addresses: Pair<AddressMap>,
    pub random: Option<Arc<Keyed>>,
    pub ports: Pair<PortMap>,
    pub both_ports: PortMap,
    /// Sorted by the old address.
    pub macs: Vec<(Mac, Mac)>,
    /// By side, or by role where there are endpoints.
    pub set_macs: Pair<Option<Mac>>,
    pub random_macs: Option<(Arc<Keyed>, u8)>,
    pub skip_broadcast: bool,
    pub skip_multicast: bool,
    pub hops: Hops,
    /// Of IPv4 and of IPv6.
    pub class: (Bits, Bits),
    pub label: Option<u32>,
    pub sequence: Sequence,
    pub wants: Wants,
    /// Whether pairs are client and server rather than source and destination.
    pub by_role: bool,
    /// Whether there is anything to do on IP headers at all.
    network: bool,
    /// Whether the user was told that check values become invalid.
    pub told: AtomicBool,
}

impl Rules {
    pub fn compile(options: &Options) -> Result<Self, OptionError> {
        let hops = match (options.ttl, options.ttl_add) {
            (None, None) => Hops::Keep,
            (Some(ttl), None) => Hops::Set(ttl.get()),
            (None, Some(add)) => Hops::Add(add),
            (Some(_), Some(_)) => return Err(one_of("ttl_add", "ttl")),
        };
        let sequence = match (options.tcp_sequence_add, options.tcp_sequence_seed) {
            (None, None) => Sequence::Keep,
            // Numbers wrap round at 32 bits, so what is taken off is added the other way round.
            (Some(add), None) => Sequence::Add(add as u32),
            (None, Some(seed)) => {
                Sequence::Random(Arc::new(Keyed::new(&Key::of_seed(seed), Method::Random, &[])))
            }
            (Some(_), Some(_)) => return Err(one_of("tcp_sequence_seed", "tcp_sequence_add")),
        };
        let class = class(options)?;
        let addresses = maps::addresses(options)?;
        let random = maps::random(options)?;
        let ports = [
            maps::ports("source_ports", &options.source_ports)?,
            maps::ports("destination_ports", &options.destination_ports)?,
        ];
        let both_ports = maps::ports("ports", &options.ports)?.effective();
        let (macs, random_macs) = (maps::macs(&options.macs)?, maps::random_macs(options)?);
        let set_macs = set_macs(options)?;
        let checksums = match options.checksums {
            options::Checksums::Incremental => Checksums::Incremental,
            options::Checksums::Recompute => Checksums::Recompute,
            options::Checksums::Keep => Checksums::Keep,
            options::Checksums::Break => Checksums::Break,
        };
        let wants = Wants {
            addresses: random.is_some() || addresses.iter().any(|map| !map.is_empty()),
            ports: !both_ports.is_empty() || ports.iter().any(|map| !map.is_empty()),
            header: !matches!(hops, Hops::Keep)
                || options.flow_label.is_some()
                || class.0.mask | class.1.mask != 0,
            sequence: !matches!(sequence, Sequence::Keep),
            macs: !macs.is_empty() || random_macs.is_some() || set_macs.iter().any(Option::is_some),
            inner: options.inner,
            checksums,
        };
        let checks = matches!(checksums, Checksums::Recompute | Checksums::Break);
        let network = wants.addresses || wants.ports || wants.header || wants.sequence || checks;
        if !network && !wants.macs {
            return Err(OptionError::new("nothing to rewrite").help(
                "give at least one of the options that say what becomes of addresses, ports, MAC addresses or header \
                 fields",
            ));
        }
        Ok(Self {
            addresses,
            random,
            ports,
            both_ports,
            macs,
            set_macs,
            random_macs,
            skip_broadcast: options.skip_broadcast,
            skip_multicast: options.skip_multicast,
            hops,
            class,
            label: options.flow_label,
            sequence,
            wants,
            by_role: options.endpoints.is_some(),
            network,
            told: AtomicBool::new(false),
        })
    }

    /// Whether a packet with these layers may change.
    #[inline(always)]
    pub fn concern(&self, layers: &Layers) -> bool {
        self.wants.macs
            || (self.network && layers.network().is_some())
            || (self.wants.addresses && layers.find(Proto::Arp).is_some())
    }
}

fn one_of(option: &str, other: &str) -> OptionError {
    OptionError::at(option, format!("`{other}` is given too: expected one of them"))
}

fn class(options: &Options) -> Result<(Bits, Bits), OptionError> {
    let parts = [("dscp", options.dscp), ("ecn", options.ecn)];
    for (whole, value) in [("tos", options.tos), ("traffic_class", options.traffic_class)] {
        if let (Some(_), Some((part, _))) = (value, parts.iter().find(|(_, part)| part.is_some())) {
            return Err(one_of(part, whole));
        }
    }
    let both = Bits::default().with(0xFC, options.dscp.map(|dscp| dscp << 2)).with(0x03, options.ecn);
    Ok((both.with(0xFF, options.tos), both.with(0xFF, options.traffic_class)))
}

fn set_macs(options: &Options) -> Result<Pair<Option<Mac>>, OptionError> {
    let sides = [options.source_mac, options.destination_mac];
    let Some(endpoints) = &options.endpoints else { return Ok(sides) };
    if sides.iter().any(Option::is_some) {
        let message = "MAC addresses are set by `source_mac` or `destination_mac`: expected either those or `endpoints`";
        return Err(OptionError::at("endpoints", message));
    }
    Ok([endpoints.client_mac, endpoints.server_mac])
}
