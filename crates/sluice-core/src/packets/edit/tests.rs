use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::PacketBatch;

/// A batch of these packets, each with the wire length that is given with it.
fn batch(pools: &Pools, packets: &[(Vec<u8>, u32)]) -> PacketBatch {
    let mut slab = pools.slab(packets.iter().map(|(bytes, _)| bytes.len() + HEADROOM).sum());
    let mut batch = pools.packets();
    let mut frames = Vec::new();
    for (bytes, wire) in packets {
        slab.append(&[0xEE; HEADROOM]).unwrap();
        let place = slab.append(bytes).unwrap();
        let mut frame = Frame::new(place.start as u32, bytes.len() as u32);
        frame.wire = *wire;
        frames.push(frame);
    }
    batch.fill(slab.into(), Arc::new(CaptureInfo::default()));
    frames.into_iter().for_each(|frame| batch.push(frame));
    batch
}

fn contents(batch: &PacketBatch) -> Vec<(Vec<u8>, u32)> {
    batch.iter().map(|(frame, data)| (data.to_vec(), frame.wire)).collect()
}

fn numbers(bytes: std::ops::Range<u8>) -> Vec<u8> {
    bytes.collect()
}

#[test]
fn a_shorter_packet_stays_where_it_is_and_its_shorter_end_moves() {
    let pools = Pools::new(4096, 65_536);
    for (range, moved) in [(12..16, 4), (50..54, 0)] {
        let mut batch = batch(&pools, &[(numbers(0..60), 60)]);
        let before = batch.data(&batch.frames()[0]).as_ptr();
        assert!(batch.edit(&pools).remove(0, range.clone()));
        assert_eq!(batch.data(&batch.frames()[0]).as_ptr(), before.wrapping_add(moved));
        let mut expected = numbers(0..60);
        expected.drain(range);
        assert_eq!(batch.data(&batch.frames()[0]), expected);
    }
}

#[test]
fn a_snap_length_copies_nothing_and_keeps_the_wire_length() {
    let pools = Pools::new(4096, 65_536);
    let mut one = batch(&pools, &[(numbers(0..20), 20)]);
    let twin = one.duplicate(&pools);
    assert!(one.edit(&pools).truncate(0, 8, 20));
    assert!(!one.edit(&pools).truncate(0, 8, 20) && !one.edit(&pools).truncate(0, 9, 20));
    let frame = one.frames()[0];
    assert_eq!((frame.captured(), frame.wire), (8, 20));
    assert!(frame.flags.contains(Flags::TRUNCATED));
    assert_eq!(one.data(&frame).as_ptr(), twin.data(&twin.frames()[0]).as_ptr());
}

#[test]
fn a_range_that_is_not_there_changes_nothing() {
    let pools = Pools::new(4096, 65_536);
    let mut batch = batch(&pools, &[(numbers(0..20), 20)]);
    let mut edit = batch.edit(&pools);
    #[expect(clippy::reversed_empty_ranges, reason = "it is to be refused")]
    let backwards = 4..2;
    assert!(!edit.remove(0, 19..21) && !edit.insert(0, 21, &[1]) && !edit.remove(0, backwards));
    assert!(!edit.insert(1, 0, &[1]) && !edit.extend(1, 1) && !edit.truncate(1, 0, 0));
    assert_eq!(contents(&batch), [(numbers(0..20), 20)]);
}

#[derive(Clone, Debug)]
enum Step {
    Splice(usize, usize, Vec<u8>),
    Extend(usize),
    Truncate(usize, u32),
    Write(u8),
    Duplicate,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..80, 0usize..20, prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(start, len, with)| Step::Splice(start, len, with)),
        1 => (0usize..40).prop_map(Step::Extend),
        1 => (0usize..80, 0u32..100).prop_map(|(captured, wire)| Step::Truncate(captured, wire)),
        1 => any::<u8>().prop_map(Step::Write),
        1 => Just(Step::Duplicate),
    ]
}

proptest! {
    /// Whatever is done to packets, they are what a vector of bytes would be, twins stay as they are, layers are true and
    /// a sink gets every packet once.
    #[test]
    fn a_packet_is_like_a_vector(
        packets in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), 0u32..100), 1..6),
        steps in prop::collection::vec((any::<prop::sample::Index>(), step()), 0..30),
        shared: bool,
    ) {
        let pools = Pools::new(512, 65_536);
        let mut batch = batch(&pools, &packets);
        let mut model = packets.clone();
        let mut twins = Vec::new();
        if shared {
            twins.push((batch.duplicate(&pools), model.clone()));
        }
        for (which, step) in steps {
            let at = which.index(model.len());
            let (bytes, wire) = &mut model[at];
            let mut edit = batch.edit(&pools);
            match step {
                Step::Splice(start, len, with) => {
                    let there = start + len <= bytes.len();
                    prop_assert_eq!(edit.splice(at, start..start + len, &with), there);
                    if there {
                        *wire = (*wire + with.len() as u32).saturating_sub(len as u32);
                        bytes.splice(start..start + len, with);
                    }
                }
                Step::Extend(more) => {
                    prop_assert!(edit.extend(at, more));
                    bytes.resize(bytes.len() + more, 0);
                    *wire += more as u32;
                }
                Step::Truncate(captured, length) => {
                    let shorter = captured < bytes.len() || (captured == bytes.len() && *wire != length);
                    prop_assert_eq!(edit.truncate(at, captured, length), shorter);
                    if shorter {
                        bytes.truncate(captured);
                        *wire = length;
                    }
                }
                Step::Write(byte) => {
                    edit.packet(at).unwrap().1.fill(byte);
                    edit.decode(at);
                    bytes.fill(byte);
                }
                Step::Duplicate => {
                    twins.push((batch.duplicate(&pools), model.clone()));
                }
            }
        }
        prop_assert_eq!(batch.bytes(), model.iter().map(|(bytes, _)| bytes.len() as u64).sum::<u64>());
        prop_assert_eq!(contents(&batch), model);
        for (twin, before) in &twins {
            prop_assert_eq!(&contents(twin), before);
        }
        for (frame, data, layers) in batch.decoded() {
            prop_assert_eq!(*layers, Layers::decode(CaptureInfo::default().link(0), data, frame.wire));
        }
        let expected: Vec<u8> =
            batch.iter().flat_map(|(_, data)| [&[data.len() as u8; HEADROOM], data].concat()).collect();
        let mut written = Vec::new();
        let done: Result<(), Infallible> = batch.runs(
            0..batch.len(),
            &pools,
            |frame, room| room.fill(frame.captured() as u8),
            |run| {
                written.extend_from_slice(run);
                Ok(())
            },
        );
        prop_assert!(done.is_ok());
        prop_assert_eq!(written, expected);
    }
}
