//! The options of `rewrite`, compiled.

use std::collections::BTreeMap;

use sluice_core::{Layers, OptionError};
use sluice_wire::addr::{Cidr, Mac};
use sluice_wire::edit::{Editor, Side, map_addresses, map_ports};
use sluice_wire::layers::Proto;
use sluice_wire::map::{AddressMap, PortMap};

use super::Options;

#[derive(Clone, Copy)]
enum Ttl {
    Keep,
    Set(u8),
    Add(i16),
}

pub(super) struct Rules {
    both: AddressMap,
    source: AddressMap,
    destination: AddressMap,
    ports: PortMap,
    /// Sorted by the old address.
    macs: Vec<(Mac, Mac)>,
    source_mac: Option<Mac>,
    destination_mac: Option<Mac>,
    ttl: Ttl,
    /// Whether there is anything to do on addresses, on IP headers at all, on Ethernet headers.
    addresses: bool,
    network: bool,
    ethernet: bool,
}

impl Rules {
    pub(super) fn compile(options: &Options) -> Result<Self, OptionError> {
        let ttl = match (options.ttl, options.ttl_add) {
            (None, None) => Ttl::Keep,
            (Some(ttl), None) => Ttl::Set(ttl.get()),
            (None, Some(add)) => Ttl::Add(add),
            (Some(_), Some(_)) => {
                return Err(OptionError::at("ttl_add", "`ttl` is given too: expected one of them"));
            }
        };
        let both = addresses("addresses", &options.addresses)?;
        let source = addresses("source_addresses", &options.source_addresses)?;
        let destination = addresses("destination_addresses", &options.destination_addresses)?;
        let (ports, macs) = (ports(&options.ports)?, macs(&options.macs)?);
        let addresses = !(both.is_empty() && source.is_empty() && destination.is_empty());
        let network = addresses || !ports.is_empty() || !matches!(ttl, Ttl::Keep);
        let (source_mac, destination_mac) = (options.source_mac, options.destination_mac);
        let ethernet = !macs.is_empty() || source_mac.is_some() || destination_mac.is_some();
        if !network && !ethernet {
            return Err(OptionError::new("nothing to rewrite").help(
                "give at least one of `addresses`, `source_addresses`, `destination_addresses`, `ports`, `macs`, \
                 `source_mac`, `destination_mac`, `ttl` and `ttl_add`",
            ));
        }
        Ok(Self {
            both,
            source,
            destination,
            ports,
            macs,
            source_mac,
            destination_mac,
            ttl,
            addresses,
            network,
            ethernet,
        })
    }

    /// Whether a packet with these layers may change.
    pub(super) fn concern(&self, layers: &Layers) -> bool {
        self.ethernet
            || (self.network && layers.network().is_some())
            || (self.addresses && layers.find(Proto::Arp).is_some())
    }

    /// Rewrites one packet and keeps its layers true.
    pub(super) fn apply(&self, data: &mut [u8], layers: &mut Layers) {
        let mut changed = false;
        if self.addresses {
            changed |= map_addresses(data, layers, &mut |address, side| {
                let one_side = if side == Side::Source { &self.source } else { &self.destination };
                one_side.get(address).or_else(|| self.both.get(address))
            });
        }
        if !self.ports.is_empty() {
            changed |= map_ports(data, layers, &mut |port, _| self.ports.get(port));
        }
        self.set_ttl(data, layers);
        if self.ethernet {
            // The flow of a frame without IP is known by its MAC addresses.
            changed |= self.set_macs(data, layers);
        }
        if changed {
            layers.rehash(data);
        }
    }

    fn set_ttl(&self, data: &mut [u8], layers: &Layers) {
        let new = match self.ttl {
            Ttl::Keep => return,
            Ttl::Set(ttl) => ttl,
            Ttl::Add(add) => {
                let place =
                    layers.network().map(|(proto, at)| if proto == Proto::Ipv4 { at + 8 } else { at + 7 });
                let Some(old) = place.and_then(|at| data.get(at)) else { return };
                i16::from(*old).saturating_add(add).clamp(1, 255) as u8
            }
        };
        Editor::new(data, layers).set_ttl(new);
    }

    fn set_macs(&self, data: &mut [u8], layers: &Layers) -> bool {
        let Some(at) = layers.find(Proto::Ethernet) else { return false };
        let Some(addresses) = data.get(at..).and_then(|frame| frame.first_chunk::<12>()) else {
            return false;
        };
        let ([destination, source], _) = addresses.as_chunks::<6>() else { return false };
        let mapped = |old: &[u8; 6]| {
            let found = self.macs.binary_search_by_key(&Mac(*old), |(from, _)| *from).ok();
            found.and_then(|at| self.macs.get(at)).map(|(_, to)| *to)
        };
        let source = self.source_mac.or_else(|| mapped(source));
        let destination = self.destination_mac.or_else(|| mapped(destination));
        let mut editor = Editor::new(data, layers);
        if let Some(mac) = source {
            editor.set_mac_source(mac);
        }
        if let Some(mac) = destination {
            editor.set_mac_destination(mac);
        }
        source.is_some() || destination.is_some()
    }
}

fn addresses(option: &str, pairs: &BTreeMap<String, Cidr>) -> Result<AddressMap, OptionError> {
    let mut networks = Vec::new();
    for (text, to) in pairs {
        let from: Cidr = text.parse().map_err(|e| at_key(option, text, e))?;
        // Each pair alone first, so that a wrong one is shown where it stands.
        AddressMap::new([(from, *to)]).map_err(|e| at_key(option, text, e))?;
        networks.push((from, *to));
    }
    AddressMap::new(networks).map_err(|e| OptionError::at(option, e.to_string()))
}

fn ports(pairs: &BTreeMap<String, u16>) -> Result<PortMap, OptionError> {
    for (text, to) in pairs {
        PortMap::new([(text, *to)]).map_err(|e| at_key("ports", text, e))?;
    }
    PortMap::new(pairs.iter().map(|(text, to)| (text, *to)))
        .map_err(|e| OptionError::at("ports", e.to_string()))
}

fn macs(pairs: &BTreeMap<String, Mac>) -> Result<Vec<(Mac, Mac)>, OptionError> {
    let mut macs = Vec::new();
    for (text, to) in pairs {
        let from: Mac = text.parse().map_err(|e| at_key("macs", text, e))?;
        macs.push((from, *to));
    }
    macs.sort_unstable();
    match macs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(OptionError::at("macs", format!("`{}` is mapped twice", pair[0].0))),
        None => Ok(macs),
    }
}

fn at_key(option: &str, key: &str, error: impl std::fmt::Display) -> OptionError {
    OptionError::at(option, error.to_string()).key(key)
}
