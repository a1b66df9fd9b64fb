//! The packets that have arrived at a socket, in the chunks that they arrived in.

#![allow(unsafe_code)]

use std::io;

use super::memory::{Chunks, Mapped};
use super::ring::{Consumer, Producer};
use super::socket::Socket;

/// What arrives, packet by packet. A chunk is with the kernel, or it holds a part of a packet that was not given back.
///
/// A packet that is longer than a chunk comes in pieces, all but the last of which are moved to memory of ours.
pub(super) struct Arrivals {
    chunks: Chunks,
    fill: Producer<Mapped<u64>>,
    arrived: Consumer<Mapped<libc::xdp_desc>>,
    /// The pieces of the first packet but its last one.
    pieces: Vec<u8>,
}

impl Arrivals {
    /// Opens a socket with room for this many packets, a power of two, in chunks of this size, and lets the kernel have all
    /// chunks.
    pub(super) fn open(packets: u32, chunk: u32) -> io::Result<(Socket, Self)> {
        let chunks = Chunks::new(packets, chunk)?;
        let socket = Socket::new(&chunks)?;
        let (fill, arrived) = socket.rings(packets)?;
        // SAFETY: the socket was just made, and this is the only place that puts something into its ring to fill.
        let mut fill = unsafe { Producer::new(fill) };
        // SAFETY: and the only one that takes something out of its ring of what has arrived.
        let arrived = unsafe { Consumer::new(arrived) };
        for chunk in chunks.addresses() {
            fill.put(chunk);
        }
        fill.publish();
        Ok((socket, Self { chunks, fill, arrived, pieces: Vec::new() }))
    }

    /// The length of the first packet, once all of it is here.
    pub(super) fn first(&mut self) -> io::Result<Option<usize>> {
        while let Some(piece) = self.arrived.first() {
            let before = self.pieces.len();
            let length = before + piece.len as usize;
            if piece.options & libc::XDP_PKT_CONTD == 0 {
                return Ok(Some(length));
            }
            self.pieces.resize(length, 0);
            let room = self.pieces.get_mut(before..).unwrap_or_default();
            // SAFETY: it is the first that was not given back.
            unsafe { copy(&self.chunks, piece, room) }?;
            self.fill.put(self.chunks.chunk(piece.addr));
            self.arrived.skip();
        }
        Ok(None)
    }

    /// Copies the first packet to memory of its length.
    pub(super) fn copy(&mut self, to: &mut [u8]) -> io::Result<()> {
        let last = self.arrived.first().ok_or(io::ErrorKind::UnexpectedEof)?;
        let (start, rest) = to.split_at_mut_checked(self.pieces.len()).ok_or(io::ErrorKind::StorageFull)?;
        start.copy_from_slice(&self.pieces);
        // SAFETY: it is the first that was not given back.
        unsafe { copy(&self.chunks, last, rest) }
    }

    /// Gives the chunk of the first packet back to the kernel, which sees it at the next [`publish`](Self::publish).
    pub(super) fn give_back(&mut self) {
        self.pieces.clear();
        if let Some(last) = self.arrived.first() {
            // There is a slot for every chunk.
            self.fill.put(self.chunks.chunk(last.addr));
            self.arrived.skip();
        }
    }

    /// Lets the kernel see what was given back; whether it has to be woken for that.
    pub(super) fn publish(&mut self) -> bool {
        self.fill.publish();
        self.arrived.release();
        self.fill.memory().needs_wakeup()
    }
}

/// Copies a piece, as much of it as `to` has room for.
///
/// # Safety
/// The kernel has told of it, and its chunk was not given back.
unsafe fn copy(chunks: &Chunks, piece: libc::xdp_desc, to: &mut [u8]) -> io::Result<()> {
    let length = to.len().min(piece.len as usize);
    let to = to.get_mut(..length).unwrap_or_default();
    // SAFETY: the kernel tells of a piece when it has written it, and leaves its chunk alone until that is given back.
    let is_inside = unsafe { chunks.copy(piece.addr, to) };
    is_inside.then_some(()).ok_or_else(|| io::Error::other("a packet lies outside of the memory for packets"))
}
