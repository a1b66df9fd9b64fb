//! The options of `rewrite`, as they are written.

use std::collections::BTreeMap;
use std::num::NonZeroU8;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sluice_wire::addr::{Cidr, Mac};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// What networks become, on both sides: `{10.0.0.0/8: 172.16.0.0/12}`.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    pub addresses: BTreeMap<String, Cidr>,
    /// What networks of the sender become; `addresses` applies to what this does not map.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    pub source_addresses: BTreeMap<String, Cidr>,
    /// What networks of the receiver become; `addresses` applies to what this does not map.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    pub destination_addresses: BTreeMap<String, Cidr>,
    /// Gives every address that no network above holds another one, chosen by a key.
    pub randomize: Option<Randomize>,
    /// Gives both ends of every conversation the same two addresses, by the sides that `split_direction` found.
    pub endpoints: Option<Endpoints>,
    /// What ports become, on both sides: `{8000-8999: 80, "53,5353": 53}`.
    #[serde(default)]
    #[schemars(schema_with = "ports")]
    pub ports: BTreeMap<String, u16>,
    /// What ports of the sender become; `ports` applies to what this does not map.
    #[serde(default)]
    #[schemars(schema_with = "ports")]
    pub source_ports: BTreeMap<String, u16>,
    /// What ports of the receiver become; `ports` applies to what this does not map.
    #[serde(default)]
    #[schemars(schema_with = "ports")]
    pub destination_ports: BTreeMap<String, u16>,
    /// What MAC addresses become, wherever they stand.
    #[serde(default)]
    #[schemars(schema_with = "macs")]
    pub macs: BTreeMap<String, Mac>,
    /// The source address that every frame gets.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    pub source_mac: Option<Mac>,
    /// The destination address that every frame gets.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    pub destination_mac: Option<Mac>,
    /// Gives every MAC address that `macs` does not hold another one, chosen by a key.
    pub randomize_macs: Option<RandomizeMacs>,
    /// Leaves 255.255.255.255 and ff:ff:ff:ff:ff:ff as they are, whatever the other options say.
    #[serde(default)]
    pub skip_broadcast: bool,
    /// Leaves multicast addresses of IPv4, IPv6 and Ethernet as they are, whatever the other options say.
    #[serde(default)]
    pub skip_multicast: bool,
    /// The time to live (hop limit) that every packet gets.
    pub ttl: Option<NonZeroU8>,
    /// What is added to the time to live, or taken off when negative; the result stays between 1 and 255.
    #[schemars(range(min = -255, max = 255))]
    pub ttl_add: Option<i16>,
    /// The type of service that every IPv4 packet gets, all eight bits.
    pub tos: Option<u8>,
    /// The traffic class that every IPv6 packet gets, all eight bits.
    pub traffic_class: Option<u8>,
    /// The differentiated services code point that every packet gets.
    #[schemars(range(max = 63))]
    pub dscp: Option<u8>,
    /// The congestion notification bits that every packet gets.
    #[schemars(range(max = 3))]
    pub ecn: Option<u8>,
    /// The flow label that every IPv6 packet gets.
    #[schemars(range(max = 0xFFFFF))]
    pub flow_label: Option<u32>,
    /// What is added to the sequence and acknowledgement numbers of TCP, which wrap round.
    #[schemars(range(min = -4_294_967_295i64, max = 4_294_967_295i64))]
    pub tcp_sequence_add: Option<i64>,
    /// Moves the sequence numbers of every TCP connection and direction by an amount that this number chooses, and the
    /// acknowledgements with them.
    pub tcp_sequence_seed: Option<u64>,
    /// Whether addresses, ports and sequence numbers of packets in tunnels are rewritten too.
    #[serde(default = "yes")]
    pub inner: bool,
    /// What becomes of checksums.
    #[serde(default)]
    pub checksums: Checksums,
}

fn yes() -> bool {
    true
}

/// How addresses are chosen. Give `seed` or `key`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Randomize {
    /// A number that stands for a key.
    pub seed: Option<u64>,
    /// The key, as 64 hexadecimal digits.
    pub key: Option<String>,
    /// How one address becomes another.
    #[serde(default)]
    pub method: Method,
    /// The kinds of addresses that stay as they are: all but `private` unless told otherwise.
    #[serde(default = "Class::usual")]
    pub keep: Vec<Class>,
}

/// How MAC addresses are chosen. Give `seed` or `key`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RandomizeMacs {
    /// A number that stands for a key.
    pub seed: Option<u64>,
    /// The key, as 64 hexadecimal digits.
    pub key: Option<String>,
    /// How many bytes at the beginning stay; 3 keeps the vendor.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub keep_bytes: u8,
}

/// How one address becomes another.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    /// Any other of its family.
    #[default]
    Random,
    /// Addresses that share their first bits, however many, share as many afterwards (Crypto-PAn).
    PrefixPreserving,
}

/// A kind of address.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// 224.0.0.0/4 and ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// 0.0.0.0 and ::.
    Unspecified,
    /// 169.254.0.0/16 and fe80::/10.
    LinkLocal,
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7.
    Private,
}

impl Class {
    fn usual() -> Vec<Class> {
        vec![Self::Multicast, Self::Broadcast, Self::Loopback, Self::Unspecified, Self::LinkLocal]
    }

    pub fn networks(self) -> &'static [&'static str] {
        match self {
            Self::Multicast => &["224.0.0.0/4", "ff00::/8"],
            Self::Broadcast => &["255.255.255.255/32"],
            Self::Loopback => &["127.0.0.0/8", "::1/128"],
            Self::Unspecified => &["0.0.0.0/32", "::/128"],
            Self::LinkLocal => &["169.254.0.0/16", "fe80::/10"],
            Self::Private => &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        }
    }
}

/// The two ends that all conversations get.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoints {
    /// The address of all clients, or one of each family: `10.0.0.1` or `10.0.0.1, fd00::1`.
    pub client: String,
    /// The address of all servers, or one of each family.
    pub server: String,
    /// The MAC address of all clients.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    pub client_mac: Option<Mac>,
    /// The MAC address of all servers.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    pub server_mac: Option<Mac>,
}

/// What becomes of checksums.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Checksums {
    /// They are updated by what changed: one that was wrong stays wrong.
    #[default]
    Incremental,
    /// They are computed anew in every packet, changed or not, where all bytes are there; updated where not.
    Recompute,
    /// They stay as they are, right or wrong.
    Keep,
    /// They are made wrong on purpose in every packet.
    Break,
}

fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"format": "cidr"},
        "additionalProperties": {"type": "string", "format": "cidr"},
    })
}

fn ports(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 65535}})
}

fn macs(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"format": "mac"},
        "additionalProperties": {"type": "string", "format": "mac"},
    })
}

fn mac(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "mac"})
}
