//! Flows on their way from one instance to another.

use std::net::IpAddr;

use sluice_core::Error;
use sluice_wire::decode::{icmpv4, icmpv6};
use sluice_wire::flow;

use super::count::Count;
use super::entry::{Flow, Side, Stream};
use super::history::History;
use super::holes::Holes;
use super::key::Key;
use super::state::{End, Phase};
use crate::state::{self, long, short, take, word};

/// What the state of an instance begins with: the version of this form.
const VERSION: u8 = 1;

/// The hash by which packets of this key go to shards: that of their layers.
pub(super) fn shard_hash(key: &Key) -> u64 {
    let [mut lower, mut upper] = key.ends();
    let (protocol, kind) = (key.protocol(), key.kind());
    let has_ports = match protocol {
        icmpv4::NUMBER => icmpv4::has_identifier(kind),
        icmpv6::NUMBER => icmpv6::has_identifier(kind),
        _ => true,
    };
    if !has_ports {
        (lower.port, upper.port) = (0, 0);
    }
    let vlans = key.words()[5] >> 16;
    let hashed = flow::Key { lower, upper, protocol, vlans };
    debug_assert!(matches!(
        (lower.address, upper.address),
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_))
    ));
    flow::hash(&hashed)
}

/// Appends flows to the state of an instance.
pub(super) fn write<'a>(flows: impl Iterator<Item = &'a Flow>, state: &mut Vec<u8>) {
    state::write(VERSION, flows, state, write_flow);
}

fn write_flow(flow: &Flow, out: &mut Vec<u8>) {
    flow.key.words().iter().for_each(|word| out.extend(word.to_le_bytes()));
    [flow.first, flow.last].iter().for_each(|time| out.extend(time.to_le_bytes()));
    for (side, stream) in flow.sides.iter().zip(&flow.streams) {
        let counts = [side.packets, side.wire, side.ip, side.payload, stream.length, stream.missed];
        counts.iter().for_each(|count| out.extend(count.get().to_le_bytes()));
        let [(a, b), (c, d)] = stream.holes.ranges();
        [stream.next, stream.again, a, b, c, d].iter().for_each(|word| out.extend(word.to_le_bytes()));
    }
    flow.handshake.iter().for_each(|span| out.extend(span.to_le_bytes()));
    let (words, seen) = flow.history.parts();
    words.iter().for_each(|word| out.extend(word.to_le_bytes()));
    [seen[0], seen[1], flow.updates, flow.errors].iter().for_each(|number| out.extend(number.to_le_bytes()));
    out.extend(flow.ends.map(|end| end as u8));
    out.extend(flow.flags);
    out.push(flow.marks);
}

/// The flows in a state that [`write`] made.
pub(super) fn read(state: &[u8]) -> Result<Vec<Flow>, Error> {
    state::read(VERSION, state, read_flow)
}

fn read_flow(rest: &mut &[u8]) -> Option<Flow> {
    let mut words = [0; 6];
    for word in &mut words {
        *word = long(rest)?;
    }
    let (first, last) = (long(rest)? as i64, long(rest)? as i64);
    let [(one, its), (other, others)] = [read_side(rest)?, read_side(rest)?];
    let handshake = [word(rest)?, word(rest)?];
    let letters = [word(rest)?, word(rest)?, word(rest)?, word(rest)?];
    let history = History::of(letters, [short(rest)?, short(rest)?]);
    let (updates, errors) = (short(rest)?, short(rest)?);
    let [a, b] = take(rest)?;
    let ends = [End::of(a)?, End::of(b)?];
    let flags = take(rest)?;
    let [marks] = take(rest)?;
    let mut flow = Flow {
        key: Key::of_words(words),
        first,
        last,
        sides: [one, other],
        streams: [its, others],
        handshake,
        history,
        updates,
        errors,
        ends,
        flags,
        marks,
        ..Flow::default()
    };
    flow.phase = Phase::of(&flow);
    Some(flow)
}

fn read_side(rest: &mut &[u8]) -> Option<(Side, Stream)> {
    let mut counts = [Count::default(); 6];
    for count in &mut counts {
        count.add(long(rest)?);
    }
    let [packets, wire, ip, payload, length, missed] = counts;
    let (next, again) = (word(rest)?, word(rest)?);
    let holes = Holes::of([(word(rest)?, word(rest)?), (word(rest)?, word(rest)?)]);
    Some((Side { packets, wire, ip, payload }, Stream { length, missed, next, again, holes }))
}
