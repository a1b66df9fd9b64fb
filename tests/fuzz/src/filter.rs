//! The tcpdump syntax: any text is refused at a place in it, or printed as what it was and compiled. A program is one that the
//! kernel would take, unless it is long or loops; it ends on every packet, and that of the negation passes the others.
//!
//! The text ends at the first zero; behind it are the link type and the packet.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_expr::Error;
use sluice_expr::bpf::program::{KERNEL_MAX, code};
use sluice_expr::bpf::{Ancillary, Filter, Insn, Machine, Options, Program, Verdict};

mod split;

fn points_into(text: &str, error: &Error) {
    let span = error.span();
    assert!(span.start <= span.end && text.get(span.start..span.end).is_some(), "{span:?}: {error}");
    error.render(text);
}

fn may_be_refused(program: &Program) -> bool {
    let goes_back = |insn: &Insn| insn.code == code::JMP | code::JA && (insn.k as i32) < 0;
    program.insns().len() > KERNEL_MAX || program.insns().iter().any(goes_back)
}

/// What the kernel could tell of the packet; a guess from its last bytes.
fn told(frame: &[u8]) -> Ancillary {
    let last = frame.last_chunk().map_or(0, |last| u32::from_be_bytes(*last));
    let vlan = (last & 0x100 != 0).then_some(((last >> 16) as u16, 0x8100));
    Ancillary { packet_type: last & 7, interface: last >> 3 & 7, vlan }
}

fuzz_target!(|data: &[u8]| {
    let Some(parts) = split::parts(data) else { return };
    let filter: Filter = match parts.text.parse() {
        Ok(filter) => filter,
        Err(error) => return points_into(parts.text, &error),
    };
    let printed = filter.to_string();
    assert_eq!(
        printed.parse().map_err(|error: Error| error.render(&printed)).as_ref(),
        Ok(&filter),
        "{printed}"
    );
    // One more level may be one too many.
    let not = format!("not ({printed})").parse::<Filter>().ok().filter(|_| !printed.is_empty());
    for live in [false, true] {
        let options = Options { live, ..Options::file(parts.link) };
        let program = match filter.compile(options) {
            Ok(program) => program,
            Err(error) => {
                points_into(parts.text, &error);
                continue;
            }
        };
        assert!(program.is_attachable() || may_be_refused(&program), "{program}");
        assert_eq!(program.to_string().lines().count(), program.insns().len());
        let run = |program: &Program| {
            let told = if live { told(parts.frame) } else { Ancillary::default() };
            Machine::new(program).run_live(parts.frame, parts.frame.len() as u32, &told)
        };
        let verdict = run(&program);
        let Some(Ok(others)) = not.as_ref().map(|not| not.compile(options)) else { continue };
        let other = run(&others);
        let parted = match (verdict, other) {
            (Verdict::Accept(_), Verdict::Reject) | (Verdict::Reject, Verdict::Accept(_)) => true,
            (Verdict::Outside, Verdict::Outside) => true,
            _ => false,
        };
        assert!(parted, "{printed}: {verdict:?} and {other:?}\n{program}\n{others}");
    }
});
