//! What every way to receive packets has in common.

use std::io;
use std::os::fd::BorrowedFd;

use sluice_core::{Frame, Pools, Slab};

use crate::Statistics;

/// Packets that came together. Used again and again, so that its memory is.
#[derive(Debug, Default)]
pub struct Received {
    /// What the frames point into.
    pub slab: Slab,
    /// The packets, in the order in which they came. Their ordinals are left to whoever counts them.
    pub frames: Vec<Frame>,
}

impl Received {
    /// Forgets all packets.
    pub fn clear(&mut self) {
        self.slab = Slab::EMPTY;
        self.frames.clear();
    }
}

/// Receives the packets of one interface, or of all.
///
/// One thread owns it and calls all of this. Nothing waits. An error of the kind [`NetworkDown`](io::ErrorKind::NetworkDown)
/// is told once when the interface goes down: nothing comes then until it is up again, so that whoever asked waits, or finds
/// that the interface is gone. No other error is survived.
pub trait Receive: Send {
    /// Becomes readable when there is something to receive; nothing where the system has no such thing.
    ///
    /// It may stay readable while packets that were given are still looked at, so whoever waits for it waits for the edge.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Lets packets in, where that has to wait until others are ready, too. Called once, before anything is received.
    fn start(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Replaces what is in `into` by the packets that come next, about as many bytes as a slab of `pools` holds, or by none
    /// where none are there now.
    fn receive(&mut self, pools: &Pools, into: &mut Received) -> io::Result<()>;

    /// Lets no more packets in. Those that have come are still given: when as many were given as
    /// [`statistics`](Self::statistics) say less those dropped, that was all. The last of them may take
    /// [`delay`](Self::delay) to show.
    fn stop(&mut self) -> io::Result<()>;

    /// What was counted since this was asked before.
    fn statistics(&mut self) -> io::Result<Statistics>;

    /// For how long, in ns, the kernel may keep a packet to itself.
    fn delay(&self) -> u64 {
        0
    }

    /// How many blocks of memory shared with the kernel are used by packets that were given, and how many there are.
    fn blocks(&self) -> (usize, usize) {
        (0, 0)
    }
}
