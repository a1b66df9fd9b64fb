#![cfg(not(loom))]

use std::sync::atomic::Ordering::Release;

use bytes::Bytes;

use super::*;
use crate::ring::life::{KERNEL, USER};

/// Writes what the kernel would: a block of these packets, the first of them at `first`.
pub(crate) fn fill(blocks: &Blocks<Map>, block: usize, packets: u32, first: u32, content: &[u8]) {
    let map = blocks.words();
    assert_eq!(map.status(block).load(std::sync::atomic::Ordering::Acquire), KERNEL);
    let told = [packets, first, first + content.len() as u32];
    // SAFETY: the block is the kernel's, whose part is played here, and these bytes are inside of it.
    unsafe { map.place(block, TOLD).cast::<[u32; 3]>().write_unaligned(told) };
    let to = map.place(block, first as usize);
    assert!(first as usize + content.len() <= map.block);
    // SAFETY: as above.
    unsafe { to.copy_from_nonoverlapping(NonNull::from(content).cast(), content.len()) };
    map.status(block).store(USER, Release);
}

pub(crate) fn ring(block: usize, count: usize) -> Arc<Blocks<Map>> {
    Arc::new(Blocks::new(Map::of_memory(Layout::Block, block, count).expect("memory")))
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a reader on another thread is what is tested")]
fn a_part_outlives_everything_else_and_gives_its_block_back() {
    let ring = ring(4096, 2);
    assert!(Part::take(&ring, 0).is_none());
    fill(&ring, 0, 2, 48, b"onetwo");
    let (mut part, told) = Part::take(&ring, 0).expect("a block");
    assert_eq!((told.packets, part.as_ref()), (2, &b"onetwo"[..]));
    part.bytes_mut()[5] = b'!';
    let front = Bytes::from_owner(part.split_to(3));
    let rest = Bytes::from_owner(part);
    let middle = rest.slice(1..2);
    drop(rest);
    assert_eq!((&front[..], &middle[..], ring.held()), (&b"one"[..], &b"w"[..], 1));
    assert!(Part::take(&ring, 0).is_none());

    let status = || ring.words().status(0).load(std::sync::atomic::Ordering::Relaxed);
    let (reader, kept) = (std::thread::spawn(move || front[0]), Arc::clone(&ring));
    assert_eq!(reader.join().expect("no panic"), b'o');
    assert_eq!(status(), USER);
    drop(middle);
    assert_eq!((status(), ring.held()), (KERNEL, 0));

    fill(&ring, 0, 1, 48, b"again");
    let (part, _) = Part::take(&kept, 0).expect("the block once more");
    let weak = Arc::downgrade(&ring);
    drop((ring, kept));
    assert_eq!(part.as_ref(), b"again");
    drop(part);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_block_that_makes_no_sense_holds_nothing() {
    let ring = ring(4096, 1);
    for told in [[0, 48, 90], [1, 47, 90], [1, 48, 4097], [1, 90, 48], [u32::MAX; 3]] {
        fill(&ring, 0, 0, 48, b"");
        let place = ring.words().place(0, TOLD).cast::<[u32; 3]>();
        // SAFETY: nobody has taken the block, and these bytes are inside of it.
        unsafe { place.write_unaligned(told) };
        let (part, told) = Part::take(&ring, 0).expect("a block");
        assert_eq!((told.packets, part.as_ref()), (0, &b""[..]));
        drop(part);
        assert_eq!(ring.held(), 0);
    }
}

#[test]
fn what_is_split_off_is_never_more_than_there_is() {
    let ring = ring(4096, 1);
    fill(&ring, 0, 1, 60, b"abc");
    let (mut part, _) = Part::take(&ring, 0).expect("a block");
    assert_eq!(part.split_to(99).as_ref(), b"abc");
    assert!(part.as_ref().is_empty() && part.bytes_mut().is_empty());
}
