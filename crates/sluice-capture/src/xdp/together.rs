//! Several queues of an interface as if they were one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll;
use sluice_core::Pools;

use super::Queue;
use crate::{Receive, Received, Statistics};

/// Receives the packets of several queues, those of each in their order.
pub struct Together {
    queues: Vec<Queue>,
    /// Readable when one of them is.
    events: OwnedFd,
    /// The queue that is looked at first; 0 where there is none.
    turn: usize,
}

impl Together {
    /// All of these.
    pub fn new(queues: Vec<Queue>) -> io::Result<Self> {
        let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for queue in &queues {
            let data = epoll::EventData::new_u64(0);
            queue.fd().map_or(Ok(()), |fd| epoll::add(&events, fd, data, epoll::EventFlags::IN))?;
        }
        Ok(Self { queues, events, turn: 0 })
    }
}

impl Receive for Together {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.events.as_fd())
    }

    fn receive(&mut self, pools: &Pools, into: &mut Received) -> io::Result<()> {
        into.clear();
        let count = self.queues.len().max(1);
        let (before, after) = self.queues.split_at_mut(self.turn);
        self.turn = (self.turn + 1) % count;
        for queue in after.iter_mut().chain(before) {
            queue.receive(pools, into)?;
            if !into.frames.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn stop(&mut self) -> io::Result<()> {
        self.queues.iter_mut().try_for_each(Queue::stop)
    }

    fn statistics(&mut self) -> io::Result<Statistics> {
        let mut all = Statistics::default();
        for queue in &mut self.queues {
            let one = queue.statistics()?;
            all.packets += one.packets;
            all.drops += one.drops;
            all.freezes += one.freezes;
        }
        Ok(all)
    }
}
