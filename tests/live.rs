//! The prebuilt pipelines that capture, on a pair of interfaces of their own.

use std::fs::File;
use std::process::{Child, Stdio};

use pnet_datalink::DataLinkSender;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sluice::testkit::traffic;
use sluice_tests::{Folder, net, packets, until, wait};

/// Begins a run that answers questions, which it does as soon as its interfaces are open.
fn begin(folder: &Folder, args: &[&str]) -> Child {
    let mut command = folder.command(&[&["run", "-q", "--control", "socket"], args].concat());
    let out = File::create(folder.path("out.txt")).unwrap();
    let child = command.stdout(out).stderr(Stdio::inherit()).spawn().unwrap();
    until("it runs", || folder.sluice(&["status", "--control", "socket"]).code == 0);
    child
}

/// How many items the last stage has got.
fn got(folder: &Folder) -> u64 {
    let ran = folder.sluice(&["status", "--control", "socket", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    told["stages"].as_array().and_then(|stages| stages.last()?["taken"].as_u64()).unwrap_or(0)
}

fn interrupt(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
}

/// Sends frames few at a time, so that none is lost on the way.
fn send(sender: &mut dyn DataLinkSender, frames: &[Vec<u8>]) {
    for frame in frames {
        sender.send_to(frame, None).unwrap().unwrap();
    }
}

/// Datagrams that tell their number, every third with a tag.
fn numbered(count: u16) -> Vec<Vec<u8>> {
    let frame = |number: u16| {
        let at = |host, port| ([10, 0, 0, host], port).into();
        let mut frame =
            traffic::udp(at(1, 4000 + number % 50), at(2, 5000), &number.to_be_bytes().repeat(20));
        if number.is_multiple_of(3) {
            frame.splice(12..12, [0x81, 0, 0x20, 7]);
        }
        frame
    };
    (0..count).map(frame).collect()
}

fn recording() {
    net::veth("near", "far");
    let mut near = net::sender("near");
    let frames = numbered(2500);
    let folder = Folder::new();
    let args = ["capture-to-pcap", "interface=far", "output=rec.pcap", "count=1000", "bpf=udp or vlan"];
    let child = begin(&folder, &args);
    send(&mut *near, &[traffic::arp([10, 0, 0, 1], [10, 0, 0, 2])]);
    send(&mut *near, &frames);
    until("all packets are there", || got(&folder) >= 2500);
    interrupt(child);
    let names = ["rec-0001.pcap", "rec-0002.pcap", "rec-0003.pcap"];
    let files = names.map(|name| packets(&folder.read(name)));
    assert_eq!([files[0].len(), files[1].len(), files[2].len()], [1000, 1000, 500]);
    assert!(files.concat() == frames);

    // The next run goes on behind it, and keeps no more than it should.
    let args = ["capture-to-pcap", "interface=far", "output=rec.pcap", "count=1000", "keep=2", "snaplen=60"];
    let child = begin(&folder, &args);
    send(&mut *near, &frames[..100]);
    until("all packets are there", || got(&folder) >= 100);
    interrupt(child);
    assert!(!folder.names().contains(&"rec-0002.pcap".to_owned()), "{:?}", folder.names());
    assert!(packets(&folder.read("rec-0003.pcap")) == files[2]);
    let cut: Vec<_> = frames[..100].iter().map(|frame| frame[..60].to_vec()).collect();
    assert_eq!(packets(&folder.read("rec-0004.pcap")), cut);
}

#[test]
fn capture_to_pcap() {
    net::in_namespace("capture_to_pcap", recording);
}

fn printing() {
    net::veth("near", "far");
    let mut near = net::sender("near");
    let folder = Folder::new();
    let at = |host, port| ([10, 0, 0, host], port).into();
    let frames = [
        traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]),
        traffic::udp(at(1, 4000), at(2, 53), b"hello"),
        traffic::tcp(at(1, 4001), at(2, 80), 2, b""),
        numbered(1).remove(0),
        traffic::ethernet(0x88B5, &[0; 50]),
    ];
    let mut child = begin(&folder, &["capture-print", "interface=far", "count=5", "stamp=none"]);
    send(&mut *near, &frames);
    assert_eq!(wait(&mut child).code(), Some(0));
    let text = String::from_utf8(folder.read("out.txt")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    for (line, expected) in lines.iter().zip([
        "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length ",
        "IP 10.0.0.1.4000 > 10.0.0.2.53: UDP, length 5",
        "IP 10.0.0.1.4001 > 10.0.0.2.80: Flags [S], seq ",
        "vlan 7, p 1, IP 10.0.0.1.4000 > 10.0.0.2.5000: UDP, length 40",
        "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x88b5, length 64",
    ]) {
        assert!(line.starts_with(expected), "{expected}\n{text}");
    }

    let args = ["capture-print", "interface=far", "count=1", "bpf=udp port 53", "format=json"];
    let mut child = begin(&folder, &args);
    send(&mut *near, &frames);
    assert_eq!(wait(&mut child).code(), Some(0));
    let packet: Value = serde_json::from_slice(&folder.read("out.txt")).unwrap();
    assert_eq!(packet["udp"]["dstport"], 53);
}

#[test]
fn capture_print() {
    net::in_namespace("capture_print", printing);
}

fn watching() {
    net::veth("near", "far");
    let mut near = net::sender("near");
    let folder = Folder::new();
    for mode in [&["--mode", "staged"][..], &["--mode", "sharded", "--workers", "2"]] {
        let args = ["connections-live", "interface=far", "output=flows.json"];
        let child = begin(&folder, &[&args[..], mode].concat());
        send(&mut *near, &numbered(500));
        // They are seen while they go on.
        until("all flows are seen", || {
            let ran = folder.sluice(&["view", "--control", "socket"]);
            ran.code == 0 && ran.stdout.contains("10.0.0.2")
        });
        let seen = |told: &Value| {
            let stages = told["stages"].as_array().cloned().unwrap_or_default();
            stages
                .iter()
                .find(|stage| stage["component"] == "flows")
                .and_then(|stage| stage["taken"].as_u64())
        };
        until("all packets are seen", || {
            let ran = folder.sluice(&["status", "--control", "socket", "--json"]);
            seen(&serde_json::from_str(&ran.stdout).unwrap_or_default()) == Some(500)
        });
        interrupt(child);
        let records = String::from_utf8(folder.read("flows.json")).unwrap();
        // Fifty ports, each of which is used with and without a tag.
        assert_eq!(records.lines().count(), 100, "{mode:?}\n{records}");
    }
}

#[test]
fn connections_live() {
    net::in_namespace("connections_live", watching);
}

/// Two bridges between the same interfaces, one for each direction: what one sends, the other does not take.
fn bridging() {
    net::veth("near", "left");
    net::veth("right", "far");
    let folder = Folder::new();
    let at = |host: [u8; 4], port| (host, port).into();
    let (one, other) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let there = ["bridge", "from=left", "to=right", "addresses=10.0.0.1/32=10.9.9.1/32", "ports=80=8080"];
    let back = ["bridge", "from=right", "to=left", "addresses=10.9.9.1/32=10.0.0.1/32", "ports=8080=80"];
    let mut runs = Vec::new();
    for (socket, args) in [("there", there), ("back", back)] {
        let mut command = folder.command(&[&["run", "-q", "--control", socket][..], &args].concat());
        runs.push(command.spawn().unwrap());
        until("it runs", || folder.sluice(&["status", "--control", socket]).code == 0);
    }
    let ends = ["near", "far"].map(|name| {
        let mut command = folder.command(&["run", "-q", "--control", name, "capture-to-pcap"]);
        let child =
            command.args([&format!("interface={name}"), &format!("output={name}.pcap")]).spawn().unwrap();
        until("it runs", || folder.sluice(&["status", "--control", name]).code == 0);
        child
    });
    let requests: Vec<_> = (0..300)
        .map(|n| traffic::tcp(at(one, 5000 + n), at(other, 80), 0x18, &n.to_be_bytes().repeat(30)))
        .collect();
    let turned =
        |n: u16, payload: &[u8]| traffic::tcp(at([10, 9, 9, 1], 5000 + n), at(other, 8080), 0x18, payload);
    let expected: Vec<_> = (0..300).map(|n| turned(n, &n.to_be_bytes().repeat(30))).collect();
    let answers = [traffic::udp(at(other, 8080), at([10, 9, 9, 1], 5000), b"answer")];
    let answered = [traffic::udp(at(other, 80), at(one, 5000), b"answer")];
    send(&mut *net::sender("near"), &requests);
    send(&mut *net::sender("far"), &answers);
    let taken = |socket: &str| {
        let ran = folder.sluice(&["status", "--control", socket, "--json"]);
        let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        told["stages"].as_array().and_then(|stages| stages.last()?["taken"].as_u64()).unwrap_or(0)
    };
    // Each end sees what it sent, and what came.
    until("all have come", || taken("near") >= 301 && taken("far") >= 301);
    ends.into_iter().chain(runs).for_each(interrupt);
    let seen = |name: &str| packets(&folder.read(&format!("{name}-0001.pcap")));
    let (near, far) = (seen("near"), seen("far"));
    assert_eq!((near.len(), far.len()), (301, 301));
    let of = |all: &[Vec<u8>], sent: &[Vec<u8>]| -> Vec<_> {
        all.iter().filter(|frame| !sent.contains(frame)).cloned().collect()
    };
    assert!(of(&far, &answers) == expected);
    assert!(of(&near, &requests) == answered);
}

#[test]
fn bridge() {
    net::in_namespace("bridge", bridging);
}
