//! The memory of a ring, and parts of its blocks as values that own them.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::life::{Blocks, Words};
use super::sync::AtomicU32;

/// What a block begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A description of the packets in it: `tpacket_block_desc` of if_packet.h.
    Block,
    /// The header of the one packet in it: `tpacket2_hdr`.
    Slot,
}

impl Layout {
    /// Where the status is.
    fn status(self) -> usize {
        match self {
            Layout::Block => 8,
            Layout::Slot => 0,
        }
    }
}

/// The length of the status.
pub(crate) const STATUS: usize = size_of::<u32>();
/// Where it says how many packets there are; behind it are the place of the first one and the length of all that counts.
const TOLD: usize = 12;
/// The length of what comes before the first packet.
const DESCRIPTOR: usize = 48;

/// Blocks of memory that the kernel writes to. Nobody else touches them but through [`Part`]s.
pub(crate) struct Map {
    start: NonNull<u8>,
    layout: Layout,
    block: usize,
    count: usize,
}

// SAFETY: the memory belongs to no thread, and `Map` itself lets only at its status words, which are atomic.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the ring of a socket of `count` blocks of `block` bytes, which was set up before.
    pub fn of(socket: BorrowedFd<'_>, layout: Layout, block: usize, count: usize) -> io::Result<Self> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a mapping at a place that the system chooses touches no other memory.
        let start = unsafe { mmap(std::ptr::null_mut(), block * count, protection, flags, socket, 0)? };
        Self::at(start.cast(), layout, block, count)
    }

    /// As many bytes of no socket.
    #[cfg(all(test, not(loom)))]
    pub fn of_memory(layout: Layout, block: usize, count: usize) -> io::Result<Self> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: as above.
        let start =
            unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), block * count, protection, flags)? };
        Self::at(start.cast(), layout, block, count)
    }

    fn at(start: *mut u8, layout: Layout, block: usize, count: usize) -> io::Result<Self> {
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, layout, block, count })
    }

    /// A place in a block; both have to lie inside of the map, or at its end.
    fn place(&self, block: usize, offset: usize) -> NonNull<u8> {
        assert!(block < self.count && offset <= self.block);
        // SAFETY: the place is inside of the mapping, or one byte behind it.
        unsafe { self.start.add(block * self.block + offset) }
    }
}

impl Words for Map {
    fn status(&self, block: usize) -> &AtomicU32 {
        let word = self.place(block, self.layout.status()).cast::<AtomicU32>();
        // SAFETY: blocks begin at multiples of 16 and hold more than this, so that the word is there and aligned. It lives as
        // long as the map, any bits are a value of it, and nobody accesses it otherwise: parts begin behind it.
        unsafe { word.as_ref() }
    }

    fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: this is all of a mapping that nobody uses any more: whoever had a part of it held the map.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.block * self.count) };
        debug_assert!(unmapped.is_ok());
    }
}

/// What a block says of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// How many packets there are.
    pub packets: u32,
}

/// Bytes of a block that nobody else sees or changes, and that are the kernel's again when the last part of the block is
/// dropped, on any thread. The memory stays mapped as long as there is one.
pub(crate) struct Part {
    blocks: Arc<Blocks<Map>>,
    block: usize,
    /// Of no other part of this block, and never of the bytes that describe it.
    start: usize,
    end: usize,
}

impl Part {
    /// The packets of a block, if the kernel has filled it. Only one thread may ask for the blocks of a ring.
    pub fn take(blocks: &Arc<Blocks<Map>>, block: usize) -> Option<(Part, Told)> {
        if !blocks.take(block) {
            return None;
        }
        // From here on its drop gives the block back.
        let mut part = Part { blocks: Arc::clone(blocks), block, start: DESCRIPTOR, end: DESCRIPTOR };
        let map = blocks.words();
        // SAFETY: the block is ours since it was taken, these bytes are inside of it, and no part holds them.
        let told = unsafe { map.place(block, TOLD).cast::<[u32; 3]>().read_unaligned() };
        let [packets, first, length] = told;
        let (first, end) = (first as usize, length as usize);
        if packets == 0 || first < DESCRIPTOR || end < first || end > map.block {
            return Some((part, Told { packets: 0 }));
        }
        (part.start, part.end) = (first, end);
        Some((part, Told { packets }))
    }

    /// The one packet of a slot with its header, but for the status that this begins with. Otherwise like [`take`](Self::take).
    pub fn take_slot(blocks: &Arc<Blocks<Map>>, slot: usize) -> Option<Part> {
        let end = blocks.words().block;
        blocks.take(slot).then(|| Part { blocks: Arc::clone(blocks), block: slot, start: STATUS, end })
    }

    /// The status of its block.
    pub fn status(&self) -> u32 {
        self.blocks.status(self.block)
    }

    /// Takes the first bytes off, all of them where there are fewer.
    pub fn split_to(&mut self, bytes: usize) -> Part {
        self.blocks.share(self.block);
        let middle = self.start + bytes.min(self.end - self.start);
        let front =
            Part { blocks: Arc::clone(&self.blocks), block: self.block, start: self.start, end: middle };
        self.start = middle;
        front
    }

    /// The bytes, to change them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let start = self.blocks.words().place(self.block, self.start);
        // SAFETY: the bytes are inside of the map, which outlives the part; the block is not the kernel's while one of its
        // parts is there, no two of them overlap, and this one is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.end - self.start) }
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        let start = self.blocks.words().place(self.block, self.start);
        // SAFETY: as for `bytes_mut`, and this one is borrowed.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), self.end - self.start) }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.blocks.give_back(self.block);
    }
}

#[cfg(test)]
pub(crate) mod tests;
