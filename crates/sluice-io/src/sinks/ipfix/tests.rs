use std::collections::HashMap;
use std::net::UdpSocket;
use std::time::Duration as Span;

use serde_json::{Value as Json, json};
use sluice_core::tape::{Key, Value};
use sluice_core::{Kind, Record, Sink};

use super::*;
use crate::testing::{Bench, refused, sink};

/// A batch of one record with these fields.
pub(super) fn record(fields: &[(&str, Json)]) -> RecordBatch {
    records(&[fields])
}

fn records(rows: &[&[(&str, Json)]]) -> RecordBatch {
    let pools = sluice_core::Pools::new(4096, 1 << 20);
    let mut batch = pools.records();
    rows.iter().for_each(|_| batch.push(Record::new(0, 0, 0)));
    batch.parse().for_each(|at, mut line| {
        let root = line.fields.push(Key::NONE, Value::Object(0));
        for (name, value) in rows[at] {
            let value = match value {
                Json::Null => Value::Null,
                Json::Bool(value) => Value::Bool(*value),
                Json::String(text) => Value::Str(line.fields.compute(|out| out.extend(text.bytes())).0),
                Json::Number(n) => match (n.as_i64(), n.as_u64()) {
                    (Some(n), _) => Value::Int(n),
                    (_, Some(n)) => Value::Uint(n),
                    _ => Value::Float(n.as_f64().unwrap()),
                },
                _ => panic!("no scalar"),
            };
            let key = line.fields.key(name);
            line.fields.push(key, value);
        }
        line.fields.close(root);
        line.set_root(root);
    });
    batch
}

/// A collector on the loopback interface: it decodes as RFC 7011 says, and checks what all messages have to keep.
struct Listener {
    socket: UdpSocket,
    templates: HashMap<u16, Vec<(u16, u32, u16)>>,
    sequence: u32,
    /// How often a template came, and the length of each message.
    defined: usize,
    lengths: Vec<usize>,
}

/// The bytes of each element by its number and enterprise.
type Decoded = HashMap<(u16, u32), Vec<u8>>;

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    bytes.split_off(..length).unwrap()
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Listener {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Span::from_millis(200))).unwrap();
        Self { socket, templates: HashMap::new(), sequence: 0, defined: 0, lengths: Vec::new() }
    }

    fn to(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    /// All records that have come.
    fn decode(&mut self) -> Vec<Decoded> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.message(&buffer[..length], &mut all);
            self.lengths.push(length);
        }
        all
    }

    fn message(&mut self, mut bytes: &[u8], all: &mut Vec<Decoded>) {
        let whole = bytes.len();
        let is_v9 = number(take(&mut bytes, 2)) == 9;
        let count = number(take(&mut bytes, 2)) as usize;
        take(&mut bytes, if is_v9 { 8 } else { 4 });
        assert_eq!(number(take(&mut bytes, 4)), u64::from(self.sequence));
        take(&mut bytes, 4);
        let (mut data, mut templates) = (0, 0);
        while !bytes.is_empty() {
            let (id, length) = (number(take(&mut bytes, 2)) as u16, number(take(&mut bytes, 2)) as usize);
            assert!(!is_v9 || length.is_multiple_of(4));
            let mut set = take(&mut bytes, length - 4);
            if id == if is_v9 { 0 } else { 2 } {
                while set.len() > 3 {
                    self.template(&mut set);
                    templates += 1;
                }
                continue;
            }
            let template = &self.templates[&id];
            let lengths = template.iter().map(|(_, _, length)| if *length == 65_535 { 1 } else { *length });
            let shortest = lengths.map(usize::from).sum();
            while set.len() >= shortest {
                let mut row = Decoded::new();
                for (id, enterprise, length) in template {
                    let mut length = usize::from(*length);
                    if length == 65_535 {
                        length = number(take(&mut set, 1)) as usize;
                        length = if length == 255 { number(take(&mut set, 2)) as usize } else { length };
                    }
                    assert!(row.insert((*id, *enterprise), take(&mut set, length).to_vec()).is_none());
                }
                all.push(row);
                data += 1;
            }
        }
        assert_eq!(count, if is_v9 { data + templates } else { whole });
        self.sequence += if is_v9 { 1 } else { data as u32 };
        self.defined += templates;
    }

    fn template(&mut self, set: &mut &[u8]) {
        let (id, count) = (number(take(set, 2)) as u16, number(take(set, 2)));
        assert!(id >= 256);
        let fields = (0..count).map(|_| {
            let (id, length) = (number(take(set, 2)) as u16, number(take(set, 2)) as u16);
            let enterprise = if id >= 0x8000 { number(take(set, 4)) as u32 } else { 0 };
            (id & 0x7FFF, enterprise, length)
        });
        let fields: Vec<_> = fields.collect();
        assert_eq!(self.templates.entry(id).or_insert_with(|| fields.clone()), &fields);
    }
}

/// Sends batches, and gives what a collector makes of them, the collector, and the bench.
fn sent(mut options: Json, batches: Vec<RecordBatch>) -> (Vec<Decoded>, Listener, Bench) {
    let mut listener = Listener::new();
    options["to"] = listener.to().into();
    let mut sink: Box<dyn Sink> = sink("ipfix", options).unwrap();
    let mut bench = Bench::new(Kind::Sink, "ipfix");
    let mut all = Vec::new();
    for batch in batches {
        sink.write(batch.into(), &mut bench.out).unwrap();
        all.extend(listener.decode());
    }
    sink.finish(&mut bench.out).unwrap();
    all.extend(listener.decode());
    (all, listener, bench)
}

fn flow(reverse: u64) -> Vec<(&'static str, Json)> {
    vec![
        ("flowStartNanoseconds", "2023-11-14T22:13:20.123456789Z".into()),
        ("sourceIPv4Address", "10.0.0.1".into()),
        ("destinationIPv4Address", "192.0.2.1".into()),
        ("sourceIPv6Address", Json::Null),
        ("sourceTransportPort", 40_000.into()),
        ("destinationTransportPort", 443.into()),
        ("octetDeltaCount", 1500.into()),
        ("reverseOctetDeltaCount", reverse.into()),
        ("layer2OctetDeltaCount", 1600.into()),
        ("biflowDirection", 1.into()),
        ("colour", "red".into()),
    ]
}

#[test]
fn a_flow_is_one_record_of_both_directions() {
    let (rows, listener, bench) = sent(json!({}), vec![record(&flow(70))]);
    assert_eq!(rows.len(), 1);
    let value = |id, enterprise| number(&rows[0][&(id, enterprise)]);
    assert_eq!([value(7, 0), value(11, 0), value(1, 0), value(1, 29_305)], [40_000, 443, 1500, 70]);
    assert_eq!([value(8, 0), value(12, 0)], [0x0a00_0001, 0xc000_0201]);
    assert_eq!(value(156, 0) >> 32, 1_700_000_000 + 2_208_988_800);
    assert!(!rows[0].contains_key(&(27, 0)));
    assert_eq!(listener.defined, 1);
    assert_eq!(bench.notices(), ["fields that are no information elements are left out: `colour`"]);
}

#[test]
fn directions_apart_have_their_ends_and_counters_exchanged() {
    for options in [json!({"version": "netflow_v9"}), json!({"biflow": false})] {
        let is_v9 = options.get("version").is_some();
        let (rows, listener, _) = sent(options, vec![record(&flow(70)), record(&flow(0))]);
        assert_eq!(rows.len(), 3);
        let ends = |row: &Decoded| [7, 11, 8, 1].map(|id| number(&row[&(id, 0)]));
        let mut told: Vec<_> = rows.iter().map(ends).collect();
        told.sort();
        assert_eq!(told[0], [443, 40_000, 0xc000_0201, 70]);
        assert_eq!(told[1..], [[40_000, 443, 0x0a00_0001, 1500]; 2]);
        assert!(rows.iter().all(|row| !row.contains_key(&(239, 0))));
        let start = if is_v9 { 152 } else { 156 };
        assert!(rows.iter().all(|row| row.contains_key(&(start, 0))));
        // What was not counted of the other direction is not in it.
        assert_eq!(listener.defined, 2);
    }
}

#[test]
fn times_are_in_milliseconds_when_asked() {
    let (rows, _, _) = sent(json!({"times": "milliseconds"}), vec![record(&flow(70))]);
    assert_eq!(number(&rows[0][&(152, 0)]), 1_700_000_000_123);
    assert!(!rows[0].contains_key(&(156, 0)));
}

#[test]
fn what_cannot_be_sent_is_dropped_and_never_wrong() {
    let rows: [&[(&str, Json)]; 5] = [
        &[("colour", 1.into())],
        &[("octetDeltaCount", (-1).into())],
        &[("userName", "x".repeat(2000).into())],
        &[("octetDeltaCount", Json::Null)],
        &[("octetDeltaCount", 7.into())],
    ];
    let (decoded, _, mut bench) = sent(json!({}), vec![records(&rows)]);
    assert_eq!(decoded.len(), 1);
    assert_eq!(bench.tally().dropped, [2, 1, 1, 0]);
    assert!(bench.notices().iter().any(|notice| notice.contains("`octetDeltaCount`")));
}

#[test]
fn templates_have_a_limit() {
    let names = [
        "octetDeltaCount",
        "vlanId",
        "ipTTL",
        "ipVersion",
        "flowId",
        "igmpType",
        "greKey",
        "natType",
        "portId",
        "samplerId",
    ];
    let name = |n: usize| (0..10).filter(move |bit| n >> bit & 1 == 1);
    let rows: Vec<Vec<(&str, Json)>> =
        (1..=1010_usize).map(|n| name(n).map(|bit| (names[bit], 1.into())).collect()).collect();
    let batches = rows.iter().map(|row| record(row)).collect::<Vec<_>>();
    let mut listener = Listener::new();
    let mut sink = sink("ipfix", json!({"to": listener.to()})).unwrap();
    let mut bench = Bench::new(Kind::Sink, "ipfix");
    batches.into_iter().for_each(|batch| sink.write(batch.into(), &mut bench.out).unwrap());
    sink.finish(&mut bench.out).unwrap();
    assert_eq!(bench.tally().dropped, [0, 0, 0, 10]);
    assert_eq!(listener.decode().len(), 1000);
}

#[test]
fn messages_are_short_enough_and_templates_come_again() {
    let many = |_| vec![flow(1); 50];
    let rows: Vec<_> = (0..4).flat_map(many).collect();
    let rows: Vec<&[_]> = rows.iter().map(Vec::as_slice).collect();
    for version in ["ipfix", "netflow_v9"] {
        let options = json!({"version": version, "message_size": 300, "templates": {"messages": 5}});
        let (decoded, listener, _) = sent(options, vec![records(&rows)]);
        assert_eq!(decoded.len(), if version == "ipfix" { 200 } else { 400 });
        assert!(listener.lengths.iter().all(|length| *length <= 300));
        assert!(listener.defined >= listener.lengths.len() / 5);
    }
    let mut listener = Listener::new();
    let mut sink = sink("ipfix", json!({"to": listener.to(), "templates": {"every": "10s"}})).unwrap();
    let mut bench = Bench::new(Kind::Sink, "ipfix");
    for second in [0, 9, 10, 11] {
        bench.out.set_now(second * 1_000_000_000);
        sink.write(record(&flow(1)).into(), &mut bench.out).unwrap();
        sink.flush(&mut bench.out).unwrap();
    }
    assert_eq!((listener.decode().len(), listener.defined), (4, 2));
}

#[test]
fn a_collector_that_is_not_there_is_told_of() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap().to_string();
    drop(socket);
    let mut sink = sink("ipfix", json!({"to": to})).unwrap();
    let mut bench = Bench::new(Kind::Sink, "ipfix");
    for _ in 0..3 {
        sink.write(record(&flow(1)).into(), &mut bench.out).unwrap();
        sink.flush(&mut bench.out).unwrap();
    }
    sink.finish(&mut bench.out).unwrap();
    assert_eq!(bench.tally().lost, 1);
    let notices = bench.notices();
    assert!(notices.iter().any(|notice| notice.starts_with("nobody takes messages at")), "{notices:?}");
    assert!(notices.iter().any(|notice| notice.contains("3 of 3 messages")), "{notices:?}");
}

#[test]
fn ipv6_carries_messages_too() {
    let Ok(socket) = UdpSocket::bind("[::1]:0") else { return println!("skipped: there is no IPv6") };
    let to = socket.local_addr().unwrap().to_string();
    let mut sink = sink("ipfix", json!({"to": to})).unwrap();
    let mut bench = Bench::new(Kind::Sink, "ipfix");
    sink.write(record(&flow(1)).into(), &mut bench.out).unwrap();
    sink.finish(&mut bench.out).unwrap();
    assert!(socket.recv(&mut [0; 1500]).unwrap() > 16);
}

#[test]
fn wrong_options_are_refused() {
    for (option, value) in [
        ("to", json!("localhost")),
        ("to", json!(":4739")),
        ("to", json!("::1:4739")),
        ("to", json!("localhost:0")),
        ("from", json!("here")),
        ("message_size", json!(255)),
        ("message_size", json!(65_508)),
        ("templates", json!({"messages": 0})),
        ("templates", json!({"every": "0s"})),
    ] {
        let mut options = json!({"to": "127.0.0.1:4739"});
        options[option] = value;
        assert!(!refused(Kind::Sink, "ipfix", options).message.is_empty());
    }
    let both = json!({"to": "127.0.0.1:4739", "version": "netflow_v9", "biflow": true});
    assert!(refused(Kind::Sink, "ipfix", both).message.contains("both directions"));
}
