use std::sync::Arc;

use proptest::prelude::*;
use sluice_wire::link::LinkType;

use crate::{Batch, CaptureInfo, Flags, Frame, HEADROOM, PacketBatch, Pools, Role, Slab};

/// Packets of one byte, their own number, with a block before every third and an option after every second.
fn batch(pools: &Pools, count: u8) -> PacketBatch {
    let mut slab = pools.slab(4096);
    let mut batch = pools.packets();
    let mut places = Vec::new();
    for number in 0..count {
        let block = slab.append(&[b'B', number]).unwrap().start;
        let frame = slab.append(&[0; HEADROOM]).and(slab.append(&[number])).unwrap().start;
        let option = slab.append(&[b'O', number]).unwrap().start;
        places.push((block as u32, frame as u32, option as u32));
    }
    let last = slab.append(b"BZ").unwrap().start as u32;
    batch.fill(slab.into(), Arc::new(CaptureInfo::of(LinkType::ETHERNET)));
    for (number, (block, frame, option)) in places.into_iter().enumerate() {
        if number % 3 == 0 {
            batch.push_extra(block, 2, Role::Block);
        }
        if number % 2 == 0 {
            batch.push_extra(option, 2, Role::Enhanced { padding: 0 });
        }
        batch.push(Frame { ordinal: 10 + number as u64, ..Frame::new(frame, 1) });
    }
    batch.push_extra(last, 2, Role::Block);
    batch
}

/// All that a reader sees.
type Seen = (Vec<(u64, Vec<u8>)>, Vec<(u32, Vec<u8>)>, u64);

fn seen(batch: &PacketBatch) -> Seen {
    let frames = batch.iter().map(|(frame, data)| (frame.ordinal, data.to_vec())).collect();
    let extras = batch.extras().iter().map(|extra| (extra.before, batch.extra(extra).to_vec())).collect();
    (frames, extras, batch.bytes())
}

/// What happens to a part on its way.
#[derive(Clone, Copy, Debug)]
enum Way {
    Nothing,
    Decode,
    Edit,
    Copy,
}

fn travel(part: &mut Batch, way: Way, pools: &Pools) {
    let Batch::Packets(part) = part else { return };
    match way {
        Way::Nothing => {}
        Way::Decode => part.decode(),
        Way::Edit => {
            let mut edit = part.edit(pools);
            for at in (0..edit.len()).step_by(2) {
                let (_, bytes, _) = edit.packet(at).unwrap();
                bytes[0] = bytes[0].wrapping_add(100);
            }
        }
        Way::Copy => {
            let mut slab = pools.slab(4096);
            let mut copy = pools.packets();
            let mut frames = Vec::new();
            for (frame, data) in part.iter() {
                let start = slab.append(&[0; HEADROOM]).and(slab.append(data)).unwrap().start;
                frames.push(Frame { ordinal: frame.ordinal, ..Frame::new(start as u32, 1) });
            }
            copy.fill(Slab::from(slab), Arc::clone(part.info()));
            frames.into_iter().for_each(|frame| copy.push(frame));
            *part = copy;
        }
    }
}

proptest! {
    /// Divided and brought together again, a batch is what it was, and what its parts became.
    #[test]
    fn parts_make_the_whole(
        to in prop::collection::vec(0u32..4, 0..40),
        ways in prop::array::uniform4(prop_oneof![
            Just(Way::Nothing), Just(Way::Decode), Just(Way::Edit),
        ]),
        copies: bool,
        kept in prop::collection::vec(any::<bool>(), 40),
    ) {
        let pools = Pools::new(1 << 16, 1 << 20);
        let keeps = |frame: &Frame| kept[(frame.ordinal - 10) as usize];
        let mut whole = batch(&pools, to.len() as u8);
        let mut parts = [None, None, None, None];
        batch(&pools, to.len() as u8).split(&to, &mut parts, &pools);
        let mut expected = seen(&{ whole.retain(|_, frame| keeps(frame)); whole }).clone();
        let ways = ways.map(|way| if copies { Way::Copy } else { way });
        let mut touched = std::collections::HashSet::new();
        for (part, way) in parts.iter_mut().zip(ways) {
            let Some(part) = part else { continue };
            if let (Batch::Packets(part), Way::Edit) = (&*part, way) {
                touched.extend(part.frames().iter().step_by(2).map(|frame| frame.ordinal));
            }
            travel(part, way, &pools);
            if let Batch::Packets(part) = part {
                part.retain(|_, frame| keeps(frame));
            }
        }
        for (ordinal, bytes) in &mut expected.0 {
            if touched.contains(ordinal) {
                bytes[0] = bytes[0].wrapping_add(100);
            }
        }
        if copies {
            expected.1.clear();
        }
        let mut parts: Vec<Batch> = parts.into_iter().flatten().collect();
        prop_assert!(parts.iter().all(|part| part.joins(&parts[0])));
        let joined = Batch::interleave(&mut parts, &pools).into_packets().unwrap();
        if !to.is_empty() {
            prop_assert_eq!(seen(&joined), expected);
        }
    }
}

#[test]
fn a_batch_that_nobody_changed_is_written_in_one_piece_again() {
    let pools = Pools::new(1 << 16, 1 << 20);
    let mut slab = pools.slab(4096);
    for number in 0..4u8 {
        slab.append(&[0; HEADROOM]).and(slab.append(&[number])).unwrap();
    }
    let mut whole = pools.packets();
    whole.fill(slab.into(), Arc::default());
    for number in 0..4 {
        let start = HEADROOM as u32 + number * (HEADROOM as u32 + 1);
        whole.push(Frame { ordinal: number.into(), ..Frame::new(start, 1) });
    }
    let mut parts = [None, None];
    whole.split(&[0, 1, 1, 0], &mut parts, &pools);
    let mut joined =
        Batch::interleave(&mut parts.into_iter().flatten().collect(), &pools).into_packets().unwrap();
    assert!(joined.frames().iter().all(|frame| !frame.flags.contains(Flags::OVERFLOW)));
    let mut runs = Vec::new();
    let write = |run: &[u8]| -> Result<(), ()> {
        runs.push(run.len());
        Ok(())
    };
    joined.runs(0..4, &pools, |_, _| {}, write).unwrap();
    assert_eq!(runs, [4 * (HEADROOM + 1)]);
}
