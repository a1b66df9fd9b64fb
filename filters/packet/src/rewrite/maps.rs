//! From what is written to maps of addresses and ports.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sluice_core::OptionError;
use sluice_wire::addr::{Cidr, Mac};
use sluice_wire::map::{AddressMap, Key, Keyed, Method, PortMap};

use super::options::{self, Options};

/// Who an address belongs to: source and destination, or client and server.
pub(super) type Pair<T> = [T; 2];

/// Maps by side, or by role where there are endpoints.
pub(super) fn addresses(options: &Options) -> Result<Pair<AddressMap>, OptionError> {
    let skipped = skipped(options);
    if let Some(endpoints) = &options.endpoints {
        let others = [&options.addresses, &options.source_addresses, &options.destination_addresses];
        if others.iter().any(|map| !map.is_empty()) || options.randomize.is_some() {
            let message = "other addresses are mapped too: expected either those or `endpoints`";
            return Err(OptionError::at("endpoints", message));
        }
        let [client, server] = [("client", &endpoints.client), ("server", &endpoints.server)];
        return Ok([skipped.clone().or(&everything(client)?), skipped.or(&everything(server)?)]);
    }
    let both = pairs("addresses", &options.addresses)?;
    let source = pairs("source_addresses", &options.source_addresses)?;
    let destination = pairs("destination_addresses", &options.destination_addresses)?;
    if (source.is_empty() && destination.is_empty() && both.is_empty()) && options.randomize.is_none() {
        return Ok(Default::default());
    }
    Ok([source, destination].map(|side| skipped.clone().or(&side).or(&both)))
}

/// What is to stay becomes itself, before anything else counts.
fn skipped(options: &Options) -> AddressMap {
    let mut networks: Vec<&str> = Vec::new();
    if options.skip_broadcast {
        networks.extend(options::Class::Broadcast.networks());
    }
    if options.skip_multicast {
        networks.extend(options::Class::Multicast.networks());
    }
    let networks = networks.into_iter().filter_map(|text| text.parse::<Cidr>().ok());
    AddressMap::new(networks.map(|network| (network, network))).unwrap_or_default()
}

fn pairs(option: &str, pairs: &BTreeMap<String, Cidr>) -> Result<AddressMap, OptionError> {
    let mut networks = Vec::new();
    for (text, to) in pairs {
        let from: Cidr = text.parse().map_err(|e| at_key(option, text, e))?;
        // Each pair alone first, so that a wrong one is shown where it stands.
        AddressMap::new([(from, *to)]).map_err(|e| at_key(option, text, e))?;
        networks.push((from, *to));
    }
    AddressMap::new(networks).map_err(|e| OptionError::at(option, e.to_string()))
}

/// Every address of a family becomes the one that is given.
fn everything((role, text): (&str, &String)) -> Result<AddressMap, OptionError> {
    let wrong = |message: String| OptionError::at("endpoints", message).key(role);
    let mut all = Vec::new();
    for address in text.split(',').map(str::trim) {
        let address: IpAddr =
            address.parse().map_err(|_| wrong(format!("`{address}` is not an IP address")))?;
        all.push((Cidr::containing(address, 0), Cidr::containing(address, 128)));
    }
    AddressMap::new(all).map_err(|_| wrong(format!("`{text}` has two addresses of one family")))
}

pub(super) fn random(options: &Options) -> Result<Option<Arc<Keyed>>, OptionError> {
    let Some(randomize) = &options.randomize else { return Ok(None) };
    let key = key("randomize", randomize.seed, randomize.key.as_deref())?;
    let method = match randomize.method {
        options::Method::Random => Method::Random,
        options::Method::PrefixPreserving => Method::PrefixPreserving,
    };
    let kept = randomize.keep.iter().flat_map(|class| class.networks());
    let kept: Vec<Cidr> = kept.filter_map(|text| text.parse().ok()).collect();
    Ok(Some(Arc::new(Keyed::new(&key, method, &kept))))
}

pub(super) fn random_macs(options: &Options) -> Result<Option<(Arc<Keyed>, u8)>, OptionError> {
    let Some(randomize) = &options.randomize_macs else { return Ok(None) };
    let key = key("randomize_macs", randomize.seed, randomize.key.as_deref())?;
    Ok(Some((Arc::new(Keyed::new(&key, Method::Random, &[])), randomize.keep_bytes)))
}

fn key(option: &str, seed: Option<u64>, key: Option<&str>) -> Result<Key, OptionError> {
    match (seed, key) {
        (Some(seed), None) => Ok(Key::of_seed(seed)),
        (None, Some(text)) => text.parse().map_err(|e| at_key(option, "key", e)),
        _ => Err(OptionError::at(option, "expected one of `seed` and `key`")),
    }
}

pub(super) fn ports(option: &str, pairs: &BTreeMap<String, u16>) -> Result<PortMap, OptionError> {
    for (text, to) in pairs {
        PortMap::new([(text, *to)]).map_err(|e| at_key(option, text, e))?;
    }
    PortMap::new(pairs.iter().map(|(text, to)| (text, *to)))
        .map_err(|e| OptionError::at(option, e.to_string()))
}

/// Sorted by the old address.
pub(super) fn macs(pairs: &BTreeMap<String, Mac>) -> Result<Vec<(Mac, Mac)>, OptionError> {
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
