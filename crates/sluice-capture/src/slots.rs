//! A receive ring for whoever wants each packet at once: `TPACKET_V2` of packet(7).
//!
//! A ring of blocks hands over many packets together, at the earliest when its shortest timer ends. This one has a slot for
//! each packet and tells of each. Packets are copied, so that slots are free again at once; one that does not fit into a slot
//! is kept by the kernel besides, to be read by a system call.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::net::{RecvFlags, recv};
use sluice_core::{Error, HEADROOM, Pools};
use sluice_expr::bpf::Program;

use crate::intake::Intake;
use crate::receive::{Receive, Received};
use crate::ring::life::Blocks;
use crate::ring::map::{Layout, Map, Part, STATUS};
use crate::ring::walk::{self, About, RESERVE, Shape};
use crate::settings::{Opened, Settings};
use crate::{PacketSocket, Statistics};

/// The bytes of a slot: room for all that a usual link carries.
const SLOT: u32 = 2048;
/// For how many bytes of packets that fit into no slot there is room.
const ASIDE: usize = 8 << 20;
/// What comes before the free room in front of a packet: its header and the address of where it was seen.
const HEADER: usize = 52;
/// Where a packet is put: behind the room for what belongs in front of it.
const START: usize = HEADROOM + RESERVE as usize;

/// A ring of slots of one interface, or of all.
pub struct Slots {
    socket: PacketSocket,
    /// What passes once it is started, where it has not passed all along.
    waits: Option<Program>,
    slots: Arc<Blocks<Map>>,
    count: usize,
    next: usize,
    /// The slot for whose packet there was no room.
    held: Option<Part>,
    shape: Shape,
}

impl Slots {
    /// Opens one, of as many bytes as a ring of blocks with these settings has.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let count = (settings.block_size / SLOT).saturating_mul(settings.blocks);
        let Opened { socket, program, prepared } = settings.open(|socket| {
            socket.set_option(libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as libc::c_int))?;
            socket.set_option(libc::PACKET_RESERVE, &RESERVE)?;
            socket.set_option(libc::PACKET_COPY_THRESH, &1)?;
            socket.make_room(ASIDE)?;
            let request = libc::tpacket_req {
                tp_block_size: settings.block_size,
                tp_block_nr: settings.blocks,
                tp_frame_size: SLOT,
                tp_frame_nr: count,
            };
            socket.set_option(libc::PACKET_RX_RING, &request)?;
            Map::of(socket.as_fd(), Layout::Slot, SLOT as usize, count as usize)
        })?;
        Ok(Self {
            socket,
            waits: settings.fanout.is_some().then_some(program),
            slots: Arc::new(Blocks::new(prepared)),
            count: count as usize,
            next: 0,
            held: None,
            shape: Shape::of(settings),
        })
    }

    /// The next slot that holds a packet.
    fn turn(&mut self) -> Option<Part> {
        let slot = Part::take_slot(&self.slots, self.next)?;
        self.next = (self.next + 1) % self.count;
        Some(slot)
    }

    /// Takes in the packet of a slot; `false` where there is no room for it.
    fn take(&self, slot: &Part, intake: &mut Intake<'_>) -> io::Result<bool> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the ring holds what is no packet");
        let (status, slot) = (slot.status(), slot.as_ref());
        let (about, address) = told(slot, status).ok_or_else(damaged)?;
        let packet = slot.get(about.start..).and_then(|rest| rest.get(..about.captured as usize));
        let packet = packet.ok_or_else(damaged)?;
        let is_aside = status & libc::TP_STATUS_COPY != 0;
        // Of what is kept besides, no more is wanted than of others.
        let length = if is_aside { about.wire.min(self.shape.snaplen) as usize } else { packet.len() };
        let Some(space) = intake.space(START + length.max(packet.len())) else { return Ok(false) };
        let room = space.get_mut(START..).unwrap_or_default();
        let captured = match is_aside {
            // Where it is not there after all, the slot holds the beginning.
            true => recv(&self.socket, &mut *room, RecvFlags::DONTWAIT).map_or(0, |(read, _)| read),
            false => 0,
        };
        if captured < packet.len() {
            room.get_mut(..packet.len()).ok_or_else(damaged)?.copy_from_slice(packet);
        }
        let captured = captured.max(packet.len()) as u32;
        let network = START + about.network.saturating_sub(about.start);
        let about = About { start: START, network, captured, ..about };
        let frame = walk::frame(space, 0, HEADROOM, &about, &address, &self.shape);
        intake.push(frame.ok_or_else(damaged)?);
        Ok(true)
    }
}

/// What the header of a packet says, as `tpacket2_hdr` and `sockaddr_ll` of if_packet.h have it, in the bytes behind its status.
/// Places are counted from there.
fn told(slot: &[u8], status: u32) -> Option<(About, [u8; 20])> {
    let header: &[u8; HEADER - STATUS] = slot.first_chunk()?;
    let word = |at: usize| {
        let at = at - STATUS;
        u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let half = |at: usize| u16::from_ne_bytes([header[at - STATUS], header[at + 1 - STATUS]]);
    let about = About {
        seconds: word(16),
        nanoseconds: word(20),
        start: usize::from(half(12)).checked_sub(STATUS)?,
        network: usize::from(half(14)).checked_sub(STATUS)?,
        captured: word(8),
        wire: word(4),
        status,
        tci: half(24),
        tpid: half(26),
    };
    Some((about, *header.last_chunk()?))
}

impl Receive for Slots {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn start(&mut self) -> io::Result<()> {
        self.waits.take().map_or(Ok(()), |program| self.socket.filter(&program))
    }

    fn receive(&mut self, pools: &Pools, into: &mut Received) -> io::Result<()> {
        let mut intake = Intake::new(pools, into);
        while let Some(slot) = self.held.take().or_else(|| self.turn()) {
            if !self.take(&slot, &mut intake)? {
                self.held = Some(slot);
                break;
            }
        }
        if intake.finish() == 0 { self.socket.take_error() } else { Ok(()) }
    }

    fn stop(&mut self) -> io::Result<()> {
        self.waits = None;
        self.socket.reject_all()
    }

    fn statistics(&mut self) -> io::Result<Statistics> {
        self.socket.statistics()
    }
}
