use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sluice_core::{
    Batch, Error, Filter, Flags, OptionError, Output, Port, PortRange, PortType, Ports, Prepared, prepared,
};
use sluice_wire::addr::{Cidr, Mac};

mod evidence;
mod judge;
mod table;

use judge::Judge;

sluice_core::register! {
    /// Says of every packet whether the client or the server of its connection sent it.
    ///
    /// It sets the side that other filters ask for, such as the endpoints of `rewrite`; with `output: ports` it also sorts
    /// packets to two ports. How it finds the client is the choice of `by`:
    ///
    /// - `connection`: what began the connection. A TCP SYN or an ICMP request comes from the client, a SYN with ACK or a
    ///   reply from the server; then a port of `server_ports` on one side alone tells the server; then whoever sends
    ///   the first packet is the client. What was decided first for a connection stays, but that SYN packets overrule
    ///   what was only guessed.
    /// - `hosts`: what a host did first, in any of its connections. A host that asked is a client and one that answered is a
    ///   server from then on, told as by `connection` but for the guess at the first packet. Packets of hosts about which
    ///   nothing is known yet, of either side, count as `unknown` says. `prefix_v4` and `prefix_v6` make all
    ///   hosts of a network one, for traffic that was captured at a router.
    /// - `ports`: packets from a port of `server_ports` come from the server, packets to one from the client. Of two such
    ///   ports the lower one is the server's.
    /// - `networks`: packets from an address of `servers` come from the server, packets to one from the client.
    /// - `macs`: packets from an Ethernet address of `server_macs` come from the server, packets to one from the client.
    ///
    /// An ICMP error counts as sent by the side that the packet it quotes went to. Later fragments go with their first
    /// one. Packets of which nothing can be told, among them all that are not IP but for `macs`, count as `unknown` says.
    ///
    /// Decisions are made packet by packet, on what was seen before, and are the same in every run. `connection` and
    /// `hosts` remember `max_entries` connections or hosts, of about 150 bytes each; then the oldest are forgotten for new ones,
    /// and a notice tells so once.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same. With `output: ports` it has the ports `client` and `server` instead
    /// of one output: `inputs: split_direction.client`. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: split_direction
    /// - filter: split_direction
    ///   by: networks
    ///   servers: [10.0.0.0/8, "fd00::/8"]
    /// ```
    ///
    /// ## See also
    ///
    /// `rewrite`, `where`
    filter split_direction(prepare), Serial, drops []
}

/// What is on the server's side unless told otherwise: the well-known ports and some registered ones.
const SERVER_PORTS: [PortRange; 18] = [
    PortRange::new(1, 1023),
    PortRange::new(1194, 1194),
    PortRange::new(1433, 1433),
    PortRange::new(1521, 1521),
    PortRange::new(1723, 1723),
    PortRange::new(1883, 1883),
    PortRange::new(2049, 2049),
    PortRange::new(3128, 3128),
    PortRange::new(3306, 3306),
    PortRange::new(3389, 3389),
    PortRange::new(5060, 5061),
    PortRange::new(5432, 5432),
    PortRange::new(5672, 5672),
    PortRange::new(6379, 6379),
    PortRange::new(8000, 8000),
    PortRange::new(8080, 8080),
    PortRange::new(8443, 8443),
    PortRange::new(9200, 9200),
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How the client is found.
    #[serde(default)]
    by: By,
    /// The ports of servers, for `connection`, `hosts` and `ports`: 1-1023 and those of some databases, proxies, VPNs and
    /// the like above, unless given.
    #[serde(default = "server_ports")]
    server_ports: Vec<PortRange>,
    /// The networks of servers, for `networks`.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    servers: Vec<Cidr>,
    /// The Ethernet addresses of servers, or of the router on their side, for `macs`.
    #[serde(default)]
    #[schemars(schema_with = "macs")]
    server_macs: Vec<Mac>,
    /// Which side a packet counts as sent by when nothing is known.
    #[serde(default)]
    unknown: Side,
    /// How many bits of an IPv4 address tell one host from another, for `hosts`.
    #[serde(default = "all_v4")]
    #[schemars(range(min = 1, max = 32))]
    prefix_v4: u8,
    /// How many bits of an IPv6 address tell one host from another, for `hosts`.
    #[serde(default = "all_v6")]
    #[schemars(range(min = 1, max = 128))]
    prefix_v6: u8,
    /// How many connections or hosts are remembered, for `connection` and `hosts`.
    #[serde(default = "max_entries")]
    #[schemars(range(min = 1, max = 100_000_000))]
    max_entries: usize,
    /// Where packets go.
    #[serde(default)]
    output: Where,
}

fn server_ports() -> Vec<PortRange> {
    SERVER_PORTS.to_vec()
}

fn all_v4() -> u8 {
    32
}

fn all_v6() -> u8 {
    128
}

fn max_entries() -> usize {
    262_144
}

fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string", "format": "cidr"}})
}

fn macs(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string", "format": "mac"}})
}

/// How the client is found.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum By {
    /// By what began the connection.
    #[default]
    Connection,
    /// By what a host did first.
    Hosts,
    /// By ports of servers.
    Ports,
    /// By networks of servers.
    Networks,
    /// By Ethernet addresses of servers.
    Macs,
}

/// The side that sent a packet.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Side {
    /// The one that asks.
    #[default]
    Client,
    /// The one that answers.
    Server,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// Where packets go.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Where {
    /// All to one output, each with its side set.
    #[default]
    One,
    /// To the ports `client` and `server`, by who sent them.
    Ports,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { by, servers, server_macs, server_ports, output, .. } = &options;
    let lists = [
        ("servers", servers.is_empty(), *by == By::Networks, "by: networks"),
        ("server_macs", server_macs.is_empty(), *by == By::Macs, "by: macs"),
    ];
    for (name, is_empty, is_needed, when) in lists {
        if is_empty && is_needed {
            return Err(OptionError::new(format!("`{when}` needs `{name}`")));
        }
        if !is_empty && !is_needed {
            return Err(OptionError::at(name, format!("it is used with `{when}` alone")));
        }
    }
    if server_ports.is_empty() && *by == By::Ports {
        return Err(OptionError::at("server_ports", "no port is a server's"));
    }
    let side = |name: &'static str| Port { name: name.into(), carries: PortType::Layers };
    let ports = match output {
        Where::One => Ports::filter(PortType::Layers, PortType::Layers),
        Where::Ports => {
            Ports { input: Some(PortType::Layers), outputs: vec![side("client"), side("server")] }
        }
    };
    let apart = *output == Where::Ports;
    let judge = Judge::compile(options)?;
    Ok(prepared::selector(ports, move |_| Ok(Split { judge: judge.clone(), apart, told: false })))
}

struct Split {
    judge: Judge,
    /// Whether packets are sorted to two ports.
    apart: bool,
    /// Whether the notice was given.
    told: bool,
}

impl Filter for Split {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        batch.decode();
        for at in 0..batch.len() {
            let Some((frame, layers)) = batch.frames().get(at).zip(batch.layers().get(at)) else { break };
            let side = self.judge.side(batch.data(frame), layers);
            if let Some(frame) = batch.frames_mut().get_mut(at) {
                frame.flags.set(Flags::FROM_CLIENT, side == Side::Client);
                frame.flags.set(Flags::FROM_SERVER, side == Side::Server);
            }
        }
        if self.judge.has_forgotten() && !std::mem::replace(&mut self.told, true) {
            out.notice("more connections or hosts than `max_entries` allows: the oldest are forgotten");
        }
        if self.apart {
            let mut servers = out.packets();
            let is_server = |frame: &sluice_core::Frame| frame.flags.contains(Flags::FROM_SERVER);
            if batch.move_to(&mut servers, out.pools(), |_, frame| is_server(frame)) > 0 {
                servers.decode();
                out.emit_to(1, servers);
            }
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
