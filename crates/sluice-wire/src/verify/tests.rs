use proptest::prelude::*;

use super::*;
use crate::link::LinkType;
use crate::testing::tunnel::Wrap;
use crate::testing::{self, Kind, Spec, decode};

fn verdicts(frame: &[u8]) -> Verdicts {
    check(frame, &decode(frame), frame.len() as u32, Offload::None)
}

/// The kinds whose checksum covers every byte.
const SUMMED: [Kind; 6] = [Kind::Tcp, Kind::Udp, Kind::Sctp, Kind::Echo, Kind::Error, Kind::Neighbor];

#[test]
fn udp_without_a_checksum_is_absent_in_ipv4_and_wrong_in_ipv6() {
    let four = Spec::new(Kind::UdpNoSum, "10.0.0.1", "10.0.0.2").frame();
    assert_eq!(verdicts(&four).transport, Verdict::Absent);
    let mut six = Spec::new(Kind::Udp, "fd00::1", "fd00::2").frame();
    six[60..62].fill(0);
    assert_eq!(verdicts(&six).transport, Verdict::Bad);
}

#[test]
fn what_is_missing_cannot_be_verified() {
    let frame = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    let wire_len = frame.len() as u32;
    for cut in 38..frame.len() {
        let layers = Layers::decode(LinkType::ETHERNET, &frame[..cut], wire_len);
        let verdicts = check(&frame[..cut], &layers, wire_len, Offload::None);
        assert_eq!((verdicts.network, verdicts.transport), (Verdict::Good, Verdict::Unverifiable), "{cut}");
        assert_eq!(verdicts.lengths, Ok(()), "{cut}");
    }
}

#[test]
fn the_coverage_of_udp_lite_may_be_captured_when_the_rest_is_not() {
    let frame = Spec::new(Kind::UdpLite, "10.0.0.1", "10.0.0.2").frame();
    let layers = Layers::decode(LinkType::ETHERNET, &frame[..42], frame.len() as u32);
    assert_eq!(check(&frame[..42], &layers, frame.len() as u32, Offload::None).transport, Verdict::Good);
    let mut damaged = frame;
    damaged[45] ^= 1;
    assert_eq!(verdicts(&damaged).transport, Verdict::Good, "not covered");
}

#[test]
fn the_kernel_is_believed() {
    let mut frame = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
    frame[50] ^= 1;
    let layers = decode(&frame);
    let transport = |offload| check(&frame, &layers, frame.len() as u32, offload).transport;
    assert_eq!(transport(Offload::None), Verdict::Bad);
    assert_eq!(transport(Offload::NotReady), Verdict::Offloaded);
    assert_eq!(transport(Offload::Valid), Verdict::Good);
}

#[test]
fn impossible_lengths_are_named() {
    let cases: [(Kind, usize, u8, LengthError); 7] = [
        (Kind::Udp, 14, 0x44, LengthError::HeaderLength(16)),
        (Kind::Udp, 17, 19, LengthError::TotalLength { claimed: 19, available: 35 }),
        (Kind::Udp, 17, 99, LengthError::TotalLength { claimed: 99, available: 35 }),
        (Kind::Udp, 39, 7, LengthError::UdpLength { claimed: 7, available: 15 }),
        (Kind::Udp, 39, 16, LengthError::UdpLength { claimed: 16, available: 15 }),
        (Kind::Tcp, 46, 0x40, LengthError::DataOffset { claimed: 16, available: 27 }),
        (Kind::UdpLite, 39, 16, LengthError::Coverage { claimed: 16, available: 15 }),
    ];
    for (kind, at, value, error) in cases {
        let mut frame = Spec::new(kind, "10.0.0.1", "10.0.0.2").frame();
        frame[at] = value;
        assert_eq!(verdicts(&frame).lengths, Err(error), "{kind:?} {at}");
    }
    let mut six = Spec::new(Kind::Udp, "fd00::1", "fd00::2").frame();
    six[19] = 16;
    assert_eq!(verdicts(&six).lengths, Err(LengthError::PayloadLength { claimed: 16, available: 15 }));
    assert_eq!(
        LengthError::UdpLength { claimed: 7, available: 15 }.to_string(),
        "impossible UDP length 7 with 15 bytes there"
    );
}

proptest! {
    #[test]
    fn a_good_packet_is_good(spec in testing::spec()) {
        let verdicts = verdicts(&spec.frame());
        prop_assert_eq!(verdicts.lengths, Ok(()));
        prop_assert_eq!(verdicts.network, if spec.source.is_ipv4() { Verdict::Good } else { Verdict::Absent });
        let absent = spec.kind == Kind::UdpNoSum;
        prop_assert_eq!(verdicts.transport, if absent { Verdict::Absent } else { Verdict::Good });
    }

    #[test]
    fn a_flipped_bit_is_found(spec in testing::spec_of(&SUMMED), at: prop::sample::Index, bit in 0u32..8) {
        let mut frame = spec.frame();
        let layers = decode(&frame);
        // Beyond the fields by which the headers are found, and before the padding.
        let start = layers.transport().unwrap().1;
        let at = start + at.index(layers.l3_end() - start);
        frame[at] ^= 1 << bit;
        let found = check(&frame, &layers, frame.len() as u32, Offload::None);
        let zeroed = spec.kind == Kind::Udp && frame[start + 6..start + 8] == [0, 0];
        let is_udp_length = spec.kind == Kind::Udp && (start + 4..start + 6).contains(&at);
        prop_assert!(zeroed || is_udp_length || found.transport == Verdict::Bad, "{found:?}");
    }

    #[test]
    fn a_flipped_bit_in_an_ipv4_header_is_found(at in 4usize..20, bit in 0u32..8) {
        let mut frame = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").frame();
        frame[14 + at] ^= 1 << bit;
        prop_assert_eq!(verdicts(&frame).network, Verdict::Bad);
    }
}

#[test]
fn udp_over_ipv6_may_do_without_a_checksum_to_carry_a_tunnel() {
    let inner = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").ip();
    let frame = testing::tunnel::ethernet(&testing::tunnel::wrap(Wrap::Vxlan, false, &inner));
    assert!(udp_zero(&frame, &decode(&frame)));
    assert_eq!(verdicts(&frame).transport, Verdict::Absent);
    let mut other = frame;
    other[54 + 3] ^= 1;
    assert_eq!(verdicts(&other).transport, Verdict::Bad, "the port of no tunnel");
}

#[test]
fn a_tunnel_is_looked_into() {
    let inner = Spec::new(Kind::Tcp, "10.0.0.1", "10.0.0.2").ip();
    let mut frame = testing::tunnel::ethernet(&testing::tunnel::wrap(Wrap::GreChecksum, true, &inner));
    let judged = |frame: &[u8], offload| -> Vec<_> {
        let all = check_all(frame, &decode(frame), frame.len() as u32, offload);
        all.map(|(_, found)| (found.network, found.transport, found.tunnel)).collect()
    };
    let (good, absent, bad) = (Verdict::Good, Verdict::Absent, Verdict::Bad);
    assert_eq!(judged(&frame, Offload::None), [(good, absent, good), (good, good, absent)]);
    *frame.last_mut().unwrap() ^= 1;
    assert_eq!(judged(&frame, Offload::None), [(good, absent, bad), (good, bad, absent)]);
    assert_eq!(judged(&frame, Offload::NotReady)[1].1, Verdict::Offloaded);
    assert_eq!(judged(&frame, Offload::Valid)[1].1, bad, "the outside was looked at, the inside maybe not");
    let cut = &frame[..frame.len() - 1];
    let layers = Layers::decode(LinkType::ETHERNET, cut, frame.len() as u32);
    let cut = check_all(cut, &layers, frame.len() as u32, Offload::None).map(|(_, found)| found.tunnel);
    assert_eq!(cut.collect::<Vec<_>>(), [Verdict::Unverifiable, absent]);
}

#[test]
fn a_packet_in_a_tunnel_may_not_be_longer_than_the_tunnel() {
    let inner = Spec::new(Kind::Udp, "10.0.0.1", "10.0.0.2").ip();
    let mut outer = testing::tunnel::wrap(Wrap::Gre, true, &inner);
    outer[32 + 3] += 4;
    let frame = [testing::tunnel::ethernet(&outer), vec![0; 9]].concat();
    let lengths: Vec<_> = check_all(&frame, &decode(&frame), frame.len() as u32, Offload::None)
        .map(|(_, found)| found.lengths)
        .collect();
    assert_eq!(lengths, [Ok(()), Err(LengthError::TotalLength { claimed: 39, available: 35 })]);
}

#[test]
fn the_length_of_an_llc_frame_counts_what_is_there() {
    let mut frame = [vec![2; 12], vec![0, 4, 0x42, 0x42, 3, 0]].concat();
    assert_eq!(verdicts(&frame).lengths, Ok(()));
    frame.extend([0; 42]);
    assert_eq!(verdicts(&frame).lengths, Ok(()), "padded");
    frame[13] = 47;
    assert_eq!(verdicts(&frame).lengths, Err(LengthError::FrameLength { claimed: 47, available: 46 }));
}

#[test]
fn a_sum_that_comes_to_zero_is_not_taken_for_one_that_is_there() {
    for (source, destination) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let mut spec = Spec::new(Kind::Udp, source, destination);
        spec.payload = vec![0, 0];
        let mut frame = spec.frame();
        let layers = decode(&frame);
        let at = layers.transport().unwrap().1 + udp::CHECKSUM;
        let sum = [frame[at], frame[at + 1]];
        frame[at + 2..at + 4].copy_from_slice(&sum);
        frame[at..at + 2].fill(0);
        assert!(!repair(&mut frame, &layers, Repair { zero_v4: false, zero_v6: false }));
        assert!(repair(&mut frame, &layers, Repair { zero_v4: true, zero_v6: true }));
        assert_eq!((&frame[at..at + 2], verdicts(&frame).transport), (&[0xFF, 0xFF][..], Verdict::Good));
    }
}

/// Everything right inside and outside, or not there.
fn all_are_good(frame: &[u8]) -> bool {
    check_all(frame, &decode(frame), frame.len() as u32, Offload::None).all(|(_, found)| {
        let known = [found.network, found.transport, found.tunnel];
        known.iter().all(|verdict| matches!(verdict, Verdict::Good | Verdict::Absent))
    })
}

proptest! {
    #[test]
    fn what_tunnels_carry_is_good(nested in testing::tunnel::nested(3)) {
        prop_assert!(all_are_good(&nested.frame()));
    }

    /// Checksums that were overwritten come out as they were.
    #[test]
    fn repair_finds_the_checksums_again(nested in testing::tunnel::nested(3), noise: [u8; 2]) {
        let good = nested.frame();
        let layers = decode(&good);
        let mut wrong = good.clone();
        for (packet, _) in check_all(&good, &layers, good.len() as u32, Offload::None) {
            let fields = [cover::network(&good, &packet), cover::transport(&good, &packet), cover::tunnel(&good, &packet)];
            for found in fields.into_iter().flatten() {
                let (cover::Covered::Sum { at, .. } | cover::Covered::Crc { at, .. }) = found;
                if !(udp_zero(&good, &packet) && packet.transport().is_some_and(|(_, start)| at == start + 6)) {
                    wrong[at..at + 2].copy_from_slice(&noise);
                }
            }
        }
        let differs = wrong != good;
        let mut repaired = wrong.clone();
        let changed = repair(&mut repaired, &layers, Repair::default());
        prop_assert!(!changed || differs);
        prop_assert!(noise == [0, 0] || all_are_good(&repaired));
        if noise != [0, 0] && noise != [0xFF, 0xFF] {
            prop_assert_eq!(repaired, good);
        }
    }

    #[test]
    fn udp_gets_a_checksum_only_where_it_is_wanted(spec in testing::spec_of(&[Kind::UdpNoSum, Kind::Udp])) {
        let mut frame = spec.frame();
        let layers = decode(&frame);
        let at = layers.transport().unwrap().1 + udp::CHECKSUM;
        frame[at..at + 2].fill(0);
        let is_v4 = spec.source.is_ipv4();
        let other = Repair { zero_v4: !is_v4, zero_v6: is_v4 };
        prop_assert!(!repair(&mut frame, &layers, other));
        let wanted = Repair { zero_v4: is_v4, zero_v6: !is_v4 };
        prop_assert!(repair(&mut frame, &layers, wanted));
        prop_assert_eq!(verdicts(&frame).transport, Verdict::Good);
    }

    #[test]
    fn what_is_not_all_there_is_left_alone(spec in testing::spec(), at: prop::sample::Index, bytes: (u8, u8)) {
        let whole = spec.frame();
        let layers = decode(&whole);
        let start = layers.transport().unwrap().1;
        let cut = start + at.index(layers.l3_end() - start);
        let mut frame = whole[..cut].to_vec();
        let layers = Layers::decode(LinkType::ETHERNET, &frame, whole.len() as u32);
        for (place, byte) in frame.iter_mut().enumerate().take(start + 4).skip(start) {
            *byte = if place % 2 == 0 { bytes.0 } else { bytes.1 };
        }
        let before = frame.clone();
        repair(&mut frame, &layers, Repair { zero_v4: true, zero_v6: true });
        if spec.kind != Kind::UdpLite {
            prop_assert_eq!(frame, before);
        }
    }
}
