//! The program that divides packets by their pair of addresses.
//!
//! It looks at the network header alone, at which all fragments are alike, and behind at most one tag that the kernel left in
//! the packet. What has no addresses goes to the first member.

use sluice_expr::bpf::Insn;
use sluice_expr::bpf::program::code::*;

/// `SKF_NET_OFF` of filter.h: what follows is counted from the network header, on the way in and on the way out alike.
const NETWORK: u32 = 0xFFF0_0000;
/// `SKF_AD_OFF + SKF_AD_PROTOCOL`.
const PROTOCOL: u32 = 0xFFFF_F000;

const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86DD;
const TAGS: [u32; 2] = [0x8100, 0x88A8];

fn load(place: u32) -> Insn {
    Insn::new(LD | W | ABS, place)
}

/// Jumps so many instructions further if it is equal.
fn if_equal(k: u32, skipped: u8) -> Insn {
    Insn { code: JMP | JEQ | K, jt: skipped, jf: 0, k }
}

/// Mixes the words at these places, in whichever order they come, into the result.
fn of_words(places: impl IntoIterator<Item = u32>) -> Vec<Insn> {
    let mut insns = vec![Insn::new(LDX | W | IMM, 0)];
    for place in places {
        insns.extend([load(place), Insn::new(ALU | XOR | X, 0), Insn::new(MISC | TAX, 0)]);
    }
    // The kernel takes the rest of a division, so that the lower bits have to depend on all others.
    insns.extend([
        Insn::new(ALU | MUL | K, 0x9E37_79B1),
        Insn::new(ALU | RSH | K, 15),
        Insn::new(RET | A, 0),
    ]);
    insns
}

/// By the addresses of the packet whose network header is so many bytes behind where the kernel says.
fn of_packet(behind: u32) -> [Vec<Insn>; 2] {
    let network = NETWORK + behind;
    [of_words([12, 16].map(|at| network + at)), of_words((8..40).step_by(4).map(|at| network + at))]
}

/// What follows the protocol in the register: to that of the two packets which it is, or to `ret 0`.
fn choose(behind: u32) -> Vec<Insn> {
    let [v4, v6] = of_packet(behind);
    let mut insns = vec![if_equal(IPV4, 2), if_equal(IPV6, 1 + v4.len() as u8), Insn::new(RET | K, 0)];
    insns.extend(v4);
    insns.extend(v6);
    insns
}

pub(super) fn program() -> Vec<Insn> {
    let untagged = choose(0);
    let mut insns = vec![load(PROTOCOL), if_equal(TAGS[0], 0), if_equal(TAGS[1], 0)];
    for (at, insn) in insns.iter_mut().skip(1).enumerate() {
        insn.jt = untagged.len() as u8 + 1 - at as u8;
    }
    insns.extend(untagged);
    insns.push(Insn::new(LD | H | ABS, NETWORK + 2));
    insns.extend(choose(4));
    insns
}

#[cfg(test)]
mod tests {
    use sluice_expr::bpf::Program;

    use super::*;

    #[test]
    fn the_program_is_one() {
        let program = Program::new(program()).expect("a program");
        assert_eq!(program.insns().get(1).map(|insn| insn.code), Some(JMP | JEQ | K));
    }
}
