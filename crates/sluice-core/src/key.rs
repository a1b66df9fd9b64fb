//! Which items have to meet: the keys that streams are divided by, and how keys are divided among shards.
//!
//! A key is hashed to 64 bits, equal on every machine and in every version, and a [`Strategy`] gives each hash to a shard.
//! A range of hashes is a *key group*: what is exported and imported together when shards come and go.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use sluice_wire::flow::{self, Endpoint};
use sluice_wire::layers::{Layers, Proto};

use crate::tape::{Node, Value};
use crate::{Batch, PacketBatch, RecordBatch, tape};

/// What a stream is divided by: items that agree in it go to the same shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// The flow of the outermost IP packet, both directions alike: [`Layers::flow_hash`]. An ICMP error goes with the flow
    /// that it quotes.
    #[default]
    Flow,
    /// The same of the innermost IP packet, for what looks into tunnels.
    InnerFlow,
    /// Fragments by their addresses and identification, so that all of one datagram meet; whole packets by flow.
    Datagram,
    /// The pair of addresses, both directions alike. Coarser than [`Flow`](Self::Flow) and [`Datagram`](Self::Datagram):
    /// what they bring together, this does too.
    Host,
    /// The address that a packet comes from.
    Source,
    /// The address that a packet goes to.
    Destination,
    /// A field of records; the names that lead to it.
    Field(Arc<[String]>),
}

impl Key {
    /// The names of all keys but fields.
    pub const NAMES: [&str; 6] = ["flow", "inner_flow", "datagram", "host", "source", "destination"];

    /// Whether whatever agrees in `other` agrees in this one, so that a stream divided by this one is divided well for
    /// somebody who needs `other`.
    pub fn covers(&self, other: &Key) -> bool {
        self == other || (*self == Key::Host && matches!(other, Key::Flow | Key::Datagram))
    }

    /// The hash by [`Datagram`](Self::Datagram) of a fragment with these addresses and this identification.
    pub fn of_datagram(source: IpAddr, destination: IpAddr, id: u32) -> u64 {
        mix(pair(source, destination), u64::from(id))
    }

    /// Puts the hash of each item into `hashes`, which is emptied before; `false` where this kind of item has no such key.
    /// Packets are decoded on first need.
    pub fn hash(&self, batch: &mut Batch, hashes: &mut Vec<u64>) -> bool {
        hashes.clear();
        match (self, batch) {
            (Key::Field(path), Batch::Records(batch)) => hash_records(path, batch, hashes),
            (Key::Field(_), Batch::Packets(_)) | (_, Batch::Records(_)) => return false,
            (Key::Flow, Batch::Packets(batch)) => {
                batch.decode();
                hashes.extend(batch.layers().iter().map(Layers::flow_hash));
            }
            (Key::InnerFlow, Batch::Packets(batch)) => hash_packets(batch, hashes, innermost),
            (Key::Datagram, Batch::Packets(batch)) => hash_packets(batch, hashes, datagram),
            (Key::Host, Batch::Packets(batch)) => hash_packets(batch, hashes, host),
            (Key::Source, Batch::Packets(batch)) => hash_packets(batch, hashes, |frame, layers| {
                layers.addresses(frame).map_or(layers.flow_hash(), |(from, _)| pair(from, from))
            }),
            (Key::Destination, Batch::Packets(batch)) => hash_packets(batch, hashes, |frame, layers| {
                layers.addresses(frame).map_or(layers.flow_hash(), |(_, to)| pair(to, to))
            }),
        }
        true
    }
}

fn hash_packets(batch: &mut PacketBatch, hashes: &mut Vec<u64>, hash: impl Fn(&[u8], &Layers) -> u64) {
    hashes.extend(batch.decoded().map(|(_, frame, layers)| hash(frame, layers)));
}

fn innermost(frame: &[u8], layers: &Layers) -> u64 {
    let packets = std::iter::successors(layers.inner(frame), |outer| outer.inner(frame));
    packets.last().map_or(layers.flow_hash(), |inner| inner.flow_hash())
}

fn datagram(frame: &[u8], layers: &Layers) -> u64 {
    let number = |at: usize| frame.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    let id = || match layers.network()? {
        // The identification is the upper half of this word.
        (Proto::Ipv4, at) => number(at + 4).map(|word| word >> 16),
        _ => number(layers.find(Proto::Ipv6Fragment)? + 4),
    };
    let addresses = layers.addresses(frame).filter(|_| layers.is_fragment());
    match addresses.zip(id()) {
        Some(((from, to), id)) => Key::of_datagram(from, to, id),
        None => layers.flow_hash(),
    }
}

fn host(frame: &[u8], layers: &Layers) -> u64 {
    match flow::Key::of(frame, layers) {
        Some((key, _)) => pair(key.lower.address, key.upper.address),
        None => layers.flow_hash(),
    }
}

fn pair(a: IpAddr, b: IpAddr) -> u64 {
    let end = |address| Endpoint { address, port: 0 };
    flow::hash(&flow::Key::new(end(a), end(b), 0, 0).0)
}

fn hash_records(path: &[String], batch: &RecordBatch, hashes: &mut Vec<u64>) {
    let keys: Option<Vec<tape::Key>> = path.iter().map(|name| batch.key(name)).collect();
    let hash = |record| {
        let fields = batch.fields(record)?;
        keys.as_ref()?.iter().try_fold(fields, |inside, key| member(inside, *key))
    };
    hashes.extend(batch.records().iter().map(|record| match hash(record) {
        Some(nodes) => nodes.iter().fold(0, |sum, node| mix(sum, hash_node(batch, node))),
        None => ABSENT,
    }));
}

/// The value under a key of an object.
fn member(nodes: &[Node], key: tape::Key) -> Option<&[Node]> {
    let Some(Node { value: Value::Object(_), .. }) = nodes.first() else { return None };
    let mut rest = nodes.get(1..)?;
    while let Some(node) = rest.first() {
        let (value, after) = rest.split_at_checked(node.span())?;
        if node.key == key {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// Equal values have equal hashes, whichever way they are held.
fn hash_node(batch: &RecordBatch, node: &Node) -> u64 {
    match node.value {
        Value::Null => ABSENT,
        Value::Bool(value) => mix(1, u64::from(value)),
        Value::Int(value) => mix(2, value as u64),
        Value::Uint(value) => mix(2, value),
        // A float that is a whole number is held as such by whoever writes it without a point.
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => mix(2, (value as i64) as u64),
        Value::Float(value) => mix(3, value.to_bits()),
        Value::Str(text) => hash_bytes(batch.text(text)),
        Value::Object(inner) => mix(4, u64::from(inner)),
        Value::Array(inner) => mix(5, u64::from(inner)),
    }
}

/// The hash of a value that is not there.
const ABSENT: u64 = 0;

fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9E37_79B9_7F4A_7C15) * u128::from(b ^ 0xD6E8_FEB8_6659_FD93);
    (product as u64) ^ ((product >> 64) as u64)
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let sum = chunks.iter().fold(bytes.len() as u64, |sum, chunk| mix(sum, u64::from_le_bytes(*chunk)));
    let last = rest.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
    mix(sum, last)
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = [Key::Flow, Key::InnerFlow, Key::Datagram, Key::Host, Key::Source, Key::Destination];
        if let Some((key, _)) = named.into_iter().zip(Self::NAMES).find(|(_, name)| *name == text) {
            return Ok(key);
        }
        let is_name = |name: &str| {
            let begins = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
            begins && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        match text.strip_prefix('.') {
            Some(path) if path.split('.').all(is_name) => {
                Ok(Key::Field(path.split('.').map(str::to_owned).collect()))
            }
            _ => Err(format!(
                "`{text}` is no key: there are `{}` and fields of records such as `.user.name`",
                Self::NAMES.join("`, `")
            )),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Key::Flow => 0,
            Key::InnerFlow => 1,
            Key::Datagram => 2,
            Key::Host => 3,
            Key::Source => 4,
            Key::Destination => 5,
            Key::Field(path) => return path.iter().try_for_each(|name| write!(f, ".{name}")),
        };
        f.write_str(Self::NAMES[name])
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Key {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Key".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "examples": Self::NAMES})
    }
}

/// How keys are divided among shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The hash modulo the number of shards.
    #[default]
    Hash,
    /// Equal ranges of hashes: a shard holds one key group, and with another number of shards neighbours exchange.
    Range,
    /// Consistent hashing (jump hash): with one shard more, only what that one gets moves.
    Consistent,
}

impl Strategy {
    /// The shard of a key, of `shards`.
    pub fn shard(self, hash: u64, shards: u32) -> u32 {
        let n = u64::from(shards.max(1));
        match self {
            Strategy::Hash => (hash % n) as u32,
            Strategy::Range => ((u128::from(hash) * u128::from(n)) >> 64) as u32,
            Strategy::Consistent => jump(hash, n),
        }
    }
}

/// Jump consistent hash, by Lamping and Veach.
fn jump(mut hash: u64, shards: u64) -> u32 {
    let (mut shard, mut next) = (0, 0u64);
    while next < shards {
        shard = next;
        hash = hash.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((shard + 1) as f64 * ((1u64 << 31) as f64 / ((hash >> 33) + 1) as f64)) as u64;
    }
    shard as u32
}

#[cfg(test)]
mod tests;
