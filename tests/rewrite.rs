//! Rewriting, as a user does it: the same bytes from any number of workers, and checksums that another program finds
//! as right as before.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluice_tests::{Folder, corpus, files, packets, skip};

const RULES: &str = "    source_addresses: {10.0.0.0/9: 172.16.0.0/12}
    randomize: {seed: 7, method: METHOD, keep: []}
    randomize_macs: {seed: 7}
    ports: {1024-4788: 3000, 49152-65535: 50000}
    ttl_add: -1
    dscp: 10
    tcp_sequence_seed: 7
";

fn run(folder: &Folder, args: &[&str]) {
    let ran = folder.sluice(&[&["run", "--quiet"], args].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
}

#[test]
fn any_number_of_workers_gives_the_same_bytes() {
    let folder = Folder::new();
    folder.write(
        "make.yaml",
        "version: 1\n\
         stages:\n\
         - {source: generate, kind: packets, count: 20000, ipv6: 30, sizes: [64, 200, 1500]}\n\
         - {sink: pcap_file, path: in.pcap}\n",
    );
    run(&folder, &["make.yaml"]);
    for method in ["random", "prefix_preserving"] {
        let mut outputs = Vec::new();
        for workers in [1, 2, 4, 4] {
            let rules = RULES.replace("METHOD", method);
            let pipeline = format!(
                "version: 1\nexecution: {{batch: 16KiB}}\nstages:\n  - {{source: pcap_file, path: in.pcap}}\n  \
                 - {{filter: decode, workers: {workers}}}\n  - filter: rewrite\n    workers: {workers}\n{rules}  \
                 - {{sink: pcap_file, path: out.pcap}}\n"
            );
            folder.write("p.yaml", pipeline);
            run(&folder, &["p.yaml"]);
            outputs.push(folder.read("out.pcap"));
        }
        assert!(outputs.iter().all(|output| *output == outputs[0]), "{method}");
        let (before, after) = (packets(&folder.read("in.pcap")), packets(&outputs[0]));
        assert!(before.iter().zip(&after).all(|(old, new)| old.len() == new.len() && old != new));
    }
}

/// What becomes of the tags of the rewritten copies.
const TAGS: [(&str, &str); 3] = [
    ("pushed", "push: [{id: 7}]"),
    ("popped", "pop: all"),
    ("changed", "change: {ids: {0-4095: 300}, priority: 5, tags: all}"),
];

/// One copy as it is, and others that are rewritten: with a VLAN tag more, with none, and with other tags.
fn pipeline(rules: &str) -> String {
    let mut text = format!(
        "version: 1\nparams: {{input: {{}}}}\nstages:\n  - {{source: pcap_file, id: in, path: '${{input}}'}}\n  \
         - {{sink: pcap_file, path: copy.pcap}}\n  - {{filter: decode, inputs: in}}\n  - filter: rewrite\n{rules}"
    );
    for (name, tags) in TAGS {
        text += &format!(
            "  - {{filter: vlan, id: {name}, inputs: rewrite, {tags}}}\n  - {{sink: pcap_file, path: {name}.pcap}}\n"
        );
    }
    text
}

/// What tshark has to say against the checksums of each packet.
fn complaints(capture: &Path) -> Option<HashMap<u64, Vec<String>>> {
    const CHECKED: [&str; 6] = [
        "ip.check_checksum:TRUE",
        "tcp.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
        "udplite.check_checksum:TRUE",
        "sctp.checksum:CRC-32c",
        "udp.ignore_ipv6_zero_checksum:TRUE",
    ];
    let mut command = Command::new("tshark");
    command.args(CHECKED.iter().flat_map(|preference| ["-o", preference])).arg("-n").arg("-r").arg(capture);
    command.args(["-Y", "_ws.expert.group == \"Checksum\"", "-T", "fields", "-e", "frame.number"]);
    command.args(["-e", "_ws.expert.message", "-E", "occurrence=a", "-E", "aggregator=|"]);
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let (number, messages) = line.split_once('\t')?;
        // "Bad checksum [should be 0x1234]": the number is another one in every packet.
        let kind = |message: &str| message.split('[').next().unwrap_or_default().trim().to_owned();
        let messages = messages.split('|').map(kind).filter(|kind| kind.to_lowercase().contains("checksum"));
        Some((number.parse().ok()?, messages.collect()))
    };
    Some(text.lines().filter_map(line).collect())
}

/// The packets of the rewritten copies with a complaint that they did not have before.
fn spoiled(folder: &Folder, capture: &Path) -> Vec<(&'static str, u64, Vec<String>)> {
    let ran = folder.sluice(&["run", "-q", "p.yaml", &format!("input={}", capture.display())]);
    // What is no capture is refused; that is for another test to judge.
    if ran.code == 1 {
        return Vec::new();
    }
    let mut before = None;
    let mut spoiled = Vec::new();
    // Where no packet has a tag, none is taken off or changed.
    let has_tags = folder.read("popped.pcap") != folder.read("changed.pcap");
    for (name, _) in TAGS.iter().filter(|(name, _)| has_tags || *name == "pushed") {
        let after = complaints(&folder.path(&format!("{name}.pcap"))).unwrap();
        if after.is_empty() {
            continue;
        }
        let before = before.get_or_insert_with(|| complaints(&folder.path("copy.pcap")).unwrap());
        spoiled.extend(after.into_iter().filter_map(|(number, mut messages)| {
            for known in before.get(&number).into_iter().flatten() {
                if let Some(at) = messages.iter().position(|found| found == known) {
                    messages.swap_remove(at);
                }
            }
            (!messages.is_empty()).then_some((*name, number, messages))
        }));
    }
    spoiled.sort();
    spoiled
}

#[test]
fn no_checksum_of_the_corpus_becomes_wrong() {
    let Some(corpus) = corpus() else { return };
    if let Err(e) = Command::new("tshark").arg("-v").output() {
        return skip(&format!("there is no `tshark`: {e}"));
    }
    let mut captures = files(&corpus);
    captures.retain(|path| !["md", "tsv"].map(OsStr::new).contains(&path.extension().unwrap_or_default()));
    assert!(!captures.is_empty());
    let rules = RULES.replace("METHOD", "random");
    let check = |part: &[PathBuf]| {
        let folder = Folder::new();
        folder.write("p.yaml", pipeline(&rules));
        let found = part.iter().map(|capture| (capture.clone(), spoiled(&folder, capture)));
        found.filter(|(_, spoiled)| !spoiled.is_empty()).collect::<Vec<_>>()
    };
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let parts = captures.chunks(captures.len().div_ceil(4));
        let threads: Vec<_> = parts.map(|part| scope.spawn(|| check(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}
