//! Filters for packets whose links have headers of any kind, in place of which they get cooked ones.

use sluice_expr::bpf::program::code::*;
use sluice_expr::bpf::{Insn, Program};

/// The length of the header that packets get afterwards.
const HEADER: u32 = crate::cooked::HEADER as u32;
/// Places that the kernel answers for, see filter.h.
const ANCILLARY: u32 = 0xFFFF_F000;
/// What comes from here on is counted from the network header, `SKF_NET_OFF`.
const NETWORK: u32 = 0xFFF0_0000;

/// The program for the kernel that does what one for frames with the header `LINUX_SLL2` does; nothing where that is not
/// sure, as where a place is computed.
pub fn uncooked(program: &Program) -> Option<Program> {
    let insns = program.insns().iter().map(moved).collect::<Option<_>>()?;
    Program::new(insns).ok()
}

fn moved(insn: &Insn) -> Option<Insn> {
    let at = |k| Some(Insn { k, ..*insn });
    let behind = |k: u32| k.checked_sub(HEADER).and_then(|k| at(NETWORK + k));
    // What stands in the header is asked of the kernel, which gives all of it as words.
    let asked = |number: u32| Some(Insn::new(LD | W | ABS, ANCILLARY + number));
    match (insn.code, insn.k) {
        (code, k) if code & (7 | 0xE0) == LD | ABS && k >= ANCILLARY => at(k),
        (code, k) if code & (7 | 0xE0) == LD | ABS && (HEADER..1 << 16).contains(&k) => behind(k),
        (code, 0) if code == LD | H | ABS => asked(0),
        (code, 10) if code == LD | B | ABS => asked(4),
        (code, 4) if code == LD | W | ABS => asked(8),
        (code, 8) if code == LD | H | ABS => asked(28),
        (code, _) if code & (7 | 0xE0) == LD | ABS => None,
        // The register holds the length of a header, for that is all that is let into it.
        (code, k) if code & (7 | 0xE0) == LD | IND => behind(k),
        (code, k) if code == LDX | B | MSH => behind(k),
        // A tag is not in the packet while the kernel looks at it.
        (code, 0x8100 | 0x88A8 | 0x9100) if code == JMP | JEQ | K => None,
        (code, _) if code & 7 == LDX || code & (7 | 0xE0) == LD | LEN || code == MISC | TAX => None,
        _ => at(insn.k),
    }
}

#[cfg(test)]
mod tests {
    use sluice_expr::bpf::{Filter, Options};
    use sluice_wire::link::LinkType;

    use super::*;

    fn of(text: &str, link: LinkType) -> Program {
        let filter: Filter = text.parse().expect("a filter");
        filter.compile(Options { live: true, ..Options::file(link) }).expect("a program")
    }

    #[test]
    fn what_is_asked_of_the_header_is_asked_of_the_kernel() {
        // Raw IPv4 has no header either, and needs not be told what it is.
        let cooked = uncooked(&of("ip and udp port 53", LinkType::LINUX_SLL2)).expect("a program");
        let raw = of("udp port 53", LinkType::IPV4);
        assert_eq!(cooked.insns()[0], Insn::new(LD | W | ABS, ANCILLARY));
        assert_eq!(cooked.insns().len(), raw.insns().len() + 2, "{cooked}\n{raw}");
        for (ours, theirs) in cooked.insns().iter().skip(2).zip(raw.insns()) {
            let reads = matches!(theirs.code & 0xE7, 0x20 | 0x40 | 0xA1);
            let k = if reads { NETWORK + theirs.k } else { theirs.k };
            assert_eq!((ours.code, ours.k), (theirs.code, k), "{cooked}\n{raw}");
        }
    }

    #[test]
    fn what_is_not_sure_is_left() {
        for (text, is_sure) in [
            ("", true),
            ("tcp port 80 or arp", true),
            ("ip6 and host fe80::1", true),
            ("outbound and ip", true),
            ("tcp[tcpflags] & tcp-syn != 0", true),
            ("ether proto 0x8100", false),
            ("less 100", false),
            ("ip6 protochain 6", false),
            ("ip[ip[0] & 15] = 3", false),
            ("ether host 02:00:00:00:00:01", false),
        ] {
            let Ok(filter) = text.parse::<Filter>() else { panic!("{text}") };
            let compiled = filter.compile(Options { live: true, ..Options::file(LinkType::LINUX_SLL2) });
            let done = compiled.ok().and_then(|program| uncooked(&program));
            assert_eq!(done.is_some(), is_sure, "{text}");
        }
    }
}
