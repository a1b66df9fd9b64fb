//! Runs programs.
//!
//! A program is decoded once into steps with the targets of jumps written out. A load with the comparisons behind it, which
//! is most of what filters do, becomes one step, and returning needs none.

mod decode;

use super::program::{MEMORY, Program, code::*};
use decode::Decoder;

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

    /// Whether the kernel knows what is meant by a load from here. There are 16 words, of which we read but a few.
    pub const fn is_known(at: u32) -> bool {
        at < ANCILLARY || (at <= VLAN_TPID && at.is_multiple_of(4))
    }
}

/// A program made ready to run.
#[derive(Debug, Clone)]
pub struct Machine {
    steps: Box<[Step]>,
    /// What is returned: going on at the number of steps and more means to return the first and those after it.
    returns: Box<[u32]>,
    /// Where to begin.
    entry: u32,
}

// Aligned, so that a step lies in one line of the cache and is found with a shift.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
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
    /// What a load that was not equal to `value` is compared with; for `HalfBehindEq` the offset behind the header.
    second: u32,
    /// Where it goes on when that comparison holds.
    second_yes: u32,
}

/// What a step does. `Byte`, `Half` and `Word` load, `At` behind the index register, `Behind` behind the IPv4 header whose
/// length becomes the index; `Eq` and `Set` compare what was loaded.
#[derive(Debug, Clone, Copy)]
enum Op {
    ByteEq,
    HalfEq,
    WordEq,
    HalfAtEq,
    HalfBehindEq,
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
    ReturnA,
}

impl Machine {
    /// Makes a program ready.
    pub fn new(program: &Program) -> Self {
        let mut decoder = Decoder::new(program.insns());
        let entry = decoder.target(0);
        let steps = (0..program.insns().len()).map(|at| decoder.step(at)).collect();
        Self { steps, returns: decoder.returns().into(), entry }
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
        let mut at = self.entry;
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
            let Some(step) = self.steps.get(at as usize) else { return self.end(at) };
            let k = step.k;
            at = step.yes;
            let holds = match step.op {
                Op::HalfEq => {
                    a = need!(half(frame, k).or_else(|| told(ancillary, k)));
                    at = step.either(a);
                    continue;
                }
                Op::ByteEq => {
                    a = need!(byte(frame, k).or_else(|| told(ancillary, k)));
                    at = step.either(a);
                    continue;
                }
                Op::WordEq => {
                    a = need!(word(frame, k).or_else(|| told(ancillary, k)));
                    at = step.either(a);
                    continue;
                }
                Op::HalfAtEq => {
                    a = need!(x.checked_add(k).and_then(|k| half(frame, k)));
                    a == step.value
                }
                Op::HalfBehindEq => {
                    x = (need!(byte(frame, k)) & 0xF) << 2;
                    a = need!(x.checked_add(step.second).and_then(|k| half(frame, k)));
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
                Op::ReturnA => return verdict(a),
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

    /// What is returned behind the last step.
    #[inline]
    fn end(&self, at: u32) -> Verdict {
        let index = (at as usize).wrapping_sub(self.steps.len());
        self.returns.get(index).map_or(Verdict::Outside, |wanted| verdict(*wanted))
    }
}

impl Step {
    /// Where to go on with a value that is compared with up to two others.
    #[inline(always)]
    fn either(&self, value: u32) -> u32 {
        match value {
            _ if value == self.value => self.yes,
            _ if value == self.second => self.second_yes,
            _ => self.no,
        }
    }
}

#[inline(always)]
const fn verdict(wanted: u32) -> Verdict {
    if wanted == 0 { Verdict::Reject } else { Verdict::Accept(wanted) }
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
