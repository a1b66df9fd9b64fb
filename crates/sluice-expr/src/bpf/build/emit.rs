//! Blocks to instructions.

use super::graph::{At, Block, Graph, REJECT};
use super::values::{Id, Value, Values};
use super::{Cmp, Walk};
use crate::bpf::program::{Insn, MAX, MEMORY, code::*};

/// Why there is no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMuch {
    /// A number needs more intermediate results than fit into memory.
    Memory,
    /// More instructions than can be run.
    Length,
}

/// What the two registers hold.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Registers {
    a: Option<Id>,
    x: Option<Id>,
}

/// The code of one block, without its jump.
struct Code<'a> {
    values: &'a Values,
    insns: Vec<Insn>,
    registers: Registers,
    /// Words of memory from here on are free.
    free: usize,
}

/// The instructions of a graph.
pub(super) fn emit(graph: &Graph, values: &Values, kept: u8, accept: u32) -> Result<Vec<Insn>, TooMuch> {
    let codes = codes(graph, values, kept)?;
    let unset = unset(graph, values);
    let mut writer = Writer { reversed: Vec::new(), places: vec![None; graph.blocks.len()] };
    for (at, block) in graph.blocks.iter().enumerate() {
        let Some(Some((insns, bit))) = codes.get(at) else { continue };
        match block {
            Block::Return if at == REJECT => writer.push(Insn::new(RET | K, 0)),
            Block::Return => writer.push(Insn::new(RET | K, accept)),
            Block::Test(_, _, _, yes, no) => writer.branch(*bit, *yes, *no),
            Block::Keep(_, _, next) | Block::Walk(_, next) => writer.go(*next),
        }
        writer.reversed.extend(insns.iter().rev());
        if let Some(place) = writer.places.get_mut(at) {
            *place = Some(writer.reversed.len());
        }
        if writer.reversed.len() > MAX {
            return Err(TooMuch::Length);
        }
    }
    if unset != 0 {
        let slots = (0..MEMORY as u32).filter(|slot| unset & 1 << slot != 0);
        writer.reversed.extend(slots.map(|slot| Insn::new(ST, slot)));
        writer.push(Insn::new(LD | IMM, 0));
    }
    writer.reversed.reverse();
    Ok(writer.reversed)
}

/// The words of memory, one bit each, that some path reads without having written them: what is behind `or` may be inside
/// of a tunnel that is not there. They have to be cleared, or the kernel refuses the program.
fn unset(graph: &Graph, values: &Values) -> u32 {
    // For each block that can be reached what every path to it has written.
    let mut written: Vec<Option<u32>> = vec![None; graph.blocks.len()];
    if let Some(slot) = written.get_mut(graph.entry) {
        *slot = Some(0);
    }
    let mut unset = 0;
    for at in (0..=graph.entry).rev() {
        let (Some(Some(before)), Some(block)) = (written.get(at).copied(), graph.blocks.get(at)) else {
            continue;
        };
        let bit = |slot: u8| 1_u32.checked_shl(slot.into()).unwrap_or(0);
        let (reads, writes, next) = match block {
            Block::Return => continue,
            Block::Test(a, _, b, yes, no) => (values.reads(*a) | values.reads(*b), 0, [*yes, *no]),
            Block::Keep(slot, value, next) => (values.reads(*value), bit(*slot), [*next; 2]),
            Block::Walk(walk, next) => {
                let reads = values.reads(walk.protocol) | values.reads(walk.at);
                (reads, bit(walk.slot) | bit(walk.scratch), [*next; 2])
            }
        };
        unset |= reads & !before;
        for at in next {
            if let Some(slot) = written.get_mut(at) {
                *slot = Some(slot.unwrap_or(u32::MAX) & (before | writes));
            }
        }
    }
    unset
}

/// For each block that can be reached its instructions, and the one that it branches with.
type Codes = Vec<Option<(Vec<Insn>, Insn)>>;

fn codes(graph: &Graph, values: &Values, kept: u8) -> Result<Codes, TooMuch> {
    let mut coming: Vec<Option<Registers>> = vec![None; graph.blocks.len()];
    let mut codes: Codes = vec![None; graph.blocks.len()];
    let reach = |coming: &mut Vec<Option<Registers>>, at: At, registers: Registers| {
        if let Some(slot) = coming.get_mut(at) {
            let same = |ours: Option<Id>, theirs: Option<Id>| ours.filter(|id| Some(*id) == theirs);
            *slot = Some(match *slot {
                None => registers,
                Some(other) => Registers { a: same(other.a, registers.a), x: same(other.x, registers.x) },
            });
        }
    };
    reach(&mut coming, graph.entry, Registers::default());
    for at in (0..=graph.entry).rev() {
        let (Some(Some(registers)), Some(block)) = (coming.get(at).copied(), graph.blocks.get(at)) else {
            continue;
        };
        let mut code = Code { values, insns: Vec::new(), registers, free: kept.into() };
        let mut bit = Insn::default();
        match block {
            Block::Return => {}
            Block::Test(a, cmp, b, yes, no) => {
                bit = code.test(*a, *cmp, *b)?;
                reach(&mut coming, *yes, code.registers);
                reach(&mut coming, *no, code.registers);
            }
            Block::Keep(slot, value, next) => {
                code.keep(*slot, *value)?;
                reach(&mut coming, *next, code.registers);
            }
            Block::Walk(walk, next) => {
                code.walk(walk)?;
                reach(&mut coming, *next, Registers::default());
            }
        }
        if let Some(slot) = codes.get_mut(at) {
            *slot = Some((code.insns, bit));
        }
    }
    Ok(codes)
}

impl Code<'_> {
    fn push(&mut self, code: u16, k: u32) {
        self.insns.push(Insn::new(code, k));
    }

    /// Computes both sides and returns the instruction that compares them.
    fn test(&mut self, a: Id, cmp: Cmp, b: Id) -> Result<Insn, TooMuch> {
        let cmp = match cmp {
            Cmp::Eq => JEQ,
            Cmp::Gt => JGT,
            Cmp::Ge => JGE,
            Cmp::Set => JSET,
        };
        match self.values.as_constant(b) {
            Some(number) => {
                self.fill_a(a)?;
                Ok(Insn::new(JMP | cmp | K, number))
            }
            None => {
                self.both(a, b)?;
                Ok(Insn::new(JMP | cmp | X, 0))
            }
        }
    }

    fn keep(&mut self, slot: u8, value: Id) -> Result<(), TooMuch> {
        if self.registers.x == Some(value) {
            self.push(STX, slot.into());
        } else {
            self.fill_a(value)?;
            self.push(ST, slot.into());
        }
        Ok(())
    }

    /// Brings a value into the accumulator.
    fn fill_a(&mut self, id: Id) -> Result<(), TooMuch> {
        if self.registers.a == Some(id) {
            return Ok(());
        }
        if self.registers.x == Some(id) {
            self.push(MISC | TXA, 0);
            self.registers.a = Some(id);
            return Ok(());
        }
        match self.values.value(id) {
            Value::Const(number) => self.push(LD | IMM, number),
            Value::Len => self.push(LD | LEN, 0),
            Value::Slot(slot) => self.push(LD | MEM, slot.into()),
            Value::Load(size, None, at) => self.push(LD | ABS | size.code(), at),
            Value::Load(size, Some(base), at) => {
                self.fill_x(base)?;
                self.push(LD | IND | size.code(), at);
            }
            Value::HeaderLen(_) => {
                self.fill_x(id)?;
                self.push(MISC | TXA, 0);
            }
            Value::Neg(inner) => {
                self.fill_a(inner)?;
                self.push(ALU | NEG, 0);
            }
            Value::Alu(operation, left, right) => match self.values.as_constant(right) {
                Some(number) => {
                    self.fill_a(left)?;
                    self.push(ALU | operation | K, number);
                }
                None => {
                    self.both(left, right)?;
                    self.push(ALU | operation | X, 0);
                }
            },
        }
        self.registers.a = Some(id);
        Ok(())
    }

    /// Brings a value into the index register.
    fn fill_x(&mut self, id: Id) -> Result<(), TooMuch> {
        if self.registers.x == Some(id) {
            return Ok(());
        }
        match self.values.value(id) {
            _ if self.registers.a == Some(id) => self.push(MISC | TAX, 0),
            Value::Const(number) => self.push(LDX | IMM, number),
            Value::Len => self.push(LDX | LEN, 0),
            Value::Slot(slot) => self.push(LDX | MEM, slot.into()),
            Value::HeaderLen(at) => self.push(LDX | B | MSH, at),
            _ => {
                self.fill_a(id)?;
                self.push(MISC | TAX, 0);
            }
        }
        self.registers.x = Some(id);
        Ok(())
    }

    /// Brings one value into the accumulator and another into the index register.
    fn both(&mut self, a: Id, x: Id) -> Result<(), TooMuch> {
        if self.registers.a == Some(a) && self.registers.x == Some(x) {
            return Ok(());
        }
        // Each is computed where the other survives it; where neither does, one waits in memory.
        if self.keeps_x(a) {
            self.fill_x(x)?;
            return self.fill_a(a);
        }
        if self.keeps_a(x) {
            self.fill_a(a)?;
            return self.fill_x(x);
        }
        let a_first = self.values.needs(a) > self.values.needs(x);
        let (first, second) = if a_first { (a, x) } else { (x, a) };
        self.fill_a(first)?;
        let slot = self.free;
        if slot >= MEMORY {
            return Err(TooMuch::Memory);
        }
        self.push(ST, slot as u32);
        self.free += 1;
        self.fill_a(second)?;
        self.free -= 1;
        if a_first {
            self.push(MISC | TAX, 0);
            self.push(LD | MEM, slot as u32);
        } else {
            self.push(LDX | MEM, slot as u32);
        }
        self.registers = Registers { a: Some(a), x: Some(x) };
        Ok(())
    }

    /// Whether computing a value in the accumulator leaves the index register alone.
    fn keeps_x(&self, id: Id) -> bool {
        match self.values.value(id) {
            Value::Const(_) | Value::Len | Value::Slot(_) | Value::Load(_, None, _) => true,
            Value::Alu(_, left, right) => self.values.as_constant(right).is_some() && self.keeps_x(left),
            Value::Neg(inner) => self.keeps_x(inner),
            Value::Load(_, Some(_), _) | Value::HeaderLen(_) => false,
        }
    }

    /// Whether bringing a value into the index register leaves the accumulator alone.
    fn keeps_a(&self, id: Id) -> bool {
        matches!(self.values.value(id), Value::Const(_) | Value::Len | Value::Slot(_) | Value::HeaderLen(_))
    }

    /// The loop over headers. X is the offset of a header, A the protocol that it is.
    fn walk(&mut self, walk: &Walk) -> Result<(), TooMuch> {
        const HOP_BY_HOP: u32 = 0;
        const ROUTING: u32 = 43;
        const FRAGMENT: u32 = 44;
        const AUTHENTICATION: u32 = 51;
        const NOTHING: u32 = 59;
        const OPTIONS: u32 = 60;
        self.both(walk.protocol, walk.at)?;
        let (slot, scratch) = (u32::from(walk.slot), u32::from(walk.scratch));
        // Every protocol that has a next one is looked for in turn; what is none of them ends the loop.
        let extension: &[Insn] = &[
            Insn::new(LD | IND | B, 0),
            Insn::new(ST, scratch),
            Insn::new(LD | IND | B, 1),
            Insn::new(ALU | ADD | K, 1),
            Insn::new(ALU | MUL | K, 8),
        ];
        let authentication: &[Insn] = &[
            Insn::new(LD | IND | B, 0),
            Insn::new(ST, scratch),
            Insn::new(LD | IND | B, 1),
            Insn::new(ALU | ADD | K, 2),
            Insn::new(ALU | MUL | K, 4),
        ];
        let next: &[Insn] =
            &[Insn::new(ALU | ADD | X, 0), Insn::new(MISC | TAX, 0), Insn::new(LD | MEM, scratch)];
        let extensions: &[u32] = if walk.v6 { &[HOP_BY_HOP, OPTIONS, ROUTING, FRAGMENT] } else { &[] };
        let turn = |body: &[Insn], top: usize, at: usize| {
            let mut insns = [body, next].concat();
            let back = top as i64 - (at + insns.len() + 1) as i64;
            insns.push(Insn::new(JMP | JA, back as u32));
            insns
        };
        let top = self.insns.len();
        let extension_length = if extensions.is_empty() { 0 } else { extension.len() + next.len() + 1 };
        let authentication_length = authentication.len() + next.len() + 1;
        let bodies = extension_length + authentication_length;
        // The comparisons, each with the number of those behind it.
        let tests = 3 + extensions.len();
        let equal = |k: u32, index: usize, skipped: usize| {
            let jt = (tests - 1 - index + skipped) as u8;
            let jf = if index + 1 == tests { bodies as u8 } else { 0 };
            Insn { code: JMP | JEQ | K, jt, jf, k }
        };
        self.insns.push(equal(walk.wanted, 0, bodies));
        self.insns.push(equal(NOTHING, 1, bodies));
        for (index, number) in extensions.iter().enumerate() {
            self.insns.push(equal(*number, 2 + index, 0));
        }
        self.insns.push(equal(AUTHENTICATION, tests - 1, extension_length));
        if !extensions.is_empty() {
            let insns = turn(extension, top, self.insns.len());
            self.insns.extend(insns);
        }
        let insns = turn(authentication, top, self.insns.len());
        self.insns.extend(insns);
        self.push(ST, slot);
        Ok(())
    }
}

/// Writes from the last instruction to the first.
struct Writer {
    reversed: Vec<Insn>,
    /// For each block how many instructions there were when it had been written.
    places: Vec<Option<usize>>,
}

impl Writer {
    fn push(&mut self, insn: Insn) {
        self.reversed.push(insn);
    }

    /// How many instructions lie between the next one written and a block.
    fn distance(&self, at: At) -> usize {
        let place = self.places.get(at).copied().flatten();
        // What a block leads to was written before it.
        self.reversed.len() - place.unwrap_or(self.reversed.len())
    }

    /// Goes on at a block, which is free where it comes next.
    fn go(&mut self, at: At) {
        let distance = self.distance(at);
        if distance > 0 {
            self.push(Insn::new(JMP | JA, distance as u32));
        }
    }

    /// Branches to two blocks, by way of another jump where one is too far.
    fn branch(&mut self, mut insn: Insn, yes: At, no: At) {
        if self.distance(no) > FAR {
            self.push(Insn::new(JMP | JA, self.distance(no) as u32));
            let hop = self.reversed.len();
            let far_yes = self.distance(yes) > FAR;
            if far_yes {
                self.push(Insn::new(JMP | JA, self.distance(yes) as u32));
            }
            insn.jf = (self.reversed.len() - hop) as u8;
            insn.jt = if far_yes { 0 } else { self.distance(yes) as u8 };
        } else if self.distance(yes) > FAR {
            self.push(Insn::new(JMP | JA, self.distance(yes) as u32));
            insn.jf = self.distance(no) as u8;
        } else {
            insn.jt = self.distance(yes) as u8;
            insn.jf = self.distance(no) as u8;
        }
        self.push(insn);
    }
}

/// How far a branch reaches, with room for one more instruction in between.
const FAR: usize = 254;
