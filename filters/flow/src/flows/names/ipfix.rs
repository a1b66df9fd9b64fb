//! The information elements of IPFIX, by the names that IANA gives them; those of the side that answers begin with `reverse`,
//! as in RFC 5103.

use std::net::IpAddr;

use sluice_wire::decode::{icmpv4, icmpv6, sctp, tcp, udp, udplite};
use sluice_wire::flow::community;

use super::super::entry::Flow;
use super::super::report::Sheet;
use super::super::state::Phase;
use super::super::table::Reason;
use super::{Facts, short};

/// The value of `biflowDirection` that says that the source began the flow.
const INITIATOR: u64 = 1;

pub(super) fn write(out: &mut Sheet, flow: &Flow, reason: Reason, facts: &Facts) {
    let number = flow.key.protocol();
    let sides = &flow.sides;
    out.moment("flowStartNanoseconds", flow.first);
    out.moment("flowEndNanoseconds", flow.last);
    let (client, server) = (facts.client, facts.server);
    for (name, is_v6, end) in [
        ("sourceIPv4Address", false, client.address),
        ("destinationIPv4Address", false, server.address),
        ("sourceIPv6Address", true, client.address),
        ("destinationIPv6Address", true, server.address),
    ] {
        if end.is_ipv6() == is_v6 { out.ip(name, end) } else { out.nothing(name) }
    }
    let has_ports = matches!(number, tcp::NUMBER | udp::NUMBER | udplite::NUMBER | sctp::NUMBER);
    for (name, port) in [("sourceTransportPort", client.port), ("destinationTransportPort", server.port)] {
        if has_ports { out.number(name, port.into()) } else { out.nothing(name) }
    }
    out.number("protocolIdentifier", number.into());
    out.number("ipVersion", if matches!(client.address, IpAddr::V4(_)) { 4 } else { 6 });
    out.number("octetDeltaCount", sides[0].ip.get());
    out.number("packetDeltaCount", sides[0].packets.get());
    out.number("reverseOctetDeltaCount", sides[1].ip.get());
    out.number("reversePacketDeltaCount", sides[1].packets.get());
    out.number("layer2OctetDeltaCount", sides[0].wire.get());
    out.number("reverseLayer2OctetDeltaCount", sides[1].wire.get());
    for (name, flags) in ["tcpControlBits", "reverseTcpControlBits"].into_iter().zip(flow.flags) {
        if number == tcp::NUMBER { out.number(name, flags.into()) } else { out.nothing(name) }
    }
    let answer = facts.icmp.and_then(|(kind, code)| Some((community::counterpart(number, kind)?, code)));
    for (name, protocol, message) in [
        ("icmpTypeCodeIPv4", icmpv4::NUMBER, facts.icmp),
        ("icmpTypeCodeIPv6", icmpv6::NUMBER, facts.icmp),
        ("reverseIcmpTypeCodeIPv4", icmpv4::NUMBER, answer),
        ("reverseIcmpTypeCodeIPv6", icmpv6::NUMBER, answer),
    ] {
        match message.filter(|_| number == protocol) {
            Some((kind, code)) => out.number(name, u64::from(kind) << 8 | u64::from(code)),
            None => out.nothing(name),
        }
    }
    let mut vlans = flow.key.vlans();
    for name in ["dot1qVlanId", "dot1qCustomerVlanId"] {
        match vlans.next() {
            Some(id) => out.number(name, id.into()),
            None => out.nothing(name),
        }
    }
    out.number("flowEndReason", end_reason(flow, reason));
    out.number("flowId", short(facts.id));
    out.number("biflowDirection", INITIATOR);
}

/// The number that the registry has (`flowEndReason`) for why there is a record.
fn end_reason(flow: &Flow, reason: Reason) -> u64 {
    const IDLE: u64 = 1;
    const ACTIVE: u64 = 2;
    const END_OF_FLOW: u64 = 3;
    const FORCED: u64 = 4;
    const LACK_OF_RESOURCES: u64 = 5;
    match reason {
        // A connection that was closed has ended, though it was kept for a while for what might still come.
        Reason::Timeout | Reason::Shutdown if flow.phase == Phase::Closed => END_OF_FLOW,
        Reason::Timeout => IDLE,
        Reason::Active | Reason::Update => ACTIVE,
        Reason::Reused => END_OF_FLOW,
        Reason::Shutdown => FORCED,
        Reason::Evicted => LACK_OF_RESOURCES,
    }
}
