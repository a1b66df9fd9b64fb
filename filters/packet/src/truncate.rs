use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{
    Batch, Edit, Error, Filter, Layers, OptionError, Output, PortType, Ports, Prepared, prepared,
};
use sluice_wire::layers::Proto;

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
    /// How many bytes of frame check sequence there are at the end of every packet on the wire, to be taken off. A packet
    /// that was cut off before its end may have none or a part of them here.
    #[schemars(range(min = 1, max = 16))]
    fcs: Option<u32>,
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
    let cuts = Arc::new(Cuts { snaplen, layer, chop, fcs: fcs.unwrap_or(0), wire_length });
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::filter(ports, move |_| Ok(Truncate { cuts: Arc::clone(&cuts) })))
}

struct Cuts {
    snaplen: Option<u32>,
    layer: Option<Layer>,
    chop: Vec<Chop>,
    fcs: u32,
    wire_length: WireLength,
}

impl Cuts {
    fn apply(&self, edit: &mut Edit<'_>, at: usize) {
        if self.fcs > 0 {
            strip(edit, at, self.fcs);
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
fn strip(edit: &mut Edit<'_>, at: usize, fcs: u32) {
    let Some((frame, ..)) = edit.peek(at) else { return };
    let wire = frame.wire.max(frame.captured()).saturating_sub(fcs);
    let captured = frame.captured().min(wire);
    edit.truncate(at, captured as usize, wire);
}

struct Truncate {
    cuts: Arc<Cuts>,
}

impl Filter for Truncate {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let mut edit = batch.edit(out.pools());
        for at in 0..edit.len() {
            self.cuts.apply(&mut edit, at);
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sluice_core::{MAIN, Registry};
    use sluice_testkit::{Harness, Packets, traffic};

    use super::*;

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: truncate\n{options}"))
    }

    /// Bytes and wire lengths of the packets after the filter.
    fn cut(options: &str, packets: Packets) -> Vec<(Vec<u8>, u32)> {
        let outcome = harness(options).unwrap().give(packets.build()).unwrap();
        let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
        batch.iter().map(|(frame, data)| (data.to_vec(), frame.wire)).collect()
    }

    fn bytes(count: u8) -> Vec<u8> {
        (0..count).collect()
    }

    #[test]
    fn a_snap_length_keeps_the_wire_length_unless_told() {
        let packets = Packets::new().frame(bytes(9)).with(bytes(3), |f| f.wire = 8).frame(bytes(5));
        let kept = [(bytes(5), 9), (bytes(3), 8), (bytes(5), 5)];
        assert_eq!(cut("  snaplen: 5", packets.clone()), kept);
        let shorter = [(bytes(5), 5), (bytes(3), 5), (bytes(5), 5)];
        assert_eq!(cut("  snaplen: 5\n  wire_length: cut", packets), shorter);
    }

    #[test]
    fn bytes_are_chopped_out_from_either_end() {
        let packets = Packets::new().with(bytes(9), |f| f.wire = 19);
        for (chop, left, wire) in [
            ("{at: 0, bytes: 2}", &[2, 3, 4, 5, 6, 7, 8][..], 17),
            ("{at: 3, bytes: 4}", &[0, 1, 2, 7, 8], 15),
            ("{at: -2, bytes: 2}", &[0, 1, 2, 3, 4, 5, 6], 17),
            ("{at: -4, bytes: 2}", &[0, 1, 2, 3, 4, 7, 8], 17),
            ("{at: 7, bytes: 9}", &[0, 1, 2, 3, 4, 5, 6], 17),
            ("{at: 9, bytes: 1}", &[0, 1, 2, 3, 4, 5, 6, 7, 8], 19),
            ("{at: -11, bytes: 3}", &[1, 2, 3, 4, 5, 6, 7, 8], 18),
            ("{at: 0, bytes: 4294967295}", &[], 10),
            ("{at: 0, bytes: 2}, {at: 0, bytes: 2}, {at: -1, bytes: 1}", &[4, 5, 6, 7], 14),
        ] {
            let cut = cut(&format!("  chop: [{chop}]"), packets.clone());
            assert_eq!(cut, [(left.to_vec(), wire)], "{chop}");
        }
    }

    #[test]
    fn a_frame_check_sequence_is_taken_off_as_far_as_it_is_there() {
        let packets = Packets::new().frame(bytes(9)).with(bytes(9), |f| f.wire = 11);
        let packets = packets.with(bytes(9), |f| f.wire = 13).with(bytes(9), |f| f.wire = 0).frame(bytes(2));
        let expected = [(bytes(5), 5), (bytes(7), 7), (bytes(9), 9), (bytes(5), 5), (bytes(0), 0)];
        assert_eq!(cut("  fcs: 4", packets), expected);
    }

    #[test]
    fn everything_after_a_layer_goes() {
        let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
        let udp = traffic::vlan(7, &traffic::udp(socket("10.0.0.1:1"), socket("10.0.0.2:2"), b"payload"));
        let tcp = traffic::tcp(socket("[fd00::1]:1"), socket("[fd00::2]:2"), 16, b"payload");
        let arp = traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]);
        let other = traffic::ethernet(0x88CC, b"LLDP");
        let padded = [&udp[..], &[0; 9]].concat();
        let packets = Packets::new().frames([&udp, &tcp, &arp, &other, &padded]);
        for (layer, lengths) in
            [("l2", [18, 14, 14, 14, 18]), ("l3", [38, 54, 42, 14, 38]), ("l4", [46, 74, 42, 14, 46])]
        {
            let cut = cut(&format!("  layer: {layer}"), packets.clone());
            assert_eq!(cut.iter().map(|(data, _)| data.len()).collect::<Vec<_>>(), lengths, "{layer}");
        }
    }

    #[test]
    fn something_is_to_be_cut() {
        assert_eq!(harness("").err().unwrap().to_string(), "nothing to cut");
    }
}
