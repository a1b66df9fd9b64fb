//! Every mode and any number of threads give the same result: of the prebuilt pipelines, byte for byte, or line for line
//! where the order is that of the shards.

use sluice_tests::{Folder, fragments, pcap, root};

/// What is compared with `--mode staged`.
const OTHERS: [[&str; 4]; 5] = [
    ["--mode", "workers", "--workers", "1"],
    ["--mode", "workers", "--workers", "3"],
    ["--mode", "sharded", "--workers", "1"],
    ["--mode", "sharded", "--workers", "2"],
    ["--mode", "sharded", "--workers", "5"],
];

const STAGED: [&str; 4] = ["--mode", "staged", "--workers", "1"];

fn run(folder: &Folder, args: &[&str], mode: [&str; 4]) -> Vec<(String, Vec<u8>)> {
    for name in folder.names().iter().filter(|name| name.starts_with("out")) {
        std::fs::remove_file(folder.path(name)).unwrap();
    }
    let ran = folder.sluice(&[&["run", "--quiet"], args, &mode].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?} {mode:?}");
    let names = folder.names().into_iter().filter(|name| name.starts_with("out"));
    names.map(|name| (name.clone(), folder.read(&name))).collect()
}

/// The same lines in an order of its own: shards end their flows each for itself.
fn same_lines_in_every_mode(folder: &Folder, args: &[&str]) {
    let sorted = |mode| {
        let files = run(folder, args, mode);
        let mut lines: Vec<_> = files[0].1.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    let staged = sorted(STAGED);
    assert!(staged.len() > 100);
    for mode in OTHERS {
        assert!(sorted(mode) == staged, "{args:?} {mode:?}");
    }
}

fn same_in_every_mode(folder: &Folder, args: &[&str]) {
    let staged = run(folder, args, STAGED);
    assert!(!staged.is_empty() && staged.iter().all(|(_, bytes)| !bytes.is_empty()), "{args:?}");
    for mode in OTHERS {
        let other = run(folder, args, mode);
        let names =
            |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&other), names(&staged), "{args:?} {mode:?}");
        let differs = other.iter().zip(&staged).find(|(a, b)| a != b);
        assert!(
            differs.is_none(),
            "{args:?} {mode:?}: `{}` differs",
            differs.map_or("", |(file, _)| &file.0)
        );
    }
}

/// A folder with a capture of many batches and one of a few packets in the other format, and a log.
fn with_traffic() -> Folder {
    let folder = Folder::new();
    folder.write(
        "make.yaml",
        "version: 1\n\
         stages:\n\
         - {source: generate, kind: packets, count: 12000, ipv6: 30, sizes: [64, 200, 1500]}\n\
         - {sink: pcap_file, path: in.pcap, resolution: micro}\n\
         - {sink: pcap_file, id: ng, inputs: generate, path: in.pcapng, format: pcapng}\n",
    );
    let ran = folder.sluice(&["run", "-q", "make.yaml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let lines: Vec<String> = (0..30_000).map(|n| format!("{n} one line of a log\n")).collect();
    folder.write("in.log", lines.concat());
    folder
}

#[test]
fn prebuilt_pipelines() {
    let folder = with_traffic();
    let key = format!("key={}", "1f".repeat(32));
    for args in [
        &["log-to-file", "input=in.log", "output=out.log"][..],
        &["pcap-anonymize", "input=in.pcapng", "output=out.pcap", &key],
        &["pcap-filter", "input=in.pcap", "output=out.pcap", "where=tcp or udp.port < 30000"],
        &["pcap-filter", "input=in.pcapng", "output=out.pcapng", "where=ipv6"],
        &["pcap-merge", "inputs=in.pcap,in.pcapng", "output=out.pcapng"],
        &["pcap-rewrite", "input=in.pcap", "output=out.pcap", "macs=02:00:00:00:00:01=02:00:00:00:00:09"],
        &["pcap-rewrite", "input=in.pcapng", "output=out.pcapng.gz"],
        &["pcap-split", "input=in.pcap", "output=out.pcap", "count=5000"],
        &["pcap-stats", "input=in.pcap", "output=out.txt"],
        &["pcap-stats", "input=in.pcap", "output=out.json", "format=json", "top=100"],
        &["pcap-to-json", "input=in.pcapng", "output=out.json"],
    ] {
        same_in_every_mode(&folder, args);
    }
    same_lines_in_every_mode(&folder, &["connections", "input=in.pcap", "output=out.json"]);
    for names in ["names=zeek", "names=eve", "names=ipfix"] {
        same_lines_in_every_mode(&folder, &["pcap-flows", "input=in.pcap", "output=out.json", names]);
    }
}

/// Thousands of flows are left when the input ends, which is more than `flows` gives out in one call.
#[test]
fn what_is_given_out_in_several_calls() {
    let folder = Folder::new();
    folder.write(
        "make.yaml",
        "version: 1\n\
         stages:\n\
         - {source: generate, kind: packets, count: 20000, flows: 5000}\n\
         - {sink: pcap_file, path: in.pcap}\n",
    );
    assert_eq!(folder.sluice(&["run", "-q", "make.yaml"]).code, 0);
    same_lines_in_every_mode(&folder, &["pcap-flows", "input=in.pcap", "output=out.json"]);
}

/// Rewriting makes one flow of several, which then have to meet, whatever the packets were divided by before.
#[test]
fn a_keyed_filter_behind_one_that_changes_keys() {
    let folder = with_traffic();
    for key in ["flow", "host", "datagram"] {
        folder.write(
            "p.yaml",
            format!(
                "version: 1\n\
                 execution: {{batch: 16KiB, key: {key}}}\n\
                 stages:\n\
                 - {{source: pcap_file, path: in.pcap}}\n\
                 - {{filter: decode}}\n\
                 - {{filter: rewrite, addresses: {{10.0.0.0/8: 10.0.0.0/30}}}}\n\
                 - {{filter: flows, shard_by: host, workers: 2}}\n\
                 - {{sink: file, path: out.json, format: json}}\n"
            ),
        );
        same_lines_in_every_mode(&folder, &["p.yaml"]);
    }
}

/// Fragments meet by their datagram, and what they make meets what was whole by its flow.
#[test]
fn fragments_and_whole_packets_of_one_flow() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&fragments()));
    let pipeline = |options: &str, rest: &str| {
        format!(
            "version: 1\n\
             execution: {{batch: 16KiB}}\n\
             stages:\n\
             - {{source: pcap_file, path: in.pcap}}\n\
             - {{filter: decode}}\n\
             - {{filter: defragment, shard_by: datagram, workers: 2{options}}}\n{rest}"
        )
    };
    folder.write("whole.yaml", pipeline("", "- {sink: pcap_file, path: out.pcap}\n"));
    same_in_every_mode(&folder, &["whole.yaml"]);
    let lines = "- {sink: file, path: out.json, format: json}\n";
    folder.write("all.yaml", pipeline(", incomplete: pass, timeout: 20ms", lines));
    same_lines_in_every_mode(&folder, &["all.yaml"]);
    let flows = format!("- {{filter: flows, shard_by: flow, workers: 3}}\n{lines}");
    folder.write("flows.yaml", pipeline("", &flows));
    let files = run(&folder, &["flows.yaml"], STAGED);
    assert_eq!(files[0].1.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), 37);
    for mode in OTHERS {
        let lines = |files: &[(String, Vec<u8>)]| {
            let mut lines: Vec<_> = files[0].1.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&run(&folder, &["flows.yaml"], mode)), lines(&files), "{mode:?}");
    }
}

#[test]
fn prebuilt_pipelines_pass_their_own_tests() {
    let folder = Folder::new();
    for mode in OTHERS {
        let ran = folder.sluice(&[&["test"][..], &mode].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{mode:?}\n{}", ran.stdout);
    }
}

/// Pipelines that need interfaces: live.rs and inject.rs run them.
const LIVE: [&str; 5] = ["bridge", "capture-print", "capture-to-pcap", "connections-live", "replay"];

#[test]
fn every_prebuilt_pipeline_is_here() {
    let told = std::fs::read_to_string(root().join("tests/modes.rs")).unwrap();
    for pipeline in std::fs::read_dir(root().join("pipelines")).unwrap() {
        let name = pipeline.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        let is_here = LIVE.contains(&&*name) || told.contains(&format!("\"{name}\""));
        assert!(is_here, "{name} is run in one mode only");
    }
}

#[test]
fn bench_shows_all_modes_side_by_side_and_writes_nothing() {
    let folder = with_traffic();
    folder.write("out.pcap", "not to be touched");
    let before = folder.names();
    let args =
        ["bench", "pcap-rewrite", "input=in.pcap", "output=out.pcap", "--workers", "1,2", "--runs", "1"];
    let ran = folder.sluice(&args);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("pcap-rewrite: 12,000 packets, "), "{}", ran.stdout);
    let modes: Vec<_> = ran.stdout.lines().skip(3).take(5).filter_map(|line| line.split_once("  ")).collect();
    assert_eq!(
        modes.iter().map(|(mode, _)| *mode).collect::<Vec<_>>(),
        ["staged", "workers", "workers", "sharded", "sharded"]
    );
    assert!(ran.stdout.contains("\nbest  "), "{}", ran.stdout);

    let ran = folder.sluice(&[&args[..], &["--json", "--discard"]].concat());
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let results = told["results"].as_array().unwrap();
    assert_eq!(results.len(), 5);
    for result in results {
        assert_eq!(result["items"], 12_000);
        let is_there =
            |name: &str| result.pointer(name).and_then(serde_json::Value::as_f64).is_some_and(|n| n > 0.0);
        for name in
            ["/seconds", "/items_per_second", "/cpu_ns_per_item", "/peak_memory", "/latency_us/batches"]
        {
            assert!(is_there(name), "{name}: {result}");
        }
    }
    assert!(results.iter().any(|result| result["mode"] == told["best"]["mode"]));
    assert_eq!(folder.names(), before);
    assert_eq!(folder.read("out.pcap"), b"not to be touched");

    let ran = folder.sluice(&["bench", "pcap-rewrite", "input=-"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("standard input can be read once"), "{}", ran.stderr);
    let ran = folder.sluice(&["bench", "pcap-rewrite", "input=absent.pcap"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("absent.pcap") && ran.stderr.contains("nothing is compared"),
        "{}",
        ran.stderr
    );
}

/// Streams that part and meet again, stages that need a thread of their own in between, ports for what is bad.
#[test]
fn pipelines_of_other_shapes() {
    let folder = with_traffic();
    let json = (0..9000).map(|n| match n % 7 {
        0 => format!("no JSON, line {n}\n"),
        _ => format!("{{\"user\": {{\"name\": \"u{}\"}}, \"n\": {n}}}\n", n % 23),
    });
    folder.write("in.json", json.collect::<String>());
    let shapes = [
        "- {source: pcap_file, path: in.pcap}\n\
         - {filter: decode}\n\
         - {filter: where, where: tcp, rest: port}\n\
         - {filter: rewrite, id: marked, inputs: where.rest, ttl: 1}\n\
         - {sink: pcap_file, path: out.pcap, inputs: [where, marked]}\n\
         - {sink: pcap_file, id: again, path: out-all.pcap, inputs: [marked, decode]}\n",
        "- {source: pcap_file, path: in.pcap}\n\
         - {filter: decode}\n\
         - {filter: corrupt, seed: 3, packets: 0.1, bytes: 0.02}\n\
         - {filter: validate, on_bad: errors}\n\
         - {filter: limit, items: 9000}\n\
         - {filter: rewrite, addresses: {10.0.0.0/8: 172.16.0.0/12}}\n\
         - {sink: pcap_file, path: out.pcap}\n\
         - {sink: pcap_file, id: bad, path: out-bad.pcap, inputs: validate.errors}\n",
        "- {source: file, path: in.json}\n\
         - {filter: parse_json, on_bad: errors}\n\
         - {filter: where, where: .n > 100}\n\
         - {filter: set, fields: {big: .n > 5000}}\n\
         - {sink: file, path: out.json, format: json}\n\
         - {sink: file, id: bad, path: out-bad.log, inputs: parse_json.errors}\n",
    ];
    for (shape, key) in shapes.iter().zip(["flow", "datagram", ".user.name"]) {
        folder.write(
            "p.yaml",
            format!("version: 1\nexecution: {{batch: 16KiB, key: {key}}}\nstages:\n{shape}"),
        );
        same_in_every_mode(&folder, &["p.yaml"]);
    }
}

/// Blocks of a pcapng file that are no packets, and the options of those that are, stay where they were; also behind
/// filters that drop packets, change them and make them longer.
#[test]
fn a_capture_with_comments_and_other_blocks() {
    let folder = Folder::new();
    folder.write("in.pcapng", pcapng(700));
    folder.write(
        "p.yaml",
        "version: 1\n\
         execution: {batch: 8KiB, key: host, strategy: consistent}\n\
         stages:\n\
         - {source: pcap_file, path: in.pcapng}\n\
         - {filter: decode}\n\
         - {filter: sample, probability: 0.5}\n\
         - {filter: rewrite, addresses: {10.0.0.0/8: 172.16.0.0/12}}\n\
         - {filter: vlan, push: [{id: 7}]}\n\
         - {filter: where, where: 'udp.port < 40', rest: port}\n\
         - {sink: pcap_file, path: out.pcapng}\n\
         - {sink: pcap_file, id: rest, inputs: where.rest, path: out-rest.pcapng}\n",
    );
    same_in_every_mode(&folder, &["p.yaml"]);
    folder.write(
        "copy.yaml",
        "version: 1\n\
         execution: {batch: 8KiB}\n\
         stages: [{source: pcap_file, path: in.pcapng}, {filter: decode}, {sink: pcap_file, path: out.pcapng}]\n",
    );
    same_in_every_mode(&folder, &["copy.yaml"]);
    assert!(folder.read("out.pcapng") == folder.read("in.pcapng"));
}

/// A capture of UDP packets between changing hosts, some with a comment, and a custom block before every fifth.
fn pcapng(packets: u32) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = (12 + body.len() as u32).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]));
    file.extend(block(1, &words(&[1, 262_144])));
    for number in 0..packets {
        if number % 5 == 0 {
            file.extend(block(0x0000_0bad, &words(&[32_473, number])));
        }
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        let mut ip =
            vec![0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, (number % 13) as u8, 10, 0, 1, 1];
        let sum: u32 = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        ip[10..12].copy_from_slice(&(!(((sum & 0xffff) + (sum >> 16)) as u16)).to_be_bytes());
        frame.extend(ip);
        frame.extend([0, (number % 71) as u8, 0, 53, 0, 12, 0, 0]);
        frame.extend(number.to_be_bytes());
        let length = frame.len() as u32;
        frame.resize(frame.len().next_multiple_of(4), 0);
        let mut body = words(&[0, 0, number, length, length]);
        body.extend(frame);
        if number % 3 == 0 {
            body.extend([1, 0, 4, 0]);
            body.extend(format!("{number:04}").bytes());
            body.extend([0; 4]);
        }
        file.extend(block(6, &body));
    }
    file.extend(block(0x0000_0bad, &words(&[32_473, packets])));
    file
}
