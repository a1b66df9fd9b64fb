//! Flows sent to a collector, as it reads them: a socket of the test, whose datagrams tshark then decodes.

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::Value;
use sluice_tests::{Folder, pcap, root, tool};

/// What a run sends to a collector, and the records that it writes as JSON.
fn sent(version: &str) -> (Vec<Vec<u8>>, Vec<Value>) {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let folder = Folder::new();
    let to = collector.local_addr().unwrap();
    let input = root().join("examples/data/web.pcap").canonicalize().unwrap();
    folder.write(
        "p.yaml",
        format!(
            "version: 1\nstages:\n- {{source: pcap_file, path: {}}}\n- filter: decode\n\
             - {{filter: flows, names: ipfix}}\n- {{sink: ipfix, to: '{to}', version: {version}}}\n\
             - {{sink: file, inputs: flows, path: out.json, format: json}}\n",
            input.display()
        ),
    );
    let ran = folder.sluice(&["run", "--quiet", "p.yaml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let mut buffer = vec![0; 65_536];
    let mut datagrams = Vec::new();
    while let Ok(length) = collector.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    let text = String::from_utf8(folder.read("out.json")).unwrap();
    (datagrams, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// A datagram in Ethernet, IPv4 and UDP, to the port of IPFIX; checksums are left out.
fn packet(datagram: &[u8]) -> Vec<u8> {
    let mut packet = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let length = datagram.len() as u16;
    packet.extend([0x45, 0]);
    packet.extend((length + 28).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    for word in [9999, 4739, length + 8, 0] {
        packet.extend(u16::to_be_bytes(word));
    }
    packet.extend(datagram);
    packet
}

#[test]
fn tshark_reads_the_same_sums() {
    for version in ["ipfix", "netflow_v9"] {
        let (datagrams, records) = sent(version);
        assert!(!datagrams.is_empty() && !records.is_empty());
        let capture = pcap(&datagrams.iter().map(|datagram| packet(datagram)).collect::<Vec<_>>());
        let decode = ["-d", "udp.port==4739,cflow", "-r", "-"];
        let ask = |more: &[&str]| tool("tshark", &[&decode[..], more].concat(), &capture);
        let Some(bad) = ask(&["-Y", "_ws.malformed || _ws.expert"]) else { return };
        assert_eq!(String::from_utf8_lossy(&bad), "");
        // Elements of both directions have one field in tshark.
        for (field, name) in [("cflow.octets", "OctetDeltaCount"), ("cflow.packets", "PacketDeltaCount")] {
            let shown = ask(&["-T", "fields", "-E", "separator=,", "-e", field]).unwrap_or_default();
            let shown = String::from_utf8(shown).unwrap();
            let theirs: u64 = shown
                .split([',', '\n'])
                .filter(|cell| !cell.is_empty())
                .map(|n| n.parse::<u64>().unwrap())
                .sum();
            let one_way = name.replacen(&name[..1], &name[..1].to_lowercase(), 1);
            let sum = |name: &str| records.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
            assert_eq!(theirs, sum(&one_way) + sum(&format!("reverse{name}")), "{version} {field}");
        }
    }
}
