//! Blocks: walking over them in a slice of a file.

use crate::LONGEST;
use crate::order::Order;

use super::{EMPTY, Flaw, MAGIC, kind};

/// One whole block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its type.
    pub kind: u32,
    /// All of it, from its type to its repeated length.
    pub bytes: &'a [u8],
    /// Whether its numbers are written with the most significant byte first.
    pub big_endian: bool,
}

impl<'a> Block<'a> {
    /// What is between its length and its repeated length.
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(8..self.bytes.len().saturating_sub(4)).unwrap_or_default()
    }

    pub(crate) fn order(&self) -> Order {
        Order { big_endian: self.big_endian }
    }
}

/// What [`Blocks`] came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole block.
    Block(Block<'a>),
    /// A block that is not whole: at least so many bytes are wanted from where the walk stands.
    NeedMore(usize),
    /// A block that cannot be true; where the next one starts is not known.
    Invalid(Flaw),
}

/// Walks over the blocks in a slice of a file, in the byte order that each section tells.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    order: Order,
}

impl Default for Blocks {
    fn default() -> Self {
        Self::new()
    }
}

impl Blocks {
    /// A walk that begins with a section header, or with a block in little-endian byte order.
    pub fn new() -> Self {
        Self { order: Order::LITTLE }
    }

    /// The block at the start of `rest`.
    #[inline]
    pub fn next<'a>(&mut self, rest: &'a [u8]) -> Found<'a> {
        let Some(head) = rest.first_chunk::<EMPTY>() else { return Found::NeedMore(EMPTY) };
        let mut order = self.order;
        let mut least = EMPTY;
        // A section's type reads the same in both byte orders, so that its own can be told behind it.
        if order.u32(head, 0) == kind::SECTION {
            least = 28;
            order = match byte_order(head) {
                Some(order) => order,
                None => return Found::Invalid(Flaw::Magic),
            };
        }
        let length = order.u32(head, 4);
        let whole = length as usize;
        if whole < least || !whole.is_multiple_of(4) || whole > LONGEST {
            return Found::Invalid(Flaw::Length(length));
        }
        let Some(bytes) = rest.get(..whole) else { return Found::NeedMore(whole) };
        let repeated = order.u32(bytes, whole - 4);
        if repeated != length {
            return Found::Invalid(Flaw::Repeated(length, repeated));
        }
        self.order = order;
        Found::Block(Block { kind: order.u32(head, 0), bytes, big_endian: order.big_endian })
    }
}

/// The byte order that a section header tells.
pub(super) fn byte_order(header: &[u8]) -> Option<Order> {
    let orders = [Order { big_endian: false }, Order { big_endian: true }];
    orders.into_iter().find(|order| order.u32(header, 8) == MAGIC)
}
