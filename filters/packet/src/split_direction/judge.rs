//! Who sent a packet, by one method or another.

use std::net::IpAddr;
use std::sync::Arc;

use sluice_core::{Layers, OptionError, PortRange};
use sluice_wire::addr::Mac;
use sluice_wire::flow::{Direction, Endpoint, Key};
use sluice_wire::layers::Proto;
use sluice_wire::map::AddressMap;

use super::evidence::{self, Evidence};
use super::table::Table;
use super::{By, Options, Side};

/// The side of the lower endpoint of a connection, and how sure that is.
type Known = Evidence;

#[derive(Clone)]
enum Method {
    Connection(Table<Key, Known>),
    Hosts { sides: Table<IpAddr, Side>, prefix_v4: u8, prefix_v6: u8 },
    Ports,
    Networks(Arc<AddressMap>),
    Macs(Arc<[Mac]>),
}

#[derive(Clone)]
pub(super) struct Judge {
    method: Method,
    server_ports: Arc<[PortRange]>,
    unknown: Side,
}

impl Judge {
    pub(super) fn compile(options: Options) -> Result<Self, OptionError> {
        let Options { by, server_ports, mut servers, server_macs, unknown, max_entries, .. } = options;
        let method = match by {
            By::Connection => Method::Connection(Table::new(max_entries)),
            By::Hosts => Method::Hosts {
                sides: Table::new(max_entries),
                prefix_v4: options.prefix_v4,
                prefix_v6: options.prefix_v6,
            },
            By::Ports => Method::Ports,
            By::Networks => {
                servers.sort_unstable();
                servers.dedup();
                // A set of networks is a map of each to itself.
                let map = AddressMap::new(servers.into_iter().map(|network| (network, network)));
                Method::Networks(Arc::new(map.map_err(|e| OptionError::at("servers", e.to_string()))?))
            }
            By::Macs => Method::Macs(server_macs.into()),
        };
        Ok(Self { method, server_ports: server_ports.into(), unknown })
    }

    /// Whether more was seen than can be remembered.
    pub(super) fn has_forgotten(&self) -> bool {
        match &self.method {
            Method::Connection(known) => known.has_forgotten(),
            Method::Hosts { sides, .. } => sides.has_forgotten(),
            _ => false,
        }
    }

    /// The side that sent a packet.
    pub(super) fn side(&mut self, data: &[u8], layers: &Layers) -> Side {
        if let Method::Macs(servers) = &self.method {
            return by_macs(data, layers, servers).unwrap_or(self.unknown);
        }
        let Some((key, direction)) = Key::of(data, layers) else { return self.unknown };
        let (sender, receiver) = match direction {
            Direction::FromLower => (key.lower, key.upper),
            Direction::FromUpper => (key.upper, key.lower),
        };
        let evidence = || evidence::of(data, layers, (sender, receiver), &self.server_ports);
        let side = match &mut self.method {
            Method::Connection(known) => {
                let guess = Evidence { side: Side::Client, is_sure: false };
                let side = connection(known, key, direction, evidence().unwrap_or(guess));
                if layers.is_fragment() && !layers.is_later_fragment() {
                    first_fragment(known, key, (sender, receiver), side);
                }
                Some(side)
            }
            Method::Hosts { sides, prefix_v4, prefix_v6 } => {
                let host = |end: Endpoint| network(end.address, *prefix_v4, *prefix_v6);
                hosts(sides, host(sender), host(receiver), evidence())
            }
            Method::Ports => evidence::by_ports(sender.port, receiver.port, &self.server_ports),
            Method::Networks(servers) => {
                let is_server = |end: Endpoint| servers.get(end.address).is_some();
                one_sided(is_server(sender), is_server(receiver))
            }
            Method::Macs(_) => None,
        };
        side.unwrap_or(self.unknown)
    }
}

/// The side of a sender that is known to be a server, or whose receiver is.
fn one_sided(sender: bool, receiver: bool) -> Option<Side> {
    match (sender, receiver) {
        (true, _) => Some(Side::Server),
        (false, true) => Some(Side::Client),
        _ => None,
    }
}

fn by_macs(data: &[u8], layers: &Layers, servers: &[Mac]) -> Option<Side> {
    let at = layers.find(Proto::Ethernet)?;
    let mac = |at: usize| data.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| Mac(*bytes));
    let is_server = |mac: Option<Mac>| mac.is_some_and(|mac| servers.contains(&mac));
    one_sided(is_server(mac(at + 6)), is_server(mac(at)))
}

/// The sender's side as seen from the lower endpoint, and the reverse.
fn turned(side: Side, direction: Direction) -> Side {
    match direction {
        Direction::FromLower => side,
        Direction::FromUpper => side.other(),
    }
}

fn connection(known: &mut Table<Key, Known>, key: Key, direction: Direction, evidence: Evidence) -> Side {
    let lower = match known.get(&key) {
        Some(known) if known.is_sure || !evidence.is_sure => known.side,
        _ => {
            let side = turned(evidence.side, direction);
            known.insert(key, Evidence { side, ..evidence });
            side
        }
    };
    turned(lower, direction)
}

/// Remembers the side for the fragments to come, which count as a connection of the addresses alone.
fn first_fragment(
    known: &mut Table<Key, Known>,
    key: Key,
    (sender, receiver): (Endpoint, Endpoint),
    side: Side,
) {
    let end = |end: Endpoint| Endpoint { port: 0, ..end };
    let (key, direction) = Key::new(end(sender), end(receiver), key.protocol, key.vlans);
    known.insert(key, Evidence { side: turned(side, direction), is_sure: true });
}

fn hosts(
    sides: &mut Table<IpAddr, Side>,
    sender: IpAddr,
    receiver: IpAddr,
    evidence: Option<Evidence>,
) -> Option<Side> {
    if let Some(Evidence { side, .. }) = evidence {
        for (host, side) in [(sender, side), (receiver, side.other())] {
            if sides.get(&host).is_none() {
                sides.insert(host, side);
            }
        }
    }
    sides.get(&sender).copied().or_else(|| sides.get(&receiver).map(|side| side.other()))
}

/// The first bits of an address.
fn network(address: IpAddr, prefix_v4: u8, prefix_v6: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_v4.min(32))).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_v6.min(128))).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}
