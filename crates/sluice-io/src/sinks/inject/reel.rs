//! The packets that are to be sent: those that came, and for further loops all of them once more.

use std::collections::VecDeque;

use sluice_core::quantity::Size;
use sluice_core::{Error, Output, PacketBatch};

use super::addresses;

/// What is sent how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loops {
    /// How often everything is sent; 0 is again and again.
    pub count: u64,
    /// Whether nothing is sent before everything has come.
    pub preload: bool,
    /// Whether each loop has other addresses.
    pub unique: bool,
    /// How much memory may be taken by packets that are kept, in bytes.
    pub memory: u64,
}

/// The packets that are to be sent, batch by batch.
pub(super) struct Reel {
    loops: Loops,
    /// What is being sent, and how many packets of it are done with. It is never empty.
    batch: Option<PacketBatch>,
    done: usize,
    /// What is sent later: first what is left of this loop, then what is of the next one.
    kept: VecDeque<PacketBatch>,
    weight: u64,
    /// How many of these are of this loop.
    left: usize,
    /// How many packets came that no loop has begun with.
    waiting: usize,
    /// How many loops have begun.
    begun: u64,
    /// Whether everything has come.
    ended: bool,
    stopped: bool,
}

impl Reel {
    pub fn new(loops: Loops) -> Self {
        Self {
            begun: u64::from(!loops.preload),
            loops,
            batch: None,
            done: 0,
            kept: VecDeque::new(),
            weight: 0,
            left: 0,
            waiting: 0,
            ended: false,
            stopped: false,
        }
    }

    /// Takes a batch that came.
    pub fn give(&mut self, batch: PacketBatch) -> Result<(), Error> {
        if self.loops.preload {
            self.waiting += batch.len();
            return self.keep(batch);
        }
        self.turn_to(batch);
        Ok(())
    }

    /// Everything has come.
    pub fn finish(&mut self, out: &mut Output) {
        self.ended = true;
        self.next(out);
    }

    /// The batch that is being sent, and how many of its packets are done with.
    pub fn batch(&self) -> Option<(&PacketBatch, usize)> {
        self.batch.as_ref().map(|batch| (batch, self.done))
    }

    /// So many more packets of it are done with.
    pub fn advance(&mut self, packets: usize, out: &mut Output) -> Result<(), Error> {
        self.done += packets;
        if let Some(batch) = self.batch.take_if(|batch| batch.len() <= self.done) {
            if self.is_repeated() {
                self.keep(batch)?;
            }
            self.next(out);
        }
        Ok(())
    }

    /// How many loops have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether what is sent is what came, in the order and at the time in which it did.
    pub fn is_live(&self) -> bool {
        !self.loops.preload && self.begun <= 1
    }

    /// How many packets came, or were made for a further loop, and are not done with.
    pub fn held(&self) -> usize {
        self.waiting + self.batch.as_ref().map_or(0, |batch| batch.len() - self.done)
    }

    /// Whether there is nothing to send any more.
    pub fn is_over(&self) -> bool {
        self.ended && self.batch.is_none()
    }

    /// Begins no further loop.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Lets go of everything; returns how many packets were not done with.
    pub fn clear(&mut self) -> usize {
        let held = self.held();
        self.batch = None;
        self.kept.clear();
        (self.weight, self.left, self.waiting) = (0, 0, 0);
        held
    }

    fn is_repeated(&self) -> bool {
        !self.stopped && (self.loops.count == 0 || self.begun < self.loops.count)
    }

    fn turn_to(&mut self, batch: PacketBatch) {
        (self.batch, self.done) = ((!batch.is_empty()).then_some(batch), 0);
    }

    fn keep(&mut self, batch: PacketBatch) -> Result<(), Error> {
        self.weight += weight(&batch);
        self.kept.push_back(batch);
        if self.weight > self.loops.memory {
            let limit = Size(self.loops.memory);
            return Err(Error::input(format!(
                "the packets that have to be kept take more than the {limit} that `memory` allows"
            )));
        }
        Ok(())
    }

    /// Turns to the next batch that is kept, of this loop or, once everything has come, of the next one.
    fn next(&mut self, out: &mut Output) {
        while self.ended && self.batch.is_none() {
            if self.left == 0 {
                if !self.is_repeated() || self.kept.is_empty() {
                    self.clear();
                    return;
                }
                self.begun += 1;
                self.left = self.kept.len();
            }
            let Some(mut batch) = self.kept.pop_front() else { return };
            self.left -= 1;
            self.weight = self.weight.saturating_sub(weight(&batch));
            if self.begun > 1 {
                out.created(batch.len());
                if self.loops.unique {
                    addresses::advance(&mut batch, out.pools());
                }
            } else {
                self.waiting -= batch.len();
            }
            self.turn_to(batch);
        }
    }
}

/// What a batch keeps from being used again: its slabs, and the frames themselves.
fn weight(batch: &PacketBatch) -> u64 {
    (batch.weight() + size_of_val(batch.frames()) + size_of_val(batch.layers())) as u64
}
