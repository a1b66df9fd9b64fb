//! Changing the bytes of a batch: in place where nobody else holds them, in the overflow slab otherwise.

use std::ops::Range;

use sluice_wire::layers::Layers;

use super::{Body, Flags, Frame, HEADROOM, owned};
use crate::{CaptureInfo, Pools, Slab};

enum Main<'a> {
    Exclusive(&'a mut [u8]),
    Shared(&'a [u8]),
}

impl Main<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Main::Exclusive(bytes) => bytes,
            Main::Shared(bytes) => bytes,
        }
    }
}

/// A batch whose bytes are being changed.
///
/// [`packet`](Self::packet) changes bytes that stay where they are; whoever changes a header that way keeps the layers
/// true. The other methods change the length of a packet and decode its layers again.
pub struct Edit<'a> {
    frames: &'a mut [Frame],
    /// The captured bytes of all frames.
    total: &'a mut u64,
    layers: &'a mut [Layers],
    /// How deep the layers look into tunnels.
    tunnels: u8,
    main: Main<'a>,
    overflow: &'a mut Slab,
    info: &'a CaptureInfo,
    pools: &'a Pools,
}

impl<'a> Edit<'a> {
    /// The batch must be decoded.
    pub(super) fn new(body: &'a mut Body, pools: &'a Pools) -> Self {
        // Asked twice, for the borrow checker cannot follow a borrow that is returned from one arm only.
        let main = if body.main.exclusive().is_none() {
            Main::Shared(body.main.bytes())
        } else {
            body.main.exclusive().map_or(Main::Shared(&[]), |buffer| Main::Exclusive(buffer.filled_mut()))
        };
        let (frames, layers, overflow) = (&mut body.frames, &mut body.layers, &mut body.overflow);
        Self {
            frames,
            total: &mut body.bytes,
            layers,
            tunnels: body.tunnels,
            main,
            overflow,
            info: &body.info,
            pools,
        }
    }
}

impl Edit<'_> {
    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// What the file or interface said about all of them.
    pub fn info(&self) -> &CaptureInfo {
        self.info
    }

    /// A packet as it is, for deciding whether to touch it.
    pub fn peek(&self, at: usize) -> Option<(&Frame, &[u8], &Layers)> {
        let frame = self.frames.get(at)?;
        Some((frame, self.bytes(frame)?, self.layers.get(at)?))
    }

    /// The [`HEADROOM`] bytes before a packet.
    pub fn headroom(&self, at: usize) -> &[u8] {
        let before = |frame: &Frame| frame.start() - HEADROOM..frame.start();
        let headroom = self.frames.get(at).and_then(|frame| self.slab(frame).get(before(frame)));
        headroom.unwrap_or_default()
    }

    fn slab(&self, frame: &Frame) -> &[u8] {
        if frame.flags.contains(Flags::OVERFLOW) { self.overflow.bytes() } else { self.main.bytes() }
    }

    fn bytes(&self, frame: &Frame) -> Option<&[u8]> {
        self.slab(frame).get(frame.start()..frame.end())
    }

    /// A packet to change: its frame, its bytes, its layers (which the one who changes a header keeps true).
    pub fn packet(&mut self, at: usize) -> Option<(&mut Frame, &mut [u8], &mut Layers)> {
        let frame = self.frames.get_mut(at)?;
        let layers = self.layers.get_mut(at)?;
        if let (Main::Shared(bytes), false) = (&self.main, frame.flags.contains(Flags::OVERFLOW)) {
            let whole = bytes.get(frame.start().checked_sub(HEADROOM)?..frame.end())?;
            let moved = owned(self.overflow, whole.len(), self.pools)?.append(whole)?;
            frame.offset = (moved.start + HEADROOM) as u32;
            frame.flags.set(Flags::OVERFLOW, true);
        }
        let range = frame.start()..frame.end();
        let bytes = match &mut self.main {
            Main::Exclusive(bytes) if !frame.flags.contains(Flags::OVERFLOW) => bytes.get_mut(range)?,
            _ => owned(self.overflow, 0, self.pools)?.filled_mut().get_mut(range)?,
        };
        Some((frame, bytes, layers))
    }

    /// Makes room at once for every packet to become longer by up to `more` bytes, which otherwise comes bit by bit.
    pub fn reserve(&mut self, more: usize) {
        let room: usize = self.frames.iter().map(|frame| HEADROOM + frame.captured as usize + more).sum();
        if room > 0 {
            owned(self.overflow, room, self.pools);
        }
    }

    /// Puts `with` in the place of the bytes in `range`. The captured and the wire length change by the difference.
    ///
    /// `false`, with nothing changed, when the packet has no such range.
    pub fn splice(&mut self, at: usize, range: Range<usize>, with: &[u8]) -> bool {
        let done = self.gap(at, range, with.len()).map(|gap| gap.copy_from_slice(with)).is_some();
        if done {
            self.decode(at);
        }
        done
    }

    /// Inserts `bytes` before the one at `offset`.
    pub fn insert(&mut self, at: usize, offset: usize, bytes: &[u8]) -> bool {
        self.splice(at, offset..offset, bytes)
    }

    /// Takes the bytes in `range` out.
    pub fn remove(&mut self, at: usize, range: Range<usize>) -> bool {
        self.splice(at, range, &[])
    }

    /// Appends `more` zero bytes.
    pub fn extend(&mut self, at: usize, more: usize) -> bool {
        let Some(end) = self.frames.get(at).map(|frame| frame.captured as usize) else { return false };
        let done = self.gap(at, end..end, more).map(|gap| gap.fill(0)).is_some();
        if done {
            self.decode(at);
        }
        done
    }

    /// Leaves a packet its first `captured` bytes, of which it says that `wire` were on the wire: what a snap length does.
    /// `false`, with nothing changed, when it is so already or has fewer bytes.
    pub fn truncate(&mut self, at: usize, captured: usize, wire: u32) -> bool {
        let Some(frame) = self.frames.get_mut(at) else { return false };
        let old = frame.captured as usize;
        if captured > old || (captured == old && frame.wire == wire) {
            return false;
        }
        frame.captured = captured as u32;
        *self.total -= (old - captured) as u64;
        frame.wire = wire;
        frame.flags.set(Flags::TRUNCATED, frame.captured < wire);
        self.decode(at);
        true
    }

    /// Finds the headers of a packet again, after a change that moved them.
    pub fn decode(&mut self, at: usize) {
        let Some(frame) = self.frames.get(at) else { return };
        let layers = Layers::decode_to(
            self.info.link(frame.interface),
            self.bytes(frame).unwrap_or_default(),
            frame.wire,
            self.tunnels,
        );
        if let Some(place) = self.layers.get_mut(at) {
            *place = layers;
        }
    }

    /// Makes the bytes in `range` a range of `len` bytes, which are returned to be filled.
    fn gap(&mut self, at: usize, range: Range<usize>, len: usize) -> Option<&mut [u8]> {
        let frame = self.frames.get(at)?;
        let captured = frame.captured as usize;
        if range.start > range.end || range.end > captured {
            return None;
        }
        let is_ours = frame.flags.contains(Flags::OVERFLOW) || matches!(self.main, Main::Exclusive(_));
        if len > range.len() || !is_ours {
            self.relocate(at, &range, len)?;
        } else if len < range.len() {
            self.close(at, &range, range.len() - len)?;
        }
        let frame = self.frames.get_mut(at)?;
        let resized = |length: usize| (length + len).saturating_sub(range.len());
        frame.captured = resized(captured) as u32;
        *self.total = (*self.total + len as u64) - range.len() as u64;
        frame.wire = u32::try_from(resized(frame.wire as usize)).unwrap_or(u32::MAX);
        let (_, bytes, _) = self.packet(at)?;
        bytes.get_mut(range.start..range.start + len)
    }

    /// Copies a packet with its headroom to the end of the overflow slab, with room for `len` bytes instead of `range`.
    fn relocate(&mut self, at: usize, range: &Range<usize>, len: usize) -> Option<()> {
        let frame = self.frames.get_mut(at)?;
        let head = frame.start().checked_sub(HEADROOM)?..frame.start() + range.start;
        let tail = frame.start() + range.end..frame.end();
        let place = self.overflow.bytes().len();
        let (gap, end) = (place + head.len() + len, place + head.len() + len + tail.len());
        u32::try_from(end).ok()?;
        let buffer = owned(self.overflow, end - place, self.pools)?;
        buffer.advance(end - place);
        let bytes = buffer.filled_mut();
        if frame.flags.contains(Flags::OVERFLOW) {
            bytes.copy_within(head, place);
            bytes.copy_within(tail, gap);
        } else {
            let main = self.main.bytes();
            bytes.get_mut(place..gap - len)?.copy_from_slice(main.get(head)?);
            bytes.get_mut(gap..end)?.copy_from_slice(main.get(tail)?);
        }
        frame.offset = (place + HEADROOM) as u32;
        frame.flags.set(Flags::OVERFLOW, true);
        Some(())
    }

    /// Takes `less` bytes out of `range` in place: whichever is shorter moves, what is before (with the headroom) or
    /// what is after.
    fn close(&mut self, at: usize, range: &Range<usize>, less: usize) -> Option<()> {
        let frame = self.frames.get_mut(at)?;
        let bytes = match &mut self.main {
            Main::Exclusive(bytes) if !frame.flags.contains(Flags::OVERFLOW) => &mut **bytes,
            _ => owned(self.overflow, 0, self.pools)?.filled_mut(),
        };
        let head = frame.start().checked_sub(HEADROOM)?..frame.start() + range.start;
        let tail = frame.start() + range.end..frame.end();
        bytes.get(head.start..tail.end)?;
        if head.len() < tail.len() {
            let to = head.start + less;
            bytes.copy_within(head, to);
            frame.offset += less as u32;
        } else {
            let to = tail.start - less;
            bytes.copy_within(tail, to);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
