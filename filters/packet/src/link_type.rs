use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sluice_core::{
    Batch, CaptureInfo, Edit, Error, Filter, OptionError, Output, PortType, Ports, Prepared, Reason, Renewal,
    prepared,
};
use sluice_wire::addr::Mac;
use sluice_wire::link::LinkType;

mod carried;
mod header;

use carried::Carried;
use header::{Header, To};

sluice_core::register! {
    /// Changes the link type of packets: what stands before the IP packet is replaced by another header.
    ///
    /// What a packet carries stays as it is, padding and trailer too. Ethernet, cooked and HDLC headers name it by its
    /// EtherType, so that VLAN tags, ARP and others survive between them; raw IP, PPP and loopback carry IP alone, and
    /// tags are lost on the way to them. MAC addresses come from the options, or else from the old header; where
    /// neither has one it is zero. The type of a packet in a cooked header comes from its direction, where that is known,
    /// and from its destination.
    ///
    /// Packets that have the link type already pass as they are, unless an option gives them a MAC address. All interfaces
    /// get the new link type, so that the packets of several kinds of interfaces fit into one file.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same.
    ///
    /// - `not_convertible`: the new link type has no way to carry the packet, or its old one is not understood
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: link_type
    ///   to: ethernet
    ///   source_mac: 02:00:00:00:00:01
    ///   destination_mac: 02:00:00:00:00:02
    /// - filter: link_type
    ///   to: user
    ///   number: 150
    ///   header: 00 01 ff
    /// ```
    ///
    /// ## See also
    ///
    /// `decode`, `vlan`, `fix`
    filter link_type(prepare), Stateless, drops [NOT_CONVERTIBLE]
}

static NOT_CONVERTIBLE: Reason = Reason::new(
    "not_convertible",
    "the new link type has no way to carry the packet, or its old one is not understood",
);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The new link type.
    to: To,
    /// The source address of every Ethernet or cooked header.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    source_mac: Option<Mac>,
    /// The destination address of every Ethernet header.
    #[serde(default)]
    #[schemars(schema_with = "mac")]
    destination_mac: Option<Mac>,
    /// The number of the link type, for `user`: 147 to 162 are for private use.
    number: Option<u16>,
    /// The bytes before every packet in hexadecimal, for `user`.
    header: Option<String>,
}

fn mac(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "mac"})
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { to, source_mac, destination_mac, number, header } = options;
    let is_user = to == To::User;
    for (name, given) in [("number", number.is_some()), ("header", header.is_some())] {
        if given && !is_user {
            return Err(OptionError::at(name, "it is used with `to: user` alone"));
        }
    }
    if is_user && number.is_none() {
        return Err(
            OptionError::new("`to: user` needs `number`").help("such as 147, the first one for private use")
        );
    }
    for (name, given, used) in [
        ("source_mac", source_mac.is_some(), to.has_source()),
        ("destination_mac", destination_mac.is_some(), to == To::Ethernet),
    ] {
        if given && !used {
            return Err(OptionError::at(name, "the new link type has no such address"));
        }
    }
    let bytes = header.as_deref().map_or(Ok(Vec::new()), hexadecimal)?;
    let rules = Arc::new(Rules {
        to,
        link: to.link(number),
        source: source_mac,
        destination: destination_mac,
        bytes,
    });
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::filter(ports, move |_| {
        let (link, growth) = (rules.link, rules.growth());
        let info = Renewal::new(move |info: &mut CaptureInfo| {
            info.raise_snaplen(growth);
            info.interfaces.iter_mut().for_each(|interface| interface.link = link);
            if info.interfaces.is_empty() {
                info.interfaces = CaptureInfo::of(link).interfaces;
            }
        });
        Ok(Relink { rules: Arc::clone(&rules), info, gone: Vec::new() })
    }))
}

fn hexadecimal(text: &str) -> Result<Vec<u8>, OptionError> {
    let wrong = || OptionError::at("header", format!("`{text}` is not a row of bytes such as `00 01 ff`"));
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if rest.is_empty() { Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()) } else { Err(wrong()) }
}

struct Rules {
    to: To,
    link: LinkType,
    source: Option<Mac>,
    destination: Option<Mac>,
    /// The header for `user`.
    bytes: Vec<u8>,
}

impl Rules {
    /// By how many bytes a packet may grow.
    fn growth(&self) -> u32 {
        self.bytes.len().max(header::LONGEST) as u32
    }

    /// Changes a packet; `false` when it cannot be.
    fn apply(&self, edit: &mut Edit<'_>, at: usize, old: LinkType) -> bool {
        let has_address = self.source.is_some() || self.destination.is_some();
        if old == self.link && !has_address {
            return true;
        }
        let Some((frame, data, layers)) = edit.peek(at) else { return false };
        if self.to == To::User && !old.is_supported() {
            return edit.splice(at, 0..0, &self.bytes);
        }
        let Some(mut carried) = Carried::of(old, frame, data, layers) else { return false };
        carried.source = self.source.map(|mac| mac.0).or(carried.source);
        carried.destination = self.destination.map(|mac| mac.0).or(carried.destination);
        if self.to.is_for_ip() && !carried.narrow_to_ip(layers) {
            return false;
        }
        let start = carried.start;
        if self.to == To::User {
            return edit.splice(at, 0..start, &self.bytes);
        }
        Header::of(self.to, &carried).is_some_and(|header| edit.splice(at, 0..start, header.bytes()))
    }
}

struct Relink {
    rules: Arc<Rules>,
    info: Renewal,
    /// For each packet of the present batch whether it is dropped; here to be reused.
    gone: Vec<bool>,
}

impl Filter for Relink {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let Self { rules, info, gone } = self;
        // Packets are read as what they were and decoded again as what they become.
        batch.decode();
        let old = Arc::clone(batch.info());
        info.apply(&mut batch);
        gone.clear();
        let mut edit = batch.edit(out.pools());
        for at in 0..edit.len() {
            let link = edit.peek(at).map(|(frame, ..)| old.link(frame.interface));
            gone.push(!link.is_some_and(|link| rules.apply(&mut edit, at, link)));
        }
        if gone.contains(&true) {
            out.dropped(&NOT_CONVERTIBLE, batch.retain(|at, _| !gone[at]));
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
