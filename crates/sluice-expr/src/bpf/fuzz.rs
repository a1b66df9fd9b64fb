//! What a fuzzer calls: bytes in, nothing out, and no panic.

use sluice_wire::link::LinkType;

use super::{Filter, Insn, Machine, Options, Program};

/// Parses a text and, where it is an expression, prints it, compiles it for several link types and runs it.
///
/// It returns whether what was printed means the same, which is always so.
pub fn fuzz_text(text: &str) -> bool {
    let Ok(filter) = text.parse::<Filter>() else { return true };
    for link in [1, 105, 113, 117, 123, 127, 228] {
        for live in [false, true] {
            let options = Options { live, ..Options::file(LinkType(link)) };
            if let Ok(program) = filter.compile(options) {
                Machine::new(&program).run(text.as_bytes(), 60);
            }
        }
    }
    filter.to_string().parse().is_ok_and(|again: Filter| again == filter)
}

/// Takes bytes as instructions and a packet, and runs the one on the other where they are a program.
pub fn fuzz_program(bytes: &[u8]) {
    let (insns, _) = bytes.as_chunks::<8>();
    let insn = |[a, b, jt, jf, c, d, e, f]: &[u8; 8]| Insn {
        code: u16::from_be_bytes([*a, *b]),
        jt: *jt,
        jf: *jf,
        k: u32::from_be_bytes([*c, *d, *e, *f]),
    };
    if let Ok(program) = Program::new(insns.iter().map(insn).collect()) {
        Machine::new(&program).run(bytes, 1500);
    }
}
