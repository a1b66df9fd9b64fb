#![cfg(not(loom))]

use proptest::prelude::*;

use super::*;

/// What the kernel writes for one packet, and `next` of it; its bytes begin 118 behind.
pub(crate) fn written(about: &About, kind: u8, next: u32, packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xEE; about.start];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    for (at, word) in [next, about.seconds, about.nanoseconds, about.captured, about.wire, about.status]
        .into_iter()
        .enumerate()
    {
        put(4 * at, &word.to_ne_bytes());
    }
    put(24, &(about.start as u16).to_ne_bytes());
    put(26, &(about.network as u16).to_ne_bytes());
    put(32, &u32::from(about.tci).to_ne_bytes());
    put(36, &about.tpid.to_ne_bytes());
    put(48, &[0; 20]);
    put(50, &[8, 0]);
    put(58, &[kind, 6]);
    bytes.extend(packet);
    bytes.resize(bytes.len().max(next as usize), 0xDD);
    bytes
}

pub(crate) fn about(packet: &[u8]) -> About {
    About {
        seconds: 7,
        nanoseconds: 5,
        start: 114,
        network: 128,
        captured: packet.len() as u32,
        wire: packet.len() as u32,
        status: 1,
        tci: 0,
        tpid: 0,
    }
}

const SHAPE: Shape = Shape { interface: 3, snaplen: 262_144, cooked: false };

fn frame_of(about: &About, kind: u8, packet: &[u8], shape: &Shape) -> (Frame, Vec<u8>) {
    let mut bytes = written(about, kind, 0, packet);
    let (frame, next) = super::packet(&mut bytes, 0, shape).expect("a packet");
    assert_eq!(next, 0);
    let start = frame.offset() as usize;
    (frame, bytes[start..start + frame.captured() as usize].to_vec())
}

const PACKET: &[u8] = &[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0, 0x45, 9];

#[test]
fn a_packet_is_as_it_was_seen() {
    let (frame, data) = frame_of(&about(PACKET), 0, PACKET, &SHAPE);
    assert_eq!((data.as_slice(), frame.time, frame.interface), (PACKET, 7_000_000_005, 3));
    assert_eq!((frame.wire, frame.flags), (16, Flags::INBOUND));

    let cut = About { wire: 99, status: 1 | CHECKSUM_NOT_READY, ..about(PACKET) };
    let (frame, _) = frame_of(&cut, libc::PACKET_OUTGOING, PACKET, &SHAPE);
    let told = [Flags::OUTBOUND, Flags::TRUNCATED, Flags::CHECKSUM_NOT_READY];
    assert!(frame.wire == 99 && told.iter().all(|flag| frame.flags.contains(*flag)));
    assert!(!frame.flags.contains(Flags::CHECKSUM_VALID) && !frame.flags.contains(Flags::INBOUND));

    let good = About { status: 1 | CHECKSUM_VALID, ..about(PACKET) };
    assert!(frame_of(&good, 0, PACKET, &SHAPE).0.flags.contains(Flags::CHECKSUM_VALID));
}

#[test]
fn a_tag_is_put_back_with_its_kind_where_that_is_told() {
    let with = |tag: [u8; 4]| [&PACKET[..12], &tag, &PACKET[12..]].concat();
    let both = VLAN_VALID | VLAN_TPID_VALID;
    for (status, tci, tpid, tag) in [
        (both, 0x2064, 0x88A8, [0x88, 0xA8, 0x20, 0x64]),
        (both, 0, 0x8100, [0x81, 0, 0, 0]),
        (VLAN_VALID, 100, 0x88A8, [0x81, 0, 0, 100]),
        (0, 100, 0, [0x81, 0, 0, 100]),
    ] {
        let tagged = About { status: 1 | status, tci, tpid, ..about(PACKET) };
        let (frame, data) = frame_of(&tagged, 0, PACKET, &SHAPE);
        assert_eq!((data, frame.captured(), frame.wire), (with(tag), 20, 20));
        assert!(!frame.flags.contains(Flags::TRUNCATED));
    }
    // No tag of zeroes is made up, and none where the place for it is not there.
    let untagged = About { tpid: 0x8100, ..about(PACKET) };
    assert_eq!(frame_of(&untagged, 0, PACKET, &SHAPE).1, PACKET);
    let short = About { tci: 5, wire: 60, ..about(&PACKET[..11]) };
    assert_eq!(frame_of(&short, 0, &PACKET[..11], &SHAPE).1, &PACKET[..11]);
}

#[test]
fn no_more_is_given_than_wanted_with_its_tag() {
    let tagged = About { tci: 5, captured: 14, wire: 1500, ..about(PACKET) };
    let (frame, data) = frame_of(&tagged, 0, &PACKET[..14], &Shape { snaplen: 14, ..SHAPE });
    assert_eq!((data.as_slice(), frame.wire), (&[&PACKET[..12], &[0x81, 0]].concat()[..], 1504));
}

#[test]
fn a_cooked_packet_has_a_header_made_of_what_is_told() {
    let shape = Shape { cooked: true, ..SHAPE };
    // Of a link that nobody knows, its header ends where the kernel says.
    let (frame, data) = frame_of(&About { network: 117, ..about(b"???E...") }, 4, b"???E...", &shape);
    let header = [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 6, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!((data, frame.wire), ([&header[..], b"E..."].concat(), 24));
    // It may end behind what was captured.
    let (frame, data) = frame_of(&About { wire: 90, ..about(b"???") }, 4, b"???", &shape);
    assert_eq!((data.as_slice(), frame.wire), (&header[..], 107));
}

proptest! {
    #[test]
    fn any_bytes_are_a_packet_inside_of_them_or_none(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        at in 0..200usize,
        small in any::<bool>(),
        cooked in any::<bool>(),
    ) {
        if small && let Some(header) = bytes.get_mut(at..at + 26) {
            // Lengths and places that may be true.
            header[13..20].fill(0);
            header[25] = 0;
        }
        let shape = Shape { cooked, ..SHAPE };
        if let Some((frame, _)) = super::packet(&mut bytes, at, &shape) {
            let (start, length) = (frame.offset() as usize, frame.captured() as usize);
            prop_assert!(start >= at + HEADER && start + length <= bytes.len());
        }
    }
}
