//! The command line: every command, its output and its exit codes.

use serde_json::Value;
use sluice_tests::{Folder, Ran, packets, pcap, root};

fn succeeded(ran: Ran) -> String {
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.stdout
}

#[test]
fn help_teaches_with_examples() {
    let folder = Folder::new();
    let help = succeeded(folder.sluice(&["--help"]));
    assert!(help.contains("Exit codes: 0 done"));
    for command in [
        "run",
        "check",
        "list",
        "eval",
        "show",
        "schema",
        "graph",
        "test",
        "bpf",
        "interfaces",
        "status",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
        let help = succeeded(folder.sluice(&[command, "--help"]));
        assert!(help.contains(&format!("Examples:\n  sluice {command}")) || command == "status", "{help}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2_and_says_what_was_meant() {
    let folder = Folder::new();
    for (args, told) in [
        (&[][..], "Usage:"),
        (&["rum"], "a similar subcommand exists: 'run'"),
        (&["run"], "required arguments were not provided"),
        (&["run", "pcap-rewrit"], "there is no pipeline `pcap-rewrit`: did you mean `pcap-rewrite`?"),
        (&["run", "pcap-rewrite", "inptu=x"], "`pcap-rewrite` has no param `inptu`: did you mean `input`?"),
        (&["run", "pcap-rewrite", "input"], "`input` is no `name=value`"),
        (&["run", "absent.yaml"], "cannot read `absent.yaml`: no such file or directory"),
        (&["run", "pcap-rewrite", "--mode", "fast"], "invalid value 'fast'"),
        (&["show", "rewritee"], "there is no component or pipeline `rewritee`: did you mean `rewrite`?"),
        (&["check", "input=a.pcap"], "no pipeline is named"),
        (&["show", "fields", "tcp.prt"], "no field begins with `tcp.prt`: did you mean `tcp.port`?"),
        (&["show", "rewrite", "x"], "`x` means nothing after `rewrite`"),
        (&["eval", "tcp.prt == 80", "a.pcap"], "  tcp.prt == 80\n  ^^^^^^^"),
        (&["eval", ".status == 80", "a.pcap"], "this asks about records, and a capture has packets"),
    ] {
        let ran = folder.sluice(args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.stderr.contains(told), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn an_expression_is_tried_on_a_capture() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&[[0; 60], [1; 60], [2; 60]]));
    let all = folder.sluice(&["eval", "frame.number > 1", "in.pcap"]);
    let numbers: Vec<_> = all.stdout.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!((all.code, numbers, &*all.stderr), (0, vec!["2", "3"], "2 of 3 packets\n"), "{all:?}");
    assert_eq!(succeeded(folder.sluice(&["eval", "-c", "frame.number > 1", "in.pcap"])), "2\n");
    let values = succeeded(folder.sluice(&["eval", "frame.number * 2", "in.pcap"]));
    assert_eq!(values, "1\t2\n2\t4\n3\t6\n");
    let values = succeeded(folder.sluice(&["eval", "frame.len", "in.pcap"]));
    assert_eq!(values.lines().count(), 3, "{values}");
    assert_eq!(folder.sluice(&["eval", "tcp", "absent.pcap"]).code, 1);
}

#[test]
fn fields_and_functions_are_shown() {
    let folder = Folder::new();
    let fields = succeeded(folder.sluice(&["show", "fields", "tcp.flags"]));
    assert!(fields.lines().count() > 9 && fields.contains("tcp.flags.syn"), "{fields}");
    assert!(succeeded(folder.sluice(&["show", "fields"])).contains("vxlan.vni"));
    assert!(succeeded(folder.sluice(&["show", "functions", "is_"])).contains("is_private(address)"));
}

#[test]
fn what_is_listed_can_be_shown() {
    let folder = Folder::new();
    let list = succeeded(folder.sluice(&["list"]));
    let mut names = Vec::new();
    for line in list.lines().filter(|line| !line.starts_with(' ')) {
        let mut words = line.split_whitespace();
        names.push((words.next().unwrap(), words.next().unwrap()));
    }
    assert!(
        names.contains(&("source", "pcap_file")) && names.contains(&("pipeline", "pcap-rewrite")),
        "{list}"
    );
    for (kind, name) in names {
        let page = succeeded(folder.sluice(&["show", &format!("{kind}:{name}")]));
        assert!(page.starts_with(&format!("{kind} {name}\n")), "{page}");
    }
    let filters = succeeded(folder.sluice(&["list", "--kind", "filter"]));
    assert!(filters.contains("rewrite ") && !filters.contains("pcap_file"), "{filters}");
}

#[test]
fn a_name_that_is_a_source_and_a_sink_shows_both() {
    let page = succeeded(Folder::new().sluice(&["show", "pcap_file"]));
    assert!(page.starts_with("source pcap_file\n") && page.contains("\nsink pcap_file\n"));
    for part in
        ["PORTS AND DROP REASONS", "EXAMPLE", "OPTIONS", "path  ", "gives packets", "link_type_differs"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_schema_knows_every_component() {
    let schema: Value = serde_json::from_str(&succeeded(Folder::new().sluice(&["schema"]))).unwrap();
    assert_eq!(schema["properties"]["version"]["const"], 1);
    let schema = schema.to_string();
    assert!(schema.contains("pcap_file") && schema.contains("parse_regex"));
}

#[test]
fn check_tells_everything_that_is_wrong_at_once() {
    let folder = Folder::new();
    folder.write("good.yaml", "version: 1\nstages:\n  - source: stdin\n  - sink: stdout\n");
    folder.write("bad.yaml", "version: 1\nstages:\n  - source: stdni\n  - sink: stdout\n    colour: red\n");
    let ran = folder.sluice(&["check", "good.yaml", "bad.yaml", "pcap-filter"]);
    assert_eq!(ran.code, 78);
    assert_eq!(ran.stdout, "good.yaml: ok\npcap-filter: ok\n");
    assert!(
        ran.stderr.contains("bad.yaml:3:13") && ran.stderr.contains("did you mean `stdin`?"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("bad.yaml:5:5") && ran.stderr.contains("colour"), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\x1b'), "no colors where there is no terminal");
    assert_eq!(folder.sluice(&["run", "bad.yaml"]).code, 78);
}

#[test]
fn a_graph_shows_ports_and_threads() {
    let folder = Folder::new();
    folder.write("p.yaml", SPLIT);
    let mermaid = succeeded(folder.sluice(&["graph", "p.yaml"]));
    assert!(mermaid.starts_with("flowchart LR\n"));
    assert!(mermaid.contains("s2[\"where<br>filter where<br>2 threads\"]"), "{mermaid}");
    assert!(mermaid.contains("s2 -->|rest: packets with layers| s4"), "{mermaid}");
    let dot = succeeded(folder.sluice(&["graph", "p.yaml", "--format", "dot"]));
    assert!(dot.starts_with("digraph \"p\" {\n") && dot.contains("s0 -> s1 [label=\"packets\"];"), "{dot}");
}

const SPLIT: &str = "\
version: 1
stages:
  - {source: pcap_file, path: in.pcap}
  - filter: decode
  - {filter: where, where: tcp, rest: port, workers: 2}
  - {sink: pcap_file, path: tcp.pcap}
  - {sink: pcap_file, path: rest.pcap, inputs: where.rest}
";

#[test]
fn the_built_in_pipelines_pass_their_tests() {
    let told = succeeded(Folder::new().sluice(&["test"]));
    assert!(told.ends_with(" passed, 0 failed\n") && !told.starts_with('0'), "{told}");
    for name in [
        "connections",
        "log-to-file",
        "pcap-anonymize",
        "pcap-rewrite",
        "pcap-filter",
        "pcap-flows",
        "pcap-merge",
        "pcap-split",
        "pcap-stats",
        "pcap-to-json",
    ] {
        assert!(told.contains(&format!("{name}: ")), "{told}");
    }
    // These need interfaces: see live.rs and inject.rs.
    let untested = told.lines().filter_map(|line| line.strip_suffix(": no tests"));
    let expected = ["bridge", "capture-print", "capture-to-pcap", "connections-live", "replay"];
    assert_eq!(Vec::from_iter(untested), expected);
}

#[test]
fn a_test_that_fails_shows_how_and_exits_with_1() {
    let folder = Folder::new();
    let yaml = succeeded(folder.sluice(&["show", "log-to-file", "--yaml"]));
    folder.write(
        "p.yaml",
        yaml.replacen("expect: {out.log: {lines: [one,", "expect: {out.log: {lines: [eins,", 1),
    );
    let ran = folder.sluice(&["test", "p.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("FAILED\n    out.log: 1 of 4 differ"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 - eins\n        1 + one\n"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("\n2 passed, 1 failed\n"), "{}", ran.stdout);
}

#[test]
fn a_built_in_pipeline_runs_from_anywhere_and_says_what_it_did() {
    let folder = Folder::new();
    folder.write("a.pcap", pcap(&[[1; 60], [2; 60]]));
    let ran = folder.sluice(&["run", "pcap-rewrite", "input=a.pcap", "output=b.pcap"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(
        ran.stderr.starts_with("pcap-rewrite: 2 packets, 120 B from a.pcap to b.pcap in "),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.ends_with("every item is accounted for\n"), "{}", ran.stderr);
    assert_eq!(packets(&folder.read("b.pcap")), [[1; 60], [2; 60]]);
    assert_eq!(folder.names(), ["a.pcap", "b.pcap"]);
}

#[test]
fn a_pipeline_comes_from_standard_input_too() {
    let folder = Folder::new();
    folder.write("in.log", "a\nb\n");
    folder.write("p.yaml", "version: 1\nstages:\n  - {source: file, path: in.log}\n  - sink: stdout\n");
    let ran = folder.sluice_with(&["run", "-", "--quiet"], "p.yaml");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "a\nb\n", ""), "{ran:?}");
}

#[test]
fn the_summary_for_programs_is_json_and_keeps_out_of_the_output() {
    let folder = Folder::new();
    folder.write("in.log", "a\nb\n");
    let to_file = ["run", "log-to-file", "input=in.log", "output=out.log", "--summary", "json"];
    let told: Value = serde_json::from_str(&succeeded(folder.sluice(&to_file))).unwrap();
    assert_eq!((&told["outcome"], &told["pipeline"]), (&"done".into(), &"log-to-file".into()));
    assert_eq!((&told["stages"][0]["created"], &told["stages"][1]["passed"]), (&2.into(), &2.into()));

    let to_stdout = ["run", "log-to-file", "input=in.log", "output=-", "--summary", "json"];
    let ran = folder.sluice(&to_stdout);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "a\nb\n"));
    assert_eq!(serde_json::from_str::<Value>(&ran.stderr).unwrap()["outcome"], "done");

    let quiet = folder.sluice(&[&to_file[..], &["--quiet"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&succeeded(quiet)).unwrap()["outcome"], "done");

    let none = folder.sluice(&["run", "log-to-file", "input=in.log", "output=out.log", "--summary", "none"]);
    assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (0, "", ""));
}

#[test]
fn a_filter_expression_is_shown_as_a_program() {
    let folder = Folder::new();
    let listing = succeeded(folder.sluice(&["bpf", "-d", "--snaplen", "96", "ip", "or", "arp"]));
    let lines = [
        "(000) ldh      [12]",
        "(001) jeq      #0x800           jt 3\tjf 2",
        "(002) jeq      #0x806           jt 3\tjf 4",
        "(003) ret      #96",
        "(004) ret      #0",
    ];
    assert_eq!(listing, lines.map(|line| format!("{line}\n")).concat());
    assert_eq!(succeeded(folder.sluice(&["bpf", "-ddd", "--link", "ipv4", "ip"])), "1\n6 0 0 262144\n");
    assert_eq!(succeeded(folder.sluice(&["bpf", "-dd"])), "{ 0x6, 0, 0, 0x00040000 },\n");
    for (args, told) in [
        (
            &["tcp prot 80"][..],
            "`prot` where `and` or `or` should stand: did you mean `proto`?\n  tcp prot 80\n      ^^^^\n",
        ),
        (
            &["--link", "RAW", "ip or vlan 5"],
            "there are no VLAN tags on link type `RAW`\n  ip or vlan 5\n        ^^^^^^\n",
        ),
        (&["--link", "ETHERNUT", "ip"], "there is no link type `ETHERNUT`"),
    ] {
        let ran = folder.sluice(&[&["bpf"], args].concat());
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.stderr.contains(told), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(succeeded(Folder::new().sluice(&["completions", shell])).contains("sluice"), "{shell}");
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let reference = succeeded(Folder::new().sluice(&["reference"]));
    let written = std::fs::read_to_string(root().join("docs/reference.md")).unwrap_or_default();
    assert!(
        reference == written,
        "docs/reference.md is out of date: cargo run -- reference > docs/reference.md"
    );
}

#[test]
fn the_example_data_is_what_its_pipeline_makes() {
    let folder = Folder::new();
    let pipeline = root().join("examples/make-data.yaml");
    let outputs = ["web=web.pcap", "vlan=vlan.pcap", "log=access.log"];
    let args = [&["run", pipeline.to_str().unwrap(), "--quiet"][..], &outputs].concat();
    succeeded(folder.sluice(&args));
    for name in ["web.pcap", "vlan.pcap", "access.log"] {
        let shipped = std::fs::read(root().join("examples/data").join(name)).unwrap();
        assert!(
            folder.read(name) == shipped,
            "examples/data/{name} is not what examples/make-data.yaml makes"
        );
    }
}
