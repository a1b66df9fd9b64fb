//! What is wrong with an expression is said with its place.

use sluice_expr::Span;
use sluice_expr::bpf::{Filter, Options};
use sluice_wire::link::LinkType;

/// An expression, the part of it that is wrong, and what is said.
const WRONG: &[(&str, &str, &str)] = &[
    ("tcp prot 80", "prot", "`prot` where `and` or `or` should stand: did you mean `proto`?"),
    ("tcp prt 80", "prt", "`prt` where `and` or `or` should stand: did you mean `port`?"),
    ("hots 10.0.0.1", "hots", "`hots` where a test such as `tcp port 80` should stand: did you mean `host`?"),
    ("10.0.0.1", "10.0.0.1", "an address needs `host` or `net` before it"),
    (
        "ether host 02:00:00:00:00:01 or tcp and 80",
        "80",
        "nothing before this says what it is: repeat `host`, `port` or the like",
    ),
    (
        "host 10.0.0.1 and (10.0.0.2 or port 80)",
        "port",
        "`port` is a word of the language: as a name it is written `\\port`",
    ),
    ("ip proto tcp", "tcp", "`tcp` is a word of the language: as a name it is written `\\tcp`"),
    ("tcp port", "", "the expression ends where a name, number or address should follow"),
    ("tcp and", "", "the expression ends where a test such as `tcp port 80` should follow"),
    ("(tcp", "(", "`(` is never closed"),
    ("tcp)", ")", "nothing was opened that `)` could close"),
    ("port 70000", "70000", "port `70000` is larger than 65535"),
    ("port htpp", "htpp", "`htpp` is no service known here: did you mean `http`?"),
    ("udp port http", "http", "this service runs over tcp"),
    ("portrange 80-x", "80-x", "`80-x` is no range of ports such as `6000-6008`"),
    ("icmp port 80", "icmp port", "`icmp` has no ports"),
    (
        "host example.com",
        "example.com",
        "`example.com` is no address: names of hosts and networks are not looked up",
    ),
    (
        "gateway snup",
        "gateway",
        "`gateway` needs names that only a host knows: say `ether host MAC and not host ADDRESS`",
    ),
    ("host 1.2.3.400", "1.2.3.400", "`1.2.3.400` is no IPv4 address"),
    ("net 10/8", "10", "a network with a length is written out: `10.0.0.0/8`"),
    ("net 10.1.0.0/8", "10.1.0.0/8", "the address has bits outside of the mask: did you mean `10.0.0.0`?"),
    ("net 10.0.0.0/33", "33", "`33` is longer than the 32 bits of an IPv4 address"),
    ("host 10.0.0.0/8", "/", "only networks have a length or mask: write `net`"),
    ("net ::1/64", "::1", "`::1` has bits behind the length of the network"),
    ("arp host ::1", "arp host", "`arp` has no IPv6 addresses"),
    ("tcp host 10.0.0.1", "tcp host", "`tcp` has no IPv4 addresses"),
    ("host 02:00:00:00:00:01", "02:00:00:00:00:01", "a MAC address needs `ether host` before it"),
    ("ether host 10.0.0.1", "10.0.0.1", "the link layer has MAC addresses, such as `02:00:00:00:00:01`"),
    ("decnet host 64.1", "64.1", "`64.1` is no DECnet address such as `10.123`"),
    ("ip proto 256", "256", "protocol `256` is larger than 255"),
    ("arp proto 5", "arp proto", "`arp` does not say which protocol it carries"),
    ("ether protochain 6", "ether protochain", "`ether` has no chain of headers"),
    ("vlan 4096", "4096", "VLAN tag `4096` is larger than 4095"),
    ("mpls 1048576", "1048576", "MPLS label `1048576` is larger than 1048575"),
    ("pppoes 65536", "65536", "PPPoE session `65536` is larger than 65535"),
    ("geneve 16777216", "16777216", "Geneve VNI `16777216` is larger than 16777215"),
    ("llc xyd", "xyd", "`xyd` is no kind of LLC frame: did you mean `xid`?"),
    ("type mgt subtype beakon", "beakon", "`beakon` is no 802.11 frame subtype: did you mean `beacon`?"),
    ("type mgt subtype ack", "ack", "this subtype belongs to another type of 802.11 frames"),
    ("action blok", "blok", "`blok` is no pf action: did you mean `block`?"),
    ("ip6 broadcast", "broadcast", "IPv6 has no broadcast"),
    ("tcp broadcast", "broadcast", "`tcp` has no addresses that could be so"),
    ("tcp[0:3] = 1", "3", "`3` bytes cannot be loaded, only 1, 2 or 4"),
    ("tcp[0 = 1", "=", "`=` where `]` should stand"),
    ("iso[0] = 1", "iso[0]", "headers of `iso` cannot be looked into"),
    ("len + 1", "", "the expression ends where a comparison such as `=` or `<` should follow"),
    ("ip[0] / 0 = 1", "/", "division by zero"),
    ("ip[0] >> 32 = 1", ">>", "shift by more than 31 bits"),
    ("ip ; tcp", ";", "`;` has no meaning here"),
    ("less many", "many", "`many` where a length should stand"),
];

/// What goes wrong on one link type only.
const ON_LINK: &[(&str, u16, &str, &str)] = &[
    ("ip and vlan 5", 101, "vlan 5", "there are no VLAN tags on link type `RAW`"),
    ("inbound", 1, "inbound", "frames do not tell their direction on link type `ETHERNET`"),
    ("ifindex 3", 113, "ifindex 3", "frames do not tell their interface on link type `LINUX_SLL`"),
    (
        "ether host 02:00:00:00:00:01",
        0,
        "ether host 02:00:00:00:00:01",
        "there are no MAC addresses on link type `NULL`",
    ),
    ("on em0", 1, "on em0", "packets were not logged by pf on link type `ETHERNET`"),
    ("type mgt", 1, "type mgt", "there are no 802.11 frames on link type `ETHERNET`"),
    ("vpi 3", 1, "vpi 3", "there are no ATM cells on link type `ETHERNET`"),
    ("radio[0] = 1", 1, "radio[0]", "there is no radio header on link type `ETHERNET`"),
    ("len > 3 and tcp", 9999, "tcp", "headers behind the link header cannot be found on link type `9999`"),
    ("mpls and vlan", 1, "vlan", "there is no VLAN tag behind MPLS labels"),
    ("mpls and arp", 1, "arp", "behind MPLS labels only IPv4 and IPv6 can be told apart"),
    ("ether", 1, "ether", "`ether` says nothing alone: `host` or `[` should follow"),
    ("ip[0] / (1 - 1) = 1", 1, "/", "division by zero"),
];

#[test]
fn the_wrong_part_is_pointed_at() {
    for (text, part, message) in WRONG {
        let error = text.parse::<Filter>().map(|filter| panic!("{text} is {filter}")).unwrap_err();
        assert_eq!(
            (text.get(error.span().start..error.span().end), error.message()),
            (Some(*part), *message),
            "{text}"
        );
    }
}

#[test]
fn what_a_link_type_lacks_is_refused_when_it_is_compiled_for() {
    for (text, link, part, message) in ON_LINK {
        let filter: Filter = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        let error = filter
            .compile(Options::file(LinkType(*link)))
            .map(|program| panic!("{text}: {program}"))
            .unwrap_err();
        assert_eq!(
            (text.get(error.span().start..error.span().end), error.message()),
            (Some(*part), *message),
            "{text}"
        );
    }
}

#[test]
fn nesting_and_length_have_limits() {
    for text in [
        format!("{}tcp{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}tcp", "not ".repeat(100_000)),
        format!("{}tcp", "!".repeat(100_000)),
        format!("host {}10.0.0.1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}len{} > 1", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}1{} > 1", "ip[".repeat(100_000), "]".repeat(100_000)),
        format!("{}1 > 1", "- ".repeat(100_000)),
        format!("{}1 > 1", "-".repeat(100_000)),
        format!("len{} > 1", " + 1".repeat(100_000)),
        format!("len{} > 1", " % 3".repeat(100_000)),
    ] {
        let error = text.parse::<Filter>().unwrap_err();
        assert!(error.message().contains("128"), "{}", error.message());
        let Span { start, end } = error.span();
        assert!(start < end && end <= text.len(), "{start} to {end} of {}", text.len());
    }
    let long = "tcp or ".repeat(200_000);
    assert_eq!(long.parse::<Filter>().unwrap_err().message(), "the expression is longer than 1048576 bytes");
    for text in [
        format!("{}tcp{}", "(".repeat(120), ")".repeat(120)),
        format!("tcp{}", " and udp or ip".repeat(10_000)),
    ] {
        text.parse::<Filter>().unwrap().compile(Options::file(LinkType::ETHERNET)).unwrap();
    }
}

/// A number whose two sides need equally many intermediate results, at every level.
fn balanced(levels: u32, leaf: &mut u32) -> String {
    *leaf += 1;
    match levels {
        0 => format!("ip[ip[{leaf}]]"),
        _ => format!("({} - {})", balanced(levels - 1, leaf), balanced(levels - 1, leaf)),
    }
}

#[test]
fn a_number_may_need_too_much_memory() {
    let compile = |number: &str| {
        let filter: Filter = format!("geneve and geneve and geneve and {number} = 1").parse().unwrap();
        filter.compile(Options::file(LinkType::ETHERNET))
    };
    let error = compile(&balanced(5, &mut 0)).unwrap_err();
    assert_eq!(error.message(), "a number here needs more than 16 intermediate results");
    compile(&balanced(3, &mut 0)).unwrap();
    // One that leans to either side needs few, however long it is.
    let leaves: Vec<String> = (0..100).map(|leaf| format!("ip[ip[{leaf}]]")).collect();
    compile(&leaves.join(" + ")).unwrap();
    compile(&leaves.join(" % ")).unwrap();
}
