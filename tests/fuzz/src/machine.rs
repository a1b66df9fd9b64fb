//! The interpreter of classic BPF: any instructions are refused, or run to an end, with the outcome that running them one by
//! one has. The first byte says how many instructions follow, as they are in memory; the rest is the packet.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_expr::bpf::{Ancillary, Insn, Machine, Program, Verdict};

/// What the program makes of a packet, without any of the shortcuts. `None` is a packet that is too short.
fn one_by_one(insns: &[Insn], frame: &[u8], told: &Ancillary) -> Option<u32> {
    let wire = frame.len() as u32;
    let (mut a, mut x, mut at, mut turns) = (0_u32, 0_u32, 0_usize, frame.len());
    let mut memory = [0_u32; 16];
    let load = |at: u64, code: u16| {
        let size = [4, 2, 1][usize::from(code >> 3 & 3)];
        let bytes = frame.get(usize::try_from(at).ok()?..)?.get(..size)?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    };
    let tell = |at: u32| match at.wrapping_sub(0xFFFF_F000) {
        4 => Some(told.packet_type),
        8 => Some(told.interface),
        44 => Some(told.vlan.map_or(0, |(tag, _)| tag.into())),
        48 => Some(told.vlan.is_some().into()),
        60 => Some(told.vlan.map_or(0, |(_, tpid)| tpid.into())),
        _ => None,
    };
    loop {
        let Insn { code, jt, jf, k } = insns[at];
        at += 1;
        let b = if code & 8 == 0 { k } else { x };
        match code {
            0x20 | 0x28 | 0x30 => a = load(k.into(), code).or_else(|| tell(k))?,
            0x40 | 0x48 | 0x50 => a = load(u64::from(x) + u64::from(k), code)?,
            0xB1 => x = (load(k.into(), 0x10)? & 15) * 4,
            0x00 => a = k,
            0x01 => x = k,
            0x60 => a = memory[k as usize],
            0x61 => x = memory[k as usize],
            0x80 => a = wire,
            0x81 => x = wire,
            0x02 => memory[k as usize] = a,
            0x03 => memory[k as usize] = x,
            0x04 | 0x0C => a = a.wrapping_add(b),
            0x14 | 0x1C => a = a.wrapping_sub(b),
            0x24 | 0x2C => a = a.wrapping_mul(b),
            0x34 | 0x3C => a = a.checked_div(b)?,
            0x94 | 0x9C => a = a.checked_rem(b)?,
            0x44 | 0x4C => a |= b,
            0x54 | 0x5C => a &= b,
            0xA4 | 0xAC => a ^= b,
            0x64 | 0x6C => a = if b < 32 { a << b } else { 0 },
            0x74 | 0x7C => a = if b < 32 { a >> b } else { 0 },
            0x84 => a = a.wrapping_neg(),
            0x05 => {
                let back = (k as i32) < 0;
                at = (at as i64 + i64::from(k as i32)) as usize;
                turns = if back { turns.checked_sub(1)? } else { turns };
            }
            0x15 | 0x1D | 0x25 | 0x2D | 0x35 | 0x3D | 0x45 | 0x4D => {
                let holds = match code & 0xF0 {
                    0x10 => a == b,
                    0x20 => a > b,
                    0x30 => a >= b,
                    _ => a & b != 0,
                };
                at += usize::from(if holds { jt } else { jf });
            }
            0x06 => return Some(k),
            0x16 => return Some(a),
            0x07 => x = a,
            0x87 => a = x,
            _ => panic!("the code {code:#x} was not refused"),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((count, rest)) = data.split_first() else { return };
    let (insns, frame) = rest.split_at(rest.len().min(8 * usize::from(*count)));
    let insn = |[a, b, jt, jf, k @ ..]: &[u8; 8]| Insn {
        code: u16::from_le_bytes([*a, *b]),
        jt: *jt,
        jf: *jf,
        k: u32::from_le_bytes(*k),
    };
    let insns: Vec<Insn> = insns.as_chunks().0.iter().map(insn).collect();
    let Ok(program) = Program::new(insns) else { return };
    assert_eq!(program.to_string().lines().count(), program.insns().len());
    let tagged = Ancillary { packet_type: 4, interface: 3, vlan: Some((5, 0x8100)) };
    for told in [Ancillary::default(), tagged] {
        let verdict = Machine::new(&program).run_live(frame, frame.len() as u32, &told);
        let expected = match one_by_one(program.insns(), frame, &told) {
            Some(0) => Verdict::Reject,
            Some(wanted) => Verdict::Accept(wanted),
            None => Verdict::Outside,
        };
        assert_eq!(verdict, expected, "{program}");
    }
});
