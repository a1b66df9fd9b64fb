use std::collections::BTreeMap;

use proptest::prelude::*;
use sluice_core::{Batch, CaptureInfo, Layers, MAIN, PacketBatch, Registry, tape};
use sluice_testkit::{Harness, Outcome, Packets, golden, records, traffic};
use sluice_wire::flow;
use sluice_wire::link::LinkType;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: count\n{options}"))
}

/// The rows as lines.
fn lines(outcome: &Outcome) -> Vec<String> {
    outcome.items(MAIN).into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

/// The rows of one batch, at the end.
fn counted(options: &str, batch: impl Into<Batch>) -> Vec<String> {
    let mut count = harness(options).unwrap();
    let outcome = count.give(batch).unwrap();
    assert!(outcome.batches.is_empty());
    lines(&count.finish().unwrap())
}

fn packets() -> Packets {
    let (a, b) = ("10.0.0.1:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
    let (c, d) = ("[2001:db8::1]:5353".parse().unwrap(), "[2001:db8::2]:53".parse().unwrap());
    Packets::new()
        .frame(traffic::tcp(a, b, 2, b""))
        .frame(traffic::tcp(b, a, 18, b""))
        .frame(traffic::tcp(a, b, 16, &[0; 100]))
        .frame(traffic::udp(c, d, b"who?"))
        .frame(traffic::vlan(7, &traffic::udp(a, b, b"tagged")))
        .frame(traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]))
}

#[test]
fn flows_of_both_directions_are_one() {
    let rows = counted("  by: [flow]\n  show: [count, bytes]", packets().build());
    assert_eq!(
        rows,
        [
            "a=10.0.0.1 a_port=40000 b=192.0.2.1 b_port=443 protocol=tcp packets=3 bytes=262",
            "packets=1 bytes=42",
            "a=10.0.0.1 a_port=40000 b=192.0.2.1 b_port=443 protocol=udp vlan=7 packets=1 bytes=52",
            "a=2001:db8::1 a_port=5353 b=2001:db8::2 b_port=53 protocol=udp packets=1 bytes=66",
        ]
    );
}

#[test]
fn each_field_shows_what_it_says() {
    for (by, expected) in [
        ("host", "10.0.0.1:4 192.0.2.1:4 -:1 2001:db8::1:1 2001:db8::2:1"),
        ("source", "10.0.0.1:3 -:1 192.0.2.1:1 2001:db8::1:1"),
        ("destination", "192.0.2.1:3 -:1 10.0.0.1:1 2001:db8::2:1"),
        ("port", "443:4 40000:4 -:1 53:1 5353:1"),
        ("source_port", "40000:3 -:1 443:1 5353:1"),
        ("destination_port", "443:3 -:1 53:1 40000:1"),
        ("source_mac", "02:00:00:00:00:01:6"),
        ("destination_mac", "02:00:00:00:00:02:6"),
        ("mac", "02:00:00:00:00:01:6 02:00:00:00:00:02:6"),
        ("vlan", "-:5 7:1"),
        ("ethertype", "0x0800:4 0x0806:1 0x86dd:1"),
        ("ip_version", "4:4 -:1 6:1"),
        ("ip_protocol", "6:3 17:2 -:1"),
        ("protocol", "tcp:3 udp:2 arp:1"),
        ("stack", "eth/ip/tcp:3 eth/vlan/ip/udp:1 eth/arp:1 eth/ipv6/udp:1"),
        ("length", "54:2 42:1 52:1 66:1 154:1"),
        ("size", "40-79:5 80-159:1"),
        ("tcp_flags", "-:3 S:1 .:1 S.:1"),
        ("dscp", "0:5 -:1"),
        ("ttl", "64:5 -:1"),
        ("link_type", "ETHERNET:6"),
        ("interface", "0:6"),
    ] {
        let rows = counted(&format!("  by: [{by}]\n  show: [count]"), packets().build());
        let short = |row: &String| {
            let number = row.rsplit('=').next().unwrap();
            let key = row.strip_prefix(&format!("{by}=")).and_then(|rest| rest.split(' ').next());
            format!("{}:{number}", key.unwrap_or("-"))
        };
        assert_eq!(rows.iter().map(short).collect::<Vec<_>>().join(" "), expected, "{by}");
    }
}

#[test]
fn conversations_are_of_both_directions_and_a_hierarchy_has_every_level() {
    let rows = counted("  by: [conversation]\n  sort: key\n  show: [count]", packets().build());
    assert_eq!(
        rows,
        ["packets=1", "a=10.0.0.1 b=192.0.2.1 packets=4", "a=2001:db8::1 b=2001:db8::2 packets=1"]
    );
    let rows = counted("  by: [hierarchy]\n  sort: key\n  show: [count, percent]", packets().build());
    assert_eq!(
        rows,
        [
            "hierarchy=eth packets=6 percent=100",
            "hierarchy=eth/vlan packets=1 percent=16.67",
            "hierarchy=eth/vlan/ip packets=1 percent=16.67",
            "hierarchy=eth/vlan/ip/udp packets=1 percent=16.67",
            "hierarchy=eth/arp packets=1 percent=16.67",
            "hierarchy=eth/ip packets=3 percent=50",
            "hierarchy=eth/ip/tcp packets=3 percent=50",
            "hierarchy=eth/ipv6 packets=1 percent=16.67",
            "hierarchy=eth/ipv6/udp packets=1 percent=16.67",
        ]
    );
}

#[test]
fn a_packet_to_itself_counts_once() {
    let own = "10.0.0.1:53".parse().unwrap();
    let batch = || Packets::new().frame(traffic::udp(own, own, b"")).build();
    assert_eq!(counted("  by: [host, port]\n  show: [count]", batch()), ["host=10.0.0.1 port=53 packets=1"]);
}

#[test]
fn the_rest_of_the_top_is_one_row() {
    let options = "  by: [source_port]\n  top: 2\n  sort: bytes\n  show: [bytes, count]";
    assert_eq!(
        counted(options, packets().build()),
        [
            "source_port=40000 bytes=260 packets=3",
            "source_port=5353 bytes=66 packets=1",
            "source_port=(other) bytes=96 packets=2"
        ]
    );
}

#[test]
fn what_exceeds_the_limit_is_counted_together_and_told() {
    let mut count = harness("  by: [length]\n  max_keys: 1\n  show: [count]").unwrap();
    count.give(packets().build()).unwrap();
    assert_eq!(count.notices().len(), 1);
    assert_eq!(lines(&count.finish().unwrap()), ["length=54 packets=2", "length=(other) packets=4"]);
    assert_eq!((count.dropped("counted"), count.tally().created), (6, 2));
}

#[test]
fn records_are_counted_by_their_fields() {
    let mut count = Harness::from_yaml(
        &Registry::collect().unwrap(),
        "- filter: count\n  fields: [status, user]\n  sort: key\n  show: [count, bytes]",
    )
    .unwrap();
    let lines_of = |n: usize| vec!["x"; n];
    let mut batch = records(lines_of(6));
    let rows: [&[(&str, Option<i64>)]; 6] = [
        &[("status", Some(404))],
        &[("status", Some(200)), ("user", None)],
        &[("status", Some(-1))],
        &[("status", Some(404))],
        &[],
        &[("status", Some(404)), ("status", Some(200))],
    ];
    batch.parse().for_each(|at, mut line| {
        let root = line.fields.push(tape::Key::NONE, tape::Value::Object(0));
        for (name, value) in rows[at] {
            let key = line.fields.key(name);
            let value = match value {
                Some(number) => tape::Value::Int(*number),
                None => tape::Value::Str(line.fields.compute(|out| out.extend_from_slice(b"a \0b")).0),
            };
            line.fields.push(key, value);
        }
        line.fields.close(root);
        line.set_root(root);
    });
    count.give(batch).unwrap();
    assert_eq!(
        lines(&count.finish().unwrap()),
        [
            "records=1 bytes=2",
            "status=-1 records=1 bytes=2",
            "status=200 records=1 bytes=2",
            "status=200 user=\"a \\0b\" records=1 bytes=2",
            "status=404 records=2 bytes=4",
        ]
    );
}

#[test]
fn without_a_key_all_is_one() {
    let rows = counted("  show: [count, bytes, mean, seconds, rate, bits]", packets().build());
    assert_eq!(rows, ["packets=6 bytes=422 mean=70.33 seconds=0.005 per_second=1200 bits_per_second=675200"]);
    assert_eq!(counted("  show: [count]", records(["a", "b"])), ["records=2"]);
    assert!(counted("", records(Vec::<&str>::new())).is_empty());
}

fn at(times: &[i64]) -> PacketBatch {
    let frame = traffic::arp([1; 4], [2; 4]);
    let packets = times.iter().fold(Packets::new(), |all, time| all.with(&frame, |f| f.time = *time));
    packets.build()
}

#[test]
fn each_stretch_of_time_is_counted_by_itself() {
    let mut count = harness("  by: [protocol]\n  every: 10ns\n  lateness: 5ns\n  show: [count]").unwrap();
    assert!(count.give(at(&[3, 9, 12, 4, 25])).unwrap().batches.is_empty());
    assert!(count.watermark(14).unwrap().batches.is_empty());
    let row = |second: u32, n: u32| format!("time=1970-01-01T00:00:00.{second:09}Z protocol=arp packets={n}");
    let first = count.watermark(15).unwrap();
    assert_eq!(lines(&first), [row(0, 3)]);
    let Some(Batch::Records(batch)) = first.port(MAIN) else { panic!("no records") };
    assert_eq!((batch.records()[0].time, batch.records()[0].ordinal), (15, 0));
    // What comes too late gives a row of its own.
    assert!(count.give(at(&[5, -1])).unwrap().batches.is_empty());
    assert_eq!(
        lines(&count.watermark(25).unwrap()),
        ["time=1969-12-31T23:59:59.999999990Z protocol=arp packets=1".to_owned(), row(0, 1), row(10, 1)]
    );
    assert_eq!(lines(&count.finish().unwrap()), [row(20, 1)]);
}

#[test]
fn a_whole_number_of_seconds_is_shown_without_a_fraction_and_windows_are_bounded() {
    let mut count = harness("  every: 1s\n  name: load\n  show: [count]").unwrap();
    let times: Vec<i64> = (0..100).map(|second| second * 1_000_000_000).collect();
    let early = lines(&count.give(at(&times)).unwrap());
    assert_eq!((early.len(), &*early[0]), (36, "report=load time=1970-01-01T00:00:00Z packets=1"));
    assert_eq!(lines(&count.finish().unwrap()).len(), 64);
}

#[test]
fn extreme_times_are_counted() {
    let mut count = harness("  every: 7ns").unwrap();
    count.give(at(&[i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, 0])).unwrap();
    assert!(count.watermark(i64::MAX).unwrap().batches.len() >= 3);
    count.finish().unwrap();
    assert_eq!(count.tally().held, 0);
}

#[test]
fn rows_have_fields() {
    let mut count =
        harness("  by: [vlan, protocol]\n  name: a\n  show: [count, percent, last]\n  sort: key").unwrap();
    count.give(packets().build()).unwrap();
    let text = golden::text(count.finish().unwrap().port(MAIN).unwrap());
    let last = r#"{"report":"a","vlan":7,"protocol":"udp","packets":1,"percent":16.67,"last":"1970-01-01T00:00:00.004000000Z"}"#;
    assert_eq!(text.lines().last(), Some(last));
    assert!(text.starts_with(r#"{"report":"a","vlan":null,"protocol":"arp","packets":1,"#), "{text}");
}

#[test]
fn wrong_options_are_refused() {
    for (options, message) in [
        (
            "  by: [host]\n  fields: [a]",
            "fields: packets are counted by `by`, records by `fields`: expected one",
        ),
        ("  by: [host, port, host]", "by[2]: the field is there twice"),
        ("  by: [flow, protocol]", "there would be two columns `protocol`"),
        ("  every: 0s", "every: a stretch of no time holds nothing"),
        ("  top: 0", "top: `0` shows nothing: expected at least 1"),
        ("  max_keys: 0", "max_keys: `0` is not between 1 and 100000000"),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}

/// Frames of few endpoints, so that keys come back; some are damaged, some are errors about others.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let end = (any::<bool>(), 1u8..4, 1u16..4);
    (end.clone(), end, 0u8..6, any::<u16>(), 0usize..3).prop_map(
        |((v6, a, p), (_, b, q), kind, noise, tags)| {
            let address = |host: u8| match v6 {
                true => format!("[2001:db8::{host}]"),
                false => format!("10.0.0.{host}"),
            };
            let (a, b) = (format!("{}:{p}", address(a)), format!("{}:{q}", address(b)));
            let (a, b): (std::net::SocketAddr, std::net::SocketAddr) =
                (a.parse().unwrap(), b.parse().unwrap());
            let mut frame = match kind {
                0 => traffic::tcp(a, b, 16, b"data"),
                1 => traffic::udp(a, b, b"data"),
                2 => traffic::echo(a.ip(), b.ip(), p),
                3 => traffic::unreachable(a.ip(), b.ip(), &traffic::udp(b, a, b"data")),
                4 => traffic::arp([1; 4], [2; 4]),
                _ => {
                    let mut frame = traffic::udp(a, b, b"data");
                    let at = usize::from(noise) % frame.len();
                    frame[at] ^= (noise >> 8) as u8;
                    frame
                }
            };
            for tag in 0..tags {
                frame = traffic::vlan(tag as u16, &frame);
            }
            frame
        },
    )
}

/// What a row of this field says of a packet, by another way.
fn model(by: &str, data: &[u8], layers: &Layers) -> Vec<String> {
    match by {
        "flow" => vec![format!("{:?}", flow::Key::of(data, layers).map(|(key, _)| key))],
        "conversation" => {
            let pair = layers.addresses(data).map(|(a, b)| (a.min(b), a.max(b)));
            vec![format!("{pair:?}")]
        }
        "host, port" => {
            let addresses = layers.addresses(data);
            let ports = layers.ports(data);
            let one = format!("{:?} {:?}", addresses.map(|a| a.0), ports.map(|p| p.0));
            let other = format!("{:?} {:?}", addresses.map(|a| a.1), ports.map(|p| p.1));
            if one == other { vec![one] } else { vec![one, other] }
        }
        "hierarchy" => {
            let mut path = String::new();
            let levels = layers.headers().map(|(proto, _)| {
                path += proto.name();
                path += "/";
                path.clone()
            });
            let levels: Vec<_> = levels.collect();
            if levels.is_empty() { vec![String::new()] } else { levels }
        }
        _ => vec![format!(
            "{:?} {:?} {:?}",
            layers.ports(data).map(|p| p.1),
            layers.addresses(data).map(|a| a.0),
            layers.vlan_ids(data).next()
        )],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_counts_as_a_naive_model_does(frames in prop::collection::vec(frame(), 0..120), cut in 1usize..40) {
        for by in ["flow", "conversation", "host, port", "hierarchy", "destination_port, source, vlan"] {
            let mut expected = BTreeMap::<String, (u64, u64)>::new();
            for bytes in &frames {
                let layers = Layers::decode(LinkType::ETHERNET, bytes, bytes.len() as u32);
                for key in model(by, bytes, &layers) {
                    let totals = expected.entry(key).or_default();
                    *totals = (totals.0 + 1, totals.1 + bytes.len() as u64);
                }
            }
            let options = format!("  by: [{by}]\n  show: [count, bytes]");
            let run = |size: usize| {
                let mut count = harness(&options).unwrap();
                for part in frames.chunks(size) {
                    count.give(Packets::new().frames(part).build()).unwrap();
                }
                lines(&count.finish().unwrap())
            };
            let rows = run(cut);
            prop_assert_eq!(&rows, &run(1000), "the cut into batches does not matter");
            let numbers = |row: &String| {
                let mut words = row.rsplit(' ').map(|word| word.rsplit('=').next().unwrap().parse::<u64>().unwrap());
                let bytes = words.next().unwrap();
                (words.next().unwrap(), bytes)
            };
            let mut counted: Vec<_> = rows.iter().map(numbers).collect();
            let mut expected: Vec<_> = expected.into_values().collect();
            counted.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(counted, expected, "{}", by);
        }
    }
}

#[test]
fn an_unknown_interface_is_ethernet() {
    let mut batch = packets().build();
    batch.frames_mut()[0].interface = 9;
    assert_eq!(CaptureInfo::default().link(9), LinkType::ETHERNET);
    assert_eq!(
        counted("  by: [interface]\n  show: [count]", batch),
        ["interface=0 packets=5", "interface=9 packets=1"]
    );
}
