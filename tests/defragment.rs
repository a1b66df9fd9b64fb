//! Fragments put together as another program does it, byte for byte.
//!
//! SLUICE_CORPUS names a folder of captures, relative to the root of the repository. Where tshark is installed it is asked;
//! everywhere the outcome is compared with `defragment/corpus.txt`, which was written when both agreed (SLUICE_BLESS=1
//! writes it anew).

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use sluice_tests::{Folder, corpus, files, fragments, packets, pcap, root, skip};

/// Datagrams that are given up with the input alone, since tshark knows no timeouts.
const PIPELINE: &str = "\
version: 1
params: {input: {}}
stages:
  - {source: pcap_file, path: '${input}'}
  - {filter: decode}
  - {sink: pcap_file, id: before, inputs: decode, path: before.pcap, format: pcap}
  - {filter: defragment, inputs: decode, timeout: 9999d}
  - {sink: pcap_file, path: after.pcap, format: pcap}
";

/// The packets that were put together, in order.
fn ours(folder: &Folder, capture: &Path) -> Vec<Vec<u8>> {
    let ran = folder.sluice(&["run", "--quiet", "p.yaml", &format!("input={}", capture.display())]);
    assert!([0, 65].contains(&ran.code), "{}: {ran:?}", capture.display());
    let before: HashSet<Vec<u8>> = packets(&folder.read("before.pcap")).into_iter().collect();
    packets(&folder.read("after.pcap")).into_iter().filter(|packet| !before.contains(packet)).collect()
}

/// What tshark puts together, without the headers before it; `None` without tshark.
fn theirs(capture: &Path) -> Option<Vec<Vec<u8>>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE", "-T", "fields"]);
    command.args(["-E", "occurrence=f", "-e", "ip.reassembled.data", "-e", "ipv6.reassembled.data", "-r"]);
    let text = String::from_utf8(command.arg(capture).output().ok()?.stdout).unwrap();
    let hex = |line: &str| {
        let digits: Vec<u8> = line.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>()
    };
    Some(text.lines().map(hex).filter(|bytes| !bytes.is_empty()).collect())
}

fn compare(name: &str, ours: &[Vec<u8>], theirs: &[Vec<u8>]) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!(ours.ends_with(theirs), "{name}: datagram {at}: {} and {} bytes", ours.len(), theirs.len());
    }
}

/// Datagrams in short: how many, their bytes, and a hash of them.
fn short(packets: &[Vec<u8>]) -> String {
    let mut hash = 0x811c_9dc5_u32;
    for byte in packets.iter().flatten() {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    format!("{}\t{}\t{hash:08x}", packets.len(), packets.iter().map(Vec::len).sum::<usize>())
}

#[test]
fn datagrams_are_those_that_tshark_finds() {
    let Some(captures) = corpus().map(|corpus| files(&corpus.join("captures"))) else { return };
    let folder = Folder::new();
    folder.write("p.yaml", PIPELINE);
    let (mut lines, mut asked) = (Vec::new(), false);
    for capture in &captures {
        let name = capture.file_name().unwrap().to_string_lossy();
        let ours = ours(&folder, capture);
        if let Some(theirs) = theirs(capture) {
            asked = true;
            compare(&name, &ours, &theirs);
        }
        if !ours.is_empty() {
            lines.push(format!("{name}\t{}", short(&ours)));
        }
    }
    let stored = root().join("tests/defragment/corpus.txt");
    if asked && std::env::var_os("SLUICE_BLESS").is_some() {
        let head = "# The datagrams of the corpus that came in fragments: file, how many, bytes of their frames, a hash of these.\n";
        fs::write(&stored, format!("{head}{}\n", lines.join("\n"))).unwrap();
    }
    let stored = fs::read_to_string(stored).unwrap_or_default();
    let stored: Vec<_> = stored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(stored, lines, "not the datagrams that tshark once found");
}

#[test]
fn what_comes_out_of_order_twice_or_not_at_all_is_what_tshark_makes_of_it() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&fragments()));
    folder.write("p.yaml", PIPELINE);
    let ours = ours(&folder, &folder.path("in.pcap"));
    assert!(ours.len() > 100);
    match theirs(&folder.path("in.pcap")) {
        Some(theirs) => compare("in.pcap", &ours, &theirs),
        None => skip("tshark is not installed"),
    }
}
