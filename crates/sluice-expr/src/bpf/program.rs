//! Classic BPF: instructions, and programs that were checked.

use std::fmt;

use super::machine::place;

/// The parts of an instruction's code, as in the Linux header `bpf_common.h`.
#[allow(missing_docs, reason = "the names are those of the header")]
pub mod code {
    pub const LD: u16 = 0;
    pub const LDX: u16 = 1;
    pub const ST: u16 = 2;
    pub const STX: u16 = 3;
    pub const ALU: u16 = 4;
    pub const JMP: u16 = 5;
    pub const RET: u16 = 6;
    pub const MISC: u16 = 7;

    pub const W: u16 = 0;
    pub const H: u16 = 0x08;
    pub const B: u16 = 0x10;

    pub const IMM: u16 = 0;
    pub const ABS: u16 = 0x20;
    pub const IND: u16 = 0x40;
    pub const MEM: u16 = 0x60;
    pub const LEN: u16 = 0x80;
    pub const MSH: u16 = 0xA0;

    pub const ADD: u16 = 0;
    pub const SUB: u16 = 0x10;
    pub const MUL: u16 = 0x20;
    pub const DIV: u16 = 0x30;
    pub const OR: u16 = 0x40;
    pub const AND: u16 = 0x50;
    pub const LSH: u16 = 0x60;
    pub const RSH: u16 = 0x70;
    pub const NEG: u16 = 0x80;
    pub const MOD: u16 = 0x90;
    pub const XOR: u16 = 0xA0;

    pub const JA: u16 = 0;
    pub const JEQ: u16 = 0x10;
    pub const JGT: u16 = 0x20;
    pub const JGE: u16 = 0x30;
    pub const JSET: u16 = 0x40;

    pub const K: u16 = 0;
    pub const X: u16 = 0x08;
    pub const A: u16 = 0x10;

    pub const TAX: u16 = 0;
    pub const TXA: u16 = 0x80;
}

/// How many words of scratch memory a program has.
pub const MEMORY: usize = 16;
/// How many instructions the kernel takes.
pub const KERNEL_MAX: usize = 4096;
/// How many instructions are run here.
pub const MAX: usize = 1 << 20;

/// One instruction, laid out as the kernel's `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Insn {
    /// What it does.
    pub code: u16,
    /// How many instructions a jump skips when its condition holds.
    pub jt: u8,
    /// How many it skips otherwise.
    pub jf: u8,
    /// A constant.
    pub k: u32,
}

impl Insn {
    /// An instruction that does not jump.
    pub const fn new(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }
}

/// A sequence of instructions that was checked: each is known, no jump leaves it, and the last one returns.
///
/// A jump may go back only if it is unconditional; whoever runs the program limits how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(Vec<Insn>);

impl Program {
    /// Checks the instructions.
    ///
    /// # Errors
    /// If one of them cannot be run.
    pub fn new(insns: Vec<Insn>) -> Result<Self, Invalid> {
        check(&insns)?;
        Ok(Self(insns))
    }

    /// The instructions.
    pub fn insns(&self) -> &[Insn] {
        &self.0
    }

    /// Whether no packet passes.
    pub fn rejects_all(&self) -> bool {
        self.0.iter().all(|insn| insn.code & 7 != code::RET || (insn.code == code::RET && insn.k == 0))
    }

    /// Whether the Linux kernel takes the program as a socket filter: it is short enough, never jumps back, reads no word
    /// of memory that it may not have written, and asks of a packet only what the kernel tells.
    pub fn is_attachable(&self) -> bool {
        let is_known =
            |insn: &Insn| insn.code & (7 | 0xE0) != code::LD | code::ABS || place::is_known(insn.k);
        self.0.len() <= KERNEL_MAX && self.0.iter().all(is_known) && writes_before_it_reads(&self.0)
    }
}

/// Why instructions are no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// There are none, or more than [`MAX`].
    Length(usize),
    /// The code of the instruction with this number is not known.
    Code(usize, u16),
    /// The instruction with this number jumps out of the program.
    Jump(usize),
    /// The instruction with this number uses a word of memory that there is not.
    Memory(usize),
    /// The instruction with this number divides by zero or shifts by more than 31 bits.
    Operand(usize),
    /// The last instruction does not return.
    NoReturn,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(0) => f.write_str("the program is empty"),
            Self::Length(length) => write!(f, "{length} instructions are more than {MAX}"),
            Self::Code(at, code) => write!(f, "instruction {at}: the code `{code:#x}` is not known"),
            Self::Jump(at) => write!(f, "instruction {at} jumps out of the program"),
            Self::Memory(at) => write!(f, "instruction {at} uses memory beyond {MEMORY} words"),
            Self::Operand(at) => write!(f, "instruction {at} divides by zero or shifts by more than 31 bits"),
            Self::NoReturn => f.write_str("the last instruction does not return"),
        }
    }
}

impl std::error::Error for Invalid {}

fn check(insns: &[Insn]) -> Result<(), Invalid> {
    use code::*;
    if insns.is_empty() || insns.len() > MAX {
        return Err(Invalid::Length(insns.len()));
    }
    for (at, insn) in insns.iter().enumerate() {
        let inside = |skipped: usize| match at + 1 + skipped < insns.len() {
            true => Ok(()),
            false => Err(Invalid::Jump(at)),
        };
        let k = insn.k as usize;
        match insn.code & 7 {
            LD if matches!(insn.code & !(W | H | B), ABS | IND) && insn.code & 0x18 != 0x18 => {}
            LD | LDX if matches!(insn.code & !7, IMM | LEN) => {}
            LDX if insn.code == LDX | B | MSH => {}
            LD | LDX if insn.code & !7 == MEM => memory(at, k)?,
            ST | STX if insn.code & !7 == 0 => memory(at, k)?,
            ALU => alu(at, insn)?,
            JMP if insn.code == JMP | JA => {
                // The distance is signed: a loop jumps back.
                let target = at as i64 + 1 + i64::from(insn.k as i32);
                if !usize::try_from(target).is_ok_and(|target| target < insns.len()) {
                    return Err(Invalid::Jump(at));
                }
            }
            JMP if matches!(insn.code & !(7 | X), JEQ | JGT | JGE | JSET) => {
                inside(insn.jt.into())?;
                inside(insn.jf.into())?;
            }
            RET if matches!(insn.code & !7, K | A) => {}
            MISC if matches!(insn.code & !7, TAX | TXA) => {}
            _ => return Err(Invalid::Code(at, insn.code)),
        }
    }
    match insns.last() {
        Some(last) if last.code & 7 == RET => Ok(()),
        _ => Err(Invalid::NoReturn),
    }
}

fn memory(at: usize, k: usize) -> Result<(), Invalid> {
    if k < MEMORY { Ok(()) } else { Err(Invalid::Memory(at)) }
}

fn alu(at: usize, insn: &Insn) -> Result<(), Invalid> {
    use code::*;
    let constant = insn.code & X == 0;
    match insn.code & !(7 | X) {
        DIV | MOD if constant && insn.k == 0 => Err(Invalid::Operand(at)),
        LSH | RSH if constant && insn.k > 31 => Err(Invalid::Operand(at)),
        NEG if constant => Ok(()),
        ADD | SUB | MUL | DIV | OR | AND | LSH | RSH | MOD | XOR => Ok(()),
        _ => Err(Invalid::Code(at, insn.code)),
    }
}

/// Whether each word of memory is written before it is read, whichever way the program takes; not if it jumps back.
fn writes_before_it_reads(insns: &[Insn]) -> bool {
    use code::*;
    // A bit for each word that is written on every way that was seen to an instruction.
    let mut written = vec![u16::MAX; insns.len()];
    let mut here = 0_u16;
    for (at, insn) in insns.iter().enumerate() {
        here &= written.get(at).copied().unwrap_or_default();
        let mut jump = |skipped: u32| {
            if let Some(there) = written.get_mut(at + 1 + skipped as usize) {
                *there &= here;
            }
        };
        match insn.code {
            ST | STX => here |= 1 << insn.k,
            code if matches!(code & !1, MEM) && here & 1 << insn.k == 0 => return false,
            code if code == JMP | JA => {
                if (insn.k as i32) < 0 {
                    return false;
                }
                jump(insn.k);
                here = u16::MAX;
            }
            code if code & 7 == JMP => {
                jump(insn.jt.into());
                jump(insn.jf.into());
                here = u16::MAX;
            }
            _ => {}
        }
    }
    true
}
