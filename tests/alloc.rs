//! Nothing is allocated per packet or per line: whole pipelines, every thread counted.

use std::alloc::System;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sluice::config::{self, Document, Settings};
use sluice::runtime::{self, Options};
use sluice::{Registry, Silent};
use sluice_tests::Folder;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The counter counts the whole process, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

const SLAB: u64 = 256 * 1024;

/// What may be in flight at once: how many batches find an empty pool depends on which thread is ahead.
const IN_FLIGHT: u64 = 4 << 20;

/// Many times what may be in flight, so that the warm-up is little beside it.
const ITEMS: u64 = 200_000;

fn run(mode: &str, stages: &str) {
    let text = format!(
        "version: 1\nexecution: {{memory: {IN_FLIGHT}, mode: {mode}, workers: 2}}\nstages:\n{stages}"
    );
    let document = Document { name: "alloc.yaml".to_owned(), text };
    let settings = Settings { params: Vec::new(), env: &|_| None };
    let registry = Registry::collect().expect("no duplicates");
    let pipeline = config::check(&document, &registry, &settings).unwrap_or_else(|e| panic!("{e}"));
    let summary = runtime::run(&pipeline, Options::new(Arc::new(Silent))).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(summary.outcome.exit_code(), 0, "{summary:#?}");
}

/// Runs the pipeline over inputs of N and of 2N items, and compares the allocations with the batches.
fn check(make: impl Fn(u64, &Path) -> String, stages: impl Fn(&Path, &Path) -> String) {
    check_parts("staged", 1, 1, make, stages);
}

/// The same where a batch of the source takes so many slabs on its way, and becomes so many batches. A slab costs an
/// allocation, and a batch one more.
fn check_parts(
    mode: &str,
    slabs: u32,
    batches: u32,
    make: impl Fn(u64, &Path) -> String,
    stages: impl Fn(&Path, &Path) -> String,
) {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = Folder::new();
    let output = folder.path("output");
    let mut counted = Vec::new();
    for (name, count) in [("once", ITEMS), ("twice", 2 * ITEMS)] {
        let input = folder.path(name);
        run("staged", &make(count, &input));
        let stages = stages(&input, &output);
        let region = Region::new(ALLOCATOR);
        run(mode, &stages);
        let batches = std::fs::metadata(&input).expect("the input is there").len() / SLAB;
        counted.push((region.change().allocations as u64, batches));
    }
    let [(once, fewer), (twice, more)] = counted[..] else { unreachable!() };
    assert!(once > 0 && more - fewer >= 8 * IN_FLIGHT / SLAB, "too few batches to tell: {fewer} and {more}");
    let each = (twice as f64 - once as f64) / (more - fewer) as f64;
    assert!(
        each <= f64::from(slabs + batches),
        "{mode}: {each} allocations a batch: {once} for {fewer} batches, {twice} for {more}"
    );
}

fn packets(count: u64, path: &Path) -> String {
    let path = path.display();
    format!(
        "  - {{source: generate, kind: packets, count: {count}, ipv6: 20}}\n  - {{sink: pcap_file, path: {path}}}"
    )
}

fn lines(format: &'static str) -> impl Fn(u64, &Path) -> String {
    move |count, path| {
        let path = path.display();
        format!(
            "  - {{source: generate, kind: lines, format: {format}, count: {count}}}\n  - {{sink: file, path: {path}}}"
        )
    }
}

#[test]
fn rewriting_a_capture() {
    // Two shards have a part and an overflow slab each, and what comes together again is another batch with another slab.
    for (mode, slabs, batches) in [("staged", 1, 1), ("workers", 1, 1), ("sharded", 4, 4)] {
        check_parts(mode, slabs, batches, packets, |input, output| {
            format!(
                "  - {{source: pcap_file, path: {}}}\n  - {{filter: decode}}\n  - {{filter: validate}}\n  \
                 - {{filter: rewrite, addresses: {{10.0.0.0/8: 172.16.0.0/12}}}}\n  - {{sink: pcap_file, path: {}}}",
                input.display(),
                output.display()
            )
        });
    }
}

#[test]
fn copying_and_converting_pcapng() {
    let pcapng = |count, path: &Path| {
        packets(count, path).replace("{sink: pcap_file,", "{sink: pcap_file, format: pcapng,")
    };
    for format in ["keep", "pcap"] {
        check(pcapng, |input, output| {
            format!(
                "  - {{source: pcap_file, path: {}}}\n  - {{sink: pcap_file, format: {format}, path: {}}}",
                input.display(),
                output.display()
            )
        });
    }
}

#[test]
fn copying_a_log() {
    check(lines("access"), |input, output| {
        format!(
            "  - {{source: file, path: {}}}\n  - {{sink: file, path: {}}}",
            input.display(),
            output.display()
        )
    });
}

#[test]
fn parsing_json() {
    check(lines("json"), |input, output| {
        format!(
            "  - {{source: file, path: {}}}\n  - {{filter: parse_json}}\n  - {{sink: file, path: {}, format: json}}",
            input.display(),
            output.display()
        )
    });
}

#[test]
fn choosing_packets() {
    check(packets, |input, output| {
        format!(
            "  - {{source: pcap_file, path: {}}}\n  - {{filter: decode}}\n  \
             - {{filter: where, where: 'ip.ttl > 1 and udp.port != 9 or payload contains \"GET\" or ipv6'}}\n  \
             - {{filter: where, bpf: 'ip or ip6 and not tcp port 9'}}\n  \
             - {{filter: mark, mark: 'hash(ip.src) % 16'}}\n  - {{filter: split_direction}}\n  \
             - {{filter: truncate, snaplen: 96}}\n  - {{sink: pcap_file, path: {}}}\n  \
             - {{filter: count, by: [destination_port], inputs: truncate}}\n  - {{sink: 'null'}}",
            input.display(),
            output.display()
        )
    });
}

/// Flows that end are a batch of their own, with a slab of its own.
#[test]
fn following_and_exporting_flows() {
    let collector = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    let to = collector.local_addr().expect("it has an address");
    for sink in ["null".to_owned(), format!("ipfix, to: '{to}'")] {
        check_parts("staged", 2, 2, packets, |input, _| {
            let sink = if sink == "null" { "'null'" } else { &sink };
            format!(
                "  - {{source: pcap_file, path: {}}}\n  - {{filter: decode}}\n  - {{filter: defragment}}\n  \
                 - {{filter: flows, names: ipfix, top: 10}}\n  - {{sink: {sink}}}",
                input.display()
            )
        });
    }
}

#[test]
fn packets_that_grow_and_shrink() {
    check_parts("staged", 2, 1, packets, |input, output| {
        format!(
            "  - {{source: pcap_file, path: {}}}\n  - {{filter: decode}}\n  \
             - {{filter: vlan, push: [{{id: 7}}, {{id: 8}}]}}\n  - {{filter: vlan, pop: 1}}\n  \
             - {{sink: pcap_file, path: {}}}",
            input.display(),
            output.display()
        )
    });
}

#[test]
fn packets_that_part() {
    // Two go out, and with what is in flight before and behind there are more than the pool keeps.
    check_parts("staged", 3, 1, packets, |input, output| {
        format!(
            "  - {{source: pcap_file, path: {}}}\n  - {{filter: decode}}\n  \
             - {{filter: route, routes: [{{port: web, bpf: tcp port 80 or 443}}]}}\n  \
             - {{sink: pcap_file, path: {}, inputs: route.web}}\n  - {{sink: 'null', inputs: route.unmatched}}",
            input.display(),
            output.display()
        )
    });
}

#[test]
fn choosing_and_changing_records() {
    check_parts("staged", 3, 1, lines("json"), |input, output| {
        format!(
            "  - {{source: file, path: {}}}\n  - {{filter: parse_json}}\n  \
             - {{filter: where, where: '.status >= 200 and not (.path matches \"^/x[0-9]+$\")'}}\n  \
             - {{filter: set, fields: {{length: record.len, big: '.bytes > 1000', path: lower(.path)}}}}\n  \
             - {{filter: route, routes: [{{port: bad, where: .status == 404}}]}}\n  \
             - {{sink: file, path: {out}.bad, format: json, inputs: route.bad}}\n  \
             - {{sink: file, path: {out}, format: json, inputs: route.unmatched}}",
            input.display(),
            out = output.display()
        )
    });
}
