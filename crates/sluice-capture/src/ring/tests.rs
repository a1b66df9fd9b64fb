//! The life of blocks, with the part of the kernel played by the test.

#![cfg(not(loom))]

use super::map::tests::{fill, ring};
use super::walk::tests::{about, written};
use super::*;

const SHAPE: Shape = Shape { interface: 0, snaplen: 262_144, cooked: false };

fn block(numbers: std::ops::Range<u8>) -> Vec<u8> {
    let last = numbers.end - 1;
    let one = |number: u8| {
        let packet = [number; 14];
        written(&about(&packet), 0, if number == last { 0 } else { 128 }, &packet)
    };
    numbers.flat_map(one).collect()
}

/// A ring without a socket that matters.
fn of(blocks: Arc<Blocks<Map>>, count: usize) -> Ring {
    let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::DGRAM, None);
    let socket = PacketSocket::from(socket.expect("a socket"));
    Ring { socket, waits: None, blocks, count, next: 0, open: None, shape: SHAPE, retire: 10 }
}

fn numbers(received: &Received) -> Vec<u8> {
    received.frames.iter().map(|frame| received.slab.bytes()[frame.offset() as usize]).collect()
}

#[test]
fn packets_come_in_order_and_blocks_go_back() {
    let blocks = ring(4096, 3);
    let mut ring = of(Arc::clone(&blocks), 3);
    let (pools, mut received) = (Pools::new(512, 1 << 20), Received::default());
    for round in 0..5usize {
        fill(&blocks, round % 3, 10, 48, &block(0..10));
        let mut got = Vec::new();
        loop {
            ring.receive(&pools, &mut received).expect("no error");
            if received.frames.is_empty() {
                break;
            }
            // About as much as a slab holds.
            assert!(received.frames.len() <= 5 && matches!(received.slab, Slab::Foreign(_)));
            got.extend(numbers(&received));
        }
        assert_eq!((got, ring.blocks()), (Vec::from_iter(0..10), (0, 3)));
    }
}

#[test]
fn what_is_held_too_long_makes_the_rest_be_copied() {
    let blocks = ring(4096, 4);
    let mut ring = of(Arc::clone(&blocks), 4);
    let (pools, mut kept) = (Pools::new(4096, 1 << 20), Vec::new());
    for at in 0..4 {
        fill(&blocks, at, 3, 48, &block(0..3));
    }
    for _ in 0..4 {
        let mut received = Received::default();
        ring.receive(&pools, &mut received).expect("no error");
        kept.push(received);
    }
    let copied = kept.iter().map(|received| matches!(received.slab, Slab::Owned(_)));
    assert_eq!(Vec::from_iter(copied), [false, false, true, true]);
    assert!(kept.iter().all(|received| numbers(received) == [0, 1, 2]));
    // The two that were copied are the kernel's already.
    assert_eq!(ring.blocks(), (2, 4));
    kept.clear();
    assert_eq!(ring.blocks(), (0, 4));
}

#[test]
fn packets_outlive_the_ring() {
    let blocks = ring(4096, 1);
    fill(&blocks, 0, 3, 48, &block(0..3));
    let mut received = Received::default();
    let mut ring = of(blocks, 1);
    ring.receive(&Pools::new(4096, 1 << 20), &mut received).expect("no error");
    drop(ring);
    assert_eq!(numbers(&received), [0, 1, 2]);
}

#[test]
fn a_block_that_is_damaged_is_an_error() {
    let packet = [7; 14];
    // One packet less than it says; one that begins inside of another.
    let inside = [written(&about(&packet), 0, 120, &packet), block(0..1)].concat();
    for (packets, slab, content) in [(4, 4096, block(0..3)), (2, 4096, inside.clone()), (2, 64, inside)] {
        let blocks = ring(4096, 1);
        fill(&blocks, 0, packets, 48, &content);
        let failed = of(blocks, 1).receive(&Pools::new(slab, 1 << 20), &mut Received::default());
        assert_eq!(failed.expect_err("an error").kind(), io::ErrorKind::InvalidData);
    }
}
