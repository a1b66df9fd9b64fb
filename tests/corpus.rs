//! Every file of a corpus of real and broken captures, if there is one: SLUICE_CORPUS names its folder, relative to the
//! root of the repository.
//!
//! Nothing may panic or hang. What is a capture in the pcap or pcapng format goes through `decode`, `validate` and
//! `rewrite`, and where `expected.tsv` tells how many packets it has, so many come out; everything else is refused in one
//! sentence. Copied, a capture is the same byte for byte.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sluice_tests::{Folder, corpus, files};

const PIPELINE: &str = "\
version: 1
params: {input: {}}
stages:
  - {source: pcap_file, path: '${input}'}
  - filter: decode
  - {filter: validate, on_bad: mark}
  - filter: rewrite
    addresses: {0.0.0.0/1: 10.0.0.0/8, '::/1': 'fd00::/8'}
    ports: {1-32767: 40000}
    source_mac: '02:00:00:00:00:01'
    destination_mac: '02:00:00:00:00:02'
    ttl_add: -1
  - {sink: pcap_file, path: out.pcap}
  - {sink: file, path: out.json, format: json, inputs: rewrite}
";

const COPY: &str = "\
version: 1
params: {input: {}}
stages:
  - {source: pcap_file, path: '${input}'}
  - {sink: pcap_file, path: out}
";

/// Packets per file, as far as `expected.tsv` tells.
fn expected(corpus: &Path) -> HashMap<PathBuf, u64> {
    let table = fs::read_to_string(corpus.join("expected.tsv")).unwrap_or_default();
    let row = |line: &str| {
        let mut cells = line.split('\t');
        let (file, packets) = (cells.next()?, cells.next()?);
        Some((corpus.join(file), packets.parse().ok()?))
    };
    table.lines().skip(1).filter_map(row).collect()
}

fn is_capture(path: &Path) -> bool {
    const MAGICS: [u32; 3] = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34];
    let bytes = fs::read(path).unwrap();
    let magic = bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    magic == NG || MAGICS.iter().any(|known| [*known, known.swap_bytes()].contains(&magic))
}

/// What a pcapng file begins with.
const NG: u32 = 0x0a0d_0d0a;

/// How many custom blocks a pcapng file has; the program that made the table counts them as packets.
fn custom_blocks(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let (mut big, mut count) = (false, 0);
    let word = |bytes: &[u8], at: usize, big: bool| {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    if word(rest, 0, true) != Some(NG) {
        return 0;
    }
    while let Some(kind) = word(rest, 0, big) {
        if kind == NG {
            big = word(rest, 8, true) == Some(0x1a2b_3c4d);
        }
        count += u64::from([0xbad, 0x4000_0bad].contains(&kind));
        let length = word(rest, 4, big).unwrap_or_default().max(12) as usize;
        rest = rest.get(length..).unwrap_or_default();
    }
    count
}

/// What is wrong with the run on this file, if anything.
fn judge(folder: &Folder, path: &Path, expected: Option<u64>) -> Option<String> {
    let input = format!("input={}", path.display());
    let ran = folder.sluice(&["run", "p.yaml", &input, "--summary", "json"]);
    let wrong = |what: &str| Some(format!("{}: {what}: {ran:?}", path.display()));
    if ran.stderr.contains("panicked") || ![0, 1, 65].contains(&ran.code) {
        return wrong("ended badly");
    }
    if ran.code == 1 {
        let sentence =
            ran.stderr.starts_with("error: stage `pcap_file`: ") && ran.stderr.lines().count() == 1;
        return match (sentence, is_capture(path) && expected.is_some()) {
            (false, _) => wrong("was not refused in one sentence"),
            (true, true) => wrong("was refused"),
            (true, false) => None,
        };
    }
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let Some(packets) = summary["stages"][0]["created"].as_u64() else { return wrong("has no summary") };
    let out = ["sink"].map(|kind| {
        let stages = summary["stages"].as_array().into_iter().flatten();
        stages.filter(|stage| stage["kind"] == kind).all(|stage| stage["passed"].as_u64() == Some(packets))
    });
    match expected {
        Some(count) if is_capture(path) && count - custom_blocks(path) != packets => {
            wrong(&format!("has {count} packets, not {packets}"))
        }
        _ if out != [true] => wrong("lost packets on the way"),
        _ => None,
    }
}

#[test]
fn no_file_of_the_corpus_is_too_much() {
    let Some(corpus) = corpus() else { return };
    let found = files(&corpus);
    assert!(!found.is_empty(), "{} is empty", corpus.display());
    let expected = expected(&corpus);
    assert!(
        expected.is_empty() || found.iter().any(|path| expected.contains_key(path)),
        "expected.tsv names other files"
    );
    let folder = Folder::new();
    folder.write("p.yaml", PIPELINE);
    let wrong: Vec<String> =
        found.iter().filter_map(|path| judge(&folder, path, expected.get(path).copied())).collect();
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), found.len(), wrong.join("\n"));
}

#[test]
fn a_copy_of_any_capture_has_the_same_bytes() {
    copies("");
}

#[test]
fn filters_that_change_nothing_leave_the_same_bytes() {
    let filters = [
        "filter: decode",
        "{filter: validate, on_bad: mark}",
        "filter: split_direction",
        "{filter: limit, items: 1000000}",
        "{filter: sample, every: 1}",
        "{filter: truncate, snaplen: 16777216}",
    ];
    copies(&filters.map(|filter| format!("  - {filter}\n")).concat());
}

/// Copies every capture through these filters.
fn copies(filters: &str) {
    let Some(corpus) = corpus() else { return };
    let found = files(&corpus);
    let folder = Folder::new();
    folder.write("p.yaml", COPY.replace("  - {sink", &format!("{filters}  - {{sink")));
    let mut copied = 0;
    for path in found.iter().filter(|path| is_capture(path)) {
        let ran = folder.sluice(&["run", "p.yaml", "-q", &format!("input={}", path.display())]);
        // Some of the broken files break off.
        assert!([0, 65].contains(&ran.code), "{}: {ran:?}", path.display());
        let (whole, copy) = (fs::read(path).unwrap(), folder.read("out"));
        assert!(whole.starts_with(&copy) && (ran.code > 0 || whole == copy), "{}", path.display());
        copied += u32::from(ran.code == 0);
    }
    assert!(copied > 0, "none of {} files was copied", found.len());
}

/// The columns of `expected.tsv` that count headers, and the keys of the same headers in JSON.
const HEADERS: [(&str, &str); 8] = [
    ("eth", "eth"),
    ("vlan", "vlan"),
    ("ip", "ip"),
    ("ipv6", "ipv6"),
    ("tcp", "tcp"),
    ("udp", "udp"),
    ("icmp", "icmp"),
    ("icmpv6", "icmpv6"),
];

/// Files whose headers are counted otherwise, each with the reason; docs/corpus.md says more.
const OTHER_HEADERS: [(&str, &str); 0] = [];

/// Whether a header of this kind occurs anywhere in a packet: in tunnels and in what an ICMP error quotes, too.
fn occurs(packet: &Value, key: &str) -> bool {
    packet.get(key).is_some()
        || ["inner", "quoted"]
            .iter()
            .any(|deeper| packet.get(deeper).is_some_and(|packet| occurs(packet, key)))
}

#[test]
fn headers_are_found_as_often_as_expected() {
    const PIPELINE: &str = "\
version: 1
params: {input: {}}
stages:
  - {source: pcap_file, path: '${input}'}
  - filter: decode
  - {sink: file, path: headers.json, format: json}
";
    let Some(corpus) = corpus() else { return };
    let Ok(table) = fs::read_to_string(corpus.join("expected.tsv")) else { return };
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let titles = lines.next().unwrap();
    let folder = Folder::new();
    folder.write("headers.yaml", PIPELINE);
    let mut different: Vec<(String, String)> = Vec::new();
    let mut rows = 0;
    for row in lines {
        let cell = |title| row[titles.iter().position(|name| *name == title).unwrap()];
        let path = corpus.join(cell("file"));
        // Of a run that fails nothing is left, rather than what the one before wrote.
        let _ = fs::remove_file(folder.path("headers.json"));
        folder.sluice(&["run", "headers.yaml", &format!("input={}", path.display())]);
        let text = fs::read_to_string(folder.path("headers.json")).unwrap_or_default();
        let packets: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found = HEADERS.map(|(_, key)| packets.iter().filter(|packet| occurs(packet, key)).count());
        let expected = HEADERS.map(|(title, _)| cell(title).parse::<usize>().unwrap());
        rows += 1;
        if found != expected {
            different.push((cell("file").to_owned(), format!("{found:?} instead of {expected:?}")));
        }
    }
    let known: Vec<&str> = OTHER_HEADERS.iter().map(|(file, _)| *file).collect();
    let found: Vec<&str> = different.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(found, known, "{different:#?}");
    assert!(100 * known.len() <= 3 * rows, "{} of {rows} files", known.len());
    println!("{rows} files");
}
