//! Dividing a batch among shards, and bringing the parts together again.

use std::sync::Arc;

use super::{Body, Extra, Flags, Frame, HEADROOM, PacketBatch, Role};
use crate::{Batch, PoolBuf, Pools, Slab, merge};

impl PacketBatch {
    /// See [`Batch::split`]. The options of a packet and the blocks before it go with it, the last blocks with the last one.
    pub(crate) fn split(mut self, to: &[u32], parts: &mut [Option<Batch>], pools: &Pools) {
        let Body { frames, extras, .. } = &mut *self.body;
        for extra in extras.iter_mut() {
            extra.ordinal = frames.get(extra.before as usize).map_or(u64::MAX, |frame| frame.ordinal);
        }
        let only = to.first().copied().unwrap_or(0);
        if to.iter().all(|part| *part == only) {
            if let Some(part) = parts.get_mut(only as usize) {
                *part = Some(self.into());
            }
            return;
        }
        let body = &*self.body;
        let decoded = self.is_decoded();
        let mut extras = body.extras.iter().peekable();
        let last = body.frames.len().saturating_sub(1);
        for (at, (frame, part)) in body.frames.iter().zip(to).enumerate() {
            let Some(part) = parts.get_mut(*part as usize) else { continue };
            let part = part.get_or_insert_with(|| self.part(pools).into());
            let Batch::Packets(part) = part else { continue };
            let part = &mut *part.body;
            let before = part.frames.len() as u32;
            while let Some(extra) = extras.next_if(|extra| extra.before as usize <= at) {
                part.extras.push(Extra { before, ..*extra });
            }
            part.frames.push(*frame);
            part.bytes += u64::from(frame.captured);
            if decoded {
                part.layers.push(body.layers[at]);
            }
            if at == last {
                part.extras.extend(extras.by_ref().map(|extra| Extra { before: before + 1, ..*extra }));
            }
        }
    }

    /// A batch without packets that shares the slabs.
    fn part(&self, pools: &Pools) -> PacketBatch {
        let mut part = pools.packets();
        part.body.tunnels = self.body.tunnels;
        part.body.main = self.body.main.clone();
        part.body.overflow = self.body.overflow.clone();
        part.body.info = Arc::clone(&self.body.info);
        part
    }

    /// Whether the same is known about the packets of both.
    pub(crate) fn joins(&self, other: &PacketBatch) -> bool {
        let (a, b) = (&self.body, &other.body);
        a.tunnels == b.tunnels && (Arc::ptr_eq(&a.info, &b.info) || a.info == b.info)
    }

    /// See [`Batch::interleave`].
    pub(crate) fn interleave(parts: &[&PacketBatch], pools: &Pools) -> PacketBatch {
        let mut joining = Joining::new(parts, pools);
        let mut blocks: Vec<(usize, Extra)> = Vec::new();
        let mut options = Vec::new();
        if parts.iter().any(|part| !part.extras().is_empty()) {
            for (number, part) in parts.iter().enumerate() {
                let (mine, others): (Vec<Extra>, Vec<Extra>) =
                    part.extras().iter().partition(|extra| extra.role == Role::Block);
                blocks.extend(mine.into_iter().map(|block| (number, block)));
                options.push(others.into_iter().peekable());
            }
            blocks.sort_by_key(|(_, block)| block.ordinal);
        }
        let mut blocks = blocks.into_iter().peekable();
        let ordinal = |part: usize, at: usize| parts[part].body.frames[at].ordinal;
        merge::by_ordinal(
            parts.len(),
            |part| parts[part].len(),
            ordinal,
            |part, at| {
                while let Some((from, block)) =
                    blocks.next_if(|(_, block)| block.ordinal <= ordinal(part, at))
                {
                    joining.extra(parts[from], &block);
                }
                if let Some(options) = options.get_mut(part) {
                    while let Some(option) = options.next_if(|option| option.before as usize <= at) {
                        joining.extra(parts[part], &option);
                    }
                }
                joining.frame(parts[part], at);
            },
        );
        blocks.for_each(|(from, block)| joining.extra(parts[from], &block));
        joining.done()
    }
}

/// Parts that are being brought together.
struct Joining {
    joined: PacketBatch,
    /// Whether all parts have the main slab of the joined batch.
    shares_main: bool,
    /// Whether they have its overflow slab, or none.
    shares_overflow: bool,
    decoded: bool,
    /// Where that is copied which lies elsewhere, in the order in which it will be read.
    copied: Option<PoolBuf>,
}

impl Joining {
    fn new(parts: &[&PacketBatch], pools: &Pools) -> Self {
        let mut joined = parts.first().map_or_else(|| pools.packets(), |first| first.part(pools));
        let shares_main = parts.iter().all(|part| part.body.main.is(&joined.body.main));
        let overflow = |part: &&&PacketBatch| !part.body.overflow.bytes().is_empty();
        let mut overflows = parts.iter().filter(overflow).map(|part| &part.body.overflow);
        let one = overflows.next();
        let shares_overflow = shares_main && one.is_none_or(|one| overflows.all(|other| other.is(one)));
        joined.body.overflow = one.filter(|_| shares_overflow).cloned().unwrap_or(Slab::EMPTY);
        let mut joining = Self {
            joined,
            shares_main,
            shares_overflow,
            decoded: parts.iter().all(|part| part.is_decoded()),
            copied: None,
        };
        let body = |part: &&PacketBatch| -> usize {
            let frames = part.body.frames.iter().filter(|frame| !joining.stays(frame));
            let extras = part.body.extras.iter().filter(|_| !shares_main);
            frames.map(|frame| HEADROOM + frame.captured as usize).sum::<usize>()
                + extras.map(|extra| extra.len as usize).sum::<usize>()
        };
        let room: usize = parts.iter().map(body).sum();
        if room > 0 {
            joining.copied = Some(pools.slab(room));
        }
        joining
    }

    fn stays(&self, frame: &Frame) -> bool {
        if frame.flags.contains(Flags::OVERFLOW) { self.shares_overflow } else { self.shares_main }
    }

    fn extra(&mut self, part: &PacketBatch, extra: &Extra) {
        let offset = match self.shares_main {
            true => extra.offset,
            false => self.copy(part.extra(extra)).unwrap_or(0),
        };
        let before = self.joined.body.frames.len() as u32;
        self.joined.body.extras.push(Extra { before, offset, ..*extra });
    }

    fn frame(&mut self, part: &PacketBatch, at: usize) {
        let mut frame = part.body.frames[at];
        if !self.stays(&frame) {
            let (head, data) = (part.headroom(&frame), part.data(&frame));
            if let Some(start) = self.copy(head).and(self.copy(data)) {
                frame.offset = start;
            }
            frame.flags.set(Flags::OVERFLOW, self.shares_main);
        }
        let body = &mut *self.joined.body;
        body.bytes += u64::from(frame.captured);
        body.frames.push(frame);
        if self.decoded {
            body.layers.push(part.body.layers[at]);
        }
    }

    /// Where bytes are that were copied; nothing where there was no room counted for them.
    fn copy(&mut self, bytes: &[u8]) -> Option<u32> {
        self.copied.as_mut()?.append(bytes).map(|place| place.start as u32)
    }

    fn done(mut self) -> PacketBatch {
        let body = &mut *self.joined.body;
        if let Some(copied) = self.copied {
            *if self.shares_main { &mut body.overflow } else { &mut body.main } = copied.into();
        }
        self.joined
    }
}

#[cfg(test)]
mod tests;
