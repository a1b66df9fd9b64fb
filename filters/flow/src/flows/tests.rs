use std::collections::BTreeMap;
use std::net::SocketAddr;

use proptest::prelude::*;
use sluice_core::{Batch, Layers, MAIN, Registry};
use sluice_testkit::{Harness, Outcome, Packets, traffic};
use sluice_wire::link::LinkType;

mod tcp;

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// A record: its fields as text.
type Row = BTreeMap<String, String>;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: flows\n{options}"))
}

fn rows(outcome: &Outcome) -> Vec<Row> {
    let field = |field: &str| {
        let (name, value) = field.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    let lines = outcome.items(MAIN).into_iter().map(|line| String::from_utf8(line).unwrap());
    lines.map(|line| line.split(' ').map(field).collect()).collect()
}

/// The values of these fields, `-` where there is none.
fn pick(row: &Row, fields: &str) -> String {
    fields.split(' ').map(|name| row.get(name).map_or("-", String::as_str)).collect::<Vec<_>>().join(" ")
}

/// What the packets of one batch give, with what is told at the end.
fn told(options: &str, packets: &Packets) -> Vec<Row> {
    let mut flows = harness(options).unwrap();
    let mut all = rows(&flows.give(packets.build()).unwrap());
    all.extend(rows(&flows.finish().unwrap()));
    all
}

fn told_as(options: &str, packets: &Packets, fields: &str) -> Vec<String> {
    told(options, packets).iter().map(|row| pick(row, fields)).collect()
}

fn at(packets: Packets, time: i64, frame: impl AsRef<[u8]>) -> Packets {
    packets.with(frame, |frame| frame.time = time)
}

fn client() -> SocketAddr {
    "10.0.0.1:40000".parse().unwrap()
}

fn server() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

#[test]
fn both_directions_are_one_flow_that_the_first_sender_began() {
    let packets = Packets::new()
        .frame(traffic::udp("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:6000".parse().unwrap(), b"hello"))
        .frame(traffic::udp("10.0.0.2:6000".parse().unwrap(), "10.0.0.1:5000".parse().unwrap(), b"you"))
        .frame(traffic::udp(
            "[2001:db8::1]:5353".parse().unwrap(),
            "[ff02::fb]:5353".parse().unwrap(),
            b"who",
        ))
        .frame(traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]));
    let fields = "id.orig_h id.orig_p id.resp_h id.resp_p proto duration orig_bytes resp_bytes conn_state orig_pkts \
                  orig_ip_bytes resp_pkts resp_ip_bytes orig_wire_bytes reason";
    assert_eq!(
        told_as("", &packets, fields),
        [
            "2001:db8::1 5353 ff02::fb 5353 udp 0 3 0 S0 1 51 0 0 65 shutdown",
            "10.0.0.1 5000 10.0.0.2 6000 udp 0.001 5 3 SF 1 33 1 31 47 shutdown",
        ]
    );
    let mut flows = harness("").unwrap();
    flows.give(packets.build()).unwrap();
    assert_eq!((flows.dropped("tracked"), flows.dropped("no_flow")), (3, 1));
}

#[test]
fn who_has_the_port_of_a_server_answers() {
    let udp = |from: &str, to: &str| traffic::udp(from.parse().unwrap(), to.parse().unwrap(), b"x");
    let packets = Packets::new()
        .frame(udp("10.0.0.1:53", "10.0.0.2:4000"))
        .frame(udp("10.0.0.3:123", "10.0.0.2:53"))
        .frame(udp("10.0.0.4:53", "224.0.0.251:5353"))
        .with(udp("10.0.0.5:9000", "10.0.0.6:9001"), |f| f.flags.set(sluice_core::Flags::FROM_SERVER, true));
    assert_eq!(
        told_as("", &packets, "id.orig_h id.resp_h history"),
        ["10.0.0.2 10.0.0.1 ^d", "10.0.0.3 10.0.0.2 D", "10.0.0.4 224.0.0.251 D", "10.0.0.6 10.0.0.5 ^d"]
    );
    let mine = told_as("  server_ports: [4000]", &packets, "id.orig_h");
    assert_eq!(mine[0], "10.0.0.1");
}

#[test]
fn an_error_counts_for_the_flow_that_it_quotes() {
    let (a, b) = ("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:6000".parse().unwrap());
    let asked = traffic::udp(a, b, b"hello");
    let error = traffic::unreachable("10.9.9.9".parse().unwrap(), a.ip(), &asked);
    let packets = Packets::new().frame(&asked).frame(&error);
    let fields = "id.orig_h proto orig_pkts resp_pkts resp_bytes conn_state icmp_errors";
    assert_eq!(told_as("", &packets, fields), ["10.0.0.1 udp 1 0 0 S0 1"]);
    // One that comes alone tells of the flow all the same.
    assert_eq!(told_as("", &Packets::new().frame(&error), fields), ["10.0.0.1 udp 0 0 0 OTH 1"]);
    assert_eq!(told_as("", &Packets::new().frame(&error).frame(&asked), fields), ["10.0.0.1 udp 1 0 0 S0 1"]);
}

#[test]
fn questions_and_answers_of_icmp_belong_together() {
    let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let answer = |id| {
        let mut frame = traffic::echo(b, a, id);
        frame[34] = 0;
        frame
    };
    let timestamp = {
        let mut frame = traffic::echo(a, b, 7);
        frame[34] = 13;
        frame
    };
    let packets =
        Packets::new().frame(traffic::echo(a, b, 7)).frame(answer(7)).frame(answer(8)).frame(timestamp);
    let fields = "id.orig_h id.orig_p id.resp_p orig_pkts resp_pkts orig_bytes history";
    let mut told = told_as("", &packets, fields);
    told.sort();
    assert_eq!(told, ["10.0.0.1 13 14 1 0 8 D", "10.0.0.1 8 0 0 1 0 ^d", "10.0.0.1 8 0 1 1 8 Dd"]);
    let six = Packets::new().frame(traffic::echo("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap(), 1));
    assert_eq!(told_as("", &six, "id.orig_p id.resp_p proto ip_proto"), ["128 129 icmp 58"]);
}

#[test]
fn a_vlan_has_flows_of_its_own() {
    let frame = traffic::udp(client(), server(), b"");
    let packets = Packets::new()
        .frame(&frame)
        .frame(traffic::vlan(7, &frame))
        .frame(traffic::vlan(7, &traffic::vlan(9, &frame)))
        .frame(traffic::vlan(7, &frame));
    assert_eq!(told_as("", &packets, "vlan inner_vlan orig_pkts"), ["- - 1", "7 - 2", "7 9 1"]);
    assert_eq!(told_as("  names: eve", &packets, "vlan"), ["-", "7", "7,9"]);
}

#[test]
fn packets_in_tunnels_have_flows_of_their_own_when_asked() {
    let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let there = traffic::tunnel(traffic::Tunnel::Vxlan, a, b, &traffic::udp(client(), server(), b"hello"));
    let back = traffic::tunnel(traffic::Tunnel::Vxlan, b, a, &traffic::udp(server(), client(), b"you"));
    let packets = Packets::new().frame(there).frame(back);
    assert!(told_as("", &packets, "tunnel_depth").iter().all(|depth| depth == "0"));
    let inner: Vec<_> =
        told("  tunnels: 1", &packets).into_iter().filter(|row| row["tunnel_depth"] == "1").collect();
    let fields = "id.orig_h id.resp_h orig_pkts resp_pkts orig_bytes orig_ip_bytes orig_wire_bytes";
    assert_eq!(
        inner.iter().map(|row| pick(row, fields)).collect::<Vec<_>>(),
        ["10.0.0.1 192.0.2.1 1 1 5 33 33"]
    );
}

#[test]
fn an_idle_flow_is_over_with_its_next_packet_or_with_the_watermark() {
    let udp = || traffic::udp("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:6000".parse().unwrap(), b"");
    let options = "  timeouts: {udp_unanswered: 10s}";
    // Exactly ten seconds are too long, whatever the wheel has to say.
    for (gap, count) in [(10 * SECOND - 1, 1), (10 * SECOND, 2)] {
        let packets = at(at(Packets::new(), 5 * SECOND, udp()), 5 * SECOND + gap, udp());
        assert_eq!(told(options, &packets).len(), count);
    }
    let mut flows = harness(options).unwrap();
    assert!(flows.give(at(Packets::new(), 5 * SECOND, udp()).build()).unwrap().batches.is_empty());
    assert!(flows.watermark(14 * SECOND).unwrap().batches.is_empty());
    let over = rows(&flows.watermark(16 * SECOND).unwrap());
    assert_eq!(
        over.iter().map(|row| pick(row, "reason ts duration")).collect::<Vec<_>>(),
        ["timeout 1970-01-01T00:00:05.000000000Z 0"]
    );
    assert!(flows.finish().unwrap().batches.is_empty());
}

#[test]
fn idle_is_the_limit_of_all_timeouts() {
    let packets = at(Packets::new(), 0, traffic::udp(client(), server(), b""));
    let packets = at(packets, 3 * SECOND, traffic::udp(client(), server(), b""));
    assert_eq!(told("", &packets).len(), 1);
    assert_eq!(told("  timeouts: {idle: 2s}", &packets).len(), 2);
}

#[test]
fn a_timeout_without_end_ends_with_the_input() {
    let packets = Packets::new()
        .frame(traffic::udp(client(), server(), b""))
        .with(traffic::udp(server(), "10.0.0.9:9".parse().unwrap(), b""), |frame| frame.time = i64::MAX)
        .with(traffic::udp(client(), "10.0.0.8:8".parse().unwrap(), b""), |frame| frame.time = i64::MIN);
    let options = "  timeouts: {udp_unanswered: 200000d}";
    let reasons = told_as(options, &packets, "reason");
    assert_eq!(reasons, ["shutdown"; 3]);
    let mut flows = harness(options).unwrap();
    let mut all = rows(&flows.give(packets.build()).unwrap());
    all.extend(rows(&flows.watermark(i64::MAX).unwrap()));
    all.extend(rows(&flows.finish().unwrap()));
    assert_eq!(all.len(), 3);
}

#[test]
fn time_that_goes_back_changes_no_flow_and_holds_no_memory() {
    let udp = || traffic::udp(client(), server(), b"");
    // Within a flow: the earlier packet is counted, and the flow began with it.
    let packets = at(at(Packets::new(), 9 * SECOND, udp()), 8 * SECOND, udp());
    assert_eq!(told_as("", &packets, "orig_pkts duration ts"), ["2 1 1970-01-01T00:00:08.000000000Z"]);
    // Behind the watermark: the flow goes on until the watermark has moved on.
    let mut flows = harness("  timeouts: {udp_unanswered: 10s}").unwrap();
    let far = traffic::udp("10.0.0.7:5000".parse().unwrap(), server(), b"");
    flows.give(at(Packets::new(), 4_000_000 * SECOND, far).build()).unwrap();
    assert!(flows.watermark(4_000_000 * SECOND).unwrap().batches.is_empty());
    for second in 0..5 {
        let batch = at(Packets::new(), second * SECOND, udp()).build();
        assert!(flows.give(batch).unwrap().batches.is_empty());
        assert!(flows.watermark(4_000_000 * SECOND).unwrap().batches.is_empty());
    }
    for (second, host) in [(4_000_021, "10.0.0.7 1"), (4_000_042, "10.0.0.1 5")] {
        let over = rows(&flows.watermark(second * SECOND).unwrap());
        assert_eq!(over.iter().map(|row| pick(row, "id.orig_h orig_pkts")).collect::<Vec<_>>(), [host]);
    }
}

#[test]
fn a_long_flow_is_told_of_while_it_lasts() {
    let packets = (0..25).fold(Packets::new(), |packets, second| {
        at(packets, second * SECOND, traffic::udp(client(), server(), b"12345"))
    });
    let fields = "reason orig_pkts orig_bytes duration continued";
    assert_eq!(
        told_as("  update: 10s", &packets, fields),
        ["update 10 50 9 false", "update 20 100 19 false", "shutdown 25 125 24 false"]
    );
    assert_eq!(
        told_as("  active: 10s", &packets, fields),
        ["active 10 50 9 false", "active 10 50 9 true", "shutdown 5 25 4 true"]
    );
}

#[test]
fn long_lived_connections_survive_a_flood() {
    let mut flows = harness("  memory: 1MiB").unwrap();
    let data = |flags| {
        (0..50u8).map(move |host| {
            let client = SocketAddr::new([10, 0, 0, host].into(), 40_000);
            [traffic::tcp(client, server(), flags, b"data"), traffic::tcp(server(), client, flags, b"more")]
        })
    };
    let mut told = rows(&flows.give(Packets::new().frames(data(16).flatten()).build()).unwrap());
    for round in 0..20u32 {
        let flood = (0..1000).map(|at| {
            let [_, b, c, d] = (round * 1000 + at).to_be_bytes();
            traffic::tcp(SocketAddr::new([172, b, c, d].into(), 1024), server(), 2, b"")
        });
        told.extend(rows(&flows.give(Packets::new().frames(flood).build()).unwrap()));
    }
    assert!(told.len() > 15_000);
    assert!(told.iter().all(|row| pick(row, "reason conn_state") == "evicted S0"));
    assert_eq!(flows.notices().len(), 1);
    let rest = rows(&flows.finish().unwrap());
    assert_eq!(rest.iter().filter(|row| row["resp_pkts"] == "1").count(), 50);
    assert_eq!(told.len() + rest.len(), 20_050);
    assert!(flows.notices()[1].message.contains("flows ended early"));
}

#[test]
fn records_have_the_names_of_eve_when_asked() {
    let packets = Packets::new().frame(traffic::tcp(client(), server(), 2, b"")).frame(traffic::tcp(
        server(),
        client(),
        20,
        b"",
    ));
    let fields = "event_type src_ip src_port dest_ip dest_port proto icmp_type flow.pkts_toserver flow.pkts_toclient \
                  flow.bytes_toserver flow.bytes_toclient flow.age flow.state flow.reason tcp.tcp_flags tcp.tcp_flags_ts \
                  tcp.tcp_flags_tc tcp.rst";
    assert_eq!(
        told_as("  names: eve", &packets, fields),
        ["flow 10.0.0.1 40000 192.0.2.1 443 TCP - 1 1 54 54 0 closed shutdown 16 02 14 true"]
    );
    let mut flows = harness("  names: eve").unwrap();
    flows.give(packets.build()).unwrap();
    let outcome = flows.finish().unwrap();
    let Some(Batch::Records(batch)) = outcome.port(MAIN) else { panic!("no records") };
    let nodes = batch.fields(&batch.records()[0]).unwrap();
    // The object `flow` has its ten fields, and the record ends with the one after the object `tcp`.
    let flow = nodes.iter().position(|node| batch.key("flow") == Some(node.key)).unwrap();
    assert_eq!(nodes[flow].span(), 11);
    assert_eq!(batch.name(nodes[nodes.len() - 1].key), "community_id");
}

#[test]
fn sctp_has_states_of_its_own_packets() {
    let packet = |from: SocketAddr, to: SocketAddr, chunks: &[(u8, usize)]| {
        let mut body = [&from.port().to_be_bytes()[..], &to.port().to_be_bytes(), &[0; 8]].concat();
        for (kind, len) in chunks {
            body.extend([*kind, 3]);
            body.extend((*len as u16).to_be_bytes());
            body.resize(body.len() + len.next_multiple_of(4) - 4, 0);
        }
        traffic::ip(from.ip(), to.ip(), 132, &body)
    };
    let (a, b) = ("10.0.0.1:7".parse().unwrap(), "10.0.0.2:7".parse().unwrap());
    let packets = Packets::new()
        .frame(packet(a, b, &[(1, 20)]))
        .frame(packet(b, a, &[(2, 20)]))
        .frame(packet(a, b, &[(10, 8), (0, 20)]))
        .frame(packet(b, a, &[(11, 4), (3, 16)]))
        .frame(packet(a, b, &[(7, 8)]))
        .frame(packet(b, a, &[(8, 4)]))
        .frame(packet(a, b, &[(14, 4)]));
    let fields = "proto conn_state history orig_bytes resp_bytes resp_rtt orig_rtt";
    assert_eq!(told_as("", &packets, fields), ["sctp SF ShDaFf 4 0 0.001 0.001"]);
}

#[test]
fn bytes_are_counted_by_length_fields_and_not_by_what_was_captured() {
    let mut frame = traffic::udp(client(), server(), &[7; 500]);
    let wire = frame.len() as u32;
    frame.truncate(60);
    let cut = Packets::new().with(&frame, |f| f.wire = wire);
    assert_eq!(told_as("", &cut, "orig_bytes orig_ip_bytes orig_wire_bytes"), ["500 528 542"]);
    let mut padded = traffic::udp(client(), server(), b"x");
    padded.resize(60, 0);
    assert_eq!(
        told_as("", &Packets::new().frame(padded), "orig_bytes orig_ip_bytes orig_wire_bytes"),
        ["1 29 60"]
    );
}

#[test]
fn options_that_mean_nothing_are_refused() {
    for (options, message) in [
        ("  memory: 1kB", "`1000` is too little"),
        ("  update: 0s", "expected a time above 0"),
        ("  timeouts: {udp: 0s}", "`udp` is no time"),
        ("  tunnels: 16", "`16` is not between 0 and 15"),
        ("  timeouts: {tcp: 1s}", "unknown field `tcp`"),
    ] {
        let error = harness(options).err().unwrap().to_string();
        assert!(error.contains(message), "{options}: {error}");
    }
}

#[test]
fn flows_go_on_in_another_instance() {
    let frames = traffic::mixture(2000, 3);
    let half = frames.len() / 2;
    let part = |from: usize, to: usize, wanted: &dyn Fn(&[u8]) -> bool| {
        let mut packets = Packets::new();
        for (number, frame) in
            frames.iter().enumerate().take(to).skip(from).filter(|(_, frame)| wanted(frame))
        {
            packets = at(packets, number as i64 * MILLISECOND, frame);
        }
        packets.build()
    };
    let hash = |frame: &[u8]| Layers::decode(LinkType::ETHERNET, frame, frame.len() as u32).flow_hash();
    let groups = [0..=u64::MAX / 3, u64::MAX / 3 + 1..=u64::MAX];
    let mut one = harness("").unwrap();
    let mut all = rows(&one.give(part(0, half, &|_| true)).unwrap());
    for group in &groups {
        let mut other = harness("").unwrap();
        other.import(&one.export(group).unwrap()).unwrap();
        let rest = part(half, frames.len(), &|frame| group.contains(&hash(frame)));
        all.extend(rows(&other.give(rest).unwrap()));
        all.extend(rows(&other.finish().unwrap()));
    }
    assert!(one.export(&(0..=u64::MAX)).unwrap().is_empty());
    let mut whole = harness("").unwrap();
    let mut expected = rows(&whole.give(part(0, frames.len(), &|_| true)).unwrap());
    expected.extend(rows(&whole.finish().unwrap()));
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn a_state_that_is_none_is_refused() {
    let mut one = harness("").unwrap();
    one.give(Packets::new().frame(traffic::udp(client(), server(), b"")).build()).unwrap();
    let mut state = one.export(&(0..=u64::MAX)).unwrap();
    one.import(&state).unwrap();
    state.pop();
    assert!(one.import(&state).unwrap_err().to_string().contains("cut off"));
    assert!(one.import(&[9]).unwrap_err().to_string().contains("of version 9"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the packets are cut into batches, wherever watermarks come, the records are the same.
    #[test]
    fn records_do_not_depend_on_batches(
        seed in 0u64..50,
        cuts in prop::collection::vec((1usize..60, any::<bool>()), 1..30),
        step in 1i64..3000,
    ) {
        let frames = traffic::mixture(400, seed);
        let mut whole = Packets::new();
        for (number, frame) in frames.iter().enumerate() {
            whole = at(whole, number as i64 * step * MILLISECOND, frame);
        }
        let options = "  tunnels: 2\n  update: 30s\n  active: 200s";
        let mut expected: Vec<_> = told(options, &whole);
        let mut flows = harness(options).unwrap();
        let (mut start, mut cuts) = (0, cuts.iter().cycle());
        let mut all = Vec::new();
        while start < frames.len() {
            let (len, marks) = *cuts.next().unwrap();
            let end = (start + len).min(frames.len());
            let part = (start..end).fold(Packets::new(), |packets, number| {
                at(packets, number as i64 * step * MILLISECOND, &frames[number])
            });
            all.extend(rows(&flows.give(part.build()).unwrap()));
            if marks {
                all.extend(rows(&flows.watermark((end as i64 - 1) * step * MILLISECOND).unwrap()));
            }
            start = end;
        }
        all.extend(rows(&flows.finish().unwrap()));
        // A flow may be over by its timeout or with the input.
        for row in expected.iter_mut().chain(&mut all) {
            if row["reason"] == "shutdown" {
                row.insert("reason".into(), "timeout".into());
            }
        }
        expected.sort();
        all.sort();
        prop_assert_eq!(expected, all);
    }
}

#[test]
fn records_of_ipfix_have_its_elements_for_both_directions() {
    let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let mut answer = traffic::echo(b, a, 7);
    answer[34] = 0;
    let packets = Packets::new()
        .frame(traffic::udp("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:6000".parse().unwrap(), b"hello"))
        .frame(traffic::udp("10.0.0.2:6000".parse().unwrap(), "10.0.0.1:5000".parse().unwrap(), b"you"))
        .frame(traffic::vlan(
            9,
            &traffic::udp("[fd00::1]:5353".parse().unwrap(), "[ff02::fb]:5353".parse().unwrap(), b"who"),
        ))
        .frame(traffic::echo(a, b, 7))
        .frame(answer);
    let fields = "sourceIPv4Address destinationIPv4Address sourceIPv6Address sourceTransportPort \
                  destinationTransportPort protocolIdentifier ipVersion octetDeltaCount packetDeltaCount \
                  reverseOctetDeltaCount reversePacketDeltaCount layer2OctetDeltaCount icmpTypeCodeIPv4 \
                  reverseIcmpTypeCodeIPv4 dot1qVlanId tcpControlBits flowEndReason";
    let mut told = told_as("  names: ipfix", &packets, fields);
    told.sort();
    assert_eq!(
        told,
        [
            "- - fd00::1 5353 5353 17 6 51 1 0 0 69 - - 9 - 4",
            "10.0.0.1 10.0.0.2 - - - 1 4 36 1 36 1 50 2048 0 - - 4",
            "10.0.0.1 10.0.0.2 - 5000 6000 17 4 33 1 31 1 47 - - - - 4",
        ]
    );
}

#[test]
fn counters_of_ipfix_are_no_sums_of_what_was_told_before() {
    let refused = harness("  names: ipfix\n  update: 1s").err().map(|e| e.to_string());
    assert!(refused.is_some_and(|text| text.contains("exclude each other")));
    assert!(harness("  names: ipfix\n  active: 1s").is_ok());
}
