//! Options: what a block says besides its fixed fields.

use crate::order::Order;

use super::padding;

/// The code behind the last option, which may lack.
pub(super) const END: u16 = 0;

/// Options of an interface description.
pub(super) mod interface {
    pub(crate) const NAME: u16 = 2;
    pub(crate) const RESOLUTION: u16 = 9;
    pub(crate) const FCS_LEN: u16 = 13;
    pub(crate) const OFFSET: u16 = 14;
}

/// The option of a packet that holds its direction and what the hardware said.
pub(super) const PACKET_FLAGS: u16 = 2;

/// Walks over options up to the end mark, the end of the bytes, or one that does not fit into them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a> {
    order: Order,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    pub(super) fn new(order: Order, bytes: &'a [u8]) -> Self {
        Self { order, rest: bytes }
    }
}

impl<'a> Iterator for Options<'a> {
    /// Code and value.
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.rest.split_at_checked(4)?;
        let (code, length) = (self.order.u16(head, 0), usize::from(self.order.u16(head, 2)));
        let value = rest.get(..length).filter(|_| code != END)?;
        self.rest = rest.get(length + padding(length)..).unwrap_or_default();
        Some((code, value))
    }
}

/// Appends an option.
pub(super) fn put(out: &mut Vec<u8>, order: Order, code: u16, value: &[u8]) {
    let length = value.len().min(usize::from(u16::MAX));
    out.extend_from_slice(&order.put16(code));
    out.extend_from_slice(&order.put16(length as u16));
    out.extend_from_slice(&value[..length]);
    out.extend_from_slice(&[0; 3][..padding(length)]);
}

/// Appends the mark behind the last option.
pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}
