use std::net::IpAddr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sluice_core::{
    Batch, Error, Filter, Layers, OptionError, Output, PortRange, PortType, Ports, Prepared, Reason, prepared,
};
use sluice_wire::addr::Cidr;
use sluice_wire::layers::Proto;
use sluice_wire::map::AddressMap;

sluice_core::register! {
    /// Passes packets by protocol, port, address or VLAN.
    ///
    /// Every option that is given must match; within an option one of its values is enough. `ports` and `addresses`
    /// match on either side. A packet that lacks what an option asks about (ports of an ARP request, say) does not
    /// match it. Protocols of the transport layer match on every fragment; ports on the first one only, because
    /// the others have none. Addresses and ports are those of the outermost IP header.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the selected ones. With `rest: port` the others go to the port `rest`.
    ///
    /// - `not_selected`: an option does not match, and there is no port for the rest
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: select
    ///   protocols: [tcp]
    ///   ports: [80, 443, 8000-8999]
    ///   addresses: [10.0.0.0/8]
    /// ```
    ///
    /// ## See also
    ///
    /// `decode`, `sample`
    filter select(prepare), Stateless, drops [NOT_SELECTED]
}

static NOT_SELECTED: Reason =
    Reason::new("not_selected", "an option does not match, and there is no port for the rest");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Passes packets with one of these headers.
    #[serde(default)]
    protocols: Vec<Protocol>,
    /// Passes packets from or to one of these ports: numbers and ranges such as `8000-8999`.
    #[serde(default)]
    ports: Vec<PortRange>,
    /// Passes packets from one of these ports.
    #[serde(default)]
    source_ports: Vec<PortRange>,
    /// Passes packets to one of these ports.
    #[serde(default)]
    destination_ports: Vec<PortRange>,
    /// Passes packets from or to one of these networks or addresses.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    addresses: Vec<Cidr>,
    /// Passes packets from one of these networks or addresses.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    source_addresses: Vec<Cidr>,
    /// Passes packets to one of these networks or addresses.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    destination_addresses: Vec<Cidr>,
    /// Passes packets with one of these VLAN ids in any of their tags.
    #[serde(default)]
    #[schemars(inner(range(max = 4095)))]
    vlans: Vec<u16>,
    /// Selects exactly the packets that would not be selected.
    #[serde(default)]
    invert: bool,
    /// What becomes of the others.
    #[serde(default)]
    rest: Rest,
}

fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string", "format": "cidr"}})
}

/// A header that a packet may have.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Protocol {
    /// Address resolution.
    Arp,
    /// IPv4 or IPv6.
    Ip,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// ICMP or ICMPv6.
    Icmp,
    /// ICMP of IPv4.
    Icmpv4,
    /// ICMP of IPv6.
    Icmpv6,
    /// IGMP.
    Igmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite.
    Udplite,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The headers and the IP protocol numbers that it means. The number finds fragments without the header.
    fn means(self) -> (&'static [Proto], &'static [u8]) {
        match self {
            Protocol::Arp => (&[Proto::Arp], &[]),
            Protocol::Ip => (&[Proto::Ipv4, Proto::Ipv6], &[]),
            Protocol::Ipv4 => (&[Proto::Ipv4], &[]),
            Protocol::Ipv6 => (&[Proto::Ipv6], &[]),
            Protocol::Icmp => (&[Proto::Icmpv4, Proto::Icmpv6], &[1, 58]),
            Protocol::Icmpv4 => (&[Proto::Icmpv4], &[1]),
            Protocol::Icmpv6 => (&[Proto::Icmpv6], &[58]),
            Protocol::Igmp => (&[Proto::Igmp], &[2]),
            Protocol::Tcp => (&[Proto::Tcp], &[6]),
            Protocol::Udp => (&[Proto::Udp], &[17]),
            Protocol::Udplite => (&[Proto::UdpLite], &[136]),
            Protocol::Sctp => (&[Proto::Sctp], &[132]),
        }
    }
}

/// What becomes of packets that are not selected.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Rest {
    /// They are dropped and counted.
    #[default]
    Drop,
    /// They go to the port `rest`.
    Port,
}

/// A condition on both sides of a packet.
enum Side {
    Either,
    Source,
    Destination,
}

impl Side {
    fn matches<T: Copy>(&self, (source, destination): (T, T), test: impl Fn(T) -> bool) -> bool {
        match self {
            Side::Either => test(source) || test(destination),
            Side::Source => test(source),
            Side::Destination => test(destination),
        }
    }
}

/// The options, compiled: one entry for each that is given.
enum Test {
    Protocols { headers: u64, numbers: Vec<u8> },
    Ports(Side, Vec<PortRange>),
    Addresses(Side, AddressMap),
    Vlans(Vec<u16>),
}

impl Test {
    fn protocols(protocols: &[Protocol]) -> Test {
        let (mut headers, mut numbers) = (0, Vec::new());
        for (protos, ip) in protocols.iter().map(|protocol| protocol.means()) {
            headers |= protos.iter().fold(0, |bits, proto| bits | 1 << *proto as u64);
            numbers.extend_from_slice(ip);
        }
        Test::Protocols { headers, numbers }
    }

    /// A set of networks is a map of each to itself.
    fn addresses(side: Side, mut networks: Vec<Cidr>) -> Result<Test, OptionError> {
        networks.sort_unstable();
        networks.dedup();
        let map = AddressMap::new(networks.into_iter().map(|network| (network, network)));
        Ok(Test::Addresses(side, map.map_err(|e| OptionError::new(e.to_string()))?))
    }

    fn matches(&self, data: &[u8], layers: &Layers) -> bool {
        match self {
            Test::Protocols { headers, numbers } => {
                layers.headers().any(|(proto, _)| headers >> proto as u64 & 1 != 0)
                    || layers.ip_protocol().is_some_and(|number| numbers.contains(&number))
            }
            Test::Ports(side, ranges) => {
                let within = |port: u16| ranges.iter().any(|range| range.contains(port));
                layers.ports(data).is_some_and(|ports| side.matches(ports, within))
            }
            Test::Addresses(side, networks) => {
                let within = |address: IpAddr| networks.get(address).is_some();
                layers.addresses(data).is_some_and(|addresses| side.matches(addresses, within))
            }
            Test::Vlans(ids) => layers.vlan_ids(data).any(|id| ids.contains(&id)),
        }
    }
}

struct Predicate {
    tests: Vec<Test>,
    invert: bool,
}

impl Predicate {
    fn compile(options: Options) -> Result<Self, OptionError> {
        let mut tests = Vec::new();
        if !options.protocols.is_empty() {
            tests.push(Test::protocols(&options.protocols));
        }
        if !options.vlans.is_empty() {
            tests.push(Test::Vlans(options.vlans));
        }
        let ports = [
            (Side::Either, options.ports),
            (Side::Source, options.source_ports),
            (Side::Destination, options.destination_ports),
        ];
        tests.extend(
            ports.into_iter().filter(|(_, p)| !p.is_empty()).map(|(side, ports)| Test::Ports(side, ports)),
        );
        let addresses = [
            (Side::Either, options.addresses),
            (Side::Source, options.source_addresses),
            (Side::Destination, options.destination_addresses),
        ];
        for (side, networks) in addresses.into_iter().filter(|(_, networks)| !networks.is_empty()) {
            tests.push(Test::addresses(side, networks)?);
        }
        if tests.is_empty() {
            return Err(OptionError::new("nothing to select by").help(
                "give at least one of `protocols`, `ports`, `addresses` (or one side of them) and `vlans`",
            ));
        }
        Ok(Self { tests, invert: options.invert })
    }

    fn selects(&self, data: &[u8], layers: &Layers) -> bool {
        self.tests.iter().all(|test| test.matches(data, layers)) != self.invert
    }
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let rest = options.rest;
    let predicate = Arc::new(Predicate::compile(options)?);
    let mut ports = Ports::filter(PortType::Layers, PortType::Layers);
    if rest == Rest::Port {
        ports = ports.with("rest", PortType::Layers);
    }
    Ok(prepared::filter(ports, move |_| {
        Ok(Select { predicate: Arc::clone(&predicate), rest, selected: Vec::new() })
    }))
}

struct Select {
    predicate: Arc<Predicate>,
    rest: Rest,
    /// For each packet of the present batch whether it is selected; here to be reused.
    selected: Vec<bool>,
}

impl Filter for Select {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let Self { predicate, rest, selected } = self;
        selected.clear();
        selected.extend(batch.decoded().map(|(_, data, layers)| predicate.selects(data, layers)));
        match rest {
            Rest::Drop => {
                let gone = batch.retain(|at, _| selected[at]);
                out.dropped(&NOT_SELECTED, gone);
            }
            Rest::Port => {
                let mut others = out.packets();
                if batch.move_to(&mut others, out.pools(), |at, _| !selected[at]) > 0 {
                    others.decode();
                    out.emit_to(1, others);
                }
            }
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
