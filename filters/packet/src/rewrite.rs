use std::sync::Arc;
use std::sync::atomic::Ordering;

use sluice_core::{Batch, Error, Filter, Frame, OptionError, Output, PortType, Ports, Prepared, prepared};
use sluice_wire::edit::{Checksums, Effect, apply, is_signed, with_check_sequence};

mod hands;
mod maps;
mod options;
mod rules;

use hands::Hands;
use options::Options;
use rules::Rules;

sluice_core::register! {
    /// Rewrites addresses, ports and header fields of packets, and keeps checksums right.
    ///
    /// Addresses are mapped network by network: the prefix of the new network takes the place of the bits that it
    /// covers, and the bits after it stay. Of several networks that hold an address the longest prefix counts. What no
    /// network holds may be given another address by a key (`randomize`): any other, or one that shares with its
    /// neighbours as many first bits as before. No two addresses become one that way, and the same key always gives the
    /// same result. To keep a kind of address (multicast, loopback and the like) in its place, `prefix_preserving` also
    /// keeps the first bits of whatever lies beside it; with `keep: []` the results are those of Crypto-PAn.
    ///
    /// With `endpoints` all clients become one address and all servers another, by the sides that `split_direction` told.
    ///
    /// A conversation stays consistent: addresses are mapped in the IP header and what belongs to it (source routes,
    /// routing headers), in the packets quoted in ICMP errors, in neighbour discovery, ARP and DHCP, and in the packets
    /// that tunnels carry. Ports and TCP sequence numbers follow into quoted packets and tunnels; time to live, traffic
    /// class and flow label are those of the outermost header alone. MAC addresses are mapped in Ethernet and Linux
    /// cooked headers, in ARP, neighbour discovery and DHCP; `source_mac` and `destination_mac` set those of the
    /// outermost header, and the same address elsewhere in the frame follows. Names, application data and interface
    /// identifiers that were made from a MAC address are not looked into.
    ///
    /// Checksums are updated by what changed and not computed anew, unless `checksums` says so. So a checksum that was
    /// wrong stays wrong, fragments and packets that the capture cut off come out right, and UDP without a checksum
    /// stays without. A frame check sequence that the capture file tells of follows. Frames that hold nothing to rewrite pass as they are. Check values of AH, ESP and TCP (MD5, AO)
    /// need a key: a notice tells once that they do not fit any more.
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
    /// - filter: rewrite
    ///   randomize: {seed: 7, method: prefix_preserving}
    ///   randomize_macs: {seed: 7, keep_bytes: 3}
    ///   tcp_sequence_seed: 7
    /// ```
    ///
    /// ## See also
    ///
    /// `decode`, `split_direction`, `vlan`, `fix`, `validate`
    filter rewrite(prepare), Stateless, drops []
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let rules = Arc::new(Rules::compile(&options)?);
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::filter(ports, move |_| {
        Ok(Rewrite { rules: Arc::clone(&rules), hands: Hands::new(Arc::clone(&rules)) })
    }))
}

struct Rewrite {
    rules: Arc<Rules>,
    hands: Hands,
}

impl Filter for Rewrite {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let mut edit = batch.edit(out.pools());
        let keeps_right = self.rules.wants.checksums != Checksums::Keep;
        for at in 0..edit.len() {
            let Some((frame, _, layers)) = edit.peek(at) else { continue };
            // Touching a packet of a shared slab copies it, so only those are touched that may change.
            if !self.rules.concern(layers) {
                continue;
            }
            self.hands.face(frame.flags);
            let Some((frame, data, layers)) = edit.packet(at) else { continue };
            let effect = if has_check_sequence(frame) && keeps_right {
                with_check_sequence(data, |data| apply(data, layers, &mut self.hands))
            } else {
                apply(data, layers, &mut self.hands)
            };
            if effect != Effect::None && self.hands.breaks_signatures() && is_signed(data, layers) {
                self.tell(out);
            }
            if effect == Effect::Structure {
                edit.decode(at);
            }
        }
        out.emit(batch);
        Ok(())
    }
}

/// Whether the file tells that the frame ends with the check sequence of Ethernet, and it was captured.
#[inline(always)]
fn has_check_sequence(frame: &Frame) -> bool {
    frame.fcs_len == 4 && frame.captured() == frame.wire
}

impl Rewrite {
    /// Tells once, whichever instance sees it first.
    fn tell(&self, out: &Output) {
        if !self.rules.told.swap(true, Ordering::Relaxed) {
            out.notice(
                "packets with check values that need a key (AH, ESP, MD5 or AO of TCP) were changed: those values do \
                 not fit any more",
            );
        }
    }
}

#[cfg(test)]
mod tests;
