use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{
    Batch, Edit, Error, Filter, Flags, OptionError, Output, PortType, Ports, Prepared, Reason, Renewal,
    prepared,
};
use sluice_wire::verify::{self, Offload, Repair, Verdict};

sluice_core::register! {
    /// Puts wrong lengths and checksums of packets right, and adds or removes what they are padded with.
    ///
    /// Without options, length fields that cannot be true and checksums that do not fit are set anew, in the packets
    /// that tunnels carry too; what is right is not touched. In this order:
    ///
    /// 1. `missing`: packets of which not all bytes were captured are filled up, shortened or dropped.
    /// 2. `lengths`: the length fields of IEEE 802.3, IPv4, IPv6 and UDP, and the coverage of UDP-Lite, that claim more
    ///    than there is, less than a header, or nothing because of offloading, become what there is. Lengths of packets
    ///    that the capture cut off are right, as they count what was on the wire.
    /// 3. `trailer`: what follows the IP packet, padding among it, is removed.
    /// 4. `pad_to`: Ethernet frames that are shorter get zeros at their end.
    /// 5. `checksums`: those of IPv4, TCP, UDP, UDP-Lite, SCTP, ICMP, ICMPv6, IGMP, Mobile IPv6 and GRE. A checksum stays
    ///    as it is where bytes that it covers are missing: in fragments and in packets that were cut off. Padding is no
    ///    part of a packet and does not matter. UDP without a checksum stays without unless `udp_zero` says otherwise.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same.
    ///
    /// - `missing_bytes`: fewer bytes were captured than the packet had, and `missing` says `drop`
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: fix
    /// - filter: fix
    ///   missing: shorten
    ///   trailer: remove
    ///   pad_to: 60
    ///   udp_zero: ipv6
    /// ```
    ///
    /// ## See also
    ///
    /// `validate`, `truncate`, `rewrite`
    filter fix(prepare), Stateless, drops [MISSING_BYTES]
}

static MISSING_BYTES: Reason =
    Reason::new("missing_bytes", "fewer bytes were captured than the packet had, and `missing` says `drop`");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Whether wrong length fields are set anew.
    #[serde(default = "yes")]
    lengths: bool,
    /// Whether wrong checksums are set anew.
    #[serde(default = "yes")]
    checksums: bool,
    /// Which UDP datagrams without a checksum get one.
    #[serde(default)]
    udp_zero: UdpZero,
    /// What becomes of a packet of which fewer bytes were captured than were on the wire or than its IP header claims.
    #[serde(default)]
    missing: Missing,
    /// What becomes of the bytes after an IP packet that was captured whole.
    #[serde(default)]
    trailer: Trailer,
    /// The least length of an Ethernet frame, such as 60 (without its check sequence); shorter ones are padded.
    #[schemars(range(max = 65535))]
    pad_to: Option<u32>,
}

fn yes() -> bool {
    true
}

/// Which UDP datagrams without a checksum get one.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum UdpZero {
    /// None.
    #[default]
    Keep,
    /// Those over IPv6, where only tunnels may do without.
    Ipv6,
    /// All.
    All,
}

/// What becomes of a packet with missing bytes.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Missing {
    /// It stays as it is.
    #[default]
    Keep,
    /// It gets zeros in the place of what is missing, unless that is more than 65,535 bytes.
    Pad,
    /// What was captured counts as all of it, so that `lengths` follow.
    Shorten,
    /// It is dropped.
    Drop,
}

/// What becomes of the bytes after an IP packet.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Trailer {
    /// They stay.
    #[default]
    Keep,
    /// They go.
    Remove,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { lengths, checksums, udp_zero, missing, trailer, pad_to } = options;
    let (zero_v4, zero_v6) = match udp_zero {
        UdpZero::Keep => (false, false),
        UdpZero::Ipv6 => (false, true),
        UdpZero::All => (true, true),
    };
    let repair = checksums.then_some(Repair { zero_v4, zero_v6 });
    let rules = Rules { lengths, repair, missing, trailer, pad_to: pad_to.unwrap_or(0) };
    let most = if missing == Missing::Pad { MOST as u32 } else { rules.pad_to };
    Ok(prepared::filter(Ports::filter(PortType::Layers, PortType::Layers), move |_| {
        Ok(Fix { rules, growth: Renewal::growth(most), gone: Vec::new() })
    }))
}

#[derive(Clone, Copy)]
struct Rules {
    lengths: bool,
    repair: Option<Repair>,
    missing: Missing,
    trailer: Trailer,
    pad_to: u32,
}

/// How many zeros a packet gets at most; a damaged length may ask for any number.
const MOST: usize = 65_535;
/// How many length fields of one packet are looked at: more than tunnels can have.
const FIELDS: usize = 64;

impl Rules {
    /// Fixes a packet; `false` when it is to be dropped.
    fn apply(&self, edit: &mut Edit<'_>, at: usize) -> bool {
        if self.missing != Missing::Keep && !self.complete(edit, at) {
            return false;
        }
        if self.lengths {
            mend(edit, at);
        }
        if self.trailer == Trailer::Remove {
            remove_trailer(edit, at);
        }
        if self.pad_to > 0 {
            self.pad(edit, at);
        }
        if let Some(repair) = self.repair {
            checksums(edit, at, repair);
        }
        true
    }

    /// Deals with missing bytes; `false` when the packet is to be dropped.
    fn complete(&self, edit: &mut Edit<'_>, at: usize) -> bool {
        let Some((frame, data, layers)) = edit.peek(at) else { return true };
        let whole = verify::claimed_end(data, layers).max(frame.wire as usize);
        let captured = data.len();
        if captured >= whole {
            return true;
        }
        let missing = whole - captured;
        match self.missing {
            Missing::Keep => {}
            Missing::Drop => return false,
            Missing::Shorten => {
                edit.truncate(at, captured, captured as u32);
            }
            Missing::Pad if missing > MOST => {}
            Missing::Pad => {
                edit.extend(at, missing);
                edit.truncate(at, whole, whole as u32);
            }
        }
        true
    }

    fn pad(&self, edit: &mut Edit<'_>, at: usize) {
        let Some((frame, data, _)) = edit.peek(at) else { return };
        let is_whole = frame.wire as usize <= data.len();
        let short = (self.pad_to as usize).saturating_sub(data.len());
        if is_whole && short > 0 && edit.info().link(frame.interface).is_ethernet() {
            edit.extend(at, short);
        }
    }
}

/// Sets wrong length fields, outermost first: one that is right again may show headers that were not seen before.
fn mend(edit: &mut Edit<'_>, at: usize) {
    for _ in 0..FIELDS {
        let Some((frame, data, layers)) = edit.peek(at) else { return };
        let Some((field, length)) = verify::mend(data, layers, frame.wire) else { return };
        if let Some((_, data, _)) = edit.packet(at)
            && let Some(place) = data.get_mut(field..).and_then(|rest| rest.first_chunk_mut())
        {
            *place = length.to_be_bytes();
        }
        edit.decode(at);
    }
}

fn remove_trailer(edit: &mut Edit<'_>, at: usize) {
    let Some((frame, data, layers)) = edit.peek(at) else { return };
    let end = layers.l3_end();
    let is_whole = layers.network().is_some() && !layers.is_cut() && !layers.is_gso();
    if is_whole && (end < data.len() || end < frame.wire as usize) {
        edit.truncate(at, end, end as u32);
    }
}

fn checksums(edit: &mut Edit<'_>, at: usize, repair: Repair) {
    let Some((frame, data, layers)) = edit.peek(at) else { return };
    let pending = frame.flags.contains(Flags::CHECKSUM_NOT_READY);
    let found = || verify::check_all(data, layers, frame.wire, Offload::None);
    let wrong = found().any(|(packet, found)| {
        let zero = (repair.zero_v4 || repair.zero_v6) && verify::udp_zero(data, &packet);
        zero || [found.network, found.transport, found.tunnel].contains(&Verdict::Bad)
    });
    let all_known = pending && !found().any(|(_, found)| found.transport == Verdict::Unverifiable);
    if wrong && let Some((_, data, layers)) = edit.packet(at) {
        verify::repair(data, layers, repair);
    }
    if all_known && let Some((frame, ..)) = edit.packet(at) {
        frame.flags.set(Flags::CHECKSUM_NOT_READY, false);
    }
}

struct Fix {
    rules: Rules,
    growth: Renewal,
    /// For each packet of the present batch whether it is dropped; here to be reused.
    gone: Vec<bool>,
}

impl Filter for Fix {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let Self { rules, growth, gone } = self;
        if rules.pad_to > 0 || rules.missing == Missing::Pad {
            growth.apply(&mut batch);
        }
        gone.clear();
        let mut edit = batch.edit(out.pools());
        gone.extend((0..edit.len()).map(|at| !rules.apply(&mut edit, at)));
        if rules.missing == Missing::Drop {
            out.dropped(&MISSING_BYTES, batch.retain(|at, _| !gone[at]));
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
