use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, prepared};
use sluice_wire::layers::DEFAULT_TUNNELS;

sluice_core::register! {
    /// Finds the headers of packets, once for all filters that follow.
    ///
    /// Understood are:
    ///
    /// - link layers: Ethernet with any number of VLAN tags (802.1Q, 802.1ad), LLC and SNAP, MPLS with pseudowires, PPP over
    ///   Ethernet, FabricPath, PPP, Cisco HDLC, Linux cooked capture (SLL, SLL2), BSD loopback (NULL, LOOP), raw IP
    /// - ARP; IPv4 with options and fragments; IPv6 with all extension headers; AH and ESP
    /// - TCP, UDP, UDP-Lite, SCTP, ICMP, ICMPv6, IGMP, mobility
    /// - tunnels: IP in IP in all four ways, GRE (also NVGRE, PPTP, ERSPAN types I to III), MPLS and Ethernet in IP, VXLAN,
    ///   VXLAN-GPE, Geneve, GTP-U, Teredo and L2TP
    ///
    /// Tunnels over UDP are told by their ports (4789 and 8472, 4790, 6081, 2152, 3544, 1701), and only where the payload
    /// looks like one. What MPLS carries is guessed from its first bits. Filters that follow look at the outermost IP packet
    /// unless they say that they look into tunnels, too.
    ///
    /// Decoding goes as far as it can: a packet that is cut off, damaged or of another protocol passes with the headers that
    /// were found. The packets themselves are not changed.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets and gives packets with layers. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: decode
    ///   tunnels: 2
    /// ```
    ///
    /// ## See also
    ///
    /// `validate`, `rewrite`, `where`
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
    let ports = Ports::filter(PortType::Packets, PortType::Layers);
    let make = move |_| Ok(Decode { tunnels });
    // Packets that are looked into as deep as usual have the flow that they had before.
    Ok(if tunnels == DEFAULT_TUNNELS {
        prepared::selector(ports, make)
    } else {
        prepared::filter(ports, make)
    })
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

    #[test]
    fn tunnels_are_looked_into_as_deep_as_told() {
        let registry = Registry::collect().unwrap();
        let inner = traffic::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"payload");
        let frame = traffic::ip([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), 4, &inner[14..]);
        for (option, depth, headers) in [("", 4, 4), ("\n  tunnels: 1", 1, 4), ("\n  tunnels: 0", 0, 2)] {
            let mut decode = Harness::from_yaml(&registry, &format!("- filter: decode{option}")).unwrap();
            let outcome = decode.give(Packets::new().frame(&frame).build()).unwrap();
            let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
            assert_eq!((batch.tunnels(), batch.layers()[0].headers().count()), (depth, headers));
        }
    }
}
