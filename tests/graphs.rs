//! Pipelines of every shape, run for real.

use std::fs::OpenOptions;
use std::io::Write;

use sluice_tests::{Folder, packets, root, wait};

fn run(folder: &Folder, args: &[&str]) {
    let ran = folder.sluice(&[&["run", "--quiet"], args].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
}

/// A folder with a capture of 20,000 packets, which are many batches.
fn with_traffic() -> Folder {
    let folder = Folder::new();
    folder.write(
        "make.yaml",
        "version: 1\n\
         stages:\n\
         - {source: generate, kind: packets, count: 20000, ipv6: 30, sizes: [64, 200, 1500]}\n\
         - {sink: pcap_file, path: in.pcap, resolution: micro}\n",
    );
    run(&folder, &["make.yaml"]);
    assert_eq!(packets(&folder.read("in.pcap")).len(), 20_000);
    folder
}

fn rewrite(workers: u32) -> String {
    format!(
        "version: 1\n\
         execution: {{batch: 16KiB}}\n\
         stages:\n\
         - {{source: pcap_file, path: in.pcap}}\n\
         - {{filter: decode, workers: {workers}}}\n\
         - {{filter: rewrite, addresses: {{10.0.0.0/8: 172.16.0.0/12}}, ttl_add: -1, workers: {workers}}}\n\
         - {{filter: sample, probability: 0.9, workers: {workers}}}\n\
         - {{sink: pcap_file, path: out-{workers}.pcap}}\n"
    )
}

#[test]
fn many_workers_give_the_bytes_of_one() {
    let folder = with_traffic();
    for workers in [1, 2, 5] {
        folder.write("p.yaml", rewrite(workers));
        run(&folder, &["p.yaml"]);
    }
    let one = folder.read("out-1.pcap");
    assert!((17_000..19_000).contains(&packets(&one).len()));
    assert!(one == folder.read("out-2.pcap") && one == folder.read("out-5.pcap"));
}

#[test]
fn what_is_read_by_two_goes_to_both() {
    let folder = with_traffic();
    folder.write(
        "p.yaml",
        "version: 1\n\
         stages:\n\
         - {source: pcap_file, id: in, path: in.pcap}\n\
         - {sink: pcap_file, path: a.pcap}\n\
         - {sink: pcap_file, path: b.pcap, inputs: in}\n",
    );
    run(&folder, &["p.yaml"]);
    let read = folder.read("in.pcap");
    assert!(read == folder.read("a.pcap") && read == folder.read("b.pcap"));
}

#[test]
fn a_stream_that_was_split_comes_together_the_same_way_every_time() {
    let folder = with_traffic();
    folder.write(
        "p.yaml",
        "version: 1\n\
         params: {out: {}}\n\
         stages:\n\
         - {source: pcap_file, path: in.pcap}\n\
         - {filter: decode}\n\
         - {filter: where, where: tcp, rest: port, workers: 3}\n\
         - {filter: rewrite, id: marked, inputs: where.rest, ttl: 1}\n\
         - {sink: pcap_file, path: '${out}', inputs: [where, marked]}\n",
    );
    run(&folder, &["p.yaml", "out=a.pcap"]);
    run(&folder, &["p.yaml", "out=b.pcap"]);
    let joined = packets(&folder.read("a.pcap"));
    assert_eq!(joined.len(), 20_000);
    assert!(joined == packets(&folder.read("b.pcap")));
}

#[test]
fn wrong_packets_leave_through_the_errors_port() {
    let folder = Folder::new();
    let mut capture = std::fs::read(root().join("examples/data/web.pcap")).unwrap();
    let total = packets(&capture).len();
    // The last byte of the first packet, which is covered by a checksum.
    let length = u32::from_le_bytes(*capture[32..].first_chunk().unwrap()) as usize;
    capture[40 + length - 1] ^= 1;
    folder.write("in.pcap", capture);
    folder.write(
        "p.yaml",
        "version: 1\n\
         stages:\n\
         - {source: pcap_file, path: in.pcap}\n\
         - {filter: decode}\n\
         - {filter: validate, on_bad: errors}\n\
         - {sink: pcap_file, path: good.pcap}\n\
         - {sink: pcap_file, path: bad.pcap, inputs: validate.errors}\n",
    );
    run(&folder, &["p.yaml"]);
    assert_eq!(packets(&folder.read("good.pcap")).len(), total - 1);
    assert_eq!(packets(&folder.read("bad.pcap")), packets(&folder.read("in.pcap"))[..1]);
}

#[test]
fn a_capture_comes_from_standard_input_and_goes_to_standard_output() {
    let folder = with_traffic();
    let ran = folder
        .sluice_with(&["run", "pcap-filter", "where=tcp or udp", "input=-", "output=-", "-q"], "in.pcap");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.len() > 1_000_000);
    assert_eq!(folder.names(), ["in.pcap", "make.yaml"]);
}

#[test]
fn a_capture_comes_through_a_fifo_a_few_bytes_at_a_time() {
    let folder = Folder::new();
    rustix::fs::mknodat(rustix::fs::CWD, folder.path("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let capture = std::fs::read(root().join("examples/data/web.pcap")).unwrap();
    folder.write("in.pcap", &capture);
    folder.write(
        "p.yaml",
        "version: 1\nstages:\n- {source: pcap_file, path: fifo}\n- {sink: pcap_file, path: out.pcap}\n",
    );
    let mut child = folder.command(&["run", "p.yaml", "-q"]).spawn().unwrap();
    let mut fifo = OpenOptions::new().write(true).open(folder.path("fifo")).unwrap();
    for piece in capture.chunks(7919) {
        fifo.write_all(piece).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    drop(fifo);
    assert!(wait(&mut child).success());
    assert!(folder.read("out.pcap") == capture);
}
