//! Runs programs.
//!
//! A program is decoded once into steps with the targets of jumps written out. A load that is followed by a comparison
//! with a constant, which is most of what filters do, becomes one step.

use super::program::{Insn, MEMORY, Program, code::*};

/// What a program made of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes; so many of its bytes are wanted.
    Accept(u32),
    /// It does not.
    Reject,
    /// It does not, for it was too short for what the program wanted to see, or the program could not go on.
    Outside,
}

/// What Linux tells of a packet besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ancillary {
    /// Whom it was addressed to: 0 this host, 1 all, 2 a group, 3 another host, 4 sent by this host.
    pub packet_type: u32,
    /// The index of the interface.
    pub interface: u32,
    /// The tag control information and the TPID of a VLAN tag that was taken off the packet.
    pub vlan: Option<(u16, u16)>,
}

/// Loads from here on are from [`Ancillary`]; these are the places, as in the Linux header `filter.h`.
pub(super) mod place {
    pub const ANCILLARY: u32 = 0xFFFF_F000;
    pub const PACKET_TYPE: u32 = ANCILLARY + 4;
    pub const INTERFACE: u32 = ANCILLARY + 8;
    pub const VLAN_TAG: u32 = ANCILLARY + 44;
    pub const VLAN_PRESENT: u32 = ANCILLARY + 48;
    pub const VLAN_TPID: u32 = ANCILLARY + 60;
}

/// A program made ready to run.
#[derive(Debug, Clone)]
pub struct Machine {
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    op: Op,
    /// The constant, or the offset of a load.
    k: u32,
    /// What a load is compared with.
    value: u32,
    /// Where it goes on: when a comparison holds, or after any other step.
    yes: u32,
    /// Where it goes on when a comparison does not hold.
    no: u32,
}

/// What a step does. `Byte`, `Half` and `Word` load; the letter says what is done with it: nothing, `Eq`, `Set`.
#[derive(Debug, Clone, Copy)]
enum Op {
    ByteEq,
    HalfEq,
    WordEq,
    HalfAtEq,
    HalfSet,
    ByteSet,
    Byte,
    Half,
    Word,
    ByteAt,
    HalfAt,
    WordAt,
    HeaderLength,
    Constant,
    Length,
    Recall,
    ConstantX,
    LengthX,
    RecallX,
    Store,
    StoreX,
    Alu(u16),
    AluX(u16),
    Negate,
    ToX,
    ToA,
    Jump,
    JumpBack,
    Equal,
    Greater,
    AtLeast,
    AnyBit,
    EqualX,
    GreaterX,
    AtLeastX,
    AnyBitX,
    Return,
    ReturnA,
}

impl Machine {
    /// Makes a program ready.
    pub fn new(program: &Program) -> Self {
        let insns = program.insns();
        let steps = insns.iter().enumerate().map(|(at, insn)| step(at, insn, insns.get(at + 1))).collect();
        Self { steps }
    }

    /// Whether a frame passes that was `wire_len` bytes long on the wire.
    #[inline]
    pub fn matches(&self, frame: &[u8], wire_len: u32) -> bool {
        matches!(self.run(frame, wire_len), Verdict::Accept(_))
    }

    /// What the program makes of a frame that was `wire_len` bytes long on the wire.
    #[inline]
    pub fn run(&self, frame: &[u8], wire_len: u32) -> Verdict {
        self.run_live(frame, wire_len, &Ancillary::default())
    }

    /// What the program makes of a frame of which Linux tells `ancillary`.
    pub fn run_live(&self, frame: &[u8], wire_len: u32, ancillary: &Ancillary) -> Verdict {
        let (mut a, mut x) = (0_u32, 0_u32);
        let mut memory = [0_u32; MEMORY];
        // A loop moves on in the frame each time, so this many turns are enough.
        let mut turns = frame.len();
        let mut at = 0_u32;
        // Whatever a step needs and does not find ends the program.
        macro_rules! need {
            ($value:expr) => {
                match $value {
                    Some(value) => value,
                    None => return Verdict::Outside,
                }
            };
        }
        loop {
            let step = need!(self.steps.get(at as usize));
            let k = step.k;
            at = step.yes;
            let holds = match step.op {
                Op::HalfEq => {
                    a = need!(half(frame, k).or_else(|| told(ancillary, k)));
                    a == step.value
                }
                Op::ByteEq => {
                    a = need!(byte(frame, k).or_else(|| told(ancillary, k)));
                    a == step.value
                }
                Op::WordEq => {
                    a = need!(word(frame, k).or_else(|| told(ancillary, k)));
                    a == step.value
                }
                Op::HalfAtEq => {
                    a = need!(x.checked_add(k).and_then(|k| half(frame, k)));
                    a == step.value
                }
                Op::HalfSet => {
                    a = need!(half(frame, k).or_else(|| told(ancillary, k)));
                    a & step.value != 0
                }
                Op::ByteSet => {
                    a = need!(byte(frame, k).or_else(|| told(ancillary, k)));
                    a & step.value != 0
                }
                Op::HeaderLength => {
                    x = (need!(byte(frame, k)) & 0xF) << 2;
                    continue;
                }
                Op::Equal => a == k,
                Op::Greater => a > k,
                Op::AtLeast => a >= k,
                Op::AnyBit => a & k != 0,
                Op::EqualX => a == x,
                Op::GreaterX => a > x,
                Op::AtLeastX => a >= x,
                Op::AnyBitX => a & x != 0,
                Op::Return if k == 0 => return Verdict::Reject,
                Op::Return => return Verdict::Accept(k),
                Op::ReturnA if a == 0 => return Verdict::Reject,
                Op::ReturnA => return Verdict::Accept(a),
                Op::Byte => {
                    a = need!(byte(frame, k).or_else(|| told(ancillary, k)));
                    continue;
                }
                Op::Half => {
                    a = need!(half(frame, k).or_else(|| told(ancillary, k)));
                    continue;
                }
                Op::Word => {
                    a = need!(word(frame, k).or_else(|| told(ancillary, k)));
                    continue;
                }
                Op::ByteAt => {
                    a = need!(x.checked_add(k).and_then(|k| byte(frame, k)));
                    continue;
                }
                Op::HalfAt => {
                    a = need!(x.checked_add(k).and_then(|k| half(frame, k)));
                    continue;
                }
                Op::WordAt => {
                    a = need!(x.checked_add(k).and_then(|k| word(frame, k)));
                    continue;
                }
                Op::Constant => {
                    a = k;
                    continue;
                }
                Op::Length => {
                    a = wire_len;
                    continue;
                }
                Op::Recall => {
                    a = *need!(memory.get(k as usize));
                    continue;
                }
                Op::ConstantX => {
                    x = k;
                    continue;
                }
                Op::LengthX => {
                    x = wire_len;
                    continue;
                }
                Op::RecallX => {
                    x = *need!(memory.get(k as usize));
                    continue;
                }
                Op::Store => {
                    *need!(memory.get_mut(k as usize)) = a;
                    continue;
                }
                Op::StoreX => {
                    *need!(memory.get_mut(k as usize)) = x;
                    continue;
                }
                Op::Alu(operation) => {
                    a = need!(alu(operation, a, k));
                    continue;
                }
                Op::AluX(operation) => {
                    a = need!(alu(operation, a, x));
                    continue;
                }
                Op::Negate => {
                    a = a.wrapping_neg();
                    continue;
                }
                Op::ToX => {
                    x = a;
                    continue;
                }
                Op::ToA => {
                    a = x;
                    continue;
                }
                Op::Jump => continue,
                Op::JumpBack => {
                    turns = need!(turns.checked_sub(1));
                    continue;
                }
            };
            at = if holds { step.yes } else { step.no };
        }
    }
}

#[inline(always)]
fn byte(frame: &[u8], at: u32) -> Option<u32> {
    frame.get(at as usize).map(|byte| u32::from(*byte))
}

#[inline(always)]
fn half(frame: &[u8], at: u32) -> Option<u32> {
    let bytes = frame.get(at as usize..)?.first_chunk()?;
    Some(u32::from(u16::from_be_bytes(*bytes)))
}

#[inline(always)]
fn word(frame: &[u8], at: u32) -> Option<u32> {
    let bytes = frame.get(at as usize..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

/// What Linux tells at a place behind all frames.
#[cold]
fn told(ancillary: &Ancillary, at: u32) -> Option<u32> {
    match at {
        place::PACKET_TYPE => Some(ancillary.packet_type),
        place::INTERFACE => Some(ancillary.interface),
        place::VLAN_TAG => Some(ancillary.vlan.map_or(0, |(tag, _)| tag.into())),
        place::VLAN_PRESENT => Some(ancillary.vlan.is_some().into()),
        place::VLAN_TPID => Some(ancillary.vlan.map_or(0, |(_, tpid)| tpid.into())),
        _ => None,
    }
}

#[inline]
fn alu(operation: u16, a: u32, b: u32) -> Option<u32> {
    Some(match operation {
        ADD => a.wrapping_add(b),
        SUB => a.wrapping_sub(b),
        MUL => a.wrapping_mul(b),
        DIV => a.checked_div(b)?,
        MOD => a.checked_rem(b)?,
        OR => a | b,
        AND => a & b,
        XOR => a ^ b,
        // Shifting everything out leaves nothing.
        LSH => a.checked_shl(b).unwrap_or(0),
        _ => a.checked_shr(b).unwrap_or(0),
    })
}

fn step(at: usize, insn: &Insn, next: Option<&Insn>) -> Step {
    let after = |skipped: usize| (at + 1 + skipped) as u32;
    let plain = |op| Step { op, k: insn.k, value: 0, yes: after(0), no: after(0) };
    let branch = |op| Step { yes: after(insn.jt.into()), no: after(insn.jf.into()), ..plain(op) };
    if let Some(step) = next.and_then(|next| fused(at, insn, next)) {
        return step;
    }
    match insn.code & 7 {
        LD => match (insn.code & 0xE0, insn.code & 0x18) {
            (ABS, B) => plain(Op::Byte),
            (ABS, H) => plain(Op::Half),
            (ABS, _) => plain(Op::Word),
            (IND, B) => plain(Op::ByteAt),
            (IND, H) => plain(Op::HalfAt),
            (IND, _) => plain(Op::WordAt),
            (MEM, _) => plain(Op::Recall),
            (LEN, _) => plain(Op::Length),
            _ => plain(Op::Constant),
        },
        LDX => match insn.code & 0xE0 {
            MSH => plain(Op::HeaderLength),
            MEM => plain(Op::RecallX),
            LEN => plain(Op::LengthX),
            _ => plain(Op::ConstantX),
        },
        ST => plain(Op::Store),
        STX => plain(Op::StoreX),
        ALU if insn.code & 0xF0 == NEG => plain(Op::Negate),
        ALU if insn.code & X != 0 => plain(Op::AluX(insn.code & 0xF0)),
        ALU => plain(Op::Alu(insn.code & 0xF0)),
        JMP => match (insn.code & 0xF0, insn.code & X) {
            (JEQ, K) => branch(Op::Equal),
            (JGT, K) => branch(Op::Greater),
            (JGE, K) => branch(Op::AtLeast),
            (JSET, K) => branch(Op::AnyBit),
            (JEQ, _) => branch(Op::EqualX),
            (JGT, _) => branch(Op::GreaterX),
            (JGE, _) => branch(Op::AtLeastX),
            (JSET, _) => branch(Op::AnyBitX),
            _ => {
                let op = if (insn.k as i32) < 0 { Op::JumpBack } else { Op::Jump };
                Step { yes: after(0).wrapping_add(insn.k), ..plain(op) }
            }
        },
        RET if insn.code & !7 == A => plain(Op::ReturnA),
        RET => plain(Op::Return),
        _ if insn.code == MISC | TXA => plain(Op::ToA),
        _ => plain(Op::ToX),
    }
}

/// A load and the comparison behind it as one step. The comparison keeps its own step too, for those who jump there.
fn fused(at: usize, load: &Insn, next: &Insn) -> Option<Step> {
    const EQUAL: u16 = JMP | JEQ | K;
    const ANY_BIT: u16 = JMP | JSET | K;
    let op = match (load.code, next.code) {
        (code, EQUAL) if code == LD | ABS | B => Op::ByteEq,
        (code, EQUAL) if code == LD | ABS | H => Op::HalfEq,
        (code, EQUAL) if code == LD | ABS | W => Op::WordEq,
        (code, EQUAL) if code == LD | IND | H => Op::HalfAtEq,
        (code, ANY_BIT) if code == LD | ABS | H => Op::HalfSet,
        (code, ANY_BIT) if code == LD | ABS | B => Op::ByteSet,
        _ => return None,
    };
    let after = |skipped: u8| (at + 2 + usize::from(skipped)) as u32;
    Some(Step { op, k: load.k, value: next.k, yes: after(next.jt), no: after(next.jf) })
}
