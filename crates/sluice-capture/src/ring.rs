//! A receive ring in memory shared with the kernel: `TPACKET_V3` of packet(7).
//!
//! The kernel fills blocks one after the other with packets of any length, and hands over each when it is full or old. Packets
//! are given as they are there: what points into a block owns a part of it, and the block is the kernel's again when the last
//! part is dropped. The kernel waits for the next block in turn, whichever others are free; so that slow readers do not stop
//! it, packets of further blocks are copied once half of the blocks are held.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Error, HEADROOM, Pools, Slab};
use sluice_expr::bpf::Program;

use crate::receive::{Receive, Received};
use crate::settings::{Opened, Settings};
use crate::{PacketSocket, Statistics};
use life::Blocks;
use map::{Layout, Map, Part};
use walk::{RESERVE, Shape};

pub(crate) mod life;
pub(crate) mod map;
mod sync;
pub(crate) mod walk;

/// A block that packets are being taken out of.
struct Open {
    /// What was not given yet.
    rest: Part,
    /// How many packets are in there.
    packets: u32,
    /// Whether they are copied.
    copies: bool,
}

/// A ring of one interface, or of all.
pub struct Ring {
    socket: PacketSocket,
    /// What passes once it is started, where it has not passed all along.
    waits: Option<Program>,
    blocks: Arc<Blocks<Map>>,
    count: usize,
    /// The block that comes next.
    next: usize,
    open: Option<Open>,
    shape: Shape,
    retire: u32,
}

impl Ring {
    /// Opens one.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let (block, count) = (settings.block_size, settings.blocks);
        let Opened { socket, program, prepared } = settings.open(|socket| {
            socket.set_option(libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as libc::c_int))?;
            socket.set_option(libc::PACKET_RESERVE, &RESERVE)?;
            let request = libc::tpacket_req3 {
                tp_block_size: block,
                tp_block_nr: count,
                // Frames have no size of their own, but the kernel wants to see that they fit.
                tp_frame_size: block,
                tp_frame_nr: count,
                tp_retire_blk_tov: settings.retire,
                tp_sizeof_priv: 0,
                tp_feature_req_word: 0,
            };
            socket.set_option(libc::PACKET_RX_RING, &request)?;
            Map::of(socket.as_fd(), Layout::Block, block as usize, count as usize)
        })?;
        Ok(Self {
            socket,
            waits: settings.fanout.is_some().then_some(program),
            blocks: Arc::new(Blocks::new(prepared)),
            count: count as usize,
            next: 0,
            open: None,
            shape: Shape::of(settings),
            retire: settings.retire,
        })
    }

    /// The next block, if the kernel has filled it.
    fn turn(&mut self) -> Option<Open> {
        let held = self.blocks.held();
        let (rest, told) = Part::take(&self.blocks, self.next)?;
        self.next = (self.next + 1) % self.count;
        Some(Open { rest, packets: told.packets, copies: 2 * held >= self.count })
    }
}

impl Receive for Ring {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn start(&mut self) -> io::Result<()> {
        self.waits.take().map_or(Ok(()), |program| self.socket.filter(&program))
    }

    fn receive(&mut self, pools: &Pools, into: &mut Received) -> io::Result<()> {
        into.clear();
        let Some(mut open) = self.open.take().or_else(|| self.turn()) else {
            return self.socket.take_error();
        };
        let end = open.take_frames(&self.shape, pools.slab_size(), into)?;
        if open.packets == 0 {
            give(open.rest, open.copies, pools, into);
        } else {
            let part = open.rest.split_to(end);
            let copies = open.copies;
            self.open = Some(open);
            give(part, copies, pools, into);
        }
        Ok(())
    }

    fn stop(&mut self) -> io::Result<()> {
        self.waits = None;
        self.socket.reject_all()
    }

    fn statistics(&mut self) -> io::Result<Statistics> {
        self.socket.statistics()
    }

    fn delay(&self) -> u64 {
        u64::from(self.retire) * 1_000_000
    }

    fn blocks(&self) -> (usize, usize) {
        (self.blocks.held(), self.count)
    }
}

impl Open {
    /// The next packets, about so many bytes; where the one behind them begins.
    fn take_frames(&mut self, shape: &Shape, bytes: usize, into: &mut Received) -> io::Result<usize> {
        let block = self.rest.bytes_mut();
        let mut at = 0;
        while self.packets > 0 && at < bytes {
            let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the ring holds what is no packet");
            let (frame, next) = walk::packet(block, at, shape).ok_or_else(damaged)?;
            into.frames.push(frame);
            self.packets -= 1;
            // Behind the last one there is none, and no other one begins inside of this one.
            let end = frame.offset() as usize + frame.captured() as usize;
            if self.packets > 0 && at + next < end {
                return Err(damaged());
            }
            at += next;
        }
        Ok(at)
    }
}

/// Lets the frames point at the bytes of a part, or at a copy of them.
fn give(part: Part, copies: bool, pools: &Pools, into: &mut Received) {
    if into.frames.is_empty() {
        return;
    }
    into.slab = if copies { copy(&part, pools, into) } else { Slab::Foreign(Bytes::from_owner(part)) };
}

/// Copies the packets of a part into a slab.
fn copy(part: &Part, pools: &Pools, into: &mut Received) -> Slab {
    let bytes = part.as_ref();
    let room = into.frames.iter().map(|frame| HEADROOM + frame.captured() as usize).sum();
    let mut slab = pools.slab(room);
    for frame in &mut into.frames {
        let from = frame.offset() as usize;
        let whole = bytes.get(from.saturating_sub(HEADROOM)..from + frame.captured() as usize);
        if let Some(place) = whole.and_then(|whole| slab.append(whole)) {
            *frame = frame.moved_to((place.start + HEADROOM) as u32);
        }
    }
    slab.into()
}

#[cfg(test)]
mod tests;
