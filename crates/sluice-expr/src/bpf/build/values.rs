//! Numbers computed from a packet. Equal ones are one, so that comparing them is comparing their ids.

use std::collections::HashMap;

use super::super::program::code;

/// A value in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u32);

/// How many bytes are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// One.
    Byte,
    /// Two.
    Half,
    /// Four.
    Word,
}

impl Size {
    /// Its part of an instruction's code.
    pub const fn code(self) -> u16 {
        match self {
            Size::Byte => code::B,
            Size::Half => code::H,
            Size::Word => code::W,
        }
    }
}

/// How a value comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// A constant.
    Const(u32),
    /// The length of the packet.
    Len,
    /// Bytes at a constant offset behind a value, or behind the start of the frame.
    Load(Size, Option<Id>, u32),
    /// Four times the lower half of the byte at this offset: the length of an IPv4 header.
    HeaderLen(u32),
    /// A word of memory, which holds one value for as long as it is read.
    Slot(u8),
    /// Two values combined by the operation with this code.
    Alu(u16, Id, Id),
    /// The negative.
    Neg(Id),
}

/// All values of a filter.
#[derive(Debug, Default)]
pub struct Values {
    values: Vec<Value>,
    /// For each value the words of memory that it is computed from, one bit each.
    reads: Vec<u32>,
    /// For each value about how many intermediate results it needs.
    needs: Vec<u32>,
    ids: HashMap<Value, Id>,
}

impl Values {
    /// The id of a value.
    pub fn id(&mut self, value: Value) -> Id {
        let next = Id(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        let reads = match value {
            Value::Const(_) | Value::Len | Value::Load(_, None, _) | Value::HeaderLen(_) => 0,
            Value::Slot(slot) => 1_u32.checked_shl(slot.into()).unwrap_or(0),
            Value::Load(_, Some(inner), _) | Value::Neg(inner) => self.reads(inner),
            Value::Alu(_, left, right) => self.reads(left) | self.reads(right),
        };
        let needs = match value {
            Value::Load(_, Some(inner), _) | Value::Neg(inner) => self.needs(inner),
            Value::Alu(_, left, right) if self.as_constant(right).is_some() => self.needs(left),
            Value::Alu(_, left, right) => {
                let (left, right) = (self.needs(left), self.needs(right));
                left.max(right) + u32::from(left == right)
            }
            _ => 0,
        };
        *self.ids.entry(value).or_insert_with(|| {
            self.values.push(value);
            self.reads.push(reads);
            self.needs.push(needs);
            next
        })
    }

    /// About how many intermediate results a value needs: of two, the one that needs more is better computed first.
    pub fn needs(&self, id: Id) -> u32 {
        self.needs.get(id.0 as usize).copied().unwrap_or(0)
    }

    /// The words of memory that a value is computed from, one bit each.
    pub fn reads(&self, id: Id) -> u32 {
        self.reads.get(id.0 as usize).copied().unwrap_or(0)
    }

    /// The value of an id.
    pub fn value(&self, id: Id) -> Value {
        self.values.get(id.0 as usize).copied().unwrap_or(Value::Const(0))
    }

    /// A constant.
    pub fn constant(&mut self, number: u32) -> Id {
        self.id(Value::Const(number))
    }

    /// The number of a constant.
    pub fn as_constant(&self, id: Id) -> Option<u32> {
        match self.value(id) {
            Value::Const(number) => Some(number),
            _ => None,
        }
    }

    /// Two values combined; at once, where both are constants.
    pub fn alu(&mut self, operation: u16, left: Id, right: Id) -> Id {
        let (a, b) = (self.as_constant(left), self.as_constant(right));
        match (a.zip(b).and_then(|(a, b)| fold(operation, a, b)), operation, b) {
            (Some(number), _, _) => self.constant(number),
            (None, code::ADD | code::SUB | code::OR | code::XOR | code::LSH | code::RSH, Some(0)) => left,
            _ => self.id(Value::Alu(operation, left, right)),
        }
    }

    /// A value combined with a constant.
    pub fn alu_k(&mut self, operation: u16, left: Id, right: u32) -> Id {
        let right = self.constant(right);
        self.alu(operation, left, right)
    }

    /// The negative.
    pub fn neg(&mut self, id: Id) -> Id {
        match self.as_constant(id) {
            Some(number) => self.constant(number.wrapping_neg()),
            None => self.id(Value::Neg(id)),
        }
    }
}

fn fold(operation: u16, a: u32, b: u32) -> Option<u32> {
    Some(match operation {
        code::ADD => a.wrapping_add(b),
        code::SUB => a.wrapping_sub(b),
        code::MUL => a.wrapping_mul(b),
        code::DIV => a.checked_div(b)?,
        code::MOD => a.checked_rem(b)?,
        code::AND => a & b,
        code::OR => a | b,
        code::XOR => a ^ b,
        code::LSH => a.checked_shl(b).unwrap_or(0),
        code::RSH => a.checked_shr(b).unwrap_or(0),
        _ => return None,
    })
}
