//! Laws of filter expressions: printing and parsing, negation, and that nothing panics or runs without end.

// The exemption of tests from these lints does not reach the helpers of an integration test.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sluice_expr::bpf::{Ancillary, Filter, Insn, Machine, Options, Program, Verdict};
use sluice_wire::link::LinkType;

/// The link types whose headers are read.
const LINKS: [u16; 18] = [0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 117, 123, 127, 163, 228, 276];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "host 10.0.0.1",
        "src host 10.0.0.1",
        "src and dst net 10",
        "net 192.168.0.0/16",
        "net 0.0.0.3 mask 0.0.0.255",
        "arp host 10.1.2.3",
        "host fe80::1",
        "dst net fe80::/10",
        "ether host 02:00:00:00:00:01",
        "ether src 2:0:0:0:0:1",
        "port 80",
        "tcp dst port http",
        "udp portrange 50-60",
        "proto 17",
        "ip proto \\tcp",
        "ip6 proto 44",
        "ether proto 0x806",
        "protochain 6",
        "tcp",
        "icmp6",
        "iso",
        "l1",
        "broadcast",
        "ip multicast",
        "less 100",
        "greater 60",
        "vlan",
        "vlan 5",
        "mpls 7",
        "pppoes",
        "pppoed",
        "geneve 11",
        "vxlan",
        "llc xid",
        "decnet host 10.123",
        "byte 3 & 1",
        "ip[0] & 0xf != 5",
        "tcp[tcp[12] >> 2:4] = 1",
        "len - 14 > ip[2:2] * 2 % 7",
        "ether[len / 2] + -1 <= 4",
        "ip[8] / ip[9] = 0",
    ])
    .prop_map(str::to_owned)
}

/// Expressions of all shapes.
fn expression() -> impl Strategy<Value = String> {
    word().prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            (inner.clone(), prop::bool::ANY, inner.clone())
                .prop_map(|(left, and, right)| format!("{left} {} {right}", if and { "and" } else { "or" })),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

/// Frames that look like something, and some that do not.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        "020000000002020000000001080045000028000100004006000",
        "0200000000020200000000018100000508004500003000010000401100000a0000010a010203",
        "02000000000202000000000186dd6000000000142c40fe80000000000000000000000000000120010db8000000000000000000000002",
        "0200000000020200000000018847000050400000614045000028000100004006",
        "02000000000202000000000108004500003c00010000401100000a0000010a01020303e717c10028000000006558000b00",
        "020000000002020000000001000bfefe03831b010010",
        "",
    ]);
    (start, prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(start, rest)| {
        let digits = start.as_bytes().chunks_exact(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).chain(rest).collect()
    })
}

fn compiled(text: &str, link: u16) -> Option<Machine> {
    let filter: Filter = text.parse().ok()?;
    filter.compile(Options::file(LinkType(link))).ok().map(|program| Machine::new(&program))
}

/// What was read is printed as what it was, compiled for every link type, and run.
fn goes_on(filter: &Filter, frame: &[u8]) {
    assert_eq!(filter.to_string().parse().ok().as_ref(), Some(filter));
    for link in LINKS {
        for live in [false, true] {
            if let Ok(program) = filter.compile(Options { live, ..Options::file(LinkType(link)) }) {
                Machine::new(&program).run(frame, 60);
            }
        }
    }
}

fn insn() -> impl Strategy<Value = Insn> {
    let code = prop::sample::select(vec![
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14, 0x15, 0x16, 0x1c, 0x1d, 0x20, 0x24, 0x25,
        0x28, 0x2c, 0x2d, 0x30, 0x34, 0x35, 0x3c, 0x3d, 0x40, 0x44, 0x45, 0x48, 0x4c, 0x4d, 0x50, 0x54, 0x5c,
        0x60, 0x61, 0x64, 0x6c, 0x74, 0x7c, 0x80, 0x81, 0x84, 0x87, 0x94, 0x9c, 0xa4, 0xac, 0xb1,
    ]);
    let k = prop_oneof![0u32..20, any::<u32>(), Just(0xffff_f02c), (1u32..9).prop_map(u32::wrapping_neg)];
    (code, 0u8..4, 0u8..4, k).prop_map(|(code, jt, jf, k)| Insn { code, jt, jf, k })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same_tree(text in expression()) {
        let filter: Filter = text.parse().unwrap();
        let printed = filter.to_string();
        let again: Filter = printed.parse().unwrap_or_else(|e| panic!("{printed}: {e}"));
        prop_assert_eq!(&again, &filter, "{}", printed);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn an_expression_and_its_negation_split_every_frame(text in expression(), frame in frame(), link in prop::sample::select(&LINKS[..])) {
        let length = frame.len() as u32;
        let (Some(yes), Some(no)) = (compiled(&text, link), compiled(&format!("not ({text})"), link)) else { return Ok(()) };
        match (yes.run(&frame, length), no.run(&frame, length)) {
            (Verdict::Outside, Verdict::Outside) => {}
            (yes, no) => prop_assert_eq!(
                [yes, no].iter().filter(|verdict| matches!(verdict, Verdict::Accept(_))).count(), 1,
                "{}: {:?} and {:?}", text, yes, no
            ),
        }
    }

    #[test]
    fn no_text_panics(text in "[ -~]{0,60}") {
        if let Ok(filter) = text.parse() {
            goes_on(&filter, text.as_bytes());
        }
    }

    #[test]
    fn no_sequence_of_words_panics(words in prop::collection::vec(prop::sample::select(vec![
        "host", "net", "port", "tcp", "ip", "not", "and", "or", "(", ")", "[", "]", ":", "=", "<", "-", "1", "0x800", "1.2.3.4",
        "::1", "02:00:00:00:00:01", "ether", "src", "dst", "vlan", "llc", "type", "mgt", "proto", "\\tcp", "len", "*", "80-90", "mask", "/",
    ]), 0..20)) {
        if let Ok(filter) = words.join(" ").parse() {
            goes_on(&filter, words.join(" ").as_bytes());
        }
    }

    #[test]
    fn every_program_ends(insns in prop::collection::vec(insn(), 1..30), frame in frame()) {
        let insns: Vec<Insn> = insns.into_iter().chain([Insn::new(6, 1)]).collect();
        if let Ok(program) = Program::new(insns) {
            Machine::new(&program).run_live(&frame, frame.len() as u32, &Ancillary::default());
            let _ = program.to_string();
        }
    }

}
