//! Whole IP packets of fragments.

mod datagram;
mod fragment;
mod overlap;
mod store;
mod table;
mod transfer;
mod whole;

use std::ops::RangeInclusive;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::{Duration, Size};
use sluice_core::{
    Batch, Error, Filter, Flags, Key, Layers, OptionError, Output, PacketBatch, PortType, Ports, Prepared,
    Reason, Renewal, prepared,
};

use overlap::Overlap;
use table::{Packet, Rules, Table, Taken};

sluice_core::register! {
    /// Puts fragments of IPv4 and IPv6 together again.
    ///
    /// What is whole passes as it is. Fragments are held until all of their datagram are there; then it leaves in the
    /// place of the one that completed it, with the time and the number of that one: with the link-layer and the IP header
    /// of the first fragment, lengths and the checksum of the IPv4 header as they have to be, without the IPv6 fragment
    /// header. Its headers are found anew, so `where`, `flows` and `count` see its ports. Fragments belong together by
    /// addresses, identification, protocol (IPv4) and VLAN ids.
    ///
    /// A datagram that is not whole after `timeout`, by the times of its fragments and not by the clock, is given up, as is
    /// one that breaks the rules; more fragments of it go the same way until that time has passed. `incomplete` says
    /// what becomes of its fragments. A fragment that is damaged itself is not taken into account.
    ///
    /// Fragments that overlap are an attack or a fault. Current hosts discard such a datagram, and so does this unless
    /// `overlap` names a kind of host whose view is wanted; of IPv6 it is always discarded (RFC 5722). A fragment that
    /// comes twice, byte for byte the same, does no harm. An IPv6 packet with a fragment header that is no fragment (RFC
    /// 6946) passes as it is.
    ///
    /// Only the outermost IP packet is looked at: packets that were fragmented before they went into a tunnel pass as they
    /// are. The packets in a tunnel whose own packets were fragmented are found.
    ///
    /// Memory is bounded by `memory`: when it is used up, the datagram that would time out first is given up. Fragments are
    /// copied, so that they keep no buffer of a capture busy.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same.
    ///
    /// - `merged`: the fragment is part of a packet that left whole
    /// - `timeout`: the rest of the datagram did not come in time
    /// - `incomplete`: the input ended before the datagram was whole
    /// - `overlap`: fragments of the datagram overlap
    /// - `bad_length`: the fragments disagree about the length of the datagram
    /// - `too_long`: the datagram is longer than its headers can say
    /// - `too_many`: the datagram has more than `max_fragments`
    /// - `no_room`: there was no room for more datagrams
    /// - `cut`: the capture has not all of a fragment
    /// - `tiny`: the first fragment of an IPv6 packet does not reach to the end of its headers
    /// - `malformed`: the fragment is empty, or ends where no other can go on
    ///
    /// Of all but the first, nothing is dropped with `incomplete: pass`.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: defragment
    ///   timeout: 30s
    ///   overlap: linux
    /// ```
    ///
    /// ## See also
    ///
    /// `flows` and `count`, which count fragments without ports as flows of their own unless this stands before them.
    filter defragment(prepare), Keyed, drops [
        MERGED, TIMEOUT, INCOMPLETE, OVERLAP, BAD_LENGTH, TOO_LONG, TOO_MANY, NO_ROOM, CUT, TINY, MALFORMED
    ]
}

static MERGED: Reason = Reason::new("merged", "the fragment is part of a packet that left whole");
static TIMEOUT: Reason = Reason::new("timeout", "the rest of the datagram did not come in time");
static INCOMPLETE: Reason = Reason::new("incomplete", "the input ended before the datagram was whole");
static OVERLAP: Reason = Reason::new("overlap", "fragments of the datagram overlap");
static BAD_LENGTH: Reason =
    Reason::new("bad_length", "the fragments disagree about the length of the datagram");
static TOO_LONG: Reason = Reason::new("too_long", "the datagram is longer than its headers can say");
static TOO_MANY: Reason = Reason::new("too_many", "the datagram has more than `max_fragments`");
static NO_ROOM: Reason = Reason::new("no_room", "there was no room for more datagrams");
static CUT: Reason = Reason::new("cut", "the capture has not all of a fragment");
static TINY: Reason =
    Reason::new("tiny", "the first fragment of an IPv6 packet does not reach to the end of its headers");
static MALFORMED: Reason =
    Reason::new("malformed", "the fragment is empty, or ends where no other can go on");

/// How many datagrams are given up in one call; it bounds how long a call takes.
const AT_ONCE: usize = 256;
/// What any packet fits into with its link-layer header; the most that tcpdump asks for.
const SNAPLEN: u32 = 262_144;
/// The least memory: room for a datagram of any size in the largest fragments.
const LEAST: u64 = 1 << 20;

/// What becomes of the fragments of a datagram that is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Incomplete {
    /// They are dropped and counted: what the receiver does.
    #[default]
    Drop,
    /// They leave as they came, late: behind packets that came after them, and after the watermark of their time.
    Pass,
}

/// Options of the filter `defragment`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How long a datagram may take, from the first of its fragments that came.
    #[serde(default = "half_a_minute")]
    timeout: Duration,
    /// Which bytes count where IPv4 fragments overlap.
    #[serde(default)]
    overlap: Overlap,
    /// What becomes of the fragments of a datagram that is given up.
    #[serde(default)]
    incomplete: Incomplete,
    /// How much memory fragments may take, from `1MiB`.
    #[serde(default = "some_memory")]
    memory: Size,
    /// How many fragments a datagram may have, from 2.
    #[serde(default = "a_thousand")]
    #[schemars(range(min = 2))]
    max_fragments: u32,
}

fn half_a_minute() -> Duration {
    Duration(30_000_000_000)
}

fn some_memory() -> Size {
    Size(64 << 20)
}

fn a_thousand() -> u32 {
    1024
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { timeout, overlap, incomplete, memory, max_fragments } = options;
    if memory.0 < LEAST {
        return Err(OptionError::at("memory", format!("`{memory}` is too little: expected at least 1MiB")));
    }
    if timeout.0 == 0 {
        return Err(OptionError::at("timeout", "expected a time above 0"));
    }
    if max_fragments < 2 {
        return Err(OptionError::at("max_fragments", format!("`{max_fragments}` is less than 2")));
    }
    let memory = usize::try_from(memory.0).unwrap_or(usize::MAX);
    let timeout = i64::try_from(timeout.0).unwrap_or(i64::MAX);
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::keyed(Key::Datagram, ports, move |_| {
        let rules = Rules { timeout, overlap, memory, max_fragments: max_fragments as usize };
        let renewal = Renewal::new(|info| info.widen_snaplen(SNAPLEN));
        Ok(Defragment { table: Table::new(rules), incomplete, renewal, gone: Vec::new(), told: false })
    }))
}

struct Defragment {
    table: Table,
    incomplete: Incomplete,
    renewal: Renewal,
    /// Which packets of a batch do not leave; here to be reused.
    gone: Vec<bool>,
    /// Whether the user was told that there is no room.
    told: bool,
}

impl Defragment {
    /// Takes the fragments out of a batch and puts whole packets into it.
    fn fragments(&mut self, batch: &mut PacketBatch, out: &mut Output) {
        let Self { table, incomplete, gone, .. } = self;
        let info = Arc::clone(batch.info());
        gone.clear();
        gone.resize(batch.len(), false);
        let mut edit = batch.edit(out.pools());
        let mut merged = 0;
        for (at, gone) in gone.iter_mut().enumerate() {
            let Some((frame, data, layers)) = edit.peek(at) else { continue };
            if !layers.is_fragment() {
                continue;
            }
            let captured = data.len();
            let headroom = edit.headroom(at);
            match table.take(Packet { frame, headroom, data, layers, info: &info }) {
                Taken::Held => *gone = true,
                Taken::Refused(reason) => {
                    if *incomplete == Incomplete::Drop {
                        *gone = true;
                        table.refused.push(reason);
                    }
                }
                Taken::Whole { fragments } => {
                    merged += fragments - 1;
                    edit.splice(at, 0..captured, table.whole());
                    if let Some((frame, ..)) = edit.packet(at) {
                        frame.wire = frame.captured();
                        frame.flags.set(Flags::TRUNCATED, false);
                        frame.flags.set(Flags::CHECKSUM_VALID, false);
                        // Other lengths than that of Ethernet are not computed.
                        frame.fcs_len = if frame.fcs_len == whole::FCS { frame.fcs_len } else { 0 };
                    }
                }
            }
        }
        out.dropped(&MERGED, merged);
        batch.retain(|at, _| !gone.get(at).is_some_and(|gone| *gone));
    }

    /// Drops what was given up, or emits it.
    fn give_up(&mut self, out: &mut Output) {
        for reason in self.table.refused.drain(..) {
            out.dropped(reason, 1);
        }
        match self.incomplete {
            Incomplete::Drop => self.table.given_up().for_each(|(_, reason)| out.dropped(reason, 1)),
            Incomplete::Pass => self.table.emit(out),
        }
        self.table.clear();
    }
}

impl Filter for Defragment {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        batch.decode();
        self.renewal.apply(&mut batch);
        if batch.layers().iter().any(Layers::is_fragment) {
            self.fragments(&mut batch, out);
            self.give_up(out);
            if self.table.evicted > 0 && !std::mem::replace(&mut self.told, true) {
                out.notice("there are more fragments than `memory` has room for, so that some datagrams are given up");
            }
        }
        out.emit(batch);
        Ok(())
    }

    /// Always: whether a fragment is late shows by the watermark of its time.
    fn deadline(&self) -> Option<i64> {
        Some(i64::MIN)
    }

    fn tick(&mut self, watermark: i64, out: &mut Output) -> Result<(), Error> {
        self.table.advance(watermark, AT_ONCE);
        self.give_up(out);
        Ok(())
    }

    fn held(&self) -> u64 {
        self.table.held()
    }

    fn export(&mut self, group: &RangeInclusive<u64>, state: &mut Vec<u8>) -> Result<(), Error> {
        let taken = self.table.remove(|key| group.contains(&key.shard_hash()));
        transfer::write(&taken, state);
        Ok(())
    }

    fn import(&mut self, state: &[u8]) -> Result<(), Error> {
        transfer::read(state)?.into_iter().for_each(|(key, datagram)| self.table.put(key, datagram));
        Ok(())
    }

    fn unfinished(&self) -> bool {
        !self.table.is_empty()
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        self.table.drain(AT_ONCE);
        self.give_up(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
