use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{
    Batch, CaptureInfo, Edit, Error, Filter, Layers, OptionError, Output, PortType, Ports, Prepared, Renewal,
    prepared,
};
use sluice_wire::layers::Proto;

mod fcs;

use fcs::Fcs;

sluice_core::register! {
    /// Cuts packets to a length or after a layer, and takes bytes or check sequences out of them.
    ///
    /// What is asked for is done in this order: the frame check sequence is taken off, bytes are chopped out, everything
    /// after a layer is cut, and what is longer than the snap length is cut.
    ///
    /// A cut by `snaplen` or `layer` forgets bytes that were on the wire: the wire length stays as it was, unless
    /// `wire_length: cut` makes the packet look as if it had never been longer. Bytes taken out by `fcs` or `chop` are no
    /// part of the packet any more, so the wire length shrinks with them. Length fields and checksums inside of packets
    /// are left as they are.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: truncate
    ///   snaplen: 96
    /// - filter: truncate
    ///   fcs: 4
    ///   chop: [{at: 0, bytes: 18}]
    ///   layer: l4
    ///   wire_length: cut
    /// ```
    ///
    /// ## See also
    ///
    /// `fix`, `vlan`, `validate`
    filter truncate(prepare), Stateless, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The most bytes that are kept of a packet.
    snaplen: Option<u32>,
    /// The last layer that is kept; its payload goes.
    layer: Option<Layer>,
    /// Bytes to take out, one place after the other: each counts in what the one before has left.
    #[serde(default)]
    chop: Vec<Chop>,
    /// Takes the frame check sequence off: so many bytes at the end of every packet on the wire, or as many as the capture
    /// file tells (`told`). A packet that was cut off before its end may have none or a part of them here.
    fcs: Option<Fcs>,
    /// What becomes of the wire length at a cut by `snaplen` or `layer`.
    #[serde(default)]
    wire_length: WireLength,
}

/// Bytes to take out.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Chop {
    /// The first of them: from 0, or counted from the end of what was captured when negative (-1 is the last byte).
    at: i32,
    /// How many; of a packet with fewer bytes there, those.
    #[schemars(range(min = 1))]
    bytes: u32,
}

/// Where the headers of a packet end.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Layer {
    /// The link layer, with VLAN tags.
    L2,
    /// The outermost IP header with its options and extension headers; other protocols of this layer as a whole.
    L3,
    /// The transport header that belongs to the outermost IP header.
    L4,
}

/// What becomes of the wire length.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum WireLength {
    /// It stays: the packet says that it was longer.
    #[default]
    Keep,
    /// It becomes what is left, if it was more.
    Cut,
}

impl Layer {
    /// The offset of the first byte after it. A packet without this layer ends with its last header.
    fn end(self, layers: &Layers) -> usize {
        let after = |start: usize| {
            layers.headers().find(|(proto, at)| *at > start && !is_extension(*proto)).map(|(_, at)| at)
        };
        let network = layers.network().map(|(_, at)| at);
        let end = match self {
            Layer::L2 => network.or(layers.find(Proto::Arp)),
            Layer::L3 => network.and_then(after),
            Layer::L4 => layers.transport().map(|(_, at)| at).or(network).and_then(after),
        };
        end.unwrap_or(layers.payload())
    }
}

/// Whether a header belongs to the IP header before it.
fn is_extension(proto: Proto) -> bool {
    matches!(
        proto,
        Proto::Ipv6HopByHop
            | Proto::Ipv6Routing
            | Proto::Ipv6Fragment
            | Proto::Ipv6DestOpts
            | Proto::Ipv6Extension
            | Proto::Ah
    )
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { snaplen, layer, chop, fcs, wire_length } = options;
    if snaplen.is_none() && layer.is_none() && chop.is_empty() && fcs.is_none() {
        return Err(OptionError::new("nothing to cut")
            .help("give at least one of `snaplen`, `layer`, `chop` and `fcs`"));
    }
    let cuts = Arc::new(Cuts { snaplen, layer, chop, fcs, wire_length });
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::filter(ports, move |_| {
        Ok(Truncate { cuts: Arc::clone(&cuts), info: Renewal::new(CaptureInfo::forget_fcs) })
    }))
}

struct Cuts {
    snaplen: Option<u32>,
    layer: Option<Layer>,
    chop: Vec<Chop>,
    fcs: Option<Fcs>,
    wire_length: WireLength,
}

impl Cuts {
    fn apply(&self, edit: &mut Edit<'_>, at: usize) {
        if let Some(fcs) = self.fcs {
            strip(edit, at, fcs);
        }
        for chop in &self.chop {
            let Some((frame, ..)) = edit.peek(at) else { return };
            let captured = i64::from(frame.captured());
            let start = if chop.at < 0 { captured + i64::from(chop.at) } else { i64::from(chop.at) };
            let end = (start + i64::from(chop.bytes)).clamp(0, captured);
            edit.remove(at, start.clamp(0, captured) as usize..end as usize);
        }
        let Some((frame, _, layers)) = edit.peek(at) else { return };
        let layer = self.layer.map_or(usize::MAX, |layer| layer.end(layers));
        let most = self.snaplen.map_or(usize::MAX, |most| most as usize).min(layer);
        let wire = match self.wire_length {
            WireLength::Keep => frame.wire,
            WireLength::Cut => frame.wire.min(u32::try_from(most).unwrap_or(u32::MAX)),
        };
        let captured = most.min(frame.captured() as usize);
        edit.truncate(at, captured, wire);
    }
}

/// Takes the last bytes that were on the wire off, as far as they are here.
fn strip(edit: &mut Edit<'_>, at: usize, fcs: Fcs) {
    let Some((frame, ..)) = edit.peek(at) else { return };
    let bytes = match fcs {
        Fcs::Bytes(bytes) => bytes,
        Fcs::Told => u32::from(frame.fcs_len),
    };
    let wire = frame.wire.max(frame.captured()).saturating_sub(bytes);
    let captured = frame.captured().min(wire);
    edit.truncate(at, captured as usize, wire);
}

struct Truncate {
    cuts: Arc<Cuts>,
    /// For packets without their check sequence.
    info: Renewal,
}

impl Filter for Truncate {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let mut edit = batch.edit(out.pools());
        for at in 0..edit.len() {
            self.cuts.apply(&mut edit, at);
        }
        if self.cuts.fcs.is_some() {
            self.info.apply(&mut batch);
            batch.frames_mut().iter_mut().for_each(|frame| frame.fcs_len = 0);
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
