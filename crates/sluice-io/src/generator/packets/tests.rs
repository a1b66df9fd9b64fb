use std::collections::HashMap;

use super::*;

/// Sequence number, acknowledgement, flags and payload length of an untagged IPv4 TCP packet, and who sent it.
struct Segment {
    from: [u8; 6],
    to: [u8; 6],
    seq: u32,
    ack: u32,
    flags: u8,
    len: u32,
}

fn segment(frame: &[u8]) -> Segment {
    let word = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
    let end = |address: usize, port: usize| {
        let mut end = [0; 6];
        end[..4].copy_from_slice(&frame[address..address + 4]);
        end[4..].copy_from_slice(&frame[port..port + 2]);
        end
    };
    Segment {
        from: end(26, 34),
        to: end(30, 36),
        seq: word(38),
        ack: word(42),
        flags: frame[47],
        len: frame.len() as u32 - 54,
    }
}

#[test]
fn connections_are_opened_acknowledged_and_closed() {
    let traffic =
        Traffic { seed: 3, flows: 10, sizes: vec![80, 500], vlan: None, tagged: 100, ipv6: 0, udp: 0 };
    let mut packets = Packets::new(&traffic);
    let mut room = vec![0; packets.longest()];
    // The next sequence number of each sender, by sender and receiver.
    let mut next: HashMap<([u8; 6], [u8; 6]), u32> = HashMap::new();
    let (mut opened, mut closed, mut carried) = (0, 0_u32, 0);
    for _ in 0..5000 {
        let len = packets.put(&mut room);
        let packet = segment(&room[..len]);
        let way = (packet.from, packet.to);
        if packet.flags & 2 != 0 {
            assert_eq!(next.insert(way, packet.seq), None, "the ports of a connection are its own");
            opened += 1;
        }
        assert_eq!(next.get(&way), Some(&packet.seq));
        if packet.flags & 16 != 0 {
            assert_eq!(next.get(&(packet.to, packet.from)), Some(&packet.ack));
        }
        closed += u32::from(packet.flags & 1);
        carried += u32::from(packet.len > 0);
        let taken = packet.len + u32::from(packet.flags & 3 != 0);
        next.entry(way).and_modify(|seq| *seq = seq.wrapping_add(taken));
    }
    assert!(opened > 100 && closed > 100 && carried > 2000, "{opened} {closed} {carried}");
}
