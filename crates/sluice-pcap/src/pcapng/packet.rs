//! Blocks that hold a packet.

use sluice_core::{Flags, Frame, Interface, Role};

use super::clock::Scale;
use super::options::{Options, PACKET_FLAGS};
use super::{Block, Flaw, kind, padding};

/// A packet found in a block.
pub(super) struct Packet {
    /// Everything about it; its place counts from the start of the block.
    pub(super) frame: Frame,
    /// What else is to be kept: from where to where in the block.
    pub(super) extra: Option<(usize, usize, Role)>,
}

/// Where the data starts in an enhanced and in an obsolete packet block.
pub(super) const ENHANCED_DATA: usize = 28;
/// Where the data starts in a simple packet block.
pub(super) const SIMPLE_DATA: usize = 12;

/// An interface as far as its packets need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lens {
    pub(super) scale: Scale,
    pub(super) snaplen: u32,
    pub(super) fcs_len: u8,
}

impl Lens {
    pub(super) fn of(interface: &Interface) -> Self {
        let (scale, fcs_len) = (Scale::of(interface.clock), interface.fcs_len.unwrap_or_default());
        Self { scale, snaplen: interface.snaplen, fcs_len }
    }
}

/// Reads a block that holds a packet.
///
/// `offset` is where the block starts in the slab.
#[inline]
pub(super) fn parse(block: &Block<'_>, offset: usize, interfaces: &[Lens]) -> Result<Packet, Flaw> {
    match block.kind {
        kind::SIMPLE => simple(block, offset, interfaces),
        _ => full(block, offset, interfaces),
    }
}

/// An enhanced or an obsolete packet block, which differ in how they name the interface.
#[inline]
fn full(block: &Block<'_>, offset: usize, interfaces: &[Lens]) -> Result<Packet, Flaw> {
    let (order, bytes) = (block.order(), block.bytes);
    let end = bytes.len() - 4;
    let Some(room) = end.checked_sub(ENHANCED_DATA) else { return Err(Flaw::Length(bytes.len() as u32)) };
    let (number, drops) = match block.kind {
        kind::PACKET => (u32::from(order.u16(bytes, 8)), order.u16(bytes, 10)),
        _ => (order.u32(bytes, 8), 0),
    };
    let lens = interfaces.get(number as usize).ok_or(Flaw::Interface(number))?;
    let captured = order.u32(bytes, 20);
    if captured as usize > room {
        return Err(Flaw::Captured(captured));
    }
    let mut frame = Frame::new((offset + ENHANCED_DATA) as u32, captured);
    let units = u64::from(order.u32(bytes, 12)) << 32 | u64::from(order.u32(bytes, 16));
    frame.time = lens.scale.time(units);
    frame.wire = order.u32(bytes, 24);
    frame.interface = number as u16;
    frame.fcs_len = lens.fcs_len;

    let data_end = ENHANCED_DATA + captured as usize;
    let pad = padding(captured as usize).min(end - data_end);
    let options = bytes.get(data_end + pad..end).unwrap_or_default();
    for (code, value) in Options::new(order, options) {
        if code == PACKET_FLAGS && value.len() == 4 {
            heed(&mut frame, order.u32(value, 0));
        }
    }
    let role = match block.kind {
        kind::PACKET => Role::Obsolete { padding: pad as u8, drops },
        _ => Role::Enhanced { padding: pad as u8 },
    };
    let plain = block.kind == kind::ENHANCED && options.is_empty() && is_zero(bytes, data_end, pad);
    Ok(Packet { frame, extra: (!plain).then_some((data_end, end, role)) })
}

fn simple(block: &Block<'_>, offset: usize, interfaces: &[Lens]) -> Result<Packet, Flaw> {
    let (order, bytes) = (block.order(), block.bytes);
    let end = bytes.len() - 4;
    let Some(room) = end.checked_sub(SIMPLE_DATA) else { return Err(Flaw::Length(bytes.len() as u32)) };
    let lens = interfaces.first().ok_or(Flaw::Interface(0))?;
    let wire = order.u32(bytes, 8);
    let captured = lens.simple(wire);
    if captured as usize > room {
        return Err(Flaw::Captured(captured));
    }
    let mut frame = Frame::new((offset + SIMPLE_DATA) as u32, captured);
    (frame.wire, frame.fcs_len) = (wire, lens.fcs_len);
    let data_end = SIMPLE_DATA + captured as usize;
    let role = Role::Simple { padding: padding(captured as usize).min(end - data_end) as u8 };
    Ok(Packet { frame, extra: Some((data_end, end, role)) })
}

impl Lens {
    /// How many bytes of a packet of this length a simple packet block holds.
    pub(super) fn simple(&self, wire: u32) -> u32 {
        if self.snaplen == 0 { wire } else { wire.min(self.snaplen) }
    }
}

fn is_zero(bytes: &[u8], at: usize, len: usize) -> bool {
    bytes.get(at..at + len).is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0))
}

const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;
const CHECKSUM_NOT_READY: u32 = 1 << 9;
const CHECKSUM_VALID: u32 = 1 << 10;

/// Takes over what the flags of a packet say.
fn heed(frame: &mut Frame, flags: u32) {
    frame.flags.set(Flags::INBOUND, flags & 3 == INBOUND);
    frame.flags.set(Flags::OUTBOUND, flags & 3 == OUTBOUND);
    frame.flags.set(Flags::CHECKSUM_NOT_READY, flags & CHECKSUM_NOT_READY != 0);
    frame.flags.set(Flags::CHECKSUM_VALID, flags & CHECKSUM_VALID != 0);
    let fcs_len = (flags >> 5 & 15) as u8;
    // 0 means that it is not told here.
    if fcs_len > 0 {
        frame.fcs_len = fcs_len;
    }
}
