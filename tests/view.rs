//! What the stages of a run show of themselves: while it goes on, when it has ended, and the same in every mode.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use serde_json::Value;
use sluice_tests::{Folder, until, wait};

/// A SYN that nobody answers, a handshake, and two packets of UDP.
fn packets() -> Vec<Vec<u8>> {
    let tcp = |from: [u8; 4], to: [u8; 4], ports: [u16; 2], numbers: [u32; 2], flags: u8| {
        let mut packet =
            vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0];
        packet.extend([from, to].concat());
        packet.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        packet.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        packet.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        packet
    };
    let (client, server) = ([10, 0, 0, 1], [192, 0, 2, 80]);
    let udp = |from: [u8; 4], to: [u8; 4], ports: [u16; 2]| {
        let mut packet =
            vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, 17, 0, 0];
        packet.extend([from, to].concat());
        packet.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        packet.extend([0, 8, 0, 0]);
        packet
    };
    vec![
        tcp([10, 0, 0, 9], server, [5000, 443], [1, 0], 2),
        tcp(client, server, [40_000, 80], [1, 0], 2),
        tcp(server, client, [80, 40_000], [9, 2], 18),
        tcp(client, server, [40_000, 80], [2, 10], 16),
        udp(client, [192, 0, 2, 53], [5353, 53]),
        udp([192, 0, 2, 53], client, [53, 5353]),
    ]
}

fn figure(view: &Value, group: &str, name: &str) -> u64 {
    let figures = view["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["group"] == group && figure["name"] == name);
    found.unwrap_or_else(|| panic!("no {group} {name}"))["value"].as_u64().unwrap()
}

fn rows(view: &Value, table: &str) -> Value {
    let tables = view["tables"].as_array().unwrap();
    tables.iter().find(|it| it["name"] == table).unwrap()["rows"].clone()
}

#[test]
fn a_run_that_goes_on_is_looked_at() {
    let folder = Folder::new();
    let args =
        ["run", "-q", "connections", "input=-", "--mode", "sharded", "--workers", "2", "--control", "socket"];
    let mut command = folder.command(&args);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&sluice_tests::pcap(&packets())).unwrap();
    stdin.flush().unwrap();
    let look = || {
        let ran = folder.sluice(&["view", "--control", "socket", "--json"]);
        (ran.code == 0).then(|| serde_json::from_str::<Value>(&ran.stdout).unwrap())
    };
    let live = |view: &Value| figure(&view["stages"][0]["merged"], "flows", "live");
    until("all packets have come", || look().is_some_and(|view| live(&view) == 3));

    let view = look().unwrap();
    assert_eq!((&view["pipeline"], &view["state"]), (&"connections".into(), &"running".into()));
    let stage = &view["stages"][0];
    let all = &stage["merged"];
    for (group, name, value) in [
        ("flows", "half_open", 1),
        ("flows", "new", 3),
        ("flows", "closed", 0),
        ("tcp", "syn_sent", 1),
        ("tcp", "established", 1),
        ("udp", "answered", 1),
        ("handshakes", "timed", 1),
    ] {
        assert_eq!(figure(all, group, name), value, "{group} {name}");
    }
    assert_eq!(rows(all, "half_open")[0]["key"][0], "192.0.2.80:443");
    assert_eq!(rows(all, "slow_handshakes")[0]["key"][0], "10.0.0.1:40000");
    let talker = &rows(all, "top_talkers")[0];
    assert_eq!((&talker["key"][0], &talker["values"][0]), (&"10.0.0.1".into(), &(54 * 3 + 42 * 2).into()));
    let shards = stage["shards"].as_array().unwrap();
    assert_eq!(shards.iter().map(|shard| figure(&shard["view"], "flows", "live")).sum::<u64>(), 3);

    let ran = folder.sluice(&["view", "--control", "socket", "--per-shard"]);
    assert!(ran.stdout.starts_with("connections: flows after "), "{}", ran.stdout);
    assert!(ran.stdout.contains(" all    shard 0    shard 1\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n192.0.2.80:443 "), "{}", ran.stdout);

    let mut client = UnixStream::connect(folder.path("socket")).unwrap();
    client.write_all(b"flows\n").unwrap();
    let answer = std::io::read_to_string(client).unwrap();
    assert_eq!(answer, "{\"error\":\"unknown request `flows`: ask for `status` or `view`\"}\n");

    drop(stdin);
    assert_eq!(wait(&mut child).code(), Some(0));
    let ran = folder.sluice(&["view", "--control", "socket"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert_eq!(ran.stderr, "error: no run answers at `socket`: no such file or directory\n");
}

#[test]
fn the_merged_view_is_the_same_in_every_mode() {
    let folder = Folder::new();
    folder.write(
        "make.yaml",
        "version: 1\nstages:\n\
         - {source: generate, kind: packets, count: 6000, flows: 200, ipv6: 30}\n\
         - {sink: pcap_file, path: in.pcap}\n",
    );
    assert_eq!(folder.sluice(&["run", "-q", "make.yaml"]).code, 0);
    let merged = |mode: &str, workers: &str| {
        let args = [
            "run",
            "-q",
            "connections",
            "input=in.pcap",
            "--view=json",
            "--mode",
            mode,
            "--workers",
            workers,
        ];
        let ran = folder.sluice(&args);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let view: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(view["state"], "ended");
        let stage = view["stages"][0].clone();
        let shards = stage["shards"].as_array().unwrap();
        for (group, name) in [("flows", "live"), ("flows", "new"), ("tcp", "closed"), ("handshakes", "slow")]
        {
            let sum: u64 = shards.iter().map(|shard| figure(&shard["view"], group, name)).sum();
            assert_eq!(sum, figure(&stage["merged"], group, name), "{mode} {workers} {group} {name}");
        }
        let mut all = stage["merged"].clone();
        // Each shard has a limit of its own, and memory in pages of its own.
        let figures = all["figures"].as_array_mut().unwrap();
        figures.retain(|figure| figure["group"] != "memory");
        (shards.len(), all)
    };
    let (one, staged) = merged("staged", "1");
    assert_eq!(one, 1);
    assert!(figure(&staged, "flows", "new") >= 200);
    assert_eq!(rows(&staged, "top_talkers").as_array().unwrap().len(), 10);
    for (mode, workers, shards) in [
        ("workers", "1", 1),
        ("workers", "3", 1),
        ("sharded", "1", 1),
        ("sharded", "2", 2),
        ("sharded", "5", 5),
    ] {
        let (of, other) = merged(mode, workers);
        assert_eq!(of, shards, "{mode} {workers}");
        assert_eq!(other, staged, "{mode} {workers}");
    }
}

#[test]
fn a_view_of_nothing_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    folder.write("in.pcap", sluice_tests::pcap(&packets()));
    let ran = folder.sluice(&["run", "pcap-rewrite", "input=in.pcap", "output=out.pcap", "--view"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "error: no stage of this pipeline has a view\n"));
    assert_eq!(folder.names(), ["in.pcap"]);
}

#[test]
fn without_a_terminal_text_is_shown_once_at_the_end() {
    let folder = Folder::new();
    folder.write("in.pcap", sluice_tests::pcap(&packets()));
    let ran = folder.sluice(&["run", "-q", "connections", "input=in.pcap", "output=out.json", "--view"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert_eq!(ran.stderr.matches("connections: flows after ").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("flows       live "), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    // JSON makes way for a pipeline that writes to standard output.
    let ran = folder.sluice(&["run", "-q", "connections", "input=in.pcap", "output=-", "--view=json"]);
    assert_eq!(ran.stdout.lines().count(), 3);
    assert!(ran.stdout.lines().all(|line| line.starts_with("{\"ts\":")), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("{\"pipeline\":\"connections\","), "{}", ran.stderr);
}
