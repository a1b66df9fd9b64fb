//! The source `capture` on interfaces that the tests make for themselves, in namespaces of their own: what is sent comes out
//! complete, in order and byte for byte, or is told to be lost.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::net::{IpAddr, UdpSocket};
use std::process::{Child, Command};
use std::sync::mpsc;

use pnet_datalink::DataLinkSender;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sluice::testkit::traffic::{self, tagged};
use sluice_tests::net::{self, in_namespace, ip, veth};
use sluice_tests::{Folder, Ran, packets, until, wait};

/// A capture that goes on.
struct Running<'f> {
    folder: &'f Folder,
    name: String,
    child: Child,
}

impl<'f> Running<'f> {
    /// Runs a pipeline of these stages, and waits until its source has begun.
    fn start(folder: &'f Folder, name: &str, stages: &str, args: &[&str]) -> Self {
        let running = Self::spawn(folder, name, stages, args);
        // Answered before the first call of the source, perhaps, but not twice.
        let first = running.latest("it captures", 0.0);
        running.latest("it goes on", first);
        running
    }

    fn spawn(folder: &'f Folder, name: &str, stages: &str, args: &[&str]) -> Self {
        let text = format!("version: 1\nname: {name}\nabout: A test.\nstages:\n{stages}");
        folder.write(&format!("{name}.yaml"), text);
        let (yaml, socket) = (format!("{name}.yaml"), format!("{name}.socket"));
        let mut command = folder.command(&[&["run", &yaml, "--control", &socket], args].concat());
        let errors = File::create(folder.path(&format!("{name}.err"))).unwrap();
        let child = command.stderr(errors).spawn().unwrap();
        Self { folder, name: name.to_owned(), child }
    }

    fn view(&self) -> Option<Value> {
        let socket = format!("{}.socket", self.name);
        let ran = self.folder.sluice(&["view", "--control", &socket, "--json"]);
        (ran.code == 0).then(|| serde_json::from_str(&ran.stdout).unwrap())
    }

    /// Waits until all instances of the source have shown something after this moment; the latest of theirs.
    fn latest(&self, what: &str, after: f64) -> f64 {
        let mut latest = after;
        until(what, || {
            let Some(view) = self.view() else { return false };
            let shards = view["stages"][0]["shards"].as_array().unwrap().clone();
            let times = shards.iter().map(|shard| shard["at"].as_f64().unwrap());
            latest = times.clone().fold(0.0, f64::max);
            times.into_iter().all(|at| at > after)
        });
        latest
    }

    /// A figure of the source, of one interface.
    fn figure(&self, group: &str, name: &str) -> u64 {
        let view = self.view().unwrap();
        let figures = view["stages"][0]["merged"]["figures"].as_array().unwrap();
        let found = figures.iter().find(|it| it["group"] == group && it["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} of {group}: {figures:?}"))["value"].as_u64().unwrap()
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.folder.read(&format!("{}.err", self.name))).into_owned()
    }

    fn says(&self, what: &str) {
        until(what, || self.said().contains(what));
    }

    fn end(mut self) -> Ran {
        let status = wait(&mut self.child);
        let stderr = self.said();
        assert!(stderr.contains("every item is accounted for"), "{stderr}");
        Ran { code: status.code().unwrap_or(-1), stdout: String::new(), stderr }
    }

    fn stop(self) -> Ran {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        self.end()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Only one whose test has failed goes on.
        drop(self.child.kill());
    }
}

/// What a stage dropped, as the summary tells.
fn dropped(ran: &Ran, stage: &str) -> usize {
    let row = ran.stderr.lines().find(|line| line.starts_with(&format!("{stage} "))).unwrap();
    // Name, kind, component, in, out, dropped.
    row.split_whitespace().nth(5).unwrap().replace(',', "").parse().unwrap()
}

/// Where frames are sent from.
struct Wire(Box<dyn DataLinkSender>);

impl Wire {
    fn of(name: &str) -> Self {
        Self(net::sender(name))
    }

    fn send(&mut self, frames: &[Vec<u8>]) {
        for frame in frames {
            self.0.send_to(frame, None).unwrap().unwrap();
        }
    }
}

/// Frames without a tag, with one and with several of all kinds, each told from the others by its number.
fn frames(count: usize) -> Vec<Vec<u8>> {
    let mixture = traffic::mixture(count, 6);
    let all = mixture.iter().enumerate().map(|(at, frame)| {
        let mut frame = match at % 8 {
            0 => tagged(0x8100, 100, frame),
            1 => tagged(0x8100, 0xA000 | 7, frame),
            2 => tagged(0x88A8, 300, &tagged(0x8100, 200, frame)),
            3 => tagged(0x8100, 100, &tagged(0x8100, 200, frame)),
            4 => tagged(0x88A8, 100, frame),
            5 => tagged(0x8100, 0, frame),
            _ => frame.clone(),
        };
        frame.extend((at as u32).to_be_bytes());
        frame
    });
    all.collect()
}

/// Stages that capture with these options into `out.pcap`.
fn into_file(options: &str) -> String {
    format!("  - {{source: capture, {options}}}\n  - {{sink: pcap_file, path: out.pcap}}\n")
}

#[test]
fn what_is_sent_comes_out_byte_for_byte() {
    in_namespace("what_is_sent_comes_out_byte_for_byte", || {
        veth("near", "far");
        let (folder, sent) = (Folder::new(), frames(3000));
        for options in [
            "interface: far",
            "interface: far, block_size: 8KiB, blocks: 1024, retire: 1ms",
            "interface: far, immediate: true",
        ] {
            let running = Running::start(&folder, "run", &into_file(options), &[]);
            Wire::of("near").send(&sent);
            let ran = running.stop();
            assert_eq!((ran.code, dropped(&ran, "capture")), (0, 0), "{}", ran.stderr);
            let got = packets(&folder.read("out.pcap"));
            assert_eq!(got.len(), sent.len());
            for (number, (got, sent)) in got.iter().zip(&sent).enumerate() {
                assert_eq!(got, sent, "{number}");
            }
        }
    });
}

#[test]
fn giants_are_as_long_as_they_are() {
    in_namespace("giants_are_as_long_as_they_are", || {
        veth("near", "far");
        ip("link set near mtu 65535");
        ip("link set far mtu 65535");
        let folder = Folder::new();
        let giant = |length: usize| {
            let payload: Vec<u8> = (0..length).map(|at| (at / 256 + at) as u8).collect();
            tagged(0x88A8, 9, &traffic::ethernet(0x88B5, &payload))
        };
        let sent: Vec<_> = [65_000, 60, 2000, 1900, 9000, 1946, 1950, 64_000, 46].map(giant).into();
        for options in ["interface: far", "interface: far, immediate: true"] {
            let running = Running::start(&folder, "run", &into_file(options), &[]);
            Wire::of("near").send(&sent);
            assert_eq!(running.stop().code, 0);
            let got = packets(&folder.read("out.pcap"));
            let lengths: Vec<_> = got.iter().map(Vec::len).collect();
            assert!(got == sent, "{options}: {lengths:?}");
        }
        // What does not fit into a block is cut, which its length tells.
        let running = Running::start(&folder, "run", &into_file("interface: far, block_size: 8KiB"), &[]);
        Wire::of("near").send(&sent[..1]);
        assert_eq!(running.stop().code, 0);
        let file = folder.read("out.pcap");
        let word = |at: usize| u32::from_le_bytes(*file[at..].first_chunk().unwrap()) as usize;
        assert!((7000..8192).contains(&word(32)) && word(36) == sent[0].len());
    });
}

#[test]
fn no_more_is_taken_in_than_wanted() {
    in_namespace("no_more_is_taken_in_than_wanted", || {
        veth("near", "far");
        let (folder, sent) = (Folder::new(), frames(400));
        let options = "interface: far, snaplen: 60, bpf: vlan 100";
        let running = Running::start(&folder, "run", &into_file(options), &[]);
        Wire::of("near").send(&sent);
        let ran = running.stop();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let file = folder.read("out.pcap");
        let wanted = sent.iter().enumerate().filter(|(at, _)| [0, 3, 4].contains(&(at % 8)));
        let wanted: Vec<_> = wanted.map(|(_, frame)| frame).collect();
        let got = packets(&file);
        let cut: Vec<_> = wanted.iter().map(|frame| frame[..frame.len().min(60)].to_vec()).collect();
        assert!(got == cut, "{} of {}", got.len(), cut.len());
        // The first packet tells how long it was, and the file how long they may be.
        let word = |at: usize| u32::from_le_bytes(*file[at..].first_chunk().unwrap()) as usize;
        assert_eq!((word(16), word(36)), (60, wanted[0].len()));

        // It ends by itself.
        let running = Running::start(&folder, "run", &into_file("interface: far, count: 10"), &[]);
        Wire::of("near").send(&sent);
        assert_eq!(running.end().code, 0);
        assert!(packets(&folder.read("out.pcap")) == sent[..10]);
    });
}

#[test]
fn directions_are_told_apart() {
    in_namespace("directions_are_told_apart", || {
        veth("near", "far");
        let (folder, sent) = (Folder::new(), frames(80));
        let (in_, out) = sent.split_at(50);
        for (direction, wanted) in [("both", &sent[..]), ("in", in_), ("out", out)] {
            let stages = into_file(&format!("interface: far, direction: {direction}"));
            let running = Running::start(&folder, "run", &stages, &[]);
            Wire::of("near").send(in_);
            Wire::of("far").send(out);
            assert_eq!(running.stop().code, 0);
            assert!(packets(&folder.read("out.pcap")) == wanted, "{direction}");
        }
    });
}

#[test]
fn several_interfaces_are_one_capture() {
    in_namespace("several_interfaces_are_one_capture", || {
        veth("near1", "far1");
        veth("near2", "far2");
        let (folder, sent) = (Folder::new(), frames(1000));
        let stages = "  - {source: capture, interfaces: [far1, far2]}
  - {sink: pcap_file, path: out.pcapng}
  - {sink: pcap_file, path: out.pcap, inputs: [capture]}\n";
        let running = Running::start(&folder, "run", stages, &[]);
        let (one, other) = sent.split_at(600);
        Wire::of("near1").send(one);
        Wire::of("near2").send(other);
        until("all have come", || {
            running.figure("far1", "received") == 600 && running.figure("far2", "received") == 400
        });
        assert_eq!(running.stop().code, 0);
        let got = packets(&folder.read("out.pcap"));
        let of = |part: &[Vec<u8>]| {
            let known: HashSet<_> = part.iter().collect();
            got.iter().filter(|frame| known.contains(frame)).cloned().collect::<Vec<_>>()
        };
        assert!(got.len() == 1000 && of(one) == one && of(other) == other);
        let file = folder.read("out.pcapng");
        let names = |name: &[u8]| file.windows(4).any(|found| found == name);
        assert!(names(b"far1") && names(b"far2"));
    });
}

#[test]
fn any_means_all_with_cooked_headers() {
    in_namespace("any_means_all_with_cooked_headers", || {
        veth("near", "far");
        ip("link set lo up");
        let (folder, sent) = (Folder::new(), frames(400));
        let all = pnet_datalink::interfaces();
        let index = all.into_iter().find(|found| found.name == "far").unwrap().index;
        let capture = |filter: &str, sent: &[Vec<u8>]| {
            let options = format!("interface: any, bpf: '{filter}'");
            let running = Running::start(&folder, "run", &into_file(&options), &[]);
            Wire::of("near").send(sent);
            let ran = running.stop();
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            folder.read("out.pcap")
        };
        let file = capture("", &sent);
        assert_eq!(file[20..22], 276u16.to_le_bytes(), "the link type is LINUX_SLL2");
        let got = packets(&file);
        // Sent by one and received by the other.
        let [went, came] = [true, false]
            .map(|went| got.iter().filter(|frame| (frame[10] == 4) == went).cloned().collect::<Vec<_>>());
        assert_eq!((went.len(), came.len()), (400, 400));
        for (at, sent) in sent.iter().enumerate() {
            assert_eq!(came[at][4..8], index.to_be_bytes());
            let kind = [sent[12], sent[13]];
            let kind = if u16::from_be_bytes(kind) < 0x600 { [0, 4] } else { kind };
            for got in [&went[at], &came[at]] {
                assert_eq!((&got[..2], &got[20..]), (&kind[..], &sent[14..]), "{at}");
            }
        }

        // The kernel looks at packets before they have their tags and headers, so that some filters are not for it.
        let untagged: Vec<_> =
            traffic::mixture(200, 8).into_iter().filter(|f| f[12..14] != [0x81, 0]).collect();
        let all = capture("", &untagged);
        for filter in ["udp or arp", "tcp[tcpflags] & tcp-ack != 0", "ip6", "len > 120", "ether proto 0x8123"]
        {
            let selected = sluice_tests::tool("tcpdump", &["-r", "-", "-w", "-", filter], &all);
            let Some(selected) = selected.map(|file| packets(&file)) else { continue };
            // Which of both ends is seen first is up to the kernel.
            let sorted = |mut packets: Vec<Vec<u8>>| {
                packets.sort();
                packets
            };
            let got = sorted(packets(&capture(filter, &untagged)));
            assert!(got == sorted(selected.clone()), "{filter}: {} of {}", got.len(), selected.len());
            assert_eq!(selected.is_empty(), filter.starts_with("ether"), "{filter}");
        }
    });
}

#[test]
fn on_a_loopback_each_packet_is_seen_once() {
    in_namespace("on_a_loopback_each_packet_is_seen_once", || {
        ip("link set lo up");
        let folder = Folder::new();
        for interface in ["lo", "any"] {
            let options = format!("interface: {interface}, bpf: udp port 9999");
            let running = Running::start(&folder, "run", &into_file(&options), &[]);
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            for number in 0..20u8 {
                socket.send_to(&[number; 40], "127.0.0.1:9999").ok();
            }
            let ran = running.stop();
            let got = packets(&folder.read("out.pcap"));
            let numbers: Vec<_> = got.iter().map(|frame| frame[frame.len() - 1]).collect();
            assert_eq!(numbers, Vec::from_iter(0..20), "{}", ran.stderr);
        }
    });
}

/// Reads a FIFO, but not before it is told to.
fn reader(folder: &Folder) -> (mpsc::Sender<()>, std::thread::JoinHandle<Vec<u8>>) {
    let path = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (go, told) = mpsc::channel();
    let read = move || {
        let mut fifo = File::open(path).unwrap();
        told.recv().unwrap();
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut fifo, &mut all).unwrap();
        all
    };
    (go, std::thread::Builder::new().spawn(read).unwrap())
}

#[test]
fn what_a_slow_sink_costs_is_told() {
    in_namespace("what_a_slow_sink_costs_is_told", || {
        veth("near", "far");
        let sent: Vec<Vec<u8>> = (0..20_000u32)
            .map(|number| traffic::ethernet(0x88B5, &[number.to_be_bytes().as_slice(), &[7; 996]].concat()))
            .collect();
        for (loss, code) in [("report", 0), ("forbid", 65)] {
            let folder = Folder::new();
            let (go, reads) = reader(&folder);
            let stages = format!(
                "  - {{source: capture, interface: far, block_size: 64KiB, blocks: 8, loss: {loss}}}
  - {{sink: pcap_file, path: fifo}}
execution: {{memory: 1MiB}}\n"
            );
            let running = Running::start(&folder, "run", &stages, &[]);
            Wire::of("near").send(&sent);
            go.send(()).unwrap();
            running.says("the kernel drops packets of `far`");
            let ran = running.stop();
            let got = packets(&reads.join().unwrap());
            let lost = dropped(&ran, "capture");
            assert_eq!((ran.code, got.len() + lost), (code, sent.len()), "{}", ran.stderr);
            assert!(lost > 0 && ran.stderr.contains("kernel_full"), "{}", ran.stderr);
            // What came is in order and as it was sent.
            let number = |frame: &Vec<u8>| u32::from_be_bytes(*frame[14..].first_chunk().unwrap());
            assert!(got.is_sorted_by_key(number) && got.iter().all(|f| *f == sent[number(f) as usize]));
        }
    });
}

#[test]
fn an_interface_that_goes_down_is_waited_for_and_one_that_is_gone_ends_it() {
    in_namespace("an_interface_that_goes_down_is_waited_for_and_one_that_is_gone_ends_it", || {
        veth("near", "far");
        let (folder, sent) = (Folder::new(), frames(300));
        let running = Running::start(&folder, "run", &into_file("interface: far"), &[]);
        Wire::of("near").send(&sent[..100]);
        ip("link set far down");
        running.says("`far` went down");
        ip("link set far up");
        running.says("`far` is up again");
        Wire::of("near").send(&sent[100..]);
        ip("link del far");
        let ran = running.end();
        assert_eq!(ran.code, 65, "{}", ran.stderr);
        assert!(ran.stderr.contains("`far` is gone"), "{}", ran.stderr);
        assert!(packets(&folder.read("out.pcap")) == sent);

        // One of several that is gone does not end the others.
        veth("near1", "far1");
        veth("near2", "far2");
        let running = Running::start(&folder, "run", &into_file("interfaces: [far1, far2]"), &[]);
        ip("link del far1");
        running.says("`far1` is gone");
        Wire::of("near2").send(&sent);
        assert_eq!(running.stop().code, 65);
        assert!(packets(&folder.read("out.pcap")) == sent);
    });
}

#[test]
fn a_quiet_wire_keeps_nobody_from_stopping() {
    in_namespace("a_quiet_wire_keeps_nobody_from_stopping", || {
        veth("near", "far");
        let folder = Folder::new();
        let options = "interface: far, retire: 1m";
        let running = Running::start(&folder, "run", &into_file("interface: far"), &[]);
        assert!(
            Command::new("ip")
                .args(["-d", "link", "show", "far"])
                .output()
                .is_ok_and(|told| { String::from_utf8_lossy(&told.stdout).contains("promiscuity 1") })
        );
        assert_eq!(running.stop().code, 0);
        assert!(packets(&folder.read("out.pcap")).is_empty());
        // Nothing has come, so that nothing has to be waited for.
        let running = Running::start(&folder, "run", &into_file(options), &[]);
        assert_eq!(running.stop().code, 0);
    });
}

#[test]
fn why_nothing_can_be_captured_is_told() {
    in_namespace("why_nothing_can_be_captured_is_told", || {
        veth("near", "far");
        ip("link set near down");
        let folder = Folder::new();
        for (options, message) in [
            ("interface: fra", "there is no interface `fra`; there are `lo`, "),
            ("interface: near", "the interface `near` is down; `ip link set near up` brings it up"),
            ("interface: far, timestamps: hardware", "cannot have packets stamped by `far`: "),
        ] {
            folder.write(
                "t.yaml",
                format!("version: 1\nname: t\nabout: A test.\nstages:\n{}", into_file(options)),
            );
            let ran = folder.sluice(&["run", "t.yaml"]);
            assert_eq!(ran.code, 1, "{}", ran.stderr);
            assert!(ran.stderr.contains(message), "{}", ran.stderr);
            assert_eq!(folder.sluice(&["check", "t.yaml"]).code, 0);
        }
        ip("link set near up");
        folder.write(
            "t.yaml",
            format!("version: 1\nname: t\nabout: A test.\nstages:\n{}", into_file("interface: far")),
        );
        if let Some(nobody) = folder.as_nobody(&["run", "t.yaml"]) {
            let ran = folder.run(nobody);
            assert_eq!(ran.code, 1, "{}", ran.stderr);
            assert!(ran.stderr.contains("sudo setcap cap_net_raw+ep"), "{}", ran.stderr);
        }
    });
}

/// The fragments of an IP packet of either family, in this order, the data of each at most 504 bytes.
fn cut(frame: &[u8], id: u16) -> Vec<Vec<u8>> {
    let is_v4 = frame[12..14] == [8, 0];
    let (head, body) = frame.split_at(if is_v4 { 34 } else { 54 });
    let pieces = body.chunks(504).enumerate();
    let fragments = pieces.map(|(at, piece)| {
        let (place, more) = (63 * at as u16, (at + 1) * 504 < body.len());
        let mut head = head.to_vec();
        if is_v4 {
            head[16..18].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
            head[18..20].copy_from_slice(&id.to_be_bytes());
            head[20..22].copy_from_slice(&(place | u16::from(more) << 13).to_be_bytes());
        } else {
            head[18..20].copy_from_slice(&(8 + piece.len() as u16).to_be_bytes());
            let next = std::mem::replace(&mut head[20], 44);
            head.extend([next, 0]);
            head.extend((place << 3 | u16::from(more)).to_be_bytes());
            head.extend(u32::from(id).to_be_bytes());
        }
        [&head, piece].concat()
    });
    fragments.collect()
}

fn v4(host: u16) -> IpAddr {
    [10, 1, (host >> 8) as u8, host as u8].into()
}

fn v6(host: u16) -> IpAddr {
    [0xFD00, 0, 0, 0, 0, 0, 0, host].into()
}

/// Addresses of a frame, either one first.
fn pair(frame: &[u8]) -> Vec<u8> {
    let (one, other) = match frame[12..14] {
        [8, 0] => (&frame[26..30], &frame[30..34]),
        _ => (&frame[22..38], &frame[38..54]),
    };
    [one.min(other), one.max(other)].concat()
}

/// The packets that two captures got which divide them in this way.
fn divided(mode: &str, sent: &[Vec<u8>]) -> [Vec<Vec<u8>>; 2] {
    let folder = Folder::new();
    let start = |name: &str| {
        let stages = format!(
            "  - {{source: capture, interface: far, fanout: {{mode: {mode}, group: 17}}}}
  - {{sink: pcap_file, path: {name}.pcap}}\n"
        );
        Running::start(&folder, name, &stages, &[])
    };
    let both = ["one", "other"].map(start);
    Wire::of("near").send(sent);
    both.map(|running| {
        let name = running.name.clone();
        let ran = running.stop();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        packets(&folder.read(&format!("{name}.pcap")))
    })
}

#[test]
fn both_directions_of_a_flow_meet() {
    in_namespace("both_directions_of_a_flow_meet", || {
        veth("near", "far");
        let mut sent = Vec::new();
        for port in 0..200u16 {
            for make in [v4, v6] {
                let ends = [(make(1), 40_000 + port).into(), (make(port % 50 + 2), 443).into()];
                let [client, server] = ends;
                sent.push(traffic::tcp(client, server, 2, b""));
                sent.push(traffic::tcp(server, client, 18, b""));
                sent.push(traffic::tcp(client, server, 16, b"GET / HTTP/1.1\r\n\r\n"));
            }
        }
        let [one, other] = divided("hash", &sent);
        assert_eq!(one.len() + other.len(), sent.len());
        assert!(!one.is_empty() && !other.is_empty());
        let flow = |frame: &Vec<u8>| {
            let at = if frame[12..14] == [8, 0] { 34 } else { 54 };
            let ports = [&frame[at..at + 2], &frame[at + 2..at + 4]];
            (pair(frame), ports[0].min(ports[1]).to_vec(), ports[0].max(ports[1]).to_vec())
        };
        let ours: HashSet<_> = one.iter().map(flow).collect();
        assert!(other.iter().all(|frame| !ours.contains(&flow(frame))));
    });
}

#[test]
fn fragments_meet_their_flow() {
    in_namespace("fragments_meet_their_flow", || {
        veth("near", "far");
        let datagram = |make: fn(u16) -> IpAddr, number: u16| {
            let payload: Vec<u8> = (0..1800 + number).map(|at| at as u8).collect();
            let small = traffic::udp((make(1), 5000).into(), (make(number + 2), 53).into(), b"small");
            let large = traffic::udp((make(1), 5000).into(), (make(number + 2), 53).into(), &payload);
            (small, large)
        };
        // Of one family, the kernel puts them together.
        let (mut sent, mut wanted) = (Vec::new(), HashMap::new());
        for number in 0..60 {
            let (small, large) = datagram(v4, number);
            sent.push(small);
            sent.extend(cut(&large, number));
            wanted.insert(pair(&large), large[34..].to_vec());
        }
        let [one, other] = divided("hash_defrag", &sent);
        assert!(!one.is_empty() && !other.is_empty());
        assert_eq!(one.len() + other.len(), 120);
        for part in [one, other] {
            let of_pair = |frame: &Vec<u8>| part.iter().filter(|it| pair(it) == pair(frame)).count();
            assert!(part.iter().all(|frame| of_pair(frame) == 2), "both datagrams of a flow are here");
            let large = part.iter().filter(|frame| frame.len() > 1000);
            assert!(large.into_iter().all(|frame| wanted[&pair(frame)] == frame[34..]));
        }

        // Of both families, they stay as they are and meet.
        let mut sent = Vec::new();
        for number in 0..60 {
            for make in [v4, v6] {
                let (small, large) = datagram(make, number);
                sent.push(small);
                let mut fragments = cut(&large, number);
                fragments.rotate_left(usize::from(number) % 3);
                sent.extend(fragments);
                sent.push(tagged(0x88A8, 5, &tagged(0x8100, 6, &large[..200])));
                sent.push(traffic::udp((make(number + 2), 53).into(), (make(1), 5000).into(), b"back"));
            }
        }
        let [one, other] = divided("host_pair", &sent);
        assert!(!one.is_empty() && !other.is_empty());
        assert_eq!(one.len() + other.len(), sent.len());
        let untagged = |frame: &Vec<u8>| match frame[12..14] {
            [0x88, 0xA8] => [&frame[..12], &frame[20..]].concat(),
            _ => frame.clone(),
        };
        let ours: HashSet<_> = one.iter().map(|frame| pair(&untagged(frame))).collect();
        assert!(other.iter().all(|frame| !ours.contains(&pair(&untagged(frame)))));
    });
}

#[test]
fn each_shard_has_a_part_of_the_packets() {
    in_namespace("each_shard_has_a_part_of_the_packets", || {
        veth("near", "far");
        let (folder, sent) = (Folder::new(), frames(2000));
        let stages = "  - {source: capture, interface: far, fanout: {mode: host_pair}}
  - {filter: decode}
  - {sink: pcap_file, path: out.pcap}\n";
        let running = Running::start(&folder, "run", stages, &["--mode", "sharded", "--workers", "2"]);
        Wire::of("near").send(&sent);
        until("all have come", || running.figure("far", "received") == 2000);
        let view = running.view().unwrap();
        let shards = view["stages"][0]["shards"].as_array().unwrap();
        let received = |shard: &Value| shard["view"]["figures"][0]["value"].as_u64().unwrap();
        assert!(shards.len() == 2 && shards.iter().all(|shard| received(shard) > 0), "{view}");
        let ran = running.stop();
        assert_eq!((ran.code, dropped(&ran, "capture")), (0, 0), "{}", ran.stderr);
        let (mut got, mut sent) = (packets(&folder.read("out.pcap")), sent);
        got.sort();
        sent.sort();
        assert!(got == sent);
    });
}
