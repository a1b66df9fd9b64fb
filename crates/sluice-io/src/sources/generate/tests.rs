use serde_json::{Value, json};
use sluice_core::{Batch, Flags, Kind, Next};
use sluice_wire::layers::Proto;
use sluice_wire::verify::{Offload, check};

use crate::testing::{Bench, lines, packets, refused, source};

fn made(options: Value) -> Vec<Batch> {
    let mut bench = Bench::with_slab(Kind::Source, "generate", 64 << 10);
    bench.drain(&mut *source("generate", options).unwrap()).unwrap()
}

#[test]
fn a_seed_gives_the_same_packets_every_time() {
    let options = |seed: u64| json!({"kind": "packets", "count": 3000, "seed": seed, "ipv6": 30});
    let first = packets(made(options(1)));
    assert_eq!(first.len(), 3000);
    assert!(first == packets(made(options(1))));
    assert!(first != packets(made(options(2))));
    assert_eq!((first[0].0, first[2999].0), (1_700_000_000_000_000_000, 1_700_000_000_002_999_000));
}

#[test]
fn every_packet_has_right_lengths_and_checksums() {
    let mixes = [
        json!({}),
        json!({"vlan": 7, "ipv6": 50, "udp": 50, "sizes": [1, 60, 61, 77, 1500, 9000, 65_535]}),
        json!({"ipv6": 100, "flows": 1, "udp": 100, "sizes": [63]}),
        json!({"ipv6": 0, "flows": 3, "udp": 0}),
    ];
    for mut options in mixes {
        let (vlan, v6, udp) = (options["vlan"].is_u64(), options["ipv6"].clone(), options["udp"].clone());
        options["kind"] = json!("packets");
        options["count"] = json!(2000);
        let [mut seen_v6, mut seen_udp] = [0; 2];
        for batch in made(options) {
            let mut batch = batch.into_packets().unwrap();
            for (frame, data, layers) in batch.decoded() {
                let verdicts = check(data, layers, frame.wire, Offload::None);
                assert!(verdicts.is_acceptable(), "{verdicts:?} {data:x?}");
                assert_eq!(layers.find(Proto::Vlan).is_some(), vlan);
                assert!(!frame.flags.contains(Flags::TRUNCATED));
                seen_v6 += usize::from(layers.find(Proto::Ipv6).is_some());
                seen_udp += usize::from(layers.find(Proto::Udp).is_some());
            }
        }
        for (seen, wanted) in [(seen_v6, v6), (seen_udp, udp)] {
            match wanted.as_u64() {
                Some(0) => assert_eq!(seen, 0),
                Some(100) => assert_eq!(seen, 2000),
                Some(50) => assert!((500..1500).contains(&seen), "{seen}"),
                _ => {}
            }
        }
    }
}

#[test]
fn lines_have_the_size_and_time_asked_for() {
    let options = json!({"kind": "lines", "count": 5000, "sizes": [150, 300], "interval": "1s", "start": 0});
    let batches = made(options);
    let Batch::Records(last) = batches.last().unwrap() else { panic!("no records") };
    assert_eq!(last.records().last().map(|r| (r.ordinal, r.time)), Some((4999, 4999 * 1_000_000_000)));
    let lines = lines(batches);
    assert_eq!(lines.len(), 5000);
    assert!(lines.iter().all(|line| (line.len() == 150 || line.len() == 300) && line.ends_with(b"\"\n")));
    let first = String::from_utf8(lines[0].clone()).unwrap();
    assert!(first.contains("[01/Jan/1970:00:00:00 +0000] \""), "{first}");
}

#[test]
fn json_lines_are_json() {
    for line in lines(made(json!({"kind": "lines", "format": "json", "count": 500, "sizes": [10, 250]}))) {
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert!(value["time"].as_str().unwrap().starts_with("2023-11-14T22:13:20.000"));
        assert!(value["status"].is_u64() && value["duration_ms"].is_f64());
    }
}

#[test]
fn a_rate_is_kept_by_the_clock() {
    let mut bench = Bench::new(Kind::Source, "generate");
    let options = json!({"kind": "lines", "count": 25, "rate": "10/s"});
    let mut source = source("generate", options).unwrap();
    let mut made = 0;
    let mut next = |bench: &mut Bench, now: i64| {
        bench.out.set_now(now);
        let next = source.next(&mut bench.out).unwrap();
        made += lines(bench.batches()).len();
        (next, made)
    };
    let start = 1_000_000_000_000;
    assert_eq!(next(&mut bench, start), (Next::More, 1), "the first is due at once");
    assert_eq!(next(&mut bench, start), (Next::Idle(Some(start + 100_000_000)), 1));
    assert_eq!(next(&mut bench, start + 100_000_000), (Next::More, 2));
    assert_eq!(next(&mut bench, start + 1_050_000_000), (Next::More, 11), "what was missed is made up for");
    assert_eq!(next(&mut bench, start + 60_000_000_000), (Next::End, 25));
}

#[test]
fn times_come_from_the_clock_when_asked_to() {
    let mut bench = Bench::new(Kind::Source, "generate");
    bench.out.set_now(123);
    let mut source = source("generate", json!({"kind": "packets", "count": 2, "clock": "wall"})).unwrap();
    let times: Vec<i64> = packets(bench.drain(&mut *source).unwrap()).iter().map(|p| p.0).collect();
    assert_eq!(times, [123, 123]);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options: Value| refused(Kind::Source, "generate", options).to_string();
    let cases = [
        (json!({"kind": "lines", "vlan": 5}), "vlan: `vlan` is an option of `kind: packets` only"),
        (json!({"kind": "packets", "format": "json"}), "format: `format` is an option of `kind: lines` only"),
        (json!({"kind": "packets", "tagged": 5}), "tagged: there is no `vlan` to be tagged with"),
        (json!({"kind": "packets", "vlan": 4095}), "vlan: `4095` is not between 1 and 4094"),
        (json!({"kind": "packets", "flows": 0}), "flows: `0` is not between 1 and 4000000"),
        (json!({"kind": "packets", "ipv6": 101}), "ipv6: `101` is not between 0 and 100"),
        (json!({"kind": "packets", "sizes": []}), "sizes: there is no size to choose from"),
        (json!({"kind": "packets", "sizes": [64, 0]}), "sizes[1]: `0` is not between 1 and 65535"),
    ];
    for (options, message) in cases {
        assert_eq!(refused(options), message);
    }
}
