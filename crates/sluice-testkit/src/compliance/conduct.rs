//! The component at work: fed with everything that may come, checked after every call.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;
use sluice_core::{
    Batch, CaptureInfo, Component, ERRORS, Flags, Kind, Layers, Next, PacketBatch, Parallelism, PortType,
    Record, RecordBatch,
};
use sluice_wire::link::LinkType;

use super::{redirect, shards};
use crate::{Error, Harness, Outcome, Packets, Random, pools, records, traffic};

/// How many items a huge batch has.
const HUGE: usize = 100_000;
/// How often a source is called, and how often in a row it may have nothing.
const CALLS: usize = 2_000;
const IDLE: usize = 20;

pub(super) fn check(component: &'static Component, mut options: Value) -> Vec<String> {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return vec![format!("no temporary folder: {error}")],
    };
    redirect(component.kind, &mut options, folder.path());
    let mut unknown = options.clone();
    if let Value::Object(map) = &mut unknown {
        map.insert("no_such_option".into(), true.into());
    }
    let run = || {
        let mut broken = Vec::new();
        if (component.prepare)(unknown).is_ok() {
            broken.push("it takes the unknown option `no_such_option`".into());
        }
        match Harness::new(component, options.clone()) {
            Err(error) => broken.push(format!("the example cannot be made: {error}")),
            Ok(harness) if component.kind == Kind::Source => source(harness, &mut broken),
            Ok(harness) => feed(component, options.clone(), harness, &mut broken),
        }
        if component.parallelism == Parallelism::Keyed && component.kind == Kind::Filter {
            shards::check(component, &options, &mut broken);
        }
        broken
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        vec![format!("it panicked: {}", text.unwrap_or("without a message"))]
    })
}

fn source(mut harness: Harness, broken: &mut Vec<String>) {
    let (mut last, mut idle) = (None, 0);
    for _ in 0..CALLS {
        let (next, outcome) = match harness.produce() {
            Ok(answer) => answer,
            Err(error) => return broken.push(format!("it failed: {error}")),
        };
        for (port, batch) in &outcome.batches {
            whole(port, batch, broken);
            for ordinal in ordinals(batch) {
                if last.is_some_and(|last| ordinal <= last) {
                    broken.push(format!("the ordinal {ordinal} follows {}", last.unwrap_or_default()));
                }
                last = Some(ordinal);
            }
        }
        idle = if matches!(next, Next::Idle(_)) { idle + 1 } else { 0 };
        if next == Next::End || idle == IDLE {
            break;
        }
    }
}

/// Feeds one instance with everything in a row, and a fresh one with nothing at all.
fn feed(component: &'static Component, options: Value, mut harness: Harness, broken: &mut Vec<String>) {
    let input = harness.ports().input;
    let Some(input) = input else { return broken.push("it is no source and has no input".into()) };
    let mut seen = BTreeSet::new();
    let mut next_ordinal = 0;
    for (name, mut batch) in batches(input) {
        renumber(&mut batch, &mut next_ordinal);
        seen.extend(ordinals(&batch));
        let copy = batch.duplicate(&pools());
        let before = contents(&copy);
        let shared = name.starts_with("shared");
        let copy = if shared { Some(copy) } else { None };
        match harness.give(batch) {
            Ok(outcome) => answers(component, &mut harness, &outcome, name, &seen, broken),
            Err(error) => return broken.push(format!("{name}: it failed: {error}")),
        }
        if copy.is_some_and(|copy| contents(&copy) != before) {
            broken.push(format!("{name}: it changed bytes that another batch shares"));
        }
        law(&mut harness, name, broken);
        if let Err(error) = harness.flush() {
            return broken.push(format!("{name}: it failed when it was flushed: {error}"));
        }
    }
    end(component, &mut harness, &seen, broken);
    // The file of the first instance is there already, so only filters are made a second time.
    if component.kind == Kind::Filter {
        match Harness::new(component, options) {
            Ok(mut fresh) => end(component, &mut fresh, &BTreeSet::new(), broken),
            Err(error) => broken.push(format!("a second instance cannot be made: {error}")),
        }
    }
}

fn end(component: &Component, harness: &mut Harness, seen: &BTreeSet<u64>, broken: &mut Vec<String>) {
    let finish = |harness: &mut Harness| -> Result<[Outcome; 2], Error> {
        Ok([harness.watermark(i64::MAX)?, harness.finish()?])
    };
    match finish(harness) {
        Ok(outcomes) => {
            outcomes.iter().for_each(|o| answers(component, harness, o, "at the end", seen, broken))
        }
        Err(error) => return broken.push(format!("it failed at the end: {error}")),
    }
    law(harness, "at the end", broken);
    if harness.tally().held > 0 {
        broken.push(format!("`finish` left {} items held back", harness.tally().held));
    }
}

fn law(harness: &mut Harness, when: &str, broken: &mut Vec<String>) {
    let tally = harness.tally();
    let dropped: u64 = tally.dropped.iter().sum();
    let (came, went) = (tally.taken + tally.created, tally.passed + dropped + tally.errors + tally.held);
    if came != went {
        broken.push(format!("{when}: {came} items came in or were made, {went} are accounted for"));
    }
}

fn answers(
    component: &Component,
    harness: &mut Harness,
    outcome: &Outcome,
    when: &str,
    seen: &BTreeSet<u64>,
    broken: &mut Vec<String>,
) {
    let creates = harness.tally().created > 0;
    for (at, (port, batch)) in outcome.batches.iter().enumerate() {
        let carries = harness.ports().outputs.iter().find(|p| p.name == *port).map(|p| p.carries);
        if component.parallelism == Parallelism::Stateless
            && outcome.batches[..at].iter().any(|(p, _)| p == port)
        {
            broken.push(format!("{when}: it is stateless and emits two batches on `{port}` in one call"));
        }
        whole(port, batch, broken);
        truth(port, carries, batch, when, broken);
        let ordinals: Vec<_> = ordinals(batch).collect();
        if !creates && !ordinals.iter().all(|ordinal| seen.contains(ordinal)) {
            broken.push(format!("{when}: an item on `{port}` has an ordinal that did not come in"));
        }
        if !creates && component.parallelism == Parallelism::Stateless && !ordinals.is_sorted() {
            broken.push(format!("{when}: the items on `{port}` are not in their order"));
        }
    }
}

/// Every item points at bytes that are there.
fn whole(port: &str, batch: &Batch, broken: &mut Vec<String>) {
    let lost = match batch {
        Batch::Packets(batch) => batch.iter().any(|(frame, data)| data.len() != frame.captured() as usize),
        Batch::Records(batch) => {
            batch.records().iter().any(|record| batch.whole(record).len() != record.bytes() as usize)
        }
    };
    if lost {
        broken.push(format!("an item on `{port}` points outside its slab"));
    }
}

/// The batch is of the type that the port says, and its layers are what decoding again gives.
fn truth(port: &str, carries: Option<PortType>, batch: &Batch, when: &str, broken: &mut Vec<String>) {
    let right = match carries {
        Some(PortType::Packets | PortType::Layers) => matches!(batch, Batch::Packets(_)),
        Some(PortType::Records) => matches!(batch, Batch::Records(_)),
        _ => true,
    };
    if !right {
        broken.push(format!("{when}: `{port}` carries what it does not say"));
    }
    let Batch::Packets(batch) = batch else { return };
    if carries == Some(PortType::Layers) && port != ERRORS && !batch.is_decoded() {
        broken.push(format!("{when}: the packets on `{port}` have no layers"));
    }
    for ((frame, data), layers) in batch.iter().zip(batch.layers()) {
        let true_ones =
            Layers::decode_to(batch.info().link(frame.interface), data, frame.wire, batch.tunnels());
        if *layers != true_ones {
            let what = format!("{layers:?} instead of {true_ones:?}");
            return broken.push(format!("{when}: packet {} on `{port}` has layers {what}", frame.ordinal));
        }
    }
}

fn ordinals(batch: &Batch) -> Box<dyn Iterator<Item = u64> + '_> {
    match batch {
        Batch::Packets(batch) => Box::new(batch.frames().iter().map(|frame| frame.ordinal)),
        Batch::Records(batch) => Box::new(batch.records().iter().map(|record| record.ordinal)),
    }
}

pub(super) fn renumber(batch: &mut Batch, next: &mut u64) {
    let mut number = |ordinal: &mut u64, time: &mut i64| {
        (*ordinal, *time) = (*next, *next as i64 * 1_000_000);
        *next += 1;
    };
    match batch {
        Batch::Packets(batch) => {
            batch.frames_mut().iter_mut().for_each(|f| number(&mut f.ordinal, &mut f.time))
        }
        Batch::Records(batch) => {
            batch.records_mut().iter_mut().for_each(|r| number(&mut r.ordinal, &mut r.time))
        }
    }
}

fn contents(batch: &Batch) -> Vec<Vec<u8>> {
    match batch {
        Batch::Packets(batch) => batch.iter().map(|(_, data)| data.to_vec()).collect(),
        Batch::Records(batch) => batch.records().iter().map(|record| batch.whole(record).to_vec()).collect(),
    }
}

/// What an input of this type is fed with.
pub(super) fn batches(input: PortType) -> Vec<(&'static str, Batch)> {
    let mut all = Vec::new();
    if input != PortType::Records {
        for (name, mut batch) in packet_batches() {
            if input == PortType::Layers {
                batch.decode();
            }
            all.push((name, Batch::Packets(batch)));
        }
    }
    if matches!(input, PortType::Records | PortType::Any) {
        all.extend(record_batches().into_iter().map(|(name, batch)| (name, Batch::Records(batch))));
    }
    all
}

/// Packets in fragments, which come mixed with others; some do not come.
fn fragments(seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    let mut all: Vec<Vec<u8>> = Vec::new();
    for (frame, id) in traffic::mixture(300, seed).iter().zip(0..) {
        for piece in traffic::fragments(frame, 8 * (1 + random.below(8)), id) {
            if random.below(40) > 0 {
                all.insert(all.len() - random.below(all.len().min(20) + 1), piece);
            }
        }
    }
    all
}

fn packet_batches() -> Vec<(&'static str, PacketBatch)> {
    let frames = |frames: Vec<Vec<u8>>| Packets::new().frames(frames).build();
    let mixture = traffic::mixture(64, 2);
    let mut random = Random::new(3);
    let mut flagged = Packets::new();
    for (at, frame) in traffic::mixture(64, 4).into_iter().enumerate() {
        flagged = flagged.with(&frame, |f| match at % 4 {
            0 => f.wire += 100,
            1 => f.wire = 1,
            2 => f
                .flags
                .set([Flags::CHECKSUM_VALID, Flags::CHECKSUM_NOT_READY, Flags::TRUNCATED][at % 3], true),
            _ => f.interface = u16::MAX,
        });
    }
    let mut other = pools().packets();
    other.fill(sluice_core::Slab::EMPTY, Arc::new(CaptureInfo::default()));
    let mut batches = vec![
        ("an empty batch of packets", other),
        ("one packet", frames(traffic::mixture(1, 1))),
        ("good packets", frames(mixture.clone())),
        ("shared packets", frames(mixture.clone())),
        ("packets without bytes", frames(vec![Vec::new(); 3])),
        ("fragments", frames(fragments(8))),
        ("malformed packets", frames(traffic::malformed(4_000, 5))),
        ("shared malformed packets", frames(traffic::malformed(400, 6))),
        ("packets with flags and odd lengths", flagged.build()),
        ("a packet of 64 KiB", frames(vec![traffic::ethernet(0x0800, &random.bytes(65_521))])),
        ("100,000 packets", frames(mixture.iter().cycle().take(HUGE).cloned().collect())),
    ];
    for link in [LinkType::RAW, LinkType::NULL, LinkType::LINUX_SLL, LinkType::LINUX_SLL2, LinkType(999)] {
        let malformed = traffic::malformed(200, u64::from(link.0));
        batches.push(("packets of another link type", Packets::of(link).frames(malformed).build()));
    }
    batches
}

fn record_batches() -> Vec<(&'static str, RecordBatch)> {
    let good: Vec<String> =
        (0..64).map(|i| format!(r#"{{"n": {i}, "text": "a\tb", "in": {{"x": [1, 2.5, null]}}}}"#)).collect();
    let mut random = Random::new(7);
    let malformed: Vec<Vec<u8>> = (0..2_000)
        .map(|at| {
            let mut line = good[at % good.len()].clone().into_bytes();
            let place = random.below(line.len());
            match at % 3 {
                0 => line.truncate(place),
                1 => line[place] = random.bits() as u8,
                _ => line = random.bytes(place),
            }
            line
        })
        .collect();
    let unended = {
        let mut batch = pools().records();
        let mut slab = pools().slab(64);
        slab.append(b"\r\nlast line without an end");
        batch.fill(slab.into());
        batch.push(Record::new(0, 2, 2));
        batch.push(Record::new(2, 24, 0));
        batch
    };
    vec![
        ("an empty batch of records", pools().records()),
        ("one record", records(["one line"])),
        ("good records", records(&good)),
        ("shared records", records(&good)),
        ("empty lines", records(["", "", ""])),
        ("lines with odd ends", unended),
        ("lines that are not UTF-8", records([&b"\xff\xfe"[..], b"{\"a\": \"\xc3\"}", b"\xed\xa0\x80"])),
        ("malformed records", records(&malformed)),
        ("a line of 4 MiB", records([vec![b'['; 4 << 20], vec![b'x'; 4 << 20]])),
        ("100,000 records", records(good.iter().cycle().take(HUGE))),
    ]
}
