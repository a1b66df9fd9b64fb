//! Which packets go together under which key.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{IpAddr, SocketAddr};

use sluice_core::{Batch, Key};
use sluice_testkit::{Packets, traffic};

fn hashes(key: &Key, frames: &[Vec<u8>]) -> Vec<u64> {
    let mut batch = Batch::from(Packets::new().frames(frames).build());
    let mut hashes = Vec::new();
    assert!(key.hash(&mut batch, &mut hashes));
    assert_eq!(hashes.len(), frames.len());
    hashes
}

/// Whether all of these go the same way.
fn meet(key: &Key, frames: &[Vec<u8>]) -> bool {
    hashes(key, frames).windows(2).all(|pair| pair[0] == pair[1])
}

const A: &str = "10.0.0.1:1000";
const B: &str = "10.0.0.2:53";

fn udp(from: &str, to: &str) -> Vec<u8> {
    traffic::udp(from.parse().unwrap(), to.parse().unwrap(), b"payload of some length")
}

#[test]
fn both_directions_of_a_flow() {
    let both = [udp(A, B), udp(B, A)];
    for key in [Key::Flow, Key::InnerFlow, Key::Datagram, Key::Host] {
        assert!(meet(&key, &both), "{key}");
    }
    assert!(!meet(&Key::Source, &both) && !meet(&Key::Destination, &both));
    let other_port = [udp(A, B), udp("10.0.0.1:1001", B)];
    assert!(!meet(&Key::Flow, &other_port));
    for key in [Key::Host, Key::Source, Key::Destination] {
        assert!(meet(&key, &other_port), "{key}");
    }
}

#[test]
fn an_icmp_error_and_the_flow_that_it_quotes() {
    let quoted = udp(A, B);
    let error = traffic::unreachable("192.0.2.9".parse().unwrap(), "10.0.0.1".parse().unwrap(), &quoted);
    for key in [Key::Flow, Key::Datagram, Key::Host] {
        assert!(meet(&key, &[quoted.clone(), error.clone()]), "{key}");
    }
}

#[test]
fn a_vlan_has_flows_of_its_own() {
    let tagged = [udp(A, B), traffic::vlan(7, &udp(A, B))];
    assert!(!meet(&Key::Flow, &tagged));
    assert!(meet(&Key::Host, &tagged));
}

#[test]
fn what_a_tunnel_carries() {
    let [first, second]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
    // IP in IP: the tunnel has one flow, whatever it carries.
    let wrapped = |from, to, frame: Vec<u8>| traffic::ip(from, to, 4, &frame[14..]);
    let carried = [
        wrapped(first, second, udp(A, B)),
        wrapped(second, first, udp(B, A)),
        wrapped(first, second, udp("10.0.0.3:1", B)),
    ];
    assert!(meet(&Key::Flow, &carried));
    assert!(meet(&Key::InnerFlow, &carried[..2]) && !meet(&Key::InnerFlow, &carried));
    // Outside of the tunnel it is the same inner flow.
    assert!(meet(&Key::InnerFlow, &[carried[0].clone(), udp(A, B)]));
}

/// A packet cut into the first 8 bytes of its payload and the rest.
fn fragments(id: u16, frame: &[u8]) -> [Vec<u8>; 2] {
    let part = |from: usize, to: usize, flags: u16| {
        let mut part = [&frame[..34], &frame[34 + from..34 + to]].concat();
        part[16..18].copy_from_slice(&((20 + to - from) as u16).to_be_bytes());
        part[18..20].copy_from_slice(&id.to_be_bytes());
        part[20..22].copy_from_slice(&(flags | (from / 8) as u16).to_be_bytes());
        part
    };
    [part(0, 8, 0x2000), part(8, frame.len() - 34, 0)]
}

#[test]
fn fragments_of_a_datagram() {
    let [first, last] = fragments(5, &udp(A, B));
    let [other, _] = fragments(6, &udp(A, B));
    assert!(!meet(&Key::Flow, &[first.clone(), last.clone()]), "a later fragment has no ports");
    assert!(meet(&Key::Datagram, &[first.clone(), last.clone()]));
    assert!(!meet(&Key::Datagram, &[first.clone(), other]));
    assert!(meet(&Key::Host, &[first, last, udp(A, B)]));
    let whole = [udp(A, B), udp("10.0.0.9:7", B)];
    assert_eq!(hashes(&Key::Datagram, &whole), hashes(&Key::Flow, &whole));
}

#[test]
fn a_key_that_covers_another_parts_nothing_that_it_brings_together() {
    let mut frames = [traffic::mixture(300, 3), traffic::malformed(300, 3)].concat();
    let ends: Vec<SocketAddr> =
        (0..6).map(|n| format!("10.0.0.{}:{}", n % 3, n % 2).parse().unwrap()).collect();
    for (from, to) in ends.iter().flat_map(|a| ends.iter().map(move |b| (*a, *b))) {
        let frame = traffic::udp(from, to, b"payload of some length");
        frames.extend(fragments(from.port(), &frame));
        frames.push(frame);
    }
    for (coarse, fine) in [(Key::Host, Key::Flow), (Key::Host, Key::Datagram)] {
        assert!(coarse.covers(&fine));
        let (coarse, fine) = (hashes(&coarse, &frames), hashes(&fine, &frames));
        for (a, b) in (0..frames.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let parted = fine[a] == fine[b] && coarse[a] != coarse[b];
            assert!(!parted, "{:02x?}\n{:02x?}", frames[a], frames[b]);
        }
    }
}
