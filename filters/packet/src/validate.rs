use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{
    Batch, Error, Filter, Flags, Frame, Layers, OptionError, Output, PortType, Ports, Prepared, Reason,
    prepared,
};
use sluice_wire::verify::{self, Offload, Verdict};

sluice_core::register! {
    /// Checks lengths and checksums of packets, and drops, marks or sets apart the wrong ones.
    ///
    /// Checked are the length fields of IP and transport headers against each other and against the frame, the header
    /// checksum of IPv4, and the checksums of TCP, UDP, UDP-Lite, SCTP, ICMP, ICMPv6 and IGMP. Padding and trailers after
    /// the IP packet do not count.
    ///
    /// A packet is wrong only if something in it is known to be wrong. What cannot be told passes: checksums of fragments
    /// and of packets that the capture cut off, checksums that the network card was still to compute or has verified,
    /// UDP over IPv4 without a checksum, and everything that is not IP.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same. With `on_bad: errors` the wrong ones leave through `errors`.
    ///
    /// - `bad_length`: a length field contradicts another one or the frame
    /// - `bad_checksum`: a checksum does not fit the bytes that it covers
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: validate
    ///   on_bad: errors
    ///   checks: [lengths, network_checksum]
    /// ```
    ///
    /// ## See also
    ///
    /// `decode`, `rewrite`
    filter validate(prepare), Stateless, drops [BAD_LENGTH, BAD_CHECKSUM]
}

static BAD_LENGTH: Reason = Reason::new("bad_length", "a length field contradicts another one or the frame");
static BAD_CHECKSUM: Reason = Reason::new("bad_checksum", "a checksum does not fit the bytes that it covers");

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
    /// The checksum of the IPv4 header.
    NetworkChecksum,
    /// The checksum of the transport header or control message.
    TransportChecksum,
}

impl Check {
    fn all() -> Vec<Check> {
        vec![Check::Lengths, Check::NetworkChecksum, Check::TransportChecksum]
    }
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { on_bad, checks } = options;
    if checks.is_empty() {
        return Err(OptionError::at("checks", "nothing to check"));
    }
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    let ports = if on_bad == OnBad::Errors { ports.with_errors() } else { ports };
    let [lengths, network, transport] = [0, 1, 2].map(|at| checks.contains(&Check::all()[at]));
    Ok(prepared::filter(ports, move |_| {
        Ok(Validate { on_bad, lengths, network, transport, found: Vec::new() })
    }))
}

#[derive(Clone, Copy, PartialEq)]
enum Finding {
    Nothing,
    Length,
    Checksum,
}

struct Validate {
    on_bad: OnBad,
    lengths: bool,
    network: bool,
    transport: bool,
    /// What was found out about each packet of the present batch; here to be reused.
    found: Vec<Finding>,
}

impl Validate {
    fn judge(&self, frame: &Frame, data: &[u8], layers: &Layers) -> Finding {
        let offload = match frame.flags {
            flags if flags.contains(Flags::CHECKSUM_NOT_READY) => Offload::NotReady,
            flags if flags.contains(Flags::CHECKSUM_VALID) => Offload::Valid,
            _ => Offload::None,
        };
        let verdicts = verify::check(data, layers, frame.wire, offload);
        if self.lengths && verdicts.lengths.is_err() {
            Finding::Length
        } else if (self.network && verdicts.network == Verdict::Bad)
            || (self.transport && verdicts.transport == Verdict::Bad)
        {
            Finding::Checksum
        } else {
            Finding::Nothing
        }
    }
}

impl Filter for Validate {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        found.extend(batch.decoded().map(|(frame, data, layers)| self.judge(frame, data, layers)));
        let count = |finding| found.iter().filter(|found| **found == finding).count();
        let bad = found.len() - count(Finding::Nothing);
        match self.on_bad {
            _ if bad == 0 => {}
            OnBad::Drop => {
                out.dropped(&BAD_LENGTH, count(Finding::Length));
                out.dropped(&BAD_CHECKSUM, count(Finding::Checksum));
                batch.retain(|at, _| found[at] == Finding::Nothing);
            }
            OnBad::Mark => {
                for (frame, _) in
                    batch.frames_mut().iter_mut().zip(&found).filter(|(_, f)| **f != Finding::Nothing)
                {
                    frame.flags.set(Flags::INVALID, true);
                }
            }
            OnBad::Errors => {
                let mut failed = out.packets();
                batch.move_to(&mut failed, out.pools(), |at, _| found[at] != Finding::Nothing);
                failed.decode();
                out.fail(failed);
            }
        }
        self.found = found;
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::{ERRORS, MAIN, Registry};
    use sluice_testkit::{Harness, Packets, traffic};

    fn harness(options: &str) -> Harness {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: validate\n{options}")).unwrap()
    }

    /// A good packet and the same with one byte changed: total length, IPv4 checksum, UDP checksum.
    fn packets() -> Packets {
        let good = traffic::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"payload");
        let wrong = |at: usize, byte: u8| {
            let mut frame = good.clone();
            frame[at] ^= byte;
            frame
        };
        Packets::new().frame(&good).frame(wrong(16, 0x40)).frame(wrong(24, 1)).frame(wrong(41, 1))
    }

    #[test]
    fn wrong_packets_are_dropped_with_their_reason() {
        let mut validate = harness("");
        assert_eq!(validate.give(packets().build()).unwrap().ordinals(MAIN), [0]);
        assert_eq!((validate.dropped("bad_length"), validate.dropped("bad_checksum")), (1, 2));
    }

    #[test]
    fn only_what_is_asked_for_is_checked() {
        let passed = |options| harness(options).give(packets().build()).unwrap().ordinals(MAIN);
        assert_eq!(passed("  checks: [lengths]"), [0, 2, 3]);
        assert_eq!(passed("  checks: [transport_checksum]"), [0, 1, 2]);
        assert_eq!(passed("  checks: [network_checksum]"), [0, 3]);
    }

    #[test]
    fn wrong_packets_are_marked_or_set_apart() {
        let outcome = harness("  on_bad: mark").give(packets().build()).unwrap();
        let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
        let marks: Vec<_> = batch.frames().iter().map(|f| f.flags.contains(Flags::INVALID)).collect();
        assert_eq!(marks, [false, true, true, true]);

        let mut apart = harness("  on_bad: errors");
        let outcome = apart.give(packets().build()).unwrap();
        assert_eq!((outcome.ordinals(MAIN), outcome.ordinals(ERRORS)), (vec![0], vec![1, 2, 3]));
        assert_eq!(apart.tally().errors, 3);
    }

    #[test]
    fn what_cannot_be_told_passes() {
        let good = traffic::tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), 16, &[7; 100]);
        let mut wrong = good.clone();
        wrong[60] ^= 1;
        let packets = Packets::new()
            .with(&wrong, |f| f.flags.set(Flags::CHECKSUM_NOT_READY, true))
            .with(&wrong, |f| f.flags.set(Flags::CHECKSUM_VALID, true))
            .with(&good[..80], |f| f.wire = good.len() as u32)
            .frame([&good[..], &[1; 6]].concat())
            .frame(traffic::arp([1; 4], [2; 4]))
            .frame(traffic::ethernet(0x88CC, b"LLDP"));
        assert_eq!(harness("").pass(packets.build()).unwrap().len(), 6);
    }
}
