use std::net::SocketAddr;

use sluice_core::{MAIN, Registry};
use sluice_testkit::{Harness, Packets, traffic};
use sluice_wire::link::LinkType;

use super::*;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: truncate\n{options}"))
}

/// Bytes and wire lengths of the packets after the filter.
fn cut(options: &str, packets: Packets) -> Vec<(Vec<u8>, u32)> {
    let outcome = harness(options).unwrap().give(packets.build()).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    batch.iter().map(|(frame, data)| (data.to_vec(), frame.wire)).collect()
}

fn bytes(count: u8) -> Vec<u8> {
    (0..count).collect()
}

#[test]
fn a_snap_length_keeps_the_wire_length_unless_told() {
    let packets = Packets::new().frame(bytes(9)).with(bytes(3), |f| f.wire = 8).frame(bytes(5));
    let kept = [(bytes(5), 9), (bytes(3), 8), (bytes(5), 5)];
    assert_eq!(cut("  snaplen: 5", packets.clone()), kept);
    let shorter = [(bytes(5), 5), (bytes(3), 5), (bytes(5), 5)];
    assert_eq!(cut("  snaplen: 5\n  wire_length: cut", packets), shorter);
}

#[test]
fn bytes_are_chopped_out_from_either_end() {
    let packets = Packets::new().with(bytes(9), |f| f.wire = 19);
    for (chop, left, wire) in [
        ("{at: 0, bytes: 2}", &[2, 3, 4, 5, 6, 7, 8][..], 17),
        ("{at: 3, bytes: 4}", &[0, 1, 2, 7, 8], 15),
        ("{at: -2, bytes: 2}", &[0, 1, 2, 3, 4, 5, 6], 17),
        ("{at: -4, bytes: 2}", &[0, 1, 2, 3, 4, 7, 8], 17),
        ("{at: 7, bytes: 9}", &[0, 1, 2, 3, 4, 5, 6], 17),
        ("{at: 9, bytes: 1}", &[0, 1, 2, 3, 4, 5, 6, 7, 8], 19),
        ("{at: -11, bytes: 3}", &[1, 2, 3, 4, 5, 6, 7, 8], 18),
        ("{at: 0, bytes: 4294967295}", &[], 10),
        ("{at: 0, bytes: 2}, {at: 0, bytes: 2}, {at: -1, bytes: 1}", &[4, 5, 6, 7], 14),
    ] {
        let cut = cut(&format!("  chop: [{chop}]"), packets.clone());
        assert_eq!(cut, [(left.to_vec(), wire)], "{chop}");
    }
}

#[test]
fn a_frame_check_sequence_is_taken_off_as_far_as_it_is_there() {
    let packets = Packets::new().frame(bytes(9)).with(bytes(9), |f| f.wire = 11);
    let packets = packets.with(bytes(9), |f| f.wire = 13).with(bytes(9), |f| f.wire = 0).frame(bytes(2));
    let expected = [(bytes(5), 5), (bytes(7), 7), (bytes(9), 9), (bytes(5), 5), (bytes(0), 0)];
    assert_eq!(cut("  fcs: 4", packets), expected);
}

#[test]
fn a_frame_check_sequence_is_as_long_as_was_told_and_gone_afterwards() {
    let mut info = CaptureInfo::of(LinkType::ETHERNET);
    info.interfaces[0].fcs_len = Some(4);
    let packets =
        Packets::new().with(bytes(9), |f| f.fcs_len = 4).with(bytes(9), |f| f.fcs_len = 2).frame(bytes(9));
    let mut batch = packets.build();
    batch.set_info(Arc::new(info));
    let outcome = harness("  fcs: told").unwrap().give(batch).unwrap();
    assert_eq!(outcome.items(MAIN), [bytes(5), bytes(7), bytes(9)]);
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    assert_eq!(batch.info().interfaces[0].fcs_len, None);
    assert!(batch.frames().iter().all(|frame| frame.fcs_len == 0));
}

#[test]
fn everything_after_a_layer_goes() {
    let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
    let udp = traffic::vlan(7, &traffic::udp(socket("10.0.0.1:1"), socket("10.0.0.2:2"), b"payload"));
    let tcp = traffic::tcp(socket("[fd00::1]:1"), socket("[fd00::2]:2"), 16, b"payload");
    let arp = traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]);
    let other = traffic::ethernet(0x88CC, b"LLDP");
    let padded = [&udp[..], &[0; 9]].concat();
    let packets = Packets::new().frames([&udp, &tcp, &arp, &other, &padded]);
    for (layer, lengths) in
        [("l2", [18, 14, 14, 14, 18]), ("l3", [38, 54, 42, 14, 38]), ("l4", [46, 74, 42, 14, 46])]
    {
        let cut = cut(&format!("  layer: {layer}"), packets.clone());
        assert_eq!(cut.iter().map(|(data, _)| data.len()).collect::<Vec<_>>(), lengths, "{layer}");
    }
}

#[test]
fn something_is_to_be_cut() {
    for (options, message) in [
        ("", "nothing to cut"),
        ("  fcs: 16", "fcs: `16` is not a number from 1 to 15"),
        ("  fcs: some", "fcs: `some` is not a number of bytes or `told`"),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}
