use std::net::SocketAddr;

use proptest::prelude::*;
use sluice_core::{Layers, MAIN, PacketBatch, Registry};
use sluice_testkit::{Harness, Packets, hex, traffic};
use sluice_wire::link::LinkType;

use super::*;

fn harness(options: &str) -> Harness {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: fix\n{options}")).unwrap()
}

fn fixed(options: &str, frame: &[u8]) -> Vec<u8> {
    harness(options).pass(Packets::new().frame(frame).build()).unwrap().remove(0)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn udp() -> Vec<u8> {
    traffic::udp(socket("10.0.0.1:1"), socket("10.0.0.2:2"), b"payload")
}

/// The frame with these bytes at an offset.
fn with(frame: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

fn is_right(batch: &PacketBatch) -> bool {
    batch.iter().zip(batch.layers()).all(|((frame, data), layers)| {
        *layers == Layers::decode(batch.info().link(frame.interface), data, frame.wire)
            && verify::check_all(data, layers, frame.wire, Offload::None)
                .all(|(_, found)| found.is_acceptable())
    })
}

#[test]
fn checksums_are_computed_anew_in_padded_frames_too() {
    let good = udp();
    for frame in [with(&good, 24, &[1, 2]), with(&good, 40, &[3, 4]), with(&good, 24, &[0; 2])] {
        assert_eq!(fixed("", &frame), good);
        let padded = [&frame[..], &[7; 11]].concat();
        assert_eq!(fixed("", &padded), [&good[..], &[7; 11]].concat());
        assert_eq!(fixed("  checksums: false", &frame), frame);
    }
}

#[test]
fn udp_without_a_checksum_gets_one_on_request() {
    let four = with(&udp(), 40, &[0, 0]);
    let six = traffic::udp(socket("[fd00::1]:1"), socket("[fd00::2]:2"), b"payload");
    let bare = with(&six, 60, &[0, 0]);
    for (options, expected) in
        [("", [&four, &bare]), ("  udp_zero: ipv6", [&four, &six]), ("  udp_zero: all", [&udp(), &six])]
    {
        let packets = Packets::new().frame(&four).frame(&bare).build();
        assert_eq!(harness(options).pass(packets).unwrap(), expected.map(Vec::clone), "{options}");
    }
}

#[test]
fn lengths_become_what_is_there() {
    let good = udp();
    // The total length too large, too small and zero; the length of UDP too large and too small.
    for (at, bytes) in [(16, [9, 9]), (16, [0, 19]), (16, [0, 0]), (38, [1, 0]), (38, [0, 7])] {
        assert_eq!(fixed("", &with(&good, at, &bytes)), good, "{at} {bytes:?}");
    }
    let six = traffic::udp(socket("[fd00::1]:1"), socket("[fd00::2]:2"), b"payload");
    let both = with(&with(&six, 18, &[0xFF, 0xFF]), 58, &[0xFF, 0xFF]);
    assert_eq!(fixed("", &both), six);
    let llc = hex("020000000002 020000000001 0004 424203 00");
    assert_eq!(fixed("", &with(&llc, 12, &[5, 0])), llc);
    // What a capture cut off is not wrong, nor is a length that leaves room for padding.
    let cut = Packets::new().with(&good[..40], |f| f.wire = good.len() as u32).build();
    assert_eq!(harness("").pass(cut).unwrap(), [&good[..40]]);
}

#[test]
fn a_mended_length_shows_what_is_wrong_further_in() {
    let inner = &udp()[14..];
    let outer = traffic::ip([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), 4, inner);
    let broken = with(&with(&outer, 16, &[0x70, 0]), 36, &[0x70, 0]);
    assert_eq!(fixed("", &broken), outer);
}

#[test]
fn missing_bytes_are_padded_cut_or_dropped() {
    let good = udp();
    let cut = || Packets::new().with(&good[..45], |f| f.wire = good.len() as u32).frame(&good);
    let pass = |options: &str| harness(options).pass(cut().build()).unwrap();
    assert_eq!(pass(""), [&good[..45], &good[..]]);

    let padded = &pass("  missing: pad\n  checksums: false")[0];
    assert_eq!(padded[..], [&good[..45], &[0; 4]].concat());

    let mut shorten = harness("  missing: shorten");
    let outcome = shorten.give(cut().build()).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    assert_eq!(outcome.items(MAIN)[0], traffic::udp(socket("10.0.0.1:1"), socket("10.0.0.2:2"), b"pay"));
    assert_eq!(batch.frames()[0].wire, 45);
    assert!(!batch.frames()[0].flags.contains(Flags::TRUNCATED) && is_right(batch));

    let mut drop = harness("  missing: drop");
    assert_eq!(drop.pass(cut().build()).unwrap(), [&good[..]]);
    assert_eq!(drop.dropped("missing_bytes"), 1);
}

#[test]
fn a_damaged_length_does_not_ask_for_any_amount_of_memory() {
    let packets = Packets::new().with([1; 20], |f| f.wire = u32::MAX).build();
    assert_eq!(harness("  missing: pad").pass(packets).unwrap(), [[1; 20]]);
}

#[test]
fn trailers_go_and_short_frames_are_padded() {
    let (good, arp) = (udp(), traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]));
    let trailed = [&good[..], &[9; 30]].concat();
    assert_eq!(fixed("  trailer: remove", &trailed), good);
    assert_eq!(fixed("  trailer: remove\n  pad_to: 60", &trailed), [&good[..], &[0; 11]].concat());
    assert_eq!(fixed("  pad_to: 60", &arp), [&arp[..], &[0; 18]].concat());
    let raw = Packets::of(LinkType::RAW).frame(&good[14..]).build();
    assert_eq!(harness("  pad_to: 60").pass(raw).unwrap(), [&good[14..]], "no Ethernet");
    let cut = Packets::new().with(&good[..45], |f| f.wire = 200).build();
    assert_eq!(harness("  pad_to: 60\n  trailer: remove").pass(cut).unwrap(), [&good[..45]], "cut off");
}

#[test]
fn a_checksum_left_to_the_hardware_is_ready_afterwards() {
    let good = udp();
    let pending = |f: &mut sluice_core::Frame| f.flags.set(Flags::CHECKSUM_NOT_READY, true);
    let packets = Packets::new().with(with(&good, 40, &[1, 1]), pending).with(&good[..45], |f| {
        pending(f);
        f.wire = 49;
    });
    let outcome = harness("").give(packets.build()).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    let ready: Vec<_> = batch.frames().iter().map(|f| !f.flags.contains(Flags::CHECKSUM_NOT_READY)).collect();
    assert_eq!(ready, [true, false]);
    assert_eq!(outcome.items(MAIN), [&good[..], &good[..45]]);
}

proptest! {
    /// Whatever a packet looks like, what can be told about it is right afterwards, but for header lengths, which nobody can
    /// guess; and fixing it again changes nothing.
    #[test]
    fn validate_finds_nothing_after_fix(seed: u64, noise: u8) {
        let mut frames = traffic::mixture(60, seed);
        for (at, frame) in frames.iter_mut().enumerate() {
            let place = (at * 7 + usize::from(noise)) % frame.len();
            // Length fields and what comes after the outermost headers.
            if place > 36 {
                frame[place] ^= noise;
            } else if frame[12..14] == [8, 0] && (16..18).contains(&place) {
                frame[place] = noise;
            }
        }
        let mut outcome = harness("").give(Packets::new().frames(&frames).build()).unwrap();
        let Some(Batch::Packets(batch)) = outcome.take(MAIN) else { panic!("no packets") };
        for ((frame, data), layers) in batch.iter().zip(batch.layers()) {
            let unmendable = verify::mend(data, layers, frame.wire).is_none();
            for (_, found) in verify::check_all(data, layers, frame.wire, Offload::None) {
                prop_assert!(found.lengths.is_ok() || unmendable, "{:?}", found);
                let known = [found.network, found.transport, found.tunnel];
                prop_assert!(!known.contains(&Verdict::Bad), "{:?}", found);
            }
        }
        let once: Vec<_> = batch.iter().map(|(_, data)| data.to_vec()).collect();
        prop_assert_eq!(harness("").pass(batch).unwrap(), once);
    }

    #[test]
    fn good_packets_stay_as_they_are_and_where_they_are(seed: u64) {
        let frames = traffic::mixture(60, seed);
        let batch = Packets::new().frames(&frames).build();
        let _twin = batch.duplicate(&sluice_testkit::pools());
        let mut outcome = harness("").give(batch).unwrap();
        let Some(Batch::Packets(batch)) = outcome.take(MAIN) else { panic!("no packets") };
        prop_assert!(batch.frames().iter().all(|f| f.flags == Flags::default()), "none was copied");
        prop_assert_eq!(batch.iter().map(|(_, data)| data.to_vec()).collect::<Vec<_>>(), frames);
    }
}
