//! Programs as a whole: long ones, those for a Linux socket, and how they are written down.

// The exemption of tests from these lints does not reach the helpers of an integration test.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;

use sluice_expr::bpf::{Ancillary, Filter, Insn, Invalid, Machine, Options, Program, Verdict};
use sluice_wire::link::LinkType;

fn compile(text: &str, options: Options) -> Program {
    text.parse::<Filter>().unwrap().compile(options).unwrap()
}

fn program(text: &str) -> Program {
    compile(text, Options::file(LinkType::ETHERNET))
}

fn live(text: &str) -> Machine {
    Machine::new(&compile(text, Options { live: true, ..Options::file(LinkType::ETHERNET) }))
}

/// An Ethernet frame with an IPv4 packet.
fn frame(source: Ipv4Addr, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let mut frame =
        vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, protocol, 0, 0];
    frame.extend(source.octets());
    frame.extend([10, 1, 2, 3]);
    frame.extend(rest);
    frame
}

#[test]
fn jumps_reach_across_long_programs() {
    let hosts: Vec<String> =
        (0..2000_u32).map(|n| format!("src host {}", Ipv4Addr::from(0x0A00_0000 + 7 * n))).collect();
    let either = Machine::new(&program(&hosts.join(" or ")));
    let neither = Machine::new(&program(&format!("not ({}) and udp", hosts.join(" or "))));
    for number in [0, 1, 6, 7, 700, 7 * 1999, 7 * 1999 + 1, 7 * 2000] {
        let frame = frame(Ipv4Addr::from(0x0A00_0000 + number), 17, &[0; 20]);
        let listed = number % 7 == 0 && number < 7 * 2000;
        assert_eq!(either.matches(&frame, 60), listed, "{number}");
        assert_eq!(neither.matches(&frame, 60), !listed, "{number}");
    }
}

#[test]
fn the_kernel_takes_what_is_short_does_not_loop_and_asks_for_what_there_is() {
    assert!(program("tcp port 443").is_attachable());
    assert!(!program("ip6 protochain 6").is_attachable());
    let hosts: Vec<String> = (0..3000).map(|n| format!("host 10.0.{}.{}", n / 256, n % 256)).collect();
    assert!(!program(&hosts.join(" or ")).is_attachable());
    let attachable = |first| Program::new(vec![first, Insn::new(6, 0)]).unwrap().is_attachable();
    // Memory that nobody wrote, and the word before and the one after the last that the kernel tells.
    for (code, k, taken) in
        [(0x60, 1, false), (0x20, 0xFFFF_F03A, false), (0x20, 0xFFFF_F03C, true), (0x20, 0xFFFF_F040, false)]
    {
        assert_eq!(attachable(Insn::new(code, k)), taken, "{code:#x} {k:#x}");
    }
}

#[test]
fn memory_is_written_before_it_is_read() {
    for text in [
        "geneve and ip",
        "geneve or ip",
        "ip or (geneve and tcp port 80) or udp port 53",
        "not geneve and vxlan and host 10.0.0.1",
        "vlan 5 or (vlan 6 and port 80) or geneve or arp",
        "ip[ip[0] & 0xf] - tcp[tcp[12] >> 2] = udp[4]",
    ] {
        for live in [false, true] {
            let program = compile(text, Options { live, ..Options::file(LinkType::ETHERNET) });
            assert!(program.is_attachable(), "{text}\n{program}");
        }
    }
}

#[test]
fn an_instruction_is_laid_out_as_the_kernel_has_it() {
    assert_eq!((size_of::<Insn>(), align_of::<Insn>()), (8, 4));
}

#[test]
fn a_tag_that_the_kernel_took_off_counts() {
    let inside = frame(Ipv4Addr::new(10, 0, 0, 1), 6, &[0; 20]);
    let mut tagged = inside.clone();
    tagged.splice(12..12, [0x81, 0, 0, 5]);
    let mut two = tagged.clone();
    two.splice(12..12, [0x88, 0xA8, 0, 9]);
    let taken = Ancillary { vlan: Some((0x2005, 0x8100)), ..Ancillary::default() };
    let outer = Ancillary { vlan: Some((9, 0x88A8)), ..Ancillary::default() };
    let none = Ancillary::default();
    for (text, expected) in [
        ("vlan", [false, true, true, true, true]),
        ("vlan 5", [false, true, true, false, false]),
        ("vlan 9", [false, false, false, true, true]),
        ("vlan 5 and tcp", [false, true, true, false, false]),
        ("vlan and vlan 5 and ip", [false, false, false, true, true]),
        ("vlan and udp", [false; 5]),
        ("ip and not vlan", [true, false, false, false, false]),
    ] {
        let machine = live(text);
        let cases = [(&inside, &none), (&tagged, &none), (&inside, &taken), (&two, &none), (&tagged, &outer)];
        let passes = cases.map(|(frame, told)| machine.run_live(frame, 60, told) == Verdict::Accept(262_144));
        assert_eq!(passes, expected, "{text}");
    }
}

#[test]
fn the_kernel_tells_direction_and_interface() {
    let frame = frame(Ipv4Addr::new(10, 0, 0, 1), 6, &[0; 20]);
    let sent = Ancillary { packet_type: 4, interface: 3, vlan: None };
    let outbound = compile("outbound", Options { live: true, ..Options::file(LinkType::ETHERNET) });
    assert!(outbound.to_string().starts_with("(000) ld       [type]\n(001) jeq      #0x4 "), "{outbound}");
    for (text, passes) in [("outbound", true), ("inbound", false), ("ifindex 3", true), ("ifindex 2", false)]
    {
        assert_eq!(live(text).run_live(&frame, 54, &sent) == Verdict::Accept(262_144), passes, "{text}");
    }
}

#[test]
fn loopback_headers_are_read_in_both_byte_orders() {
    let machine = Machine::new(&compile("ip6", Options::file(LinkType::NULL)));
    for family in [[0, 0, 0, 30], [30, 0, 0, 0], [24, 0, 0, 0], [0, 0, 0, 28]] {
        assert!(machine.matches(&family, 4), "{family:?}");
    }
    assert!(!machine.matches(&[2, 0, 0, 0], 4));
}

#[test]
fn a_second_authentication_header_is_behind_the_first() {
    let mut headers = vec![51, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    headers.extend([0; 12]);
    headers.extend([6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    headers.extend([0; 40]);
    let frame = frame(Ipv4Addr::new(10, 0, 0, 1), 51, &headers);
    assert!(Machine::new(&program("ip protochain 6")).matches(&frame, 200));
    assert!(!Machine::new(&program("ip protochain 17")).matches(&frame, 200));
}

#[test]
fn what_was_not_captured_rejects_the_packet_either_way() {
    let short = [0; 9];
    for text in ["ip", "not ip"] {
        assert_eq!(Machine::new(&program(text)).run(&short, 60), Verdict::Outside, "{text}");
    }
    assert_eq!(Machine::new(&program("less 60")).run(&short, 60), Verdict::Accept(262_144));
}

#[test]
fn what_can_never_or_always_be_is_one_instruction() {
    assert_eq!(compile("arp", Options::file(LinkType::RAW)).to_string(), "(000) ret      #0\n");
    assert!(compile("arp", Options::file(LinkType::RAW)).rejects_all());
    assert_eq!(compile("ip", Options::file(LinkType::IPV4)).to_string(), "(000) ret      #262144\n");
    assert_eq!(program("").to_string(), "(000) ret      #262144\n");
}

#[test]
fn programs_are_checked() {
    let ret = Insn::new(6, 0);
    let jump = |code, jt, jf, k| Insn { code, jt, jf, k };
    for (insns, wrong) in [
        (vec![], Invalid::Length(0)),
        (vec![Insn::new(0x28, 12)], Invalid::NoReturn),
        (vec![Insn::new(0xFFFF, 0), ret], Invalid::Code(0, 0xFFFF)),
        (vec![Insn::new(0x0D, 0), ret], Invalid::Code(0, 0x0D)),
        (vec![Insn::new(0x8C, 0), ret], Invalid::Code(0, 0x8C)),
        (vec![jump(0x15, 1, 0, 0), ret], Invalid::Jump(0)),
        (vec![jump(5, 0, 0, 9), ret], Invalid::Jump(0)),
        (vec![ret, jump(5, 0, 0, 3_u32.wrapping_neg()), ret], Invalid::Jump(1)),
        (vec![Insn::new(2, 16), ret], Invalid::Memory(0)),
        (vec![Insn::new(0x34, 0), ret], Invalid::Operand(0)),
        (vec![Insn::new(0x64, 32), ret], Invalid::Operand(0)),
    ] {
        assert_eq!(Program::new(insns), Err(wrong));
    }
    // A loop without end is a program, and its run ends.
    let endless = Program::new(vec![jump(5, 0, 0, 1_u32.wrapping_neg()), ret]).unwrap();
    assert_eq!(Machine::new(&endless).run(&[0; 100], 100), Verdict::Outside);
}
