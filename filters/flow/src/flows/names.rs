//! The fields of a record: those of Zeek's conn.log, of Suricata's EVE, or of IPFIX.

mod ipfix;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_wire::decode::{icmpv4, icmpv6, sctp, tcp, udp, udplite};
use sluice_wire::flow::{Endpoint, community};

use super::entry::{CONTINUED, Flow};
use super::report::Sheet;
use super::state;
use super::table::Reason;

/// What the fields of a record are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Names {
    /// As in the conn.log of Zeek: `id.orig_h`, `orig_bytes`, `conn_state` and so on.
    #[default]
    Zeek,
    /// As in an event of the type `flow` in the EVE log of Suricata: `src_ip`, `flow` with `pkts_toserver` and so on.
    Eve,
    /// As the information elements of IPFIX: `sourceIPv4Address`, `octetDeltaCount`, `reverseOctetDeltaCount` and so on.
    Ipfix,
}

impl Names {
    pub fn write(self, out: &mut Sheet, flow: &Flow, reason: Reason, seed: u16) {
        let facts = Facts::of(flow, seed);
        match self {
            Names::Zeek => zeek(out, flow, reason, &facts),
            Names::Eve => eve(out, flow, reason, &facts),
            Names::Ipfix => ipfix::write(out, flow, reason, &facts),
        }
    }
}

/// What has to be computed.
struct Facts {
    client: Endpoint,
    server: Endpoint,
    /// Type and code of an ICMP message of the side that began the flow.
    icmp: Option<(u8, u8)>,
    community: [u8; community::LEN],
    id: u64,
}

impl Facts {
    fn of(flow: &Flow, seed: u16) -> Self {
        let [mut client, mut server] = flow.ends_in_order();
        let protocol = flow.key.protocol();
        let is_icmp = matches!(protocol, icmpv4::NUMBER | icmpv6::NUMBER);
        let (kind, code) = (flow.key.kind(), client.port as u8);
        let counterpart = community::counterpart(protocol, kind);
        let icmp = is_icmp.then_some((kind, if counterpart.is_some() { 0 } else { code }));
        if let Some((kind, code)) = icmp {
            (client.port, server.port) = (kind.into(), code.into());
        }
        let community = community::id(client, server, protocol, seed);
        if let (true, Some(counterpart)) = (is_icmp, counterpart) {
            server.port = counterpart.into();
        }
        Self { client, server, icmp, community, id: identifier(flow) }
    }
}

/// A number that is the same for a flow on every machine, and most likely another one for any other flow.
fn identifier(flow: &Flow) -> u64 {
    let words = flow.key.words().iter().copied().chain([flow.first as u64]);
    words.fold(0x6A09_E667_F3BC_C909, |hash: u64, word| {
        // An odd number with about as many ones as zeros.
        let product = u128::from(hash ^ word) * u128::from(0xD6E8_FEB8_6659_FD93_u64);
        ((product >> 64) as u64).rotate_left(23) ^ (product as u64)
    })
}

/// The name of a protocol, as in Zeek; `None` where it has none.
fn protocol(number: u8) -> Option<&'static str> {
    match number {
        tcp::NUMBER => Some("tcp"),
        udp::NUMBER => Some("udp"),
        icmpv4::NUMBER | icmpv6::NUMBER => Some("icmp"),
        sctp::NUMBER => Some("sctp"),
        udplite::NUMBER => Some("udplite"),
        _ => None,
    }
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::Timeout => "timeout",
            Reason::Reused => "reused",
            Reason::Active => "active",
            Reason::Evicted => "evicted",
            Reason::Shutdown => "shutdown",
            Reason::Update => "update",
        }
    }
}

/// A base-62 digit.
fn digit(value: u64) -> u8 {
    match (value % 62) as u8 {
        value @ 0..10 => b'0' + value,
        value @ 10..36 => b'A' + value - 10,
        value => b'a' + value - 36,
    }
}

fn zeek(out: &mut Sheet, flow: &Flow, reason: Reason, facts: &Facts) {
    let number = flow.key.protocol();
    let is_connection = matches!(number, tcp::NUMBER | sctp::NUMBER);
    let (sides, streams) = (&flow.sides, &flow.streams);
    out.moment("ts", flow.first);
    out.text("uid", |out| {
        out.byte(b'C');
        let mut rest = facts.id;
        for _ in 0..11 {
            out.byte(digit(rest));
            rest /= 62;
        }
    });
    out.ip("id.orig_h", facts.client.address);
    out.number("id.orig_p", facts.client.port.into());
    out.ip("id.resp_h", facts.server.address);
    out.number("id.resp_p", facts.server.port.into());
    out.word("proto", protocol(number).unwrap_or("unknown_transport"));
    out.number("ip_proto", number.into());
    out.seconds("duration", flow.duration());
    // The bytes of a TCP stream are told by its sequence numbers, so that each counts once.
    for ((name, side), stream) in ["orig_bytes", "resp_bytes"].into_iter().zip(sides).zip(streams) {
        out.number(name, if number == tcp::NUMBER { stream.length.get() } else { side.payload.get() });
    }
    out.word("conn_state", state::conn_state(flow));
    let missed = streams.map(|stream| stream.missed.get() + stream.holes.len());
    out.number("missed_bytes", missed[0] + missed[1]);
    out.text("history", |out| flow.history.write(out.0));
    out.number("orig_pkts", sides[0].packets.get());
    out.number("orig_ip_bytes", sides[0].ip.get());
    out.number("resp_pkts", sides[1].packets.get());
    out.number("resp_ip_bytes", sides[1].ip.get());
    let mut vlans = flow.key.vlans();
    for name in ["vlan", "inner_vlan"] {
        match vlans.next() {
            Some(id) => out.number(name, id.into()),
            None => out.nothing(name),
        }
    }
    out.text("community_id", |out| out.0.extend_from_slice(&facts.community));
    out.number("orig_wire_bytes", sides[0].wire.get());
    out.number("resp_wire_bytes", sides[1].wire.get());
    for (name, at) in [("orig_missed_bytes", 0), ("resp_missed_bytes", 1)] {
        if is_connection { out.number(name, missed[at]) } else { out.nothing(name) }
    }
    for (name, stream) in ["orig_retransmitted", "resp_retransmitted"].into_iter().zip(streams) {
        if number == tcp::NUMBER { out.number(name, stream.again.into()) } else { out.nothing(name) }
    }
    for (name, span) in ["resp_rtt", "orig_rtt"].into_iter().zip(handshake(flow)) {
        match span {
            Some(span) => out.seconds(name, span),
            None => out.nothing(name),
        }
    }
    out.number("icmp_errors", flow.errors.into());
    out.number("tunnel_depth", flow.key.depth().into());
    out.flag("continued", flow.marks & CONTINUED != 0);
    out.word("reason", reason.name());
}

/// How long the side that was asked took to answer, and the other one to go on; ns.
fn handshake(flow: &Flow) -> [Option<u64>; 2] {
    flow.handshake.map(|span| (span > 0 && flow.is_timed()).then_some(u64::from(span) * 10))
}

/// As much of an identifier as every reader of JSON takes for a whole number.
fn short(id: u64) -> u64 {
    id >> 11
}

fn eve(out: &mut Sheet, flow: &Flow, reason: Reason, facts: &Facts) {
    let number = flow.key.protocol();
    out.moment("timestamp", flow.last);
    out.number("flow_id", short(facts.id));
    out.word("event_type", "flow");
    let (mut vlans, mut count) = ([0; 4], 0);
    for (place, id) in vlans.iter_mut().zip(flow.key.vlans()) {
        (*place, count) = (id, count + 1);
    }
    match vlans.get(..count) {
        Some(vlans) if count > 0 => out.numbers("vlan", vlans),
        _ => out.nothing("vlan"),
    }
    out.ip("src_ip", facts.client.address);
    match facts.icmp {
        Some(_) => out.nothing("src_port"),
        None => out.number("src_port", facts.client.port.into()),
    }
    out.ip("dest_ip", facts.server.address);
    match facts.icmp {
        Some(_) => out.nothing("dest_port"),
        None => out.number("dest_port", facts.server.port.into()),
    }
    let name = match number {
        icmpv6::NUMBER => Some("ipv6-icmp"),
        number => protocol(number),
    };
    out.text("proto", |out| match name {
        Some(name) => out.0.extend(name.bytes().map(|byte| byte.to_ascii_uppercase())),
        None => {
            out.padded(number.into(), 3);
        }
    });
    for (name, value) in
        ["icmp_type", "icmp_code"].into_iter().zip([facts.icmp.map(|i| i.0), facts.icmp.map(|i| i.1)])
    {
        match value {
            Some(value) => out.number(name, value.into()),
            None => out.nothing(name),
        }
    }
    out.open("flow");
    out.number("pkts_toserver", flow.sides[0].packets.get());
    out.number("pkts_toclient", flow.sides[1].packets.get());
    out.number("bytes_toserver", flow.sides[0].wire.get());
    out.number("bytes_toclient", flow.sides[1].wire.get());
    out.moment("start", flow.first);
    out.moment("end", flow.last);
    out.number("age", flow.duration() / 1_000_000_000);
    out.word("state", state::eve_state(flow));
    out.word("reason", if reason == Reason::Evicted { "forced" } else { reason.name() });
    out.flag("alerted", false);
    out.close();
    let [client, server] = flow.flags;
    let is_tcp = number == tcp::NUMBER;
    out.open("tcp");
    for (name, flags) in [("tcp_flags", client | server), ("tcp_flags_ts", client), ("tcp_flags_tc", server)]
    {
        match is_tcp {
            true => out.text(name, |out| {
                out.hex(flags.into(), 2);
            }),
            false => out.nothing(name),
        }
    }
    for (name, bit) in [("fin", 1), ("syn", 2), ("rst", 4), ("psh", 8), ("ack", 16)] {
        if is_tcp { out.flag(name, (client | server) & bit != 0) } else { out.nothing(name) }
    }
    out.close();
    out.text("community_id", |out| out.0.extend_from_slice(&facts.community));
}
