//! Blocks that hold a packet.

use sluice_core::{Extra, Flags, Frame, Interface, Role};

use super::clock::Scale;
use super::options::{self, Options, PACKET_FLAGS};
use super::{Block, Flaw, kind, padding};
use crate::order::Order;

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
    // No time is told; this is the one that is always understood.
    frame.time = lens.scale.time(0);
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

fn flags(frame: &Frame) -> u32 {
    let bit = |flag, bit| if frame.flags.contains(flag) { bit } else { 0 };
    bit(Flags::INBOUND, INBOUND)
        | bit(Flags::OUTBOUND, OUTBOUND)
        | bit(Flags::CHECKSUM_NOT_READY, CHECKSUM_NOT_READY)
        | bit(Flags::CHECKSUM_VALID, CHECKSUM_VALID)
}

/// What follows the data in a block of this shape: padding, and options with what else there is.
pub(super) fn split(role: Role, rest: &[u8]) -> (&[u8], &[u8]) {
    rest.split_at_checked(role_padding(role)).unwrap_or_default()
}

fn role_padding(role: Role) -> usize {
    match role {
        Role::Block => 0,
        Role::Enhanced { padding } | Role::Simple { padding } | Role::Obsolete { padding, .. } => {
            padding.into()
        }
    }
}

/// The length of the option of a packet's flags, with the mark behind the last option.
const FLAGS_OPTION: usize = 12;

/// A packet that is being written.
pub(super) struct Raw<'a> {
    pub(super) order: Order,
    /// The number of its interface.
    pub(super) number: u32,
    pub(super) lens: &'a Lens,
    pub(super) frame: &'a Frame,
    /// The time as it was told before, where that was by the same clock.
    pub(super) units: Option<u64>,
    pub(super) data: &'a [u8],
}

impl Raw<'_> {
    /// The type of the block that it gets: the one that it had, where that can still tell all about it.
    pub(super) fn kind(&self, role: Role) -> u32 {
        match role {
            Role::Simple { .. } if self.is_simple() => kind::SIMPLE,
            Role::Obsolete { .. } if self.number <= u32::from(u16::MAX) => kind::PACKET,
            _ => kind::ENHANCED,
        }
    }

    fn is_simple(&self) -> bool {
        let Self { lens, frame, .. } = self;
        self.number == 0 && frame.time == lens.scale.time(0) && lens.simple(frame.wire) == frame.captured()
    }

    /// How long its block gets, with options that are not translated.
    pub(super) fn size(&self, extra: Option<&Extra>) -> usize {
        let data = self.data.len() + padding(self.data.len());
        let Some(Extra { role, len, .. }) = extra else {
            let flags = if flags(self.frame) == 0 { 0 } else { FLAGS_OPTION };
            return ENHANCED_DATA + data + flags + 4;
        };
        let options = (*len as usize).saturating_sub(role_padding(*role));
        match (self.kind(*role), role) {
            (kind::SIMPLE, _) => SIMPLE_DATA + data + options + 4,
            (_, Role::Simple { .. }) => ENHANCED_DATA + data + 4,
            _ => ENHANCED_DATA + data + options + 4,
        }
    }

    /// Appends the block, with this padding if it still has that length.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        role: Role,
        old: &[u8],
        options: impl FnOnce(&mut Vec<u8>),
    ) {
        let (start, order, block) = (out.len(), self.order, self.kind(role));
        let word = |out: &mut Vec<u8>, word| out.extend_from_slice(&order.put32(word));
        word(out, block);
        word(out, 0);
        match (block, role) {
            (kind::SIMPLE, _) => word(out, self.frame.wire),
            (kind::PACKET, Role::Obsolete { drops, .. }) => {
                out.extend_from_slice(&order.put16(self.number as u16));
                out.extend_from_slice(&order.put16(drops));
                self.lengths(out);
            }
            _ => {
                word(out, self.number);
                self.lengths(out);
            }
        }
        out.extend_from_slice(self.data);
        let padding = padding(self.data.len());
        out.extend_from_slice(if old.len() == padding { old } else { &[0; 3][..padding] });
        // A simple packet block has no options, and so they are left out of one that takes its place.
        if block == kind::SIMPLE || !matches!(role, Role::Simple { .. }) {
            options(out);
        }
        super::close(out, start, order);
    }

    /// Time and lengths; the time is left as it was where that still says the truth.
    fn lengths(&self, out: &mut Vec<u8>) {
        let order = self.order;
        let kept = self.units.filter(|units| self.lens.scale.time(*units) == self.frame.time);
        let time = kept.or_else(|| self.lens.scale.units(self.frame.time)).unwrap_or_default();
        for word in [(time >> 32) as u32, time as u32, self.data.len() as u32, self.frame.wire] {
            out.extend_from_slice(&order.put32(word));
        }
    }

    /// Appends what is known about a packet without options, if that is anything.
    pub(super) fn put_flags(&self, out: &mut Vec<u8>) {
        let flags = flags(self.frame);
        if flags != 0 {
            options::put(out, self.order, PACKET_FLAGS, &self.order.put32(flags));
            options::end(out);
        }
    }
}
