use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, prepared};
use sluice_wire::layers::DEFAULT_TUNNELS;

sluice_core::register! {
    /// Finds the headers of packets, once for all filters that follow.
    ///
    /// Understands Ethernet with any number of VLAN tags, LLC and SNAP, Linux cooked capture, BSD loopback, PPP, HDLC and
    /// raw IP; ARP, IPv4 and IPv6 with options, extension headers and fragments; TCP, UDP, UDP-Lite, SCTP, ICMP, ICMPv6
    /// and IGMP. Decoding goes as far as it can: a packet that is cut off, damaged or of another protocol passes with
    /// the headers that were found. The packets themselves are not changed.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets and gives packets with layers. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: decode
    /// ```
    ///
    /// ## See also
    ///
    /// `validate`, `rewrite`, `select`
    filter decode(prepare), Stateless, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How many tunnels, one inside of the other, are looked into; 0 for none.
    #[serde(default = "tunnels")]
    tunnels: u8,
}

fn tunnels() -> u8 {
    DEFAULT_TUNNELS
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { tunnels } = options;
    Ok(prepared::filter(Ports::filter(PortType::Packets, PortType::Layers), move |_| Ok(Decode { tunnels })))
}

struct Decode {
    tunnels: u8,
}

impl Filter for Decode {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        batch.set_tunnels(self.tunnels);
        batch.decode();
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::{Batch, MAIN, Registry};
    use sluice_testkit::{Harness, Packets, traffic};

    #[test]
    fn packets_leave_with_layers_and_their_own_bytes() {
        let mut decode = Harness::from_yaml(&Registry::collect().unwrap(), "- filter: decode").unwrap();
        let frames = [traffic::mixture(50, 1), traffic::malformed(50, 1)].concat();
        let outcome = decode.give(Packets::new().frames(&frames).build()).unwrap();
        assert_eq!(outcome.items(MAIN), frames);
        let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
        assert!(batch.layers().iter().any(|layers| layers.transport().is_some()));
    }
}
