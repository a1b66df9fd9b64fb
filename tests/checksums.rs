//! Checksums as the file names of a corpus tell them, if there is one: SLUICE_CORPUS names its folder, relative to the
//! root of the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use sluice_tests::{Folder, corpus, files, skip};

const VALIDATE: &str = "\
version: 1
params: {input: {}}
stages:
  - {source: pcap_file, path: '${input}'}
  - filter: decode
  - {filter: validate, summary: true}
  - {sink: pcap_file, path: out.pcap}
";

const FIX: &str = "\
version: 1
params: {input: {}}
stages:
  - {source: pcap_file, path: '${input}'}
  - filter: decode
  - filter: fix
  - {sink: pcap_file, path: out.pcap}
";

/// What tshark calls a wrong checksum.
const WRONG: &str = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || \
    icmp.checksum.status == 0 || icmpv6.checksum.status == 0";

/// The captures whose names tell right from wrong, by name without their ending.
fn captures() -> BTreeMap<String, PathBuf> {
    let paths = corpus().map(|corpus| files(&corpus.join("checksums"))).unwrap_or_default();
    paths.into_iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path)).collect()
}

/// Why packets of a file with this name are dropped.
fn reason(name: &str) -> &'static str {
    let kinds = [
        ("-tcp-", "bad_tcp_checksum"),
        ("localhost", "bad_tcp_checksum"),
        ("-udp-", "bad_udp_checksum"),
        ("-icmp-", "bad_icmp_checksum"),
        ("-icmp6-", "bad_icmpv6_checksum"),
        ("-mh-", "bad_mobility_checksum"),
    ];
    kinds.iter().find(|(part, _)| name.contains(part)).map_or("bad_ipv4_checksum", |(_, reason)| reason)
}

#[test]
fn checksums_are_judged_as_the_files_are_named() {
    let folder = Folder::new();
    folder.write("p.yaml", VALIDATE);
    for (name, path) in captures() {
        let input = format!("input={}", path.display());
        let ran = folder.sluice(&["run", "p.yaml", &input, "--summary", "json"]);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
        let validate = &summary["stages"][2];
        let dropped = validate["dropped"].as_object().unwrap();
        if name.contains("good") {
            assert!(dropped.is_empty() && !ran.stderr.contains("bad"), "{name}: {ran:?}");
            assert!(ran.stderr.contains("good"), "{name}: {ran:?}");
        } else {
            assert_eq!(dropped.keys().collect::<Vec<_>>(), [reason(&name)], "{name}");
            assert!(ran.stderr.contains(" bad"), "{name}: {ran:?}");
        }
    }
}

#[test]
fn tshark_finds_every_checksum_right_after_fix() {
    let folder = Folder::new();
    folder.write("p.yaml", FIX);
    for (name, path) in captures() {
        let ran = folder.sluice(&["run", "p.yaml", "-q", &format!("input={}", path.display())]);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        let mut tshark = Command::new("tshark");
        tshark.args(["-r", "out.pcap", "-Y", WRONG]).current_dir(folder.root());
        tshark.args(
            ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"].map(|o| format!("-o{o}:TRUE")),
        );
        let Ok(output) = tshark.output() else { return skip("there is no `tshark`") };
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && found.is_empty(), "{name}: {found}{output:?}");
        if name.contains("good") {
            assert!(
                folder.read("out.pcap") == fs::read(&path).unwrap(),
                "{name}: what was right has changed"
            );
        }
    }
}
