//! The filter `defragment` on any sequence of fragments. The first byte chooses the options, then come steps: a fragment made
//! of what the next bytes say, any frame, or a watermark.
//!
//! After each, every packet is accounted for and the layers are those that decoding gives; at the end nothing is held.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_core::{Batch, Layers, Registry};
use sluice_filter_flow as _;
use sluice_testkit::{Harness, Outcome, Packets};
use sluice_wire::link::LinkType;

const OPTIONS: [&str; 8] = [
    "overlap: discard",
    "overlap: first, incomplete: pass",
    "overlap: last",
    "overlap: bsd, max_fragments: 3",
    "overlap: linux, timeout: 1ms",
    "overlap: windows",
    "overlap: solaris",
    "incomplete: pass, timeout: 1ms",
];

thread_local! {
    static REGISTRY: Registry = Registry::collect().expect("no component is there twice");
}

/// Takes a byte off.
fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}

/// A fragment of IPv4 or IPv6 without a link layer.
fn fragment(rest: &mut &[u8], is_v6: bool) -> Option<Vec<u8>> {
    let (id, place, len) = (byte(rest)? & 3, byte(rest)?, usize::from(byte(rest)?));
    let (offset, more) = (u16::from(place >> 1), u16::from(place & 1));
    let mut frame = if is_v6 {
        let mut header = vec![0x60, 0, 0, 0, 0, (8 + len) as u8, 44, 64];
        header.extend([id; 32]);
        header.extend([17, 0]);
        header.extend((offset << 3 | more).to_be_bytes());
        header.extend([0, 0, 0, id]);
        header
    } else {
        let mut header = vec![0x45, 0, ((20 + len) >> 8) as u8, (20 + len) as u8, 0, id];
        header.extend((more << 13 | offset).to_be_bytes());
        header.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        header
    };
    if is_v6 {
        frame[4..6].copy_from_slice(&((8 + len) as u16).to_be_bytes());
    }
    frame.extend((0..len).map(|n| n as u8 ^ place));
    Some(frame)
}

fn check(outcome: &Outcome) {
    for (_, batch) in &outcome.batches {
        let Batch::Packets(batch) = batch else { panic!("packets became records") };
        assert_eq!(batch.layers().len(), batch.len());
        for ((frame, data), layers) in batch.iter().zip(batch.layers()) {
            let link = batch.info().link(frame.interface);
            assert_eq!(*layers, Layers::decode_to(link, data, frame.wire, batch.tunnels()));
        }
    }
}

fn check_tally(stage: &mut Harness) {
    let tally = stage.tally();
    assert_eq!(tally.taken, tally.passed + tally.held + tally.dropped.iter().sum::<u64>());
}

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let Some(options) = byte(&mut rest) else { return };
    let yaml = format!("- {{filter: defragment, {}}}", OPTIONS[usize::from(options) % OPTIONS.len()]);
    let stage = REGISTRY.with(|registry| Harness::from_yaml(registry, &yaml));
    let mut stage = stage.unwrap_or_else(|e| panic!("{yaml}: {e}"));
    let mut time = 0;
    while let Some(step) = byte(&mut rest) {
        let (link, frame) = match step % 8 {
            0..=4 => match fragment(&mut rest, step % 2 == 1) {
                Some(frame) => (LinkType::RAW, frame),
                None => break,
            },
            5 | 6 => {
                let len = byte(&mut rest).map_or(0, usize::from).min(rest.len());
                let (frame, others) = rest.split_at(len);
                rest = others;
                (if step % 8 == 5 { LinkType::ETHERNET } else { LinkType::RAW }, frame.to_vec())
            }
            _ => {
                check(&stage.watermark(time - 500_000).expect("a watermark is no failure"));
                check_tally(&mut stage);
                continue;
            }
        };
        time += (i64::from(step >> 3) - 4) * 100_000;
        let packets = Packets::of(link).with(&frame, |frame| frame.time = time);
        check(&stage.give(packets.build()).expect("bad packets are no failure"));
        check_tally(&mut stage);
    }
    check(&stage.finish().expect("an end is no failure"));
    check_tally(&mut stage);
    assert_eq!(stage.tally().held, 0);
});
