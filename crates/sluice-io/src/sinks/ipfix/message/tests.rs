use super::*;

const NOW: i64 = 1_700_000_000_123_456_789;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_message_of_ipfix() {
    let mut message = Message::new(Version::Ipfix, 0x0102_0304, 300);
    // Template 256 with protocolIdentifier.
    message.push_template(&[1, 0, 0, 1, 0, 4, 0, 1]);
    message.push_data(256, &[6]);
    message.push_data(256, &[17]);
    let sets = "0002000c0100000100040001".to_owned() + "010000060611";
    assert_eq!(hex(message.finish(NOW)), "000a00226553f1000000000001020304".to_owned() + &sets);
    message.clear();
    message.push_data(256, &[1]);
    assert_eq!(hex(message.finish(NOW)), "000a00156553f1000000000201020304".to_owned() + "0100000501");
}

#[test]
fn an_export_packet_of_netflow_v9() {
    let mut message = Message::new(Version::NetflowV9, 7, 300);
    message.push_template(&[1, 0, 0, 1, 0, 4, 0, 5]);
    message.push_data(256, &[1, 2, 3, 4, 5]);
    let sets = "0000000c0100000100040005".to_owned() + "0100000c0102030405000000";
    assert_eq!(hex(message.finish(NOW)), "00090002000000006553f1000000000000000007".to_owned() + &sets);
    message.clear();
    // Padding would be taken for records.
    message.push_data(257, &[9]);
    let header = "00090001000005dd6553f1010000000100000007";
    assert_eq!(hex(message.finish(NOW + 1_501_000_000)), header.to_owned() + "0101000509");
}

#[test]
fn it_never_grows_beyond_its_limit() {
    for version in [Version::Ipfix, Version::NetflowV9] {
        let mut message = Message::new(version, 0, 256);
        let mut records = 0;
        while message.has_room_for_data(256 + records % 3, 5) {
            message.push_data(256 + records % 3, &[1; 5]);
            records += 1;
        }
        assert!(records > 15 && message.finish(NOW).len() <= 256);
        assert!(message.takes(200) && !message.takes(240));
    }
}
