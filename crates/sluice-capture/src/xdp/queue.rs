//! One queue of an interface, whose packets come to us.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use sluice_core::{Flags, Frame, HEADROOM, Pools};

use super::Way;
use super::arrivals::Arrivals;
use super::socket::Socket;
use crate::intake::{Intake, now};
use crate::{Receive, Received, Statistics};

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
    /// The way that they come, until they are no longer wanted.
    way: Option<Arc<Way>>,
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
        way: Arc<Way>,
    ) -> Self {
        Self { number, interface, socket, arrivals, way: Some(way), given: 0, told: Losses::default() }
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

    fn receive(&mut self, pools: &Pools, into: &mut Received) -> io::Result<()> {
        // Nobody tells when a packet came: what is found together has the time at which it was.
        let time = now();
        let mut intake = Intake::new(pools, into);
        while let Some(length) = self.arrivals.first()? {
            let Some(space) = intake.space(HEADROOM + length) else { break };
            self.arrivals.copy(space.get_mut(HEADROOM..).unwrap_or_default())?;
            self.arrivals.give_back();
            let mut frame = Frame::new(HEADROOM as u32, length as u32);
            (frame.time, frame.interface) = (time, self.interface);
            frame.flags.set(Flags::INBOUND, true);
            intake.push(frame);
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
        if let Some(way) = self.way.take() {
            way.close(self.number);
        }
        Ok(())
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
