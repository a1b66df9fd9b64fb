//! Flows, as another program finds them: for each TCP and UDP flow of a corpus the packets and bytes of both directions.
//!
//! SLUICE_CORPUS names a folder of captures, relative to the root of the repository. Where tshark is installed it is asked;
//! everywhere the outcome is compared with `flows/corpus.txt`, which was written when both agreed (SLUICE_BLESS=1 writes it
//! anew). Where they differ, `flows/differences.txt` says why.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sluice_tests::{Folder, corpus, files, root};

/// Flows that end with the input alone, since tshark knows no timeouts.
const PIPELINE: &str = "\
version: 1
params: {input: {}}
stages:
  - {source: pcap_file, path: '${input}'}
  - filter: decode
  - filter: flows
    timeouts:
      tcp_opening: 9999d
      tcp_established: 9999d
      tcp_closing: 9999d
      tcp_closed: 9999d
      udp_unanswered: 9999d
      udp: 9999d
  - {sink: file, path: out.json, format: json}
";

/// One side of a flow: its address and port, and the packets and bytes that it sent.
type Side = (String, u64, u64, u64);

/// A flow: its protocol, and its sides in an order that does not depend on who began it.
type Flow = (String, [Side; 2]);

fn flow(protocol: &str, mut sides: [Side; 2]) -> Flow {
    sides.sort();
    (protocol.to_owned(), sides)
}

fn captures() -> Option<Vec<PathBuf>> {
    Some(files(&corpus()?.join("captures")))
}

fn ours(folder: &Folder, capture: &Path) -> Vec<Flow> {
    let ran = folder.sluice(&["run", "--quiet", "p.yaml", &format!("input={}", capture.display())]);
    assert!([0, 65].contains(&ran.code), "{}: {ran:?}", capture.display());
    let text = String::from_utf8(folder.read("out.json")).unwrap();
    let side = |row: &Value, of: &str| {
        let number = |name: &str| row[name].as_u64().unwrap();
        let address = row[format!("id.{of}_h")].as_str().unwrap().to_owned();
        let counts = [format!("id.{of}_p"), format!("{of}_pkts"), format!("{of}_wire_bytes")];
        let [port, packets, bytes] = counts.map(|name| number(&name));
        (address, port, packets, bytes)
    };
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // A flow that is only quoted by an ICMP error has no packets.
    let mut flows: Vec<_> = rows
        .filter(|row| ["tcp", "udp"].contains(&row["proto"].as_str().unwrap()))
        .map(|row| flow(row["proto"].as_str().unwrap(), [side(&row, "orig"), side(&row, "resp")]))
        .filter(|(_, sides)| sides.iter().any(|side| side.2 > 0))
        .collect();
    flows.sort();
    flows
}

const FIELDS: [&str; 12] = [
    "frame.protocols",
    "frame.len",
    "tcp.stream",
    "udp.stream",
    "ip.src",
    "ipv6.src",
    "ip.dst",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
];

/// Which of TCP and UDP the outermost IP header carries, and whether that is IPv6.
fn outermost(protocols: &str) -> Option<(&str, bool)> {
    let mut rest = protocols.split(':').skip_while(|name| !["ip", "ipv6"].contains(name));
    let is_v6 = rest.next()? == "ipv6";
    let carried = rest.find(|name| !name.starts_with("ipv6.") && *name != "ah")?;
    ["tcp", "udp"].contains(&carried).then_some((carried, is_v6))
}

/// The flows that tshark tells apart; `None` without it.
fn theirs(capture: &Path) -> Option<Vec<Flow>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "occurrence=f", "-r"]).arg(capture);
    for option in ["ip.defragment", "ipv6.defragment", "tcp.desegment_tcp_streams"] {
        command.args(["-o", &format!("{option}:FALSE")]);
    }
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let text = String::from_utf8_lossy(&command.output().ok()?.stdout).into_owned();
    let mut streams: BTreeMap<(String, String), [Side; 2]> = BTreeMap::new();
    for cells in text.lines().map(|line| line.split('\t').collect::<Vec<_>>()) {
        let Some((protocol, is_v6)) = outermost(cells[0]) else { continue };
        let (stream, ports) = if protocol == "tcp" { (2, [8, 9]) } else { (3, [10, 11]) };
        let from = 4 + usize::from(is_v6);
        let end =
            |address: usize, port: usize| (cells[address].to_owned(), cells[port].parse().unwrap(), 0, 0);
        let (source, destination): (Side, Side) = (end(from, ports[0]), end(from + 2, ports[1]));
        let key = (protocol.to_owned(), cells[stream].to_owned());
        let sides = streams.entry(key).or_insert_with(|| [source.clone(), destination]);
        let sender = usize::from((&sides[0].0, sides[0].1) != (&source.0, source.1));
        sides[sender].2 += 1;
        sides[sender].3 += cells[1].parse::<u64>().unwrap();
    }
    let mut flows: Vec<_> =
        streams.into_iter().map(|((protocol, _), sides)| flow(&protocol, sides)).collect();
    flows.sort();
    Some(flows)
}

/// Flows in short: how many, their packets and bytes, and a hash of all of it.
fn short(flows: &[Flow]) -> String {
    let mut hash = 0x811c_9dc5_u32;
    for byte in format!("{flows:?}").bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let sum = |of: fn(&Side) -> u64| flows.iter().flat_map(|(_, sides)| sides).map(of).sum::<u64>();
    format!("{}\t{}\t{}\t{hash:08x}", flows.len(), sum(|side| side.2), sum(|side| side.3))
}

fn table(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("tests/flows").join(name)).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn flows_are_those_that_tshark_finds() {
    let Some(captures) = captures() else { return };
    let folder = Folder::new();
    folder.write("p.yaml", PIPELINE);
    let differences = table("differences.txt");
    let has_tshark = Command::new("tshark").arg("--version").output().is_ok();
    let (mut wrong, mut lines) = (Vec::new(), Vec::new());
    for capture in &captures {
        let name = capture.file_name().unwrap().to_string_lossy();
        let ours = ours(&folder, capture);
        if let Some(theirs) = if has_tshark { theirs(capture) } else { None } {
            let differs = differences.iter().any(|line| line.split('\t').next() == Some(&name));
            if (ours != theirs) != differs {
                let only = |some: &[Flow], others: &[Flow]| {
                    let some = some.iter().filter(|flow| !others.contains(flow)).take(3);
                    some.map(|flow| format!("\n    {flow:?}")).collect::<String>()
                };
                let (we, they) = (only(&ours, &theirs), only(&theirs, &ours));
                wrong.push(format!("{name}: differs: {differs}\n  ours:{we}\n  theirs:{they}"));
            }
        }
        lines.push(format!("{name}\t{}", short(&ours)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if has_tshark && std::env::var_os("SLUICE_BLESS").is_some() {
        let head = "# The flows of TCP and UDP in the corpus: file, flows, packets, bytes, a hash of each side of each flow.\n";
        fs::write(root().join("tests/flows/corpus.txt"), format!("{head}{}\n", lines.join("\n"))).unwrap();
    }
    assert_eq!(table("corpus.txt"), lines, "not the flows that tshark once found");
}

/// Whatever the run is like, the flows are the same: the accounts, the fields, the places of nulls.
#[test]
fn a_capture_gives_the_same_flows_as_json_and_as_csv() {
    let folder = Folder::new();
    folder.write(
        "make.yaml",
        "version: 1\nstages:\n  - {source: generate, kind: packets, count: 5000, flows: 50, ipv6: 30}\n  \
         - {sink: pcap_file, path: in.pcap}\n",
    );
    assert_eq!(folder.sluice(&["run", "--quiet", "make.yaml"]).code, 0);
    for names in ["zeek", "eve", "ipfix"] {
        for format in ["json", "csv"] {
            let args = [format!("names={names}"), format!("format={format}"), format!("output=out.{format}")];
            let args = [
                &["run", "--quiet", "pcap-flows", "input=in.pcap"][..],
                &args.each_ref().map(String::as_str),
            ];
            let ran = folder.sluice(&args.concat());
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        }
        let json = String::from_utf8(folder.read("out.json")).unwrap();
        let csv = String::from_utf8(folder.read("out.csv")).unwrap();
        let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let columns = lines.next().unwrap();
        assert!(rows.len() > 50);
        for (row, cells) in rows.iter().zip(lines.by_ref()) {
            assert_eq!(cells.len(), columns.len());
            for (column, cell) in columns.iter().zip(cells) {
                // Names may have points themselves.
                let (outer, inner) = column.split_once('.').unwrap_or((column, ""));
                let value = row.get(column).unwrap_or_else(|| &row[outer][inner]);
                let text = match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    value => value.to_string(),
                };
                assert_eq!(cell.trim_matches('"'), text, "{column}");
            }
        }
        assert_eq!(lines.count(), 0);
    }
}
