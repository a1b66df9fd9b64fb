//! One queue of an interface, whose packets come to us.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use sluice_core::{Flags, Frame, HEADROOM, Pools};
use sluice_expr::bpf::{Machine, Verdict};

use super::arrivals::Arrivals;
use super::bpf::{Link, Sockets};
use super::socket::Socket;
use crate::intake::{Intake, now};
use crate::{PacketSocket, Receive, Received, Statistics};

/// What leads packets to the sockets of an interface, as long as there is one of them.
pub(super) struct Attached {
    sockets: Sockets,
    /// Their drop ends what they are for.
    _kept: (Link, Option<PacketSocket>),
}

impl Attached {
    /// Packets go to these sockets as long as there is the link, and all of the wire as long as there is the last one.
    pub(super) fn new(sockets: Sockets, link: Link, promiscuous: Option<PacketSocket>) -> Self {
        Self { sockets, _kept: (link, promiscuous) }
    }
}

/// Those counters of a socket that tell of loss, since it was opened.
#[derive(Clone, Copy, Default)]
struct Losses {
    /// Packets for which there was no room.
    drops: u64,
    /// How often there was no chunk to put a packet in.
    empty: u64,
}

/// Receives the packets of one queue.
pub struct Queue {
    number: u32,
    /// The number of the interface in the capture.
    interface: u16,
    socket: Socket,
    arrivals: Arrivals,
    filter: Arc<Machine>,
    attached: Arc<Attached>,
    /// Packets given since the statistics were asked for.
    given: u64,
    /// What the socket had counted then.
    told: Losses,
}

impl Queue {
    pub(super) fn new(
        number: u32,
        interface: u16,
        socket: Socket,
        arrivals: Arrivals,
        filter: Arc<Machine>,
        attached: Arc<Attached>,
    ) -> Self {
        Self { number, interface, socket, arrivals, filter, attached, given: 0, told: Losses::default() }
    }

    /// Whether the device puts packets where they are taken from, without a copy by the kernel.
    pub fn is_zero_copy(&self) -> bool {
        self.socket.is_zero_copy().unwrap_or(false)
    }
}

impl Receive for Queue {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn start(&mut self) -> io::Result<()> {
        self.attached.sockets.set(self.number, self.socket.as_fd())
    }

    fn receive(&mut self, pools: &Pools, into: &mut Received) -> io::Result<()> {
        // Nobody tells when a packet came: what is found together has the time at which it was.
        let time = now();
        let mut intake = Intake::new(pools, into);
        while let Some(length) = self.arrivals.first()? {
            let Some(space) = intake.space(HEADROOM + length) else { break };
            let packet = space.get_mut(HEADROOM..).unwrap_or_default();
            self.arrivals.copy(packet)?;
            self.arrivals.give_back();
            if let Verdict::Accept(wanted) = self.filter.run(packet, length as u32) {
                let mut frame = Frame::new(HEADROOM as u32, wanted.min(length as u32));
                frame.time = time;
                frame.wire = length as u32;
                frame.interface = self.interface;
                frame.flags.set(Flags::INBOUND, true);
                frame.flags.set(Flags::TRUNCATED, frame.captured() < frame.wire);
                intake.push(frame);
            }
        }
        let given = intake.finish();
        self.given += given as u64;
        if self.arrivals.publish() {
            self.socket.wake();
        }
        // That the interface is gone is told by nothing else.
        if given == 0 { self.socket.error() } else { Ok(()) }
    }

    fn stop(&mut self) -> io::Result<()> {
        self.attached.sockets.remove(self.number)
    }

    fn statistics(&mut self) -> io::Result<Statistics> {
        let told = self.socket.statistics()?;
        let now = Losses {
            drops: told.rx_dropped.saturating_add(told.rx_ring_full),
            empty: told.rx_fill_ring_empty_descs,
        };
        let before = std::mem::replace(&mut self.told, now);
        let drops = now.drops.saturating_sub(before.drops);
        Ok(Statistics {
            packets: std::mem::take(&mut self.given).saturating_add(drops),
            drops,
            freezes: now.empty.saturating_sub(before.empty),
        })
    }
}
