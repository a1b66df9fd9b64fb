use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, prepared};
use sluice_wire::addr::{Cidr, Mac};

mod rules;

use rules::Rules;

sluice_core::register! {
    /// Rewrites addresses, ports and time to live of packets, and keeps checksums right.
    ///
    /// Addresses are mapped network by network: the prefix of the new network takes the place of the bits that it
    /// covers, and the bits after it stay. Of several networks that hold an address the longest prefix counts. Mapped are
    /// the addresses of the IP header and of what belongs to it (source routes, routing headers), of the packets quoted
    /// in ICMP errors, of neighbour discovery and of ARP, so that a conversation stays consistent. Ports are mapped in
    /// transport headers and in quoted packets.
    ///
    /// Checksums are updated by what changed and not computed anew. So a checksum that was wrong stays wrong, fragments
    /// and packets that the capture cut off come out right, and UDP without a checksum stays without. Frames that hold
    /// nothing to rewrite pass as they are.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: rewrite
    ///   addresses: {10.0.0.0/8: 172.16.0.0/12, "fd00::/8": "2001:db8::/32"}
    ///   ports: {8000-8999: 80}
    ///   destination_mac: 02:00:00:00:00:01
    ///   ttl_add: -1
    /// ```
    ///
    /// ## See also
    ///
    /// `decode`, `validate`
    filter rewrite(prepare), Stateless, drops []
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// What networks become, on both sides: `{10.0.0.0/8: 172.16.0.0/12}`.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    addresses: BTreeMap<String, Cidr>,
    /// What networks of the sender become; `addresses` applies to what this does not map.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    source_addresses: BTreeMap<String, Cidr>,
    /// What networks of the receiver become; `addresses` applies to what this does not map.
    #[serde(default)]
    #[schemars(schema_with = "networks")]
    destination_addresses: BTreeMap<String, Cidr>,
    /// What ports become: `{8000-8999: 80, "53,5353": 53}`.
    #[serde(default)]
    #[schemars(schema_with = "ports")]
    ports: BTreeMap<String, u16>,
    /// What the addresses of Ethernet headers become, on both sides.
    #[serde(default)]
    #[schemars(schema_with = "macs")]
    macs: BTreeMap<String, Mac>,
    /// The source address that every Ethernet header gets.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    source_mac: Option<Mac>,
    /// The destination address that every Ethernet header gets.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    destination_mac: Option<Mac>,
    /// The time to live (hop limit) that every packet gets.
    ttl: Option<NonZeroU8>,
    /// What is added to the time to live, or taken off when negative; the result stays between 1 and 255.
    #[schemars(range(min = -255, max = 255))]
    ttl_add: Option<i16>,
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

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let rules = Arc::new(Rules::compile(&options)?);
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::filter(ports, move |_| Ok(Rewrite { rules: Arc::clone(&rules) })))
}

struct Rewrite {
    rules: Arc<Rules>,
}

impl Filter for Rewrite {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let mut edit = batch.edit(out.pools());
        for at in 0..edit.len() {
            // Touching a packet of a shared slab copies it, so only those are touched that may change.
            let concerned = edit.peek(at).is_some_and(|(_, _, layers)| self.rules.concern(layers));
            if concerned && let Some((_, data, layers)) = edit.packet(at) {
                self.rules.apply(data, layers);
            }
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
