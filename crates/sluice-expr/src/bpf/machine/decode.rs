//! Instructions to steps.

use super::{Op, Step};
use crate::bpf::program::{Insn, code::*};

/// Makes steps of instructions.
pub(super) struct Decoder<'a> {
    insns: &'a [Insn],
    returns: Vec<u32>,
}

impl<'a> Decoder<'a> {
    pub fn new(insns: &'a [Insn]) -> Self {
        Self { insns, returns: Vec::new() }
    }

    /// What is returned, in the order of the places behind the last step that stand for it.
    pub fn returns(self) -> Vec<u32> {
        self.returns
    }

    /// Where to go on in order to reach an instruction.
    pub fn target(&mut self, at: usize) -> u32 {
        let index = match self.insns.get(at) {
            Some(Insn { code, k, .. }) if *code == RET | K => {
                let known = self.returns.iter().position(|wanted| wanted == k);
                let index = known.unwrap_or_else(|| {
                    self.returns.push(*k);
                    self.returns.len() - 1
                });
                self.insns.len() + index
            }
            _ => at,
        };
        index as u32
    }

    /// The step that an instruction becomes.
    pub fn step(&mut self, at: usize) -> Step {
        let insn = self.insns.get(at).copied().unwrap_or_default();
        if let Some(step) = self.fused(at, insn) {
            return step;
        }
        let mut op = plain(&insn);
        let (mut yes, mut no) = (at + 1, at + 1);
        if insn.code == JMP | JA {
            // The distance is signed.
            yes = (at as i64 + 1 + i64::from(insn.k as i32)) as usize;
            op = if yes <= at { Op::JumpBack } else { Op::Jump };
        } else if insn.code & 7 == JMP {
            yes += usize::from(insn.jt);
            no += usize::from(insn.jf);
        }
        let (yes, no) = (self.target(yes), self.target(no));
        Step { op, k: insn.k, value: 0, yes, no, second: 0, second_yes: no }
    }

    /// A load and the comparisons behind it as one step. Those keep steps of their own too, for who jumps there.
    fn fused(&mut self, at: usize, load: Insn) -> Option<Step> {
        const EQUAL: u16 = JMP | JEQ | K;
        const ANY_BIT: u16 = JMP | JSET | K;
        const HALF_AT: u16 = LD | IND | H;
        let next = *self.insns.get(at + 1)?;
        let then = self.insns.get(at + 2).copied().unwrap_or_default();
        let (op, branch, behind) = match (load.code, next.code) {
            (code, EQUAL) if code == LD | ABS | B => (Op::ByteEq, next, at + 2),
            (code, EQUAL) if code == LD | ABS | H => (Op::HalfEq, next, at + 2),
            (code, EQUAL) if code == LD | ABS | W => (Op::WordEq, next, at + 2),
            (HALF_AT, EQUAL) => (Op::HalfAtEq, next, at + 2),
            (code, ANY_BIT) if code == LD | ABS | H => (Op::HalfSet, next, at + 2),
            (code, ANY_BIT) if code == LD | ABS | B => (Op::ByteSet, next, at + 2),
            (code, HALF_AT) if code == LDX | B | MSH && then.code == EQUAL => {
                (Op::HalfBehindEq, then, at + 3)
            }
            _ => return None,
        };
        let yes = self.target(behind + usize::from(branch.jt));
        let mut no = behind + usize::from(branch.jf);
        // Without a second comparison this one is made twice, to no effect.
        let (mut second, mut second_yes) = (branch.k, yes);
        match op {
            Op::HalfBehindEq => second = next.k,
            Op::ByteEq | Op::HalfEq | Op::WordEq => {
                if let Some(other) = self.insns.get(no).copied().filter(|other| other.code == EQUAL) {
                    (second, second_yes) = (other.k, self.target(no + 1 + usize::from(other.jt)));
                    no += 1 + usize::from(other.jf);
                }
            }
            _ => {}
        }
        Some(Step { op, k: load.k, value: branch.k, yes, no: self.target(no), second, second_yes })
    }
}

/// What an instruction does, where it is a step of its own.
fn plain(insn: &Insn) -> Op {
    match insn.code & 7 {
        LD => match (insn.code & 0xE0, insn.code & 0x18) {
            (ABS, B) => Op::Byte,
            (ABS, H) => Op::Half,
            (ABS, _) => Op::Word,
            (IND, B) => Op::ByteAt,
            (IND, H) => Op::HalfAt,
            (IND, _) => Op::WordAt,
            (MEM, _) => Op::Recall,
            (LEN, _) => Op::Length,
            _ => Op::Constant,
        },
        LDX => match insn.code & 0xE0 {
            MSH => Op::HeaderLength,
            MEM => Op::RecallX,
            LEN => Op::LengthX,
            _ => Op::ConstantX,
        },
        ST => Op::Store,
        STX => Op::StoreX,
        ALU if insn.code & 0xF0 == NEG => Op::Negate,
        ALU if insn.code & X != 0 => Op::AluX(insn.code & 0xF0),
        ALU => Op::Alu(insn.code & 0xF0),
        JMP => match (insn.code & 0xF0, insn.code & X) {
            (JEQ, K) => Op::Equal,
            (JGT, K) => Op::Greater,
            (JGE, K) => Op::AtLeast,
            (JSET, K) => Op::AnyBit,
            (JEQ, _) => Op::EqualX,
            (JGT, _) => Op::GreaterX,
            (JGE, _) => Op::AtLeastX,
            (JSET, _) => Op::AnyBitX,
            _ => Op::Jump,
        },
        MISC if insn.code == MISC | TXA => Op::ToA,
        MISC => Op::ToX,
        // A constant is returned without a step.
        _ => Op::ReturnA,
    }
}
