//! Pipelines of many shapes that are right, and what comes out of the check.

use serde_json::json;
use sluice_config::{Content, Document, Execution, Input, OnError, ParamKind, WhenFull};
use sluice_core::PortType::{self, Layers, Packets, Records};
use sluice_core::quantity::{Duration, Size};

use super::check;

/// Name, text, and for each stage: id, inputs as (stage, port), what it gives.
type Shape =
    (&'static str, &'static str, &'static [(&'static str, &'static [(usize, usize)], &'static [PortType])]);

pub(crate) const PIPELINES: &[Shape] = &[
    (
        "line",
        "version: 1
stages:
  - source: packets
    path: in.pcap
  - filter: decode
  - filter: rewrite
    addresses: {10.0.0.0/8: 172.16.0.0/12}
    ports: {80: 8080}
    mac: {from: '02:00:00:00:00:01', to: \"02:00:00:00:00:02\"}
  - sink: null
",
        &[
            ("packets", &[], &[Packets]),
            ("decode", &[(0, 0)], &[Layers, Packets]),
            ("rewrite", &[(1, 0)], &[Layers]),
            ("null", &[(2, 0)], &[]),
        ],
    ),
    (
        "fan-out",
        "version: 1
stages:
  - source: lines
    path: in.log
  - sink: file
    path: all.log
  - filter: sample
    inputs: lines
    one_in: 10
  - sink: file
    path: some.log
",
        &[
            ("lines", &[], &[Records, Records]),
            ("file", &[(0, 0)], &[Records]),
            ("sample", &[(0, 0)], &[Records]),
            ("file-2", &[(2, 0)], &[Records]),
        ],
    ),
    (
        "fan-in",
        "version: 1
stages:
  - {source: lines, path: a.log, id: a}
  - {source: lines, path: b.log, id: b}
  - {sink: file, path: out.log, inputs: [a, b, a.errors]}
",
        &[
            ("a", &[], &[Records, Records]),
            ("b", &[], &[Records, Records]),
            ("file", &[(0, 0), (1, 0), (0, 1)], &[Records]),
        ],
    ),
    (
        "decoded and other packets together",
        "version: 1
stages:
  - {source: packets, path: a.pcap}
  - filter: decode
  - {filter: sample, one_in: 2, inputs: [packets, decode, decode.errors]}
  - sink: null
",
        &[
            ("packets", &[], &[Packets]),
            ("decode", &[(0, 0)], &[Layers, Packets]),
            ("sample", &[(0, 0), (1, 0), (1, 1)], &[Packets]),
            ("null", &[(2, 0)], &[]),
        ],
    ),
    (
        "diamond, written upside down",
        "version: 1
stages:
  - {sink: null, inputs: [left, right.late]}
  - {filter: sample, id: left, inputs: [start], one_in: 2}
  - {filter: count, id: right, inputs: start, window: 1h30m, by: [host, {field: a}, {network: {prefix: 24}}]}
  - {source: lines, id: start, path: in.log}
  - {sink: null, inputs: right}
",
        &[
            ("start", &[], &[Records, Records]),
            ("left", &[(0, 0)], &[Records]),
            ("right", &[(0, 0)], &[Records, Records]),
            ("null", &[(1, 0), (2, 1)], &[]),
            ("null-2", &[(2, 0)], &[]),
        ],
    ),
    (
        "named ports, no main output, errors of a sink",
        "version: 1
stages:
  - source: packets
    path: in.pcap
  - filter: route
  - sink: file
    inputs: route.left
    path: left
    format: {json: {pretty: true}}
  - sink: file
    id: failed
    inputs:
      - file.errors
      - route.right
    path: right
    rotate: {every: 1h, size: 10MB}
",
        &[
            ("packets", &[], &[Packets]),
            ("route", &[(0, 0)], &[Packets, Packets]),
            ("file", &[(1, 0)], &[Packets]),
            ("failed", &[(2, 0), (1, 1)], &[Packets]),
        ],
    ),
    (
        "two chains",
        "version: 1
stages:
  - {source: packets, path: a}
  - sink: null
  - {source: lines, path: b}
  - filter: to_packets
  - sink: null
",
        &[
            ("packets", &[], &[Packets]),
            ("null", &[(0, 0)], &[]),
            ("lines", &[], &[Records, Records]),
            ("to_packets", &[(2, 0)], &[Packets]),
            ("null-2", &[(3, 0)], &[]),
        ],
    ),
    (
        "params, environment, aliases",
        "version: 1
name: all
about: |
  Everything.
params:
  input: {about: what to read}
  n: {type: integer, default: 3}
  net: {default: 10.0.0.0/8}
  by: {default: [host, flow]}
execution: {batch: 64KiB, memory: 1MiB, drain: 500ms}
stages:
  - source: lines
    path: &path ${input}.log
  - filter: sample
    one_in: ${n}
    workers: ${n}
    pipe: {capacity: 4, when_full: drop_oldest}
  - filter: count
    window: 1s
    by: ${by}
    on_error: continue
  - sink: send
    token: ${env:TOKEN}
    port: 80
  - source: packets
    path: *path
    rate: 10k/s
  - filter: decode
  - filter: rewrite
    addresses: {\"${net}\": 192.168.0.0/16}
  - sink: file
    path: a$$b
tests:
  - name: nothing
    params: {input: in.log, n: 1}
    files: {in.log: {text: \"a\\n\"}}
    expect: {out.log: {lines: []}, out.pcap: {packets: [00 01:02]}, b.log: {count: 0}}
",
        &[
            ("lines", &[], &[Records, Records]),
            ("sample", &[(0, 0)], &[Records]),
            ("count", &[(1, 0)], &[Records, Records]),
            ("send", &[(2, 0)], &[]),
            ("packets", &[], &[Packets]),
            ("decode", &[(4, 0)], &[Layers, Packets]),
            ("rewrite", &[(5, 0)], &[Layers]),
            ("file", &[(6, 0)], &[Layers]),
        ],
    ),
];

const PARAMS: &[(&str, &str)] = &[("input", "a"), ("n", "5")];
const ENV: &[(&str, &str)] = &[("TOKEN", "12345678")];

fn checked(name: &str) -> sluice_config::Pipeline {
    let (_, text, _) = PIPELINES.iter().find(|(known, ..)| *known == name).unwrap();
    let params = if text.contains("params:") { PARAMS } else { &[] };
    check("pipelines/some name.yaml", text, params, ENV).unwrap_or_else(|errors| panic!("{name}\n{errors}"))
}

#[test]
fn stages_edges_and_types() {
    for (name, _, shape) in PIPELINES {
        let pipeline = checked(name);
        assert_eq!(pipeline.stages.len(), shape.len(), "{name}");
        for (stage, (id, inputs, gives)) in pipeline.stages.iter().zip(*shape) {
            let inputs: Vec<_> = inputs.iter().map(|&(stage, port)| Input { stage, port }).collect();
            assert_eq!(
                (stage.id.as_str(), &stage.inputs, stage.gives.as_slice()),
                (*id, &inputs, *gives),
                "{name}"
            );
            assert_eq!(stage.gives.len(), stage.ports.outputs.len());
        }
    }
}

#[test]
fn the_rest_of_the_file() {
    let pipeline = checked("params, environment, aliases");
    assert_eq!(pipeline.name, "all");
    assert_eq!(pipeline.about.as_deref(), Some("Everything."));
    let Execution { memory, batch, drain, .. } = pipeline.execution;
    assert_eq!((memory, batch, drain), (Size(1 << 20), Size(64 << 10), Duration(500_000_000)));
    let kinds: Vec<_> = pipeline.params.iter().map(|param| (param.name.as_str(), param.kind)).collect();
    use ParamKind::{Integer, List, String};
    assert_eq!(kinds, [("input", String), ("n", Integer), ("net", String), ("by", List)]);
    assert_eq!(pipeline.params[0].about.as_deref(), Some("what to read"));
    assert_eq!(pipeline.params[1].default, Some(json!(3)));

    let sample = &pipeline.stages[1];
    assert_eq!((sample.workers.get(), sample.line), (5, 14));
    assert_eq!((sample.pipe.capacity.get(), sample.pipe.when_full), (4, WhenFull::DropOldest));
    assert_eq!(pipeline.stages[0].pipe.capacity.get(), 16);
    assert_eq!(pipeline.stages[0].on_error, OnError::Stop);
    assert_eq!(pipeline.stages[2].on_error, OnError::Continue);

    let test = &pipeline.tests[0];
    assert_eq!((test.name.as_str(), test.line), ("nothing", 34));
    assert_eq!(test.params, [("input".to_owned(), json!("in.log")), ("n".to_owned(), json!(1))]);
    assert_eq!(test.files, [("in.log".to_owned(), Content::Text("a\n".to_owned()))]);
    let contents: Vec<_> = test.expect.iter().map(|(_, content)| content.clone()).collect();
    assert_eq!(contents, [Content::Lines(vec![]), Content::Packets(vec![vec![0, 1, 2]]), Content::Count(0)]);
}

#[test]
fn defaults() {
    let pipeline = checked("line");
    assert_eq!((pipeline.name.as_str(), pipeline.about), ("some name", None));
    assert_eq!(pipeline.execution, Execution::default());
    let Execution { memory, batch, drain, .. } = pipeline.execution;
    assert_eq!((memory, batch, drain), (Size(64 << 20), Size(256 << 10), Duration(10_000_000_000)));
}

#[test]
fn params_are_told_without_a_check_of_the_rest() {
    let text = "params: {b: {about: B, default: 1.5}, a: }\nstages: nonsense\n";
    let params = sluice_config::params(&Document { name: "x".into(), text: text.into() }).unwrap();
    let told: Vec<_> = params.iter().map(|p| (p.name.as_str(), p.kind, p.default.clone())).collect();
    assert_eq!(told, [("b", ParamKind::Number, Some(json!(1.5))), ("a", ParamKind::String, None)]);
    assert!(sluice_config::params(&Document { name: "x".into(), text: "params: 5".into() }).is_err());
}

#[test]
fn values_from_the_command_line_have_the_declared_type() {
    let text = |default: &str, option: &str| {
        format!(
            "version: 1\nparams: {{x: {{{default}}}}}\nstages:\n  - source: lines\n    path: a\n    {option}\n  - sink: null\n"
        )
    };
    let ok = |default: &str, option: &str, value: &str| {
        check("x", &text(default, option), &[("x", value)], &[])
            .map(drop)
            .map_err(|errors| errors.to_string())
    };
    assert_eq!(ok("default: false", "follow: ${x}", "true"), Ok(()));
    assert_eq!(ok("type: boolean", "follow: ${x}", "false"), Ok(()));
    assert_eq!(ok("default: [1]", "columns: ${x}", "1,2, 3"), Ok(()));
    assert_eq!(ok("default: [1]", "columns: ${x}", ""), Ok(()));
    assert_eq!(ok("default: a", "id: ${x}", "b"), Ok(()));
    assert_eq!(ok("default: a", "id: p${x}", "2"), Ok(()));
    assert!(ok("default: a", "follow: ${x}", "true").is_err());
    assert!(ok("default: false", "follow: ${x}", "yes").is_err());
    assert!(ok("type: integer", "columns: [\"${x}\"]", "5x").is_err());
    assert!(ok("default: [1]", "columns: ${x}", "1,b").is_err());
    // A value is a value, whatever it looks like.
    assert!(ok("default: a", "id: ${x}", "b, follow: true").is_err());
}
