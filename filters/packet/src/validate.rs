use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{
    Batch, Error, Filter, Flags, Frame, Layers, OptionError, Output, PortType, Ports, Prepared, Reason,
    prepared,
};
use sluice_wire::layers::Stop;
use sluice_wire::verify::{self, Offload, Verdict};

mod summary;
mod what;

use summary::{Counts, Summary};
use what::What;

sluice_core::register! {
    /// Checks lengths and checksums of packets, and drops, marks or sets apart the wrong ones.
    ///
    /// Checked are the length fields of frames, IP and transport headers against each other and against the frame, headers
    /// that contradict themselves, the header checksum of IPv4, the checksums of TCP, UDP, UDP-Lite, SCTP, ICMP, ICMPv6,
    /// IGMP and Mobile IPv6, and that of GRE; all of it in the packets that tunnels carry, too. Padding and trailers after
    /// the IP packet do not count.
    ///
    /// The verdict on a checksum is one of five: *good*; *bad*; *unverifiable* where bytes that it covers are missing
    /// (fragments, packets that the capture cut off or that offloading left whole); *offloaded* where the network card was
    /// still to compute it; *absent* where there is none. A packet is wrong only if something in it is known to be wrong,
    /// so only *bad* makes it so. What is not IP passes.
    ///
    /// With `summary`, a notice at the end says how many checksums got which verdict.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same. With `on_bad: errors` the wrong ones leave through `errors`. A packet
    /// that is wrong in several ways is dropped for the first of these, outermost headers first:
    ///
    /// - `bad_length`: a length field contradicts another one or the frame
    /// - `bad_header`: a header contradicts itself or what announced it
    /// - `bad_ipv4_checksum`: the checksum of an IPv4 header does not fit it
    /// - `bad_tcp_checksum`: the checksum of a TCP segment does not fit it
    /// - `bad_udp_checksum`: the checksum of a UDP datagram does not fit it, or is missing over IPv6
    /// - `bad_udplite_checksum`: the checksum or the coverage of a UDP-Lite datagram does not fit it
    /// - `bad_sctp_checksum`: the checksum of an SCTP packet does not fit it
    /// - `bad_icmp_checksum`: the checksum of an ICMP message does not fit it
    /// - `bad_icmpv6_checksum`: the checksum of an ICMPv6 message does not fit it
    /// - `bad_igmp_checksum`: the checksum of an IGMP message does not fit it
    /// - `bad_mobility_checksum`: the checksum of a Mobile IPv6 header does not fit it
    /// - `bad_gre_checksum`: the checksum of a GRE header does not fit it and what it carries
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: validate
    ///   on_bad: errors
    ///   checks: [lengths, network_checksum]
    ///   summary: true
    /// ```
    ///
    /// ## See also
    ///
    /// `decode`, `fix`, `rewrite`
    filter validate(prepare), Stateless, drops [
        BAD_LENGTH, BAD_HEADER, BAD_IPV4, BAD_TCP, BAD_UDP, BAD_UDPLITE, BAD_SCTP, BAD_ICMP, BAD_ICMPV6, BAD_IGMP,
        BAD_MOBILITY, BAD_GRE,
    ]
}

static BAD_LENGTH: Reason = Reason::new("bad_length", "a length field contradicts another one or the frame");
static BAD_HEADER: Reason = Reason::new("bad_header", "a header contradicts itself or what announced it");
static BAD_IPV4: Reason = Reason::new("bad_ipv4_checksum", "the checksum of an IPv4 header does not fit it");
static BAD_TCP: Reason = Reason::new("bad_tcp_checksum", "the checksum of a TCP segment does not fit it");
static BAD_UDP: Reason = Reason::new(
    "bad_udp_checksum",
    "the checksum of a UDP datagram does not fit it, or is missing over IPv6",
);
static BAD_UDPLITE: Reason = Reason::new(
    "bad_udplite_checksum",
    "the checksum or the coverage of a UDP-Lite datagram does not fit it",
);
static BAD_SCTP: Reason = Reason::new("bad_sctp_checksum", "the checksum of an SCTP packet does not fit it");
static BAD_ICMP: Reason = Reason::new("bad_icmp_checksum", "the checksum of an ICMP message does not fit it");
static BAD_ICMPV6: Reason =
    Reason::new("bad_icmpv6_checksum", "the checksum of an ICMPv6 message does not fit it");
static BAD_IGMP: Reason = Reason::new("bad_igmp_checksum", "the checksum of an IGMP message does not fit it");
static BAD_MOBILITY: Reason =
    Reason::new("bad_mobility_checksum", "the checksum of a Mobile IPv6 header does not fit it");
static BAD_GRE: Reason =
    Reason::new("bad_gre_checksum", "the checksum of a GRE header does not fit it and what it carries");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// What becomes of a wrong packet.
    #[serde(default)]
    on_bad: OnBad,
    /// What is checked; all of it unless told otherwise.
    #[serde(default = "Check::all")]
    #[schemars(length(min = 1))]
    checks: Vec<Check>,
    /// Whether the packets that tunnels carry are checked too, as deep as `decode` looks into them.
    #[serde(default = "yes")]
    tunnels: bool,
    /// Whether UDP over IPv6 may do without a checksum.
    #[serde(default)]
    udp_zero_v6: UdpZero,
    /// Whether the verdicts on checksums are counted and told at the end.
    #[serde(default)]
    summary: bool,
}

fn yes() -> bool {
    true
}

/// What becomes of a wrong packet.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum OnBad {
    /// It is dropped and counted.
    #[default]
    Drop,
    /// It passes with a mark that later filters can see.
    Mark,
    /// It leaves through the port `errors`.
    Errors,
}

/// Something that may be wrong.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Check {
    /// Length fields.
    Lengths,
    /// Headers that contradict themselves, such as another IP version than the EtherType says.
    Headers,
    /// The checksum of the IPv4 header.
    NetworkChecksum,
    /// The checksum of the transport header or control message.
    TransportChecksum,
    /// The checksum of the GRE header.
    TunnelChecksum,
}

impl Check {
    fn all() -> Vec<Check> {
        use Check::*;
        vec![Lengths, Headers, NetworkChecksum, TransportChecksum, TunnelChecksum]
    }
}

/// Whether UDP over IPv6 may do without a checksum.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum UdpZero {
    /// It may where it carries a tunnel (RFC 6935).
    #[default]
    Tunnels,
    /// It never may.
    Bad,
    /// It always may.
    Good,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { on_bad, checks, tunnels, udp_zero_v6, summary } = options;
    if checks.is_empty() {
        return Err(OptionError::at("checks", "nothing to check"));
    }
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    let ports = if on_bad == OnBad::Errors { ports.with_errors() } else { ports };
    let rules = Rules {
        lengths: checks.contains(&Check::Lengths),
        headers: checks.contains(&Check::Headers),
        network: checks.contains(&Check::NetworkChecksum),
        transport: checks.contains(&Check::TransportChecksum),
        tunnel: checks.contains(&Check::TunnelChecksum),
        inside: tunnels,
        udp_zero_v6,
    };
    let summary = summary.then(Arc::<Summary>::default);
    Ok(prepared::selector(ports, move |_| {
        let summary = summary.as_ref().map(|shared| (shared.join(), Counts::default()));
        Ok(Validate { on_bad, rules, found: Vec::new(), summary })
    }))
}

/// What counts as wrong.
#[derive(Clone, Copy)]
struct Rules {
    lengths: bool,
    headers: bool,
    network: bool,
    transport: bool,
    tunnel: bool,
    /// Whether packets in tunnels are looked at.
    inside: bool,
    udp_zero_v6: UdpZero,
}

impl Rules {
    /// The first thing wrong with a packet. Every verdict on a checksum that is checked is told to `count`.
    fn judge(
        &self,
        frame: &Frame,
        data: &[u8],
        layers: &Layers,
        mut count: impl FnMut(What, Verdict),
    ) -> Option<What> {
        let offload = match frame.flags {
            flags if flags.contains(Flags::CHECKSUM_NOT_READY) => Offload::NotReady,
            flags if flags.contains(Flags::CHECKSUM_VALID) => Offload::Valid,
            _ => Offload::None,
        };
        let mut wrong = None;
        let packets = verify::check_all(data, layers, frame.wire, offload);
        for (layers, found) in packets.take(if self.inside { usize::MAX } else { 1 }) {
            if self.lengths && found.lengths.is_err() {
                wrong = wrong.or(Some(What::Length));
            }
            if self.headers && layers.stop() == Stop::Malformed {
                wrong = wrong.or(Some(What::Header));
            }
            let transport = self.transport(data, &layers, found.transport);
            for (checked, what, verdict) in [
                (self.network, Some(What::Ipv4), found.network),
                (self.transport, What::transport(&layers), transport),
                (self.tunnel, Some(What::Gre), found.tunnel),
            ] {
                if let (true, Some(what)) = (checked, what) {
                    count(what, verdict);
                    wrong = wrong.or((verdict == Verdict::Bad).then_some(what));
                }
            }
        }
        wrong
    }

    /// The verdict on a transport checksum, for whom UDP over IPv6 may or may not do without.
    fn transport(&self, data: &[u8], layers: &Layers, found: Verdict) -> Verdict {
        let strict = match self.udp_zero_v6 {
            UdpZero::Tunnels => return found,
            UdpZero::Bad => Verdict::Bad,
            UdpZero::Good => Verdict::Absent,
        };
        let zero = What::is_v6(layers) && verify::udp_zero(data, layers);
        if zero { strict } else { found }
    }
}

struct Validate {
    on_bad: OnBad,
    rules: Rules,
    /// What was found out about each packet of the present batch; here to be reused.
    found: Vec<Option<What>>,
    /// The verdicts so far, and where they are added up.
    summary: Option<(summary::Member, Counts)>,
}

impl Filter for Validate {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let Self { on_bad, rules, found, summary } = self;
        found.clear();
        found.extend(batch.decoded().map(|(frame, data, layers)| match summary {
            Some((_, counts)) => rules.judge(frame, data, layers, |what, verdict| counts.add(what, verdict)),
            None => rules.judge(frame, data, layers, |_, _| {}),
        }));
        match on_bad {
            _ if found.iter().all(Option::is_none) => {}
            OnBad::Drop => {
                for what in What::ALL {
                    let count = found.iter().filter(|found| **found == Some(what)).count();
                    out.dropped(what.reason(), count);
                }
                batch.retain(|at, _| found[at].is_none());
            }
            OnBad::Mark => {
                for (frame, found) in batch.frames_mut().iter_mut().zip(found) {
                    if found.is_some() {
                        frame.flags.set(Flags::INVALID, true);
                    }
                }
            }
            OnBad::Errors => {
                let mut failed = out.packets();
                batch.move_to(&mut failed, out.pools(), |at, _| found[at].is_some());
                failed.decode();
                out.fail(failed);
            }
        }
        out.emit(batch);
        Ok(())
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        if let Some((member, counts)) = self.summary.take()
            && let Some(total) = member.leave(counts)
        {
            out.notice(total.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
