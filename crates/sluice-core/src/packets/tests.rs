use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

fn pools() -> Pools {
    Pools::new(4096, 65_536)
}

/// A batch of frames of these lengths, each filled with its number, with record headers of the byte `0xEE` before them.
fn batch(pools: &Pools, lengths: &[usize]) -> PacketBatch {
    let mut slab = pools.slab(lengths.iter().map(|len| len + HEADROOM).sum());
    let mut frames = Vec::new();
    for (at, len) in lengths.iter().enumerate() {
        slab.append(&[0xEE; HEADROOM]).unwrap();
        let place = slab.append(&vec![at as u8; *len]).unwrap();
        let mut frame = Frame::new(place.start as u32, *len as u32);
        frame.ordinal = at as u64;
        frames.push(frame);
    }
    let mut batch = pools.packets();
    batch.fill(slab.into(), Arc::new(CaptureInfo::default()));
    frames.into_iter().for_each(|frame| batch.push(frame));
    batch
}

fn bytes(batch: &PacketBatch) -> Vec<Vec<u8>> {
    batch.iter().map(|(_, data)| data.to_vec()).collect()
}

fn runs(batch: &mut PacketBatch, pools: &Pools) -> Vec<Vec<u8>> {
    let mut runs = Vec::new();
    let header = |frame: &Frame, room: &mut [u8; HEADROOM]| room.fill(frame.ordinal as u8);
    let written: Result<(), Infallible> = batch.runs(0..batch.len(), pools, header, |run| {
        runs.push(run.to_vec());
        Ok(())
    });
    written.unwrap();
    runs
}

#[test]
fn an_unshared_batch_is_edited_in_place() {
    let pools = pools();
    let mut batch = batch(&pools, &[4, 6]);
    let before = batch.data(&batch.frames()[1]).as_ptr();
    batch.edit(&pools).packet(1).unwrap().1[0] = 99;
    assert_eq!(bytes(&batch), [vec![0; 4], vec![99, 1, 1, 1, 1, 1]]);
    assert_eq!(batch.data(&batch.frames()[1]).as_ptr(), before);
    assert_eq!(runs(&mut batch, &pools).len(), 1, "neighbours stay neighbours");
}

#[test]
fn an_edit_of_a_shared_batch_is_seen_by_nobody_else() {
    let pools = pools();
    let mut one = batch(&pools, &[4, 6, 8]);
    let mut two = one.duplicate(&pools);
    one.edit(&pools).packet(1).unwrap().1.fill(7);
    two.edit(&pools).packet(1).unwrap().1.fill(8);
    let mut three = one.duplicate(&pools);
    three.edit(&pools).packet(1).unwrap().1.fill(9);
    assert_eq!(bytes(&one), [vec![0; 4], vec![7; 6], vec![2; 8]]);
    assert_eq!(bytes(&two), [vec![0; 4], vec![8; 6], vec![2; 8]]);
    assert_eq!(bytes(&three), [vec![0; 4], vec![9; 6], vec![2; 8]]);
    let whole: Vec<u8> = runs(&mut three, &pools).concat();
    let expected = [(0u8, 0u8, 4), (1, 9, 6), (2, 2, 8)];
    let expected =
        expected.iter().flat_map(|(n, byte, len)| [vec![*n; HEADROOM], vec![*byte; *len]].concat());
    assert_eq!(whole, expected.collect::<Vec<u8>>());
    assert_eq!(bytes(&one)[1], vec![7; 6], "writing one batch leaves the others as they are");
}

#[test]
fn foreign_memory_is_never_written() {
    let pools = pools();
    let memory = bytes::Bytes::from_static(&[1; 40]);
    let mut batch = pools.packets();
    batch.fill(Slab::Foreign(memory.clone()), Arc::default());
    batch.push(Frame::new(20, 20));
    batch.edit(&pools).packet(0).unwrap().1.fill(2);
    assert_eq!(bytes(&batch), [vec![2; 20]]);
    assert_eq!(&memory[..], [1; 40]);
}

#[test]
fn extras_stay_before_the_item_they_stood_before() {
    let pools = pools();
    let mut batch = batch(&pools, &[1, 1, 1]);
    batch.body.extras = [0, 1, 2, 3]
        .map(|before| Extra { before, offset: before, len: 0, role: Role::Block, ordinal: 0 })
        .to_vec();
    assert_eq!(batch.retain(|at, _| at == 1), 2);
    let places: Vec<u32> = batch.extras().iter().map(|e| e.before).collect();
    assert_eq!(places, [0, 0, 1, 1]);
    assert_eq!(batch.bytes(), 1);
}

#[test]
#[should_panic(expected = "lies outside its slab")]
fn a_frame_outside_its_slab_is_refused() {
    let pools = pools();
    batch(&pools, &[4]).push(Frame::new(17, 4));
}

proptest! {
    /// What is kept and what is moved make up what was there, in order, byte for byte; layers go along.
    #[test]
    fn nothing_is_lost_between_two_batches(
        items in prop::collection::vec((0usize..40, any::<bool>(), any::<bool>()), 0..30),
        shared in any::<bool>(),
    ) {
        let pools = pools();
        let lengths: Vec<usize> = items.iter().map(|item| item.0).collect();
        let mut kept = batch(&pools, &lengths);
        let all = bytes(&kept);
        let copy = shared.then(|| kept.duplicate(&pools));
        kept.decode();
        let mut moved = pools.packets();
        let count = kept.move_to(&mut moved, &pools, |_, frame| items[frame.ordinal as usize].1);
        prop_assert_eq!(count, items.iter().filter(|item| item.1).count());
        let gone = kept.retain(|_, frame| items[frame.ordinal as usize].2);
        prop_assert!(kept.is_decoded());
        prop_assert_eq!(kept.layers().len(), kept.len());
        let pick = |want: &dyn Fn(&(usize, bool, bool)) -> bool| -> Vec<Vec<u8>> {
            items.iter().zip(&all).filter(|(item, _)| want(item)).map(|(_, bytes)| bytes.clone()).collect()
        };
        prop_assert_eq!(bytes(&moved), pick(&|item| item.1));
        prop_assert_eq!(bytes(&kept), pick(&|item| !item.1 && item.2));
        prop_assert_eq!(gone + kept.len() + moved.len(), items.len());
        if let Some(copy) = copy {
            prop_assert_eq!(bytes(&copy), all);
        }
    }

    /// Runs are all frames in order, each with its header, whatever was edited, dropped or shared before.
    #[test]
    fn runs_hold_every_frame_once(
        items in prop::collection::vec((0usize..40, any::<bool>(), any::<bool>()), 0..30),
        shared in any::<bool>(),
    ) {
        let pools = pools();
        let lengths: Vec<usize> = items.iter().map(|item| item.0).collect();
        let mut batch = batch(&pools, &lengths);
        let copy = shared.then(|| batch.duplicate(&pools));
        let mut edit = batch.edit(&pools);
        for (at, item) in items.iter().enumerate().filter(|(_, item)| item.1) {
            edit.packet(at).unwrap().1.fill(0xA0 + (item.0 as u8 % 16));
        }
        batch.retain(|at, _| items[at].2);
        let expected: Vec<u8> =
            batch.iter().flat_map(|(f, data)| [&[f.ordinal as u8; HEADROOM], data].concat()).collect();
        prop_assert_eq!(runs(&mut batch, &pools).concat(), expected);
        drop(copy);
    }
}

#[test]
fn a_frame_that_is_cut_says_so_and_never_grows() {
    let mut frame = Frame::new(16, 100);
    frame.cut(100);
    assert_eq!((frame.captured(), frame.flags.contains(Flags::TRUNCATED)), (100, false));
    frame.cut(60);
    frame.cut(80);
    assert_eq!((frame.captured(), frame.wire, frame.flags.contains(Flags::TRUNCATED)), (60, 100, true));
}

#[test]
fn of_memory_of_somebody_else_frames_alone_are_copied() {
    let pools = Pools::new(64, 65_536);
    // Between two frames there is what is none.
    let memory: Vec<u8> = (0..=255).collect();
    let mut batch = pools.packets();
    batch.fill(Slab::Foreign(memory.clone().into()), Arc::default());
    let places = [(20usize, 8usize), (60, 10), (100, 90), (230, 20)];
    for ((start, length), ordinal) in places.into_iter().zip(0..) {
        batch.push(Frame { ordinal, ..Frame::new(start as u32, length as u32) });
    }
    let frame = |ordinal: usize| {
        let (start, length) = places[ordinal];
        [&[ordinal as u8; HEADROOM], &memory[start..start + length]].concat()
    };
    let expected = [[frame(0), frame(1)].concat(), frame(2), frame(3)];
    assert_eq!(runs(&mut batch, &pools), expected, "as many together as fit into a slab");
    assert_eq!(batch.data(&batch.frames()[3]), &memory[230..250], "what others see stays as it is");
}
