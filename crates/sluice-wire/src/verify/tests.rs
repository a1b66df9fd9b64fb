use proptest::prelude::*;

use super::*;
use crate::link::LinkType;
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
