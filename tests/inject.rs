//! The sink `inject`, and the pipeline `replay`, on interfaces of their own; what arrives is recorded by tcpdump.

use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sluice::testkit::traffic;
use sluice_tests::{Folder, net, packets, pcap, skip, until, wait};

const MODES: [&str; 3] = ["staged", "workers", "sharded"];

/// A recording of what arrives at an interface.
struct Recording {
    tcpdump: Child,
    /// Open, for who cannot tell how much it got does not go on.
    _told: BufReader<ChildStderr>,
    file: String,
}

impl Recording {
    /// Begins one that ends after so many packets.
    fn of(folder: &Folder, interface: &str, count: usize) -> Self {
        let file = format!("{interface}.pcap");
        let mut command = Command::new("tcpdump");
        command.args(["-i", interface, "-Q", "in", "-U", "-s", "16384", "-B", "16384"]);
        command.args(["-c", &count.to_string(), "-Z", "root", "-w"]).arg(folder.path(&file));
        let mut tcpdump = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(tcpdump.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(told.read_line(&mut line).unwrap() > 0, "tcpdump has ended");
        }
        Self { tcpdump, _told: told, file }
    }

    /// Waits for its end; what arrived.
    fn packets(mut self, folder: &Folder) -> Vec<Vec<u8>> {
        assert!(wait(&mut self.tcpdump).success());
        packets(&folder.read(&self.file))
    }
}

fn has_tcpdump() -> bool {
    let found = Command::new("tcpdump").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        skip("there is no `tcpdump`");
    }
    found.is_ok()
}

/// A pipeline with this sink behind the capture `in.pcap`.
fn pipeline(options: &str) -> String {
    format!("version: 1\nstages:\n- {{source: pcap_file, path: in.pcap}}\n- {{sink: inject, {options}}}\n")
}

/// The summary of a run that ended with this code, and what it told.
fn run(folder: &Folder, args: &[&str], code: i32) -> (Value, String) {
    let ran = folder.sluice(&[&["run", "--summary", "json"], args].concat());
    assert_eq!(ran.code, code, "{}", ran.stderr);
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

fn sink(summary: &Value) -> &Value {
    let sink = summary["stages"].as_array().unwrap().last().unwrap();
    let count = |key: &str| sink[key].as_u64().unwrap();
    let dropped: u64 = sink["dropped"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(count("taken") + count("created"), count("passed") + dropped + count("held"));
    sink
}

/// Frames with no tag, one, two and three, and as long as the interface sends.
fn frames() -> Vec<Vec<u8>> {
    let tagged = |tpid: u16, id: u16, frame: &[u8]| {
        [&frame[..12], &tpid.to_be_bytes(), &id.to_be_bytes(), &frame[12..]].concat()
    };
    let mut frames = traffic::mixture(200, 7);
    for (at, frame) in traffic::mixture(60, 8).iter().enumerate() {
        frames.push(match at % 6 {
            0 => tagged(0x8100, 100, frame),
            1 => tagged(0x88A8, 300, frame),
            2 => tagged(0x88A8, 100, &tagged(0x8100, 200, frame)),
            3 => tagged(0x8100, 0xE000, &tagged(0x8100, 200, frame)),
            4 => tagged(0x9100, 100, &tagged(0x8100, 200, frame)),
            _ => tagged(0x88A8, 4, &tagged(0x88A8, 5, &tagged(0x8100, 6, frame))),
        });
    }
    let long = traffic::ethernet(0x88B5, &[0x5A; 1500]);
    frames.extend([tagged(0x8100, 7, &long), traffic::ethernet(0x88B5, b""), long]);
    frames
}

fn arrives() {
    net::veth("near", "far");
    let folder = Folder::new();
    let frames = frames();
    folder.write("in.pcap", pcap(&frames));
    for (mode, speed) in MODES.into_iter().zip(["flat_out", "1x", "50k/s"]) {
        let recording = Recording::of(&folder, "far", frames.len());
        let (input, speed) = ("input=in.pcap", format!("speed={speed}"));
        let (summary, told) = run(&folder, &["replay", input, "interface=near", &speed, "--mode", mode], 0);
        assert_eq!(sink(&summary)["passed"], frames.len(), "{told}");
        assert_eq!(recording.packets(&folder), frames, "{mode} {speed}");
        let bytes: usize = frames.iter().map(Vec::len).sum();
        assert!(told.contains(&format!("sent {} packets, {bytes} bytes", frames.len())), "{told}");
        assert_eq!(told.contains("late by "), mode != "staged", "{told}");
        let figures = &summary["views"][0]["merged"]["figures"];
        assert_eq!(figures[0]["group"], "near");
        assert_eq!(figures[0]["value"], frames.len());
    }
}

#[test]
fn a_capture_arrives_complete_in_order_and_byte_for_byte() {
    if has_tcpdump() {
        net::in_namespace("a_capture_arrives_complete_in_order_and_byte_for_byte", arrives);
    }
}

fn misfits() {
    net::veth("near", "far");
    let folder = Folder::new();
    // The first is one byte too long, the last one less than a header.
    let frames = [vec![2; 14 + 1501], traffic::ethernet(0x88B5, &[0x5A; 1500]), vec![2; 13]];
    folder.write("in.pcap", pcap(&frames));
    folder.write("p.yaml", pipeline("interface: near, speed: flat_out"));
    let recording = Recording::of(&folder, "far", 1);
    let (summary, _) = run(&folder, &["p.yaml"], 0);
    assert_eq!(sink(&summary)["dropped"], serde_json::json!({"too_long": 1, "too_short": 1}));
    assert_eq!(recording.packets(&folder), frames[1..2]);

    // With room for them, long frames go as well as others.
    net::ip("link set near mtu 9000");
    net::ip("link set far mtu 9000");
    let long = [traffic::ethernet(0x88B5, &[0x5A; 9000]), traffic::ethernet(0x88B5, &[0x5A; 9001])];
    folder.write("in.pcap", pcap(&long));
    let recording = Recording::of(&folder, "far", 1);
    let (summary, _) = run(&folder, &["p.yaml"], 0);
    assert_eq!(sink(&summary)["dropped"], serde_json::json!({"too_long": 1}));
    assert_eq!(recording.packets(&folder), long[..1]);

    // What was cut off when it was captured is not sent, or padded, or sent as it is.
    let whole = traffic::ethernet(0x88B5, &[0x5A; 100]);
    let mut file = pcap(&[&whole[..60], &whole]);
    file[24 + 12..24 + 16].copy_from_slice(&114u32.to_le_bytes());
    folder.write("in.pcap", file);
    let padded = [&whole[..60], &[0; 54]].concat();
    for (cut, expected) in [("drop", vec![]), ("pad", vec![padded]), ("send", vec![whole[..60].to_vec()])] {
        folder.write("p.yaml", pipeline(&format!("interface: near, speed: flat_out, cut: {cut}")));
        let recording = Recording::of(&folder, "far", expected.len() + 1);
        let (summary, _) = run(&folder, &["p.yaml"], 0);
        assert_eq!(sink(&summary)["dropped"]["cut"].as_u64().unwrap_or(0), 1 - expected.len() as u64);
        assert_eq!(recording.packets(&folder), [expected, vec![whole.clone()]].concat(), "{cut}");
    }

    // A frame check sequence is not part of what is sent: the upper bits of the link type tell of two times 16 bits.
    let mut file = pcap(&[[&whole[..], &[1, 2, 3, 4]].concat()]);
    file[20..24].copy_from_slice(&(1u32 | 2 << 28 | 1 << 26).to_le_bytes());
    folder.write("in.pcap", file);
    let recording = Recording::of(&folder, "far", 1);
    run(&folder, &["p.yaml"], 0);
    assert_eq!(recording.packets(&folder), std::slice::from_ref(&whole));

    // Neither is a packet of another link type.
    let mut file = pcap(&[&whole[14..]]);
    file[20..24].copy_from_slice(&101u32.to_le_bytes());
    folder.write("in.pcap", file);
    let (summary, _) = run(&folder, &["p.yaml"], 0);
    assert_eq!(sink(&summary)["dropped"], serde_json::json!({"link_type_differs": 1}));
}

#[test]
fn what_cannot_be_sent_is_counted() {
    if has_tcpdump() {
        net::in_namespace("what_cannot_be_sent_is_counted", misfits);
    }
}

fn loops() {
    net::veth("near", "far");
    let folder = Folder::new();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let packet = |[source, destination]: [&str; 2]| {
        traffic::udp((address(source), 5000).into(), (address(destination), 53).into(), b"a question")
    };
    let group =
        traffic::udp((address("10.0.0.9"), 5353).into(), (address("224.0.0.251"), 5353).into(), b"to all");
    let first = [packet(["10.0.0.1", "10.0.0.255"]), packet(["fd00::1", "fd00::2"]), group];
    let second = [packet(["10.0.0.2", "10.0.1.0"]), packet(["fd00::2", "fd00::3"])];
    let third = [packet(["10.0.0.3", "10.0.1.1"]), packet(["fd00::3", "fd00::4"])];
    folder.write("in.pcap", pcap(&first));
    for options in ["", ", preload: true", ", speed: flat_out"] {
        let options = format!("interface: near, loops: 3, unique_addresses: true{options}");
        folder.write("p.yaml", pipeline(&options));
        let recording = Recording::of(&folder, "far", 9);
        let (summary, _) = run(&folder, &["p.yaml"], 0);
        let sink = sink(&summary);
        assert_eq!([&sink["taken"], &sink["created"], &sink["passed"]], [3, 6, 9]);
        let got = recording.packets(&folder);
        assert_eq!(got[..3], first, "{options}");
        assert_eq!([&got[3], &got[4]], [&second[0], &second[1]], "{options}");
        assert_eq!([&got[6], &got[7]], [&third[0], &third[1]], "{options}");
        // The group keeps its address, and who sends to it does not.
        assert_eq!((&got[8][26..30], &got[8][30..34]), (&[10, 0, 0, 11][..], &[224, 0, 0, 251][..]));
    }

    folder.write("p.yaml", pipeline("interface: near, loops: 2, memory: 1KiB"));
    let ran = folder.sluice(&["run", "p.yaml"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("take more than the 1KiB that `memory` allows"), "{}", ran.stderr);
}

#[test]
fn loops_send_all_again_with_other_addresses() {
    if has_tcpdump() {
        net::in_namespace("loops_send_all_again_with_other_addresses", loops);
    }
}

fn ways() {
    net::veth("near", "far");
    net::veth("left", "right");
    let folder = Folder::new();
    let [client, server] = [([10, 0, 0, 1], 40000), ([10, 0, 0, 2], 80)];
    let asks = traffic::tcp(client.into(), server.into(), 2, b"");
    let answers = traffic::tcp(server.into(), client.into(), 18, b"");
    folder.write("in.pcap", pcap(&[&asks, &answers, &asks]));
    folder.write(
        "p.yaml",
        "version: 1\nstages:\n\
         - {source: pcap_file, path: in.pcap}\n\
         - {filter: decode}\n\
         - {filter: split_direction}\n\
         - {sink: inject, sides: {client: near, server: left}, speed: flat_out}\n",
    );
    let recordings = [Recording::of(&folder, "far", 2), Recording::of(&folder, "right", 1)];
    let (summary, _) = run(&folder, &["p.yaml"], 0);
    assert_eq!(sink(&summary)["passed"], 3);
    let [far, right] = recordings.map(|recording| recording.packets(&folder));
    assert_eq!((far, right), (vec![asks.clone(), asks.clone()], vec![answers.clone()]));

    // Two captures on interfaces that differ, in how much of a packet they keep.
    folder.write("asks.pcap", pcap(&[&asks, &asks]));
    let mut file = pcap(&[&answers]);
    file[16..20].copy_from_slice(&65_535u32.to_le_bytes());
    folder.write("answers.pcap", file);
    folder.write(
        "p.yaml",
        "version: 1\nstages:\n\
         - {source: pcap_file, paths: [asks.pcap, answers.pcap], combine: merge}\n\
         - {sink: inject, interfaces: [near, left]}\n",
    );
    let recordings = [Recording::of(&folder, "far", 2), Recording::of(&folder, "right", 1)];
    run(&folder, &["p.yaml"], 0);
    let [far, right] = recordings.map(|recording| recording.packets(&folder));
    assert_eq!((far, right), (vec![asks.clone(), asks], vec![answers]));
    folder.write("p.yaml", String::from_utf8(folder.read("p.yaml")).unwrap().replace(", left", ""));
    let (summary, _) = run(&folder, &["p.yaml"], 0);
    assert_eq!(sink(&summary)["dropped"], serde_json::json!({"no_interface": 1}));
}

#[test]
fn packets_go_by_side_or_by_interface() {
    if has_tcpdump() {
        net::in_namespace("packets_go_by_side_or_by_interface", ways);
    }
}

/// How many packets an interface has received.
fn received(interface: &str) -> u64 {
    let told = Command::new("ip").args(["-s", "-j", "link", "show", interface]).output().unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    told[0]["stats64"]["rx"]["packets"].as_u64().unwrap()
}

fn no_room() {
    net::veth("near", "far");
    let folder = Folder::new();
    let frames = vec![traffic::ethernet(0x88B5, &[0x5A; 1000]); 3000];
    folder.write("in.pcap", pcap(&frames));

    // Without a carrier the driver takes nothing; it waits until there is one.
    folder.write("p.yaml", pipeline("interface: near, speed: flat_out"));
    net::ip("link set far down");
    let before = received("far");
    let mut command = folder.command(&["run", "p.yaml", "--control", "socket"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("`near` takes no packets; has it a carrier?"), "{line}");
    net::ip("link set far up");
    assert_eq!(wait(&mut child).code(), Some(0));
    told.read_to_string(&mut line).unwrap();
    assert!(line.contains("sent 3000 packets"), "{line}");
    assert_eq!(received("far") - before, 3000);

    // A slow link, as far as that can be had: packets wait in its queue until that is full.
    let slow = "qdisc add dev near root tbf rate 100mbit burst 8kb limit 10mb";
    if !Command::new("tc").args(slow.split(' ')).status().is_ok_and(|status| status.success()) {
        return println!("no slow link: `tc` cannot make one here");
    }
    folder.write("p.yaml", pipeline("interface: near, speed: flat_out, traffic_control: true"));
    let before = received("far");
    let (summary, _) = run(&folder, &["p.yaml"], 0);
    assert_eq!(sink(&summary)["passed"], 3000);
    until("the queue is empty", || received("far") - before == 3000);
}

#[test]
fn nothing_is_lost_while_there_is_no_room() {
    net::in_namespace("nothing_is_lost_while_there_is_no_room", no_room);
}

/// A capture with an hour between its second and its third packet.
fn with_a_gap() -> Vec<u8> {
    let frame = traffic::ethernet(0x88B5, b"one of many");
    let mut file = pcap(&vec![frame.clone(); 50]);
    for at in 2..50 {
        let at = 24 + at * (16 + frame.len());
        file[at..at + 4].copy_from_slice(&1_700_003_600u32.to_le_bytes());
    }
    file
}

fn stops() {
    net::veth("near", "far");
    let folder = Folder::new();
    folder.write("in.pcap", with_a_gap());
    for mode in MODES {
        let args = ["run", "replay", "input=in.pcap", "interface=near", "--summary", "json", "--mode", mode];
        let mut command = folder.command(&[&args[..], &["--control", "socket"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("two packets went", || {
            let ran = folder.sluice(&["status", "--control", "socket", "--json"]);
            ran.code == 0 && {
                let status: Value = serde_json::from_str(&ran.stdout).unwrap();
                let sink = status["stages"].as_array().unwrap().last().unwrap().clone();
                sink["passed"] == 2 && sink["held"] == 48
            }
        });
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(wait(&mut child).code(), Some(0));
        let mut summary = String::new();
        child.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        assert_eq!(summary["outcome"], "stopped");
        let sink = sink(&summary);
        assert_eq!((&sink["passed"], &sink["dropped"]), (&2.into(), &serde_json::json!({"stopped": 48})));
    }
    // Nobody has to wait that long.
    folder.write("p.yaml", pipeline("interface: near, longest_gap: 10ms"));
    let (summary, _) = run(&folder, &["p.yaml"], 0);
    assert_eq!(sink(&summary)["passed"], 50);
    // What goes on for ever ends too.
    folder.write("p.yaml", pipeline("interface: near, speed: flat_out, loops: 0"));
    let mut child = folder.command(&["run", "-q", "p.yaml", "--control", "socket"]).spawn().unwrap();
    until("it runs", || {
        let ran = folder.sluice(&["view", "--control", "socket", "--json"]);
        ran.code == 0 && ran.stdout.contains("\"near\"")
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn a_stop_does_not_wait_for_a_packet_that_is_due_in_an_hour() {
    net::in_namespace("a_stop_does_not_wait_for_a_packet_that_is_due_in_an_hour", stops);
}

fn interfaces() {
    net::veth("near", "far");
    net::ip("link set lo up");
    let folder = Folder::new();
    folder.write("in.pcap", with_a_gap());
    let fails = |interface: &str, what: &str| {
        let ran = folder.sluice(&["run", "replay", "input=in.pcap", &format!("interface={interface}")]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(what), "{}", ran.stderr);
    };
    fails("none", "there is no interface `none`; there are `lo`, ");
    net::ip("link set near down");
    fails("near", "the interface `near` is down; `ip link set near up` brings it up");
    net::ip("link set near up");
    if let Some(command) = folder.as_nobody(&["run", "replay", "input=in.pcap", "interface=near"]) {
        let ran = folder.run(command);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let expected =
            "cannot send through `near`: operation not permitted: this takes CAP_NET_RAW; run it as root";
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    // One that goes away while it is used.
    for how in ["link set near down", "link del near"] {
        folder.write("p.yaml", pipeline("interface: near, speed: 100/s, loops: 0"));
        let mut command = folder.command(&["run", "p.yaml", "--control", "socket"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        until("it runs", || folder.sluice(&["status", "--control", "socket"]).code == 0);
        net::ip(how);
        assert_eq!(wait(&mut child).code(), Some(1));
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(told.contains("cannot send through `near`: "), "{told}");
        if how.ends_with("down") {
            net::ip("link set near up");
        }
    }
}

#[test]
fn an_interface_that_cannot_be_used_is_told_of() {
    net::in_namespace("an_interface_that_cannot_be_used_is_told_of", interfaces);
}
