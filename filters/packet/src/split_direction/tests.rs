use std::net::SocketAddr;

use sluice_core::{MAIN, Registry};
use sluice_testkit::{Harness, Packets, traffic};

use super::*;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: split_direction\n{options}"))
}

/// The sides that packets get, one letter each.
fn sides(options: &str, frames: &[Vec<u8>]) -> String {
    let outcome = harness(options).unwrap().give(Packets::new().frames(frames).build()).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    let letter = |flags: Flags| match (flags.contains(Flags::FROM_CLIENT), flags.contains(Flags::FROM_SERVER))
    {
        (true, false) => 'c',
        (false, true) => 's',
        _ => '?',
    };
    batch.frames().iter().map(|frame| letter(frame.flags)).collect()
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const SYN: u8 = 2;
const SYN_ACK: u8 = 18;
const ACK: u8 = 16;

fn tcp(from: &str, to: &str, flags: u8) -> Vec<u8> {
    traffic::tcp(socket(from), socket(to), flags, b"")
}

fn udp(from: &str, to: &str) -> Vec<u8> {
    traffic::udp(socket(from), socket(to), b"payload")
}

#[test]
fn the_client_is_whoever_began_the_connection() {
    let (a, b) = ("10.0.0.1:5000", "10.0.0.2:6000");
    for (frames, expected) in [
        // A handshake tells, whatever the ports.
        (vec![tcp(a, b, SYN), tcp(b, a, SYN_ACK), tcp(a, b, ACK)], "csc"),
        (vec![tcp("10.0.0.1:80", "10.0.0.2:9999", SYN), tcp("10.0.0.2:9999", "10.0.0.1:80", ACK)], "cs"),
        // The answer is seen first.
        (vec![tcp(b, a, SYN_ACK), tcp(a, b, ACK), tcp(b, a, ACK)], "scs"),
        // A guess at the first packet is overruled by a handshake, once.
        (vec![tcp(b, a, ACK), tcp(a, b, SYN), tcp(b, a, ACK), tcp(b, a, SYN)], "ccss"),
        // In the middle of a connection a port tells, else the first packet.
        (vec![tcp("10.0.0.2:443", a, ACK), tcp(a, "10.0.0.2:443", ACK)], "sc"),
        (vec![udp(b, a), udp(a, b), udp(b, a)], "csc"),
        (vec![udp("[fd00::2]:53", "[fd00::1]:4000"), udp("[fd00::1]:4000", "[fd00::2]:53")], "sc"),
    ] {
        assert_eq!(sides("", &frames), expected, "{frames:02x?}");
    }
}

#[test]
fn icmp_goes_with_the_packet_that_caused_it() {
    let [a, b] = ["10.0.0.1:5000", "10.0.0.2:53"];
    let error = traffic::unreachable([10, 9, 9, 9].into(), [10, 0, 0, 1].into(), &udp(a, b));
    let mut reply = traffic::echo([10, 0, 0, 2].into(), [10, 0, 0, 1].into(), 7);
    reply[34] = 0;
    let request = traffic::echo([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 7);
    assert_eq!(sides("", &[udp(a, b), error.clone(), reply.clone(), request.clone()]), "cssc");
    assert_eq!(sides("  by: ports", &[error.clone(), reply, request]), "scc");
    assert_eq!(sides("  by: networks\n  servers: [10.0.0.2]", &[error]), "s");
}

#[test]
fn later_fragments_go_with_the_first() {
    let whole = traffic::udp(socket("10.0.0.2:53"), socket("10.0.0.1:4000"), &[7; 24]);
    let fragment = |range: std::ops::Range<usize>, word: u16| {
        let mut frame = traffic::ip([10, 0, 0, 2].into(), [10, 0, 0, 1].into(), 17, &whole[34..][range]);
        frame[20..22].copy_from_slice(&word.to_be_bytes());
        frame
    };
    assert_eq!(sides("", &[fragment(0..16, 0x2000), fragment(16..32, 2)]), "ss");
    assert_eq!(sides("", &[fragment(16..32, 2)]), "c", "alone it begins something");
}

#[test]
fn a_host_stays_what_it_was_first() {
    let (client, server, proxy) = ("10.0.0.1:5000", "10.0.0.2:6000", "10.0.0.3:7000");
    let frames = [
        udp(client, proxy),
        tcp(client, server, SYN),
        tcp(server, client, SYN_ACK),
        udp(client, proxy),
        udp(proxy, server),
        tcp(server, proxy, SYN),
        udp("10.0.0.9:1000", "10.0.0.8:5555"),
    ];
    assert_eq!(sides("  by: hosts", &frames), "ccsccss");
    let unknown = [udp("10.0.0.4:5000", "10.0.0.5:5000")];
    assert_eq!(sides("  by: hosts", &unknown), "c");
    assert_eq!(sides("  by: hosts\n  unknown: server", &unknown), "s");
    let behind_a_router = [tcp(client, "192.168.0.1:6000", SYN), udp("192.168.0.9:5000", "10.0.0.77:5000")];
    assert_eq!(sides("  by: hosts\n  prefix_v4: 24", &behind_a_router), "cs");
    assert_eq!(sides("  by: hosts", &behind_a_router), "cc");
}

#[test]
fn ports_networks_and_macs_tell_by_themselves() {
    let ports = [
        udp("10.0.0.1:4000", "10.0.0.2:53"),
        udp("10.0.0.2:53", "10.0.0.1:4000"),
        udp("10.0.0.2:80", "10.0.0.1:53"),
        udp("10.0.0.2:4000", "10.0.0.1:4001"),
    ];
    assert_eq!(sides("  by: ports", &ports), "cscc");
    assert_eq!(sides("  by: ports\n  server_ports: [4000]\n  unknown: server", &ports), "scss");
    assert_eq!(sides("  by: networks\n  servers: [10.0.0.2/32, 10.0.0.2/31]", &ports), "csss");
    assert_eq!(sides("  by: networks\n  servers: [192.168.0.0/16]\n  unknown: server", &ports), "ssss");
    let mut back = udp("10.0.0.1:1", "10.0.0.2:1");
    back[..12].rotate_left(6);
    let arp = traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]);
    let macs = [udp("10.0.0.1:1", "10.0.0.2:1"), back, arp.clone()];
    assert_eq!(sides("  by: macs\n  server_macs: ['02:00:00:00:00:01']", &macs), "scs");
    assert_eq!(sides("  by: macs\n  server_macs: ['02:00:00:00:00:09']\n  unknown: server", &macs), "sss");
    assert_eq!(sides("  unknown: server", &[arp]), "s", "ARP has no connection");
}

#[test]
fn packets_are_sorted_to_two_ports() {
    let (a, b) = ("10.0.0.1:5000", "10.0.0.2:80");
    let frames = [udp(a, b), udp(b, a), udp(a, b)];
    let outcome = harness("  output: ports").unwrap().give(Packets::new().frames(&frames).build()).unwrap();
    assert_eq!((outcome.ordinals("client"), outcome.ordinals("server")), (vec![0, 2], vec![1]));
    let Some(Batch::Packets(servers)) = outcome.port("server") else { panic!("no packets") };
    assert!(servers.is_decoded() && servers.frames()[0].flags.contains(Flags::FROM_SERVER));
}

#[test]
fn the_oldest_connection_is_forgotten_with_a_notice() {
    let mut split = harness("  max_entries: 2").unwrap();
    let (a, b) = ("10.0.0.1:5000", "10.0.0.2:6000");
    let others = [udp("10.0.0.3:5000", b), udp("10.0.0.4:5000", b)];
    let frames = [tcp(a, b, SYN), others[0].clone(), tcp(b, a, ACK), others[1].clone(), tcp(b, a, ACK)];
    let outcome = split.give(Packets::new().frames(&frames).build()).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    let servers: Vec<_> = batch.frames().iter().map(|f| f.flags.contains(Flags::FROM_SERVER)).collect();
    assert_eq!(servers, [false, false, true, false, false], "the last packet begins anew");
    split.give(Packets::new().frames(&frames).build()).unwrap();
    let notices: Vec<_> = split.notices().iter().map(|n| n.message.clone()).collect();
    assert_eq!(notices, ["more connections or hosts than `max_entries` allows: the oldest are forgotten"]);
}

#[test]
fn wrong_options_are_refused() {
    for (options, message) in [
        ("  by: networks", "`by: networks` needs `servers`"),
        ("  by: macs", "`by: macs` needs `server_macs`"),
        ("  servers: [10.0.0.0/8]", "servers: it is used with `by: networks` alone"),
        ("  by: ports\n  server_ports: []", "server_ports: no port is a server's"),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}
