//! What expressions say about packets.

use sluice_core::{Batch, Flags, PacketBatch};
use sluice_testkit::{Packets, traffic};

use super::super::*;

/// One packet of each sort; the tests name them by their place.
fn sorts() -> PacketBatch {
    let [a, b] = ["10.0.0.1:40000", "192.168.0.2:80"].map(|text| text.parse().unwrap());
    let [c, d] = ["[fd00::1]:8080", "[fd00::2]:53"].map(|text| text.parse().unwrap());
    let mut batch = Packets::new()
        .frame(traffic::tcp(a, b, 2, b"GET /index.html"))
        .frame(traffic::udp(c, d, b"question"))
        .frame(traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]))
        .frame(traffic::echo(a.ip(), b.ip(), 7))
        .frame(traffic::vlan(7, &traffic::vlan(9, &traffic::udp(b, a, b"answer"))))
        .build();
    for (at, frame) in batch.frames_mut().iter_mut().enumerate() {
        frame.time = 1_714_564_800_000_000_000 + at as i64 * 500_000_000;
        frame.mark = at as u32;
    }
    batch.frames_mut()[4].flags.set(Flags::INBOUND, true);
    batch
}

fn held(text: &str) -> Vec<usize> {
    let mut predicate = Predicate::new(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    let mut held = Vec::new();
    predicate.batch(&mut Batch::from(sorts()), &mut held);
    held.iter().enumerate().filter(|(_, held)| **held).map(|(at, _)| at).collect()
}

fn values(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut computation = Computation::new(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    computation.batch(&mut Batch::from(sorts()), |at, value| found.push(format!("{at}:{value}")));
    found
}

#[test]
fn conditions_hold_where_they_should() {
    for (text, expected) in [
        // Presence.
        ("tcp", &[0][..]),
        ("ip", &[0, 3, 4]),
        ("tcp or udp", &[0, 1, 4]),
        ("!arp", &[0, 1, 3, 4]),
        ("vlan.id", &[4]),
        ("tcp.flags.fin", &[0]),
        // Several values.
        ("udp.port == 80", &[4]),
        ("udp.port != 80", &[1]),
        ("any udp.port != 80", &[1, 4]),
        ("udp.port !== 80", &[1, 4]),
        ("vlan.id == 7", &[4]),
        ("vlan.id === 7", &[]),
        ("vlan.id#1 == 7 and vlan.id#2 == 9 and vlan.id#-1 == 9", &[4]),
        ("all vlan.id < 10", &[4]),
        ("all udp.port > 52", &[1, 4]),
        ("not udp.port == 80", &[0, 1, 2, 3]),
        // Sets, networks, ranges.
        ("tcp.port in {80, 8000..8999}", &[0]),
        ("udp.port in {80, 8000..8999}", &[1, 4]),
        ("udp.port not in {80}", &[0, 1, 2, 3]),
        ("ip.addr == 10.0.0.0/8", &[0, 3, 4]),
        ("ip.src == 10.0.0.0/8", &[0, 3]),
        ("ip.src == ip.dst", &[]),
        ("ipv6.addr in {fd00::/16}", &[1]),
        ("ipv6.src in {fd00::..fd00::f}", &[1]),
        ("arp.src.proto_ipv4 == 10.0.0.1", &[2]),
        ("ip.src in {10.0.0.0..10.0.0.9, 1.1.1.1}", &[0, 3]),
        // Numbers and bits.
        ("tcp.flags & 0x02", &[0]),
        ("tcp.flags & 0x12 == 2", &[0]),
        ("tcp.flags.syn == 1 and tcp.flags.ack == false", &[0]),
        ("tcp.len == 15 and tcp.hdr_len == 20 and tcp.len + tcp.hdr_len == ip.len - ip.hdr_len", &[0]),
        ("frame.len % 2 == frame.cap_len % 2", &[0, 1, 2, 3, 4]),
        ("udp.length * 2 == 32 / 1.0", &[1]),
        ("80 == tcp.port && 100 > ip.ttl", &[0]),
        ("frame.len > 1KiB", &[]),
        ("arp.opcode == \"request\"", &[2]),
        ("ip.proto == \"udp\"", &[4]),
        // Bytes and text.
        ("payload contains \"GET\"", &[0]),
        ("frame contains \"answer\" or udp contains \"question\"", &[1, 4]),
        ("payload[0:4] == \"GET \"", &[0]),
        ("payload[-4:] == 68:74:6d:6c", &[0]),
        ("eth.src[0] == 2", &[0, 1, 2, 3, 4]),
        ("ip.src[0:2] == 0a:00", &[0, 3]),
        ("payload matches \"^get .*HTML$\"", &[0]),
        ("payload matches \"(?-i)^get\"", &[]),
        ("payload ~ r\"\\x71uestion\"", &[1]),
        ("lower(payload) contains \"get /\"", &[0]),
        ("starts_with(payload, \"GET\") or ends_with(udp.payload, \"er\")", &[0, 4]),
        ("len(payload) == 6", &[4]),
        ("entropy(payload) > 2.9 and entropy(payload) < 3.1", &[1]),
        // Addresses.
        ("is_private(ip.src) and not is_multicast(eth.dst)", &[0, 3, 4]),
        ("is_loopback(ip.addr) or is_broadcast(eth.dst)", &[]),
        ("is_v6(ipv6.src)", &[1]),
        // Time.
        ("frame.time >= 2024-05-01T12:00:01Z", &[2, 3, 4]),
        ("frame.time < \"2024-05-01 12:00:01\"", &[0, 1]),
        ("frame.time_epoch == 1714564800.5", &[1]),
        ("frame.time - 2024-05-01T12:00:00Z >= 1500ms", &[3, 4]),
        ("frame.number in {2..3}", &[1, 2]),
        // Metadata, conditionals, the rest.
        ("frame.mark == 3", &[3]),
        ("frame.packet_flags_direction == \"inbound\"", &[4]),
        ("(if tcp then tcp.dstport else udp.dstport) == 53", &[1]),
        ("if vlan then udp.srcport == 80 else tcp", &[0, 4]),
        ("default(tcp.port, udp.port) in {80}", &[0, 4]),
        ("count(vlan.id) == 2", &[4]),
        ("count(ip.addr) > 0 xor ip.proto == 1", &[0, 4]),
        ("hash(frame.number) % 2 == 0 or hash(frame.number) % 2 == 1", &[0, 1, 2, 3, 4]),
        ("ip.checksum.status == \"good\"", &[0, 3, 4]),
        ("tcp.checksum.status == 1 or udp.checksum.status == 1 or icmp.checksum.status == 1", &[0, 1, 3, 4]),
        ("true", &[0, 1, 2, 3, 4]),
        ("tcp and false", &[]),
        // Numbers of other sizes than the field.
        ("tcp.port == 65536 or tcp.port == -1", &[]),
        ("tcp.port != -1", &[0]),
        ("tcp.len / 0 == 1 or tcp.len % 0 == 1", &[]),
    ] {
        assert_eq!(held(text), expected, "{text}");
    }
}

#[test]
fn values_are_those_of_the_packet() {
    for (text, expected) in [
        (
            "ip.addr",
            &["0:10.0.0.1", "0:192.168.0.2", "3:10.0.0.1", "3:192.168.0.2", "4:192.168.0.2", "4:10.0.0.1"][..],
        ),
        ("vlan.id", &["4:7", "4:9"]),
        ("tcp.dstport + 1", &["0:81"]),
        ("upper(udp.payload)", &["1:QUESTION", "4:ANSWER"]),
        ("tcp.payload[0:3]", &["0:47:45:54"]),
        ("-tcp.dstport", &["0:-80"]),
        ("max(udp.srcport, udp.dstport)", &["1:8080", "4:40000"]),
        (
            "frame.time",
            &[
                "0:2024-05-01T12:00:00Z",
                "1:2024-05-01T12:00:00.5Z",
                "2:2024-05-01T12:00:01Z",
                "3:2024-05-01T12:00:01.5Z",
                "4:2024-05-01T12:00:02Z",
            ],
        ),
        ("text(icmp.ident)", &["3:7"]),
        ("seconds(icmp.type) * 2", &["3:16s"]),
        ("arp.dst.proto_ipv4", &["2:10.0.0.2"]),
        ("decode.stop", &["0:payload", "1:payload", "2:payload", "3:payload", "4:payload"]),
        ("if tcp then 1 else 0", &["0:1", "1:0", "2:0", "3:0", "4:0"]),
    ] {
        assert_eq!(values(text), expected, "{text}");
    }
}

#[test]
fn needs_are_found_out() {
    for (text, needs) in [
        ("true", Needs::Nothing),
        ("frame.len > 5 and frame contains \"x\"", Needs::Packets),
        ("frame.len > 5 and tcp", Needs::Layers),
        (".a == 1 or record.len > 5", Needs::Records),
    ] {
        assert_eq!(Predicate::new(text).unwrap().needs(), needs, "{text}");
    }
}
