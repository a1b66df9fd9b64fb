//! A batch of packets: small fixed-size items that point into slabs.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sluice_queue::{Lease, Recycle};
use sluice_wire::layers::{DEFAULT_TUNNELS, Layers};

use crate::slab::PoolBuf;
use crate::{CaptureInfo, Pools, Slab};

mod edit;
mod split;

pub use edit::Edit;

/// What belongs to the file format before every frame, in bytes: room for a record header, so that a capture-file sink
/// writes neighbours with one call.
pub const HEADROOM: usize = 16;

/// Facts about one frame that fit into a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// Received by the interface.
    pub const INBOUND: Flags = Flags(1);
    /// Sent by the interface.
    pub const OUTBOUND: Flags = Flags(1 << 1);
    /// Cut off by the snapshot length: fewer bytes are here than were on the wire.
    pub const TRUNCATED: Flags = Flags(1 << 2);
    /// The kernel verified the checksums.
    pub const CHECKSUM_VALID: Flags = Flags(1 << 3);
    /// The checksums were left to the hardware, so the ones here mean nothing.
    pub const CHECKSUM_NOT_READY: Flags = Flags(1 << 4);
    /// `validate` found a length or checksum wrong.
    pub const INVALID: Flags = Flags(1 << 5);
    /// Sent by the side that asks: the client of its connection.
    pub const FROM_CLIENT: Flags = Flags(1 << 6);
    /// Sent by the side that answers: the server of its connection.
    pub const FROM_SERVER: Flags = Flags(1 << 7);
    const OVERFLOW: Flags = Flags(1 << 15);

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// All bits that mean something outside of a batch, as a number.
    pub fn bits(self) -> u16 {
        self.0 & !Self::OVERFLOW.0
    }

    /// The flags whose [`bits`](Self::bits) these are.
    pub fn of_bits(bits: u16) -> Self {
        Self(bits & !Self::OVERFLOW.0)
    }

    /// Sets or clears the bits of `other`.
    pub fn set(&mut self, other: Flags, on: bool) {
        if on { self.0 |= other.0 } else { self.0 &= !other.0 }
    }
}

/// One packet: everything about it but its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Its number in its source, from 0.
    pub ordinal: u64,
    /// When it was captured, in ns since the epoch.
    pub time: i64,
    offset: u32,
    captured: u32,
    /// Its length on the wire, in bytes.
    pub wire: u32,
    /// Set and read by filters; 0 until then.
    pub mark: u32,
    /// Index into [`CaptureInfo::interfaces`].
    pub interface: u16,
    /// See [`Flags`].
    pub flags: Flags,
    /// Bytes of frame check sequence at its end, as far as the file tells: the interface's unless the packet has its own.
    pub fcs_len: u8,
}

const _: () = assert!(size_of::<Frame>() <= 40);
const _: () = assert!(size_of::<Layers>() <= 64);

impl Frame {
    /// A frame of `captured` bytes at `offset` of the main slab; its wire length is the same until it is set. The
    /// [`HEADROOM`] bytes before `offset` belong to the file format.
    pub fn new(offset: u32, captured: u32) -> Self {
        Self { offset, captured, wire: captured, ..Self::default() }
    }

    /// How many bytes of it are here.
    pub fn captured(&self) -> u32 {
        self.captured
    }

    /// Leaves off what is behind so many bytes of it.
    pub fn cut(&mut self, most: u32) {
        if most < self.captured {
            self.captured = most;
            self.flags.set(Flags::TRUNCATED, true);
        }
    }

    /// Where it starts in its slab.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// The same frame, its bytes at `offset` of the main slab of another batch.
    pub fn moved_to(mut self, offset: u32) -> Self {
        self.offset = offset;
        self.flags.set(Flags::OVERFLOW, false);
        self
    }

    /// Where it starts in its slab.
    fn start(&self) -> usize {
        self.offset as usize
    }

    /// Where it ends in its slab.
    fn end(&self) -> usize {
        self.start() + self.captured as usize
    }
}

/// A piece of a pcapng file that is no packet; a range of the main slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extra {
    /// The index of the item that it stood before or belongs to; the number of items for what stood last.
    pub before: u32,
    /// Where it starts in the main slab.
    pub offset: u32,
    /// Its length in bytes.
    pub len: u32,
    /// What it is.
    pub role: Role,
    /// The ordinal of that item, in a batch that is part of a divided one: so the place of a block is known when its
    /// item is gone. `u64::MAX` for what stood last.
    pub ordinal: u64,
}

/// What an [`Extra`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A block that stood before the item: all of it. It stays when the item goes.
    Block,
    /// What follows the data of the item in an enhanced packet block: padding and options.
    Enhanced {
        /// How many bytes of padding come before the options.
        padding: u8,
    },
    /// What follows the data of the item in a simple packet block, which tells neither a time nor options.
    Simple {
        /// How many bytes of padding there are.
        padding: u8,
    },
    /// What follows the data of the item in an obsolete packet block: padding and options.
    Obsolete {
        /// How many bytes of padding come before the options.
        padding: u8,
        /// How many packets were lost before it, as that block tells.
        drops: u16,
    },
}

#[derive(Debug)]
pub(crate) struct Body {
    frames: Vec<Frame>,
    /// The captured bytes of all frames: every stage counts them, and should not have to add them up.
    bytes: u64,
    /// Empty until decoded, then as long as `frames`.
    layers: Vec<Layers>,
    /// How deep `layers` look into tunnels.
    tunnels: u8,
    extras: Vec<Extra>,
    main: Slab,
    overflow: Slab,
    info: Arc<CaptureInfo>,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            bytes: 0,
            layers: Vec::new(),
            tunnels: DEFAULT_TUNNELS,
            extras: Vec::new(),
            main: Slab::default(),
            overflow: Slab::default(),
            info: Arc::default(),
        }
    }
}

impl Recycle for Body {
    fn recycle(&mut self) {
        self.frames.clear();
        self.bytes = 0;
        self.layers.clear();
        self.tunnels = DEFAULT_TUNNELS;
        self.extras.clear();
        self.main = Slab::EMPTY;
        self.overflow = Slab::EMPTY;
    }
}

/// Packets in the order in which they came, with the bytes they point into.
pub struct PacketBatch {
    body: Lease<Body>,
}

impl PacketBatch {
    pub(crate) fn new(body: Lease<Body>) -> Self {
        Self { body }
    }

    /// Takes over `main` as the slab that [`push`](Self::push)ed frames point into, and what is known about its packets.
    pub fn fill(&mut self, main: Slab, info: Arc<CaptureInfo>) {
        self.body.main = main;
        self.body.info = info;
    }

    /// Appends a frame.
    ///
    /// # Panics
    /// When its range, headroom included, does not lie inside the main slab.
    #[inline]
    pub fn push(&mut self, frame: Frame) {
        let size = self.body.main.bytes().len();
        // Numbers alone are told, so that the frame need not be in memory before it is in the batch.
        let (start, end) = (frame.start(), frame.end());
        assert!(
            start >= HEADROOM && end <= size,
            "a frame at {start}..{end} lies outside its slab of {size} bytes, headroom included"
        );
        self.body.bytes += u64::from(frame.captured);
        self.body.frames.push(frame);
        self.body.layers.clear();
    }

    /// Anchors a piece of the file format to the next frame.
    pub fn push_extra(&mut self, offset: u32, len: u32, role: Role) {
        let before = self.body.frames.len() as u32;
        self.body.extras.push(Extra { before, offset, len, role, ordinal: 0 });
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.body.frames.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.body.frames.is_empty()
    }

    /// The captured bytes of all packets.
    pub fn bytes(&self) -> u64 {
        self.body.bytes
    }

    /// What the file or interface said about all of them.
    pub fn info(&self) -> &Arc<CaptureInfo> {
        &self.body.info
    }

    /// Replaces what is known about all of them. Layers stay as they are until they are computed again: whoever changes a
    /// link type makes the frames of that interface begin so, with an [`edit`](Self::edit) of the decoded batch.
    pub fn set_info(&mut self, info: Arc<CaptureInfo>) {
        self.body.info = info;
    }

    /// The frames, in order.
    pub fn frames(&self) -> &[Frame] {
        &self.body.frames
    }

    /// The frames, to change times, marks and flags; the bytes are changed through [`edit`](Self::edit).
    pub fn frames_mut(&mut self) -> &mut [Frame] {
        &mut self.body.frames
    }

    /// Blocks and options of the file format, in order.
    pub fn extras(&self) -> &[Extra] {
        &self.body.extras
    }

    /// The bytes of one of these.
    pub fn extra(&self, extra: &Extra) -> &[u8] {
        let start = extra.offset as usize;
        self.body.main.bytes().get(start..start + extra.len as usize).unwrap_or_default()
    }

    /// The [`HEADROOM`] bytes before a frame of this batch.
    pub fn headroom(&self, frame: &Frame) -> &[u8] {
        let slab = if frame.flags.contains(Flags::OVERFLOW) { &self.body.overflow } else { &self.body.main };
        slab.bytes().get(frame.start() - HEADROOM..frame.start()).unwrap_or_default()
    }

    /// The bytes of a frame of this batch.
    #[inline]
    pub fn data(&self, frame: &Frame) -> &[u8] {
        let slab = if frame.flags.contains(Flags::OVERFLOW) { &self.body.overflow } else { &self.body.main };
        slab.bytes().get(frame.start()..frame.end()).unwrap_or_default()
    }

    /// The packets in order, each with its bytes.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Frame, &[u8])> {
        let (main, overflow) = (self.body.main.bytes(), self.body.overflow.bytes());
        self.body.frames.iter().map(move |frame| {
            let slab = if frame.flags.contains(Flags::OVERFLOW) { overflow } else { main };
            (frame, slab.get(frame.start()..frame.end()).unwrap_or_default())
        })
    }

    /// Whether the layers were computed.
    pub fn is_decoded(&self) -> bool {
        self.body.layers.len() == self.body.frames.len()
    }

    /// How many tunnels, one inside of the other, the layers look into.
    pub fn tunnels(&self) -> u8 {
        self.body.tunnels
    }

    /// Sets how many tunnels the layers look into. Layers computed otherwise are forgotten.
    pub fn set_tunnels(&mut self, tunnels: u8) {
        if self.body.tunnels != tunnels {
            self.body.tunnels = tunnels;
            self.body.layers.clear();
        }
    }

    /// Computes the layers unless that was done before.
    pub fn decode(&mut self) {
        if self.is_decoded() {
            return;
        }
        let body = &mut *self.body;
        let (main, overflow) = (body.main.bytes(), body.overflow.bytes());
        let (mut interface, mut link) = (0, body.info.link(0));
        let tunnels = body.tunnels;
        body.layers.resize(body.frames.len(), Layers::default());
        for (frame, layers) in body.frames.iter().zip(&mut body.layers) {
            if frame.interface != interface {
                (interface, link) = (frame.interface, body.info.link(frame.interface));
            }
            let slab = if frame.flags.contains(Flags::OVERFLOW) { overflow } else { main };
            let data = slab.get(frame.start()..frame.end()).unwrap_or_default();
            layers.decode_again(link, data, frame.wire, tunnels);
        }
    }

    /// The layers of each frame; empty before [`decode`](Self::decode).
    pub fn layers(&self) -> &[Layers] {
        if self.is_decoded() { &self.body.layers } else { &[] }
    }

    /// The packets in order, each with its bytes and layers, which are computed on first need.
    pub fn decoded(&mut self) -> impl ExactSizeIterator<Item = (&Frame, &[u8], &Layers)> {
        self.decode();
        let this = &*self;
        this.iter().zip(&this.body.layers).map(|((frame, data), layers)| (frame, data, layers))
    }

    /// Begins to change bytes. Frames of an unshared slab are changed in place, others are moved to the overflow slab
    /// when they are touched. Computes the layers on first need.
    pub fn edit<'a>(&'a mut self, pools: &'a Pools) -> Edit<'a> {
        self.decode();
        Edit::new(&mut self.body, pools)
    }

    /// Keeps the packets for which `keep` says so, in order; returns how many went. The options of a packet go with it,
    /// the blocks before it stay.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &Frame) -> bool) -> usize {
        let body = &mut *self.body;
        let (before, decoded) = (body.frames.len(), body.layers.len() == body.frames.len());
        let (mut kept, mut extra, mut extras) = (0, 0, 0);
        for at in 0..before {
            let stays = keep(at, &body.frames[at]);
            while let Some(found) = body.extras.get(extra).filter(|e| e.before as usize == at).copied() {
                if stays || found.role == Role::Block {
                    body.extras[extras] = Extra { before: kept as u32, ..found };
                    extras += 1;
                }
                extra += 1;
            }
            if stays {
                if kept != at {
                    body.frames[kept] = body.frames[at];
                    if decoded {
                        body.layers[kept] = body.layers[at];
                    }
                }
                kept += 1;
            } else {
                body.bytes -= u64::from(body.frames[at].captured);
            }
        }
        body.extras.drain(extras..extra);
        body.extras[extras..].iter_mut().for_each(|e| e.before = kept as u32);
        body.frames.truncate(kept);
        body.layers.truncate(if decoded { kept } else { 0 });
        before - kept
    }

    /// Moves the packets for which `moves` says so into `other`, which gets copies of their bytes and options, so that
    /// neither batch shares a slab with the other; returns how many went.
    pub fn move_to(
        &mut self,
        other: &mut PacketBatch,
        pools: &Pools,
        mut moves: impl FnMut(usize, &Frame) -> bool,
    ) -> usize {
        let chosen: usize = self
            .frames()
            .iter()
            .enumerate()
            .filter(|(i, f)| moves(*i, f))
            .map(|(_, f)| HEADROOM + f.captured as usize)
            .sum();
        if chosen == 0 {
            return 0;
        }
        let options = self.extras().iter().filter(|e| e.role != Role::Block);
        let mut options = options.peekable();
        let room: usize = options.clone().map(|e| e.len as usize).sum();
        let mut slab = pools.slab(chosen + room);
        let first = other.body.frames.len();
        for (at, (frame, data)) in self.iter().enumerate() {
            let options = std::iter::from_fn(|| options.next_if(|e| e.before as usize <= at));
            let mine = options.filter(|e| e.before as usize == at).last();
            if moves(at, frame)
                && let Some(place) = slab.append(self.headroom(frame)).and(slab.append(data))
            {
                if let Some(mine) = mine
                    && let Some(place) = slab.append(self.extra(mine))
                {
                    other.push_extra(place.start as u32, mine.len, mine.role);
                }
                let mut frame = *frame;
                frame.offset = place.start as u32;
                frame.flags.set(Flags::OVERFLOW, false);
                other.body.bytes += u64::from(frame.captured);
                other.body.frames.push(frame);
            }
        }
        other.fill(slab.into(), Arc::clone(&self.body.info));
        other.set_tunnels(self.body.tunnels);
        let moved = other.body.frames.len() - first;
        self.retain(|at, frame| !moves(at, frame));
        moved
    }

    /// Removes every packet and lets go of the slabs.
    pub fn clear(&mut self) {
        self.body.recycle();
    }

    /// A second batch with the same packets. The bytes are shared, so whoever edits first moves what it touches.
    pub fn duplicate(&self, pools: &Pools) -> PacketBatch {
        let mut copy = pools.packets();
        copy.body.frames.extend_from_slice(&self.body.frames);
        copy.body.bytes = self.body.bytes;
        copy.body.layers.extend_from_slice(&self.body.layers);
        copy.body.tunnels = self.body.tunnels;
        copy.body.extras.extend_from_slice(&self.body.extras);
        copy.body.main = self.body.main.clone();
        copy.body.overflow = self.body.overflow.clone();
        copy.body.info = Arc::clone(&self.body.info);
        copy
    }

    /// How much memory the slabs keep from being used again.
    pub fn weight(&self) -> usize {
        self.body.main.weight() + self.body.overflow.weight()
    }

    /// For a capture-file sink: calls `write` with the bytes of each run of neighbours among the packets in `range`, each
    /// frame preceded by its headroom, into which `header` has put the record header. `header` is given the headroom as
    /// it is, so it may leave right what is right.
    pub fn runs<E>(
        &mut self,
        range: Range<usize>,
        pools: &Pools,
        mut header: impl FnMut(&Frame, &mut [u8; HEADROOM]),
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Body { frames, main, overflow, .. } = &mut *self.body;
        let mut frames = frames.get(range).unwrap_or_default();
        let mut copies: Option<PoolBuf> = None;
        while let Some(first) = frames.first() {
            let flagged = first.flags.contains(Flags::OVERFLOW);
            let alike = frames.iter().position(|frame| frame.flags.contains(Flags::OVERFLOW) != flagged);
            let (part, rest) = frames.split_at(alike.unwrap_or(frames.len()));
            let slab = if flagged { &mut *overflow } else { &mut *main };
            match slab.exclusive() {
                Some(buffer) => {
                    // What was copied comes before.
                    copies.take().map_or(Ok(()), |copies| write(copies.filled()))?;
                    runs_in_place(part, buffer.filled_mut(), &mut header, &mut write)?;
                }
                None => copied_runs(part, slab.bytes(), pools, &mut copies, &mut header, &mut write)?,
            }
            frames = rest;
        }
        copies.map_or(Ok(()), |copies| write(copies.filled()))
    }
}

/// Writes each run of neighbours from where it is.
fn runs_in_place<E>(
    frames: &[Frame],
    slab: &mut [u8],
    mut header: impl FnMut(&Frame, &mut [u8; HEADROOM]),
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = 0;
    while let Some(first) = frames.get(next) {
        let start = first.start() - HEADROOM;
        let mut end = start;
        while let Some(frame) = frames.get(next)
            && frame.start() == end + HEADROOM
        {
            if let Some(room) = slab.get_mut(end..).and_then(|s| s.first_chunk_mut()) {
                header(frame, room);
            }
            end = frame.end();
            next += 1;
        }
        write(slab.get(start..end).unwrap_or_default())?;
    }
    Ok(())
}

/// Makes neighbours of frames whose slab cannot be changed, in a copy that is written when it is full: memory of somebody else
/// holds more than frames, so that not all of it is copied.
fn copied_runs<E>(
    frames: &[Frame],
    slab: &[u8],
    pools: &Pools,
    copies: &mut Option<PoolBuf>,
    mut header: impl FnMut(&Frame, &mut [u8; HEADROOM]),
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for frame in frames {
        let whole = slab.get(frame.start() - HEADROOM..frame.end()).unwrap_or_default();
        let full = |copies: &PoolBuf| copies.capacity() - copies.filled().len() < whole.len();
        if let Some(copied) = copies.take_if(|copies| full(copies)) {
            write(copied.filled())?;
        }
        let copies = copies.get_or_insert_with(|| pools.slab(whole.len().max(pools.slab_size())));
        if let Some(place) = copies.append(whole)
            && let Some(room) = copies.filled_mut().get_mut(place.start..).and_then(|s| s.first_chunk_mut())
        {
            header(frame, room);
        }
    }
    Ok(())
}

impl fmt::Debug for PacketBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketBatch({} packets)", self.len())
    }
}

/// The buffer of `slab`, unshared and with room for `more` bytes; offsets into it stay right.
fn owned<'s>(slab: &'s mut Slab, more: usize, pools: &Pools) -> Option<&'s mut PoolBuf> {
    let used = slab.bytes().len();
    if slab.exclusive().is_none_or(|buffer| buffer.capacity() - used < more) {
        let mut roomier = pools.slab((used + more).max(if used > 0 { 2 * used } else { 0 }));
        roomier.append(slab.bytes());
        *slab = roomier.into();
    }
    slab.exclusive()
}

#[cfg(test)]
mod tests;
