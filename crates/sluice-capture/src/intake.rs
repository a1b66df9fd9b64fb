//! How packets get into a batch that are copied out of the memory that they arrive in.

use std::time::{SystemTime, UNIX_EPOCH};

use sluice_core::{Frame, PoolBuf, Pools};

use crate::Received;

/// Packets on their way into a batch.
pub(crate) struct Intake<'a> {
    pools: &'a Pools,
    /// None before the first packet: where there is none, no memory is taken.
    slab: Option<PoolBuf>,
    into: &'a mut Received,
}

impl<'a> Intake<'a> {
    /// Begins to replace what is in `into`.
    pub(crate) fn new(pools: &'a Pools, into: &'a mut Received) -> Self {
        into.clear();
        Self { pools, slab: None, into }
    }

    /// Memory of this length for the next packet and what comes before it; nothing when there is no room for that, which
    /// there always is for a first packet. What it holds is meaningless.
    pub(crate) fn space(&mut self, length: usize) -> Option<&mut [u8]> {
        let pools = self.pools;
        let slab = self.slab.get_or_insert_with(|| pools.slab(length.max(pools.slab_size())));
        slab.space().get_mut(..length)
    }

    /// Takes in a packet that was put into the `space`, and whose frame tells where it is in there.
    pub(crate) fn push(&mut self, frame: Frame) {
        if let Some(slab) = &mut self.slab {
            self.into.frames.push(frame.moved_to(slab.filled().len() as u32 + frame.offset()));
            slab.advance(frame.offset() as usize + frame.captured() as usize);
        }
    }

    /// Gives out what was taken in; how many packets that are.
    pub(crate) fn finish(self) -> usize {
        if let Some(slab) = self.slab.filter(|_| !self.into.frames.is_empty()) {
            self.into.slab = slab.into();
        }
        self.into.frames.len()
    }
}

/// The time in ns since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_core::{HEADROOM, Slab};

    use super::*;

    #[test]
    fn packets_stand_one_behind_the_other() {
        let (pools, mut into) = (Pools::new(100, 100), Received::default());
        let mut intake = Intake::new(&pools, &mut into);
        for (byte, wanted) in [(1, 10), (2, 0), (3, 4)] {
            let space = intake.space(HEADROOM + 10).unwrap();
            space[HEADROOM..].fill(byte);
            if wanted > 0 {
                intake.push(Frame::new(HEADROOM as u32, wanted));
            }
        }
        assert!(intake.space(54).is_some() && intake.space(55).is_none(), "46 of 100 bytes are taken");
        assert_eq!(intake.finish(), 2);
        let mut batch = pools.packets();
        batch.fill(into.slab, Arc::default());
        into.frames.iter().for_each(|frame| batch.push(*frame));
        let packets: Vec<_> = batch.frames().iter().map(|frame| batch.data(frame)).collect();
        assert_eq!(packets, [&[1; 10][..], &[3; 4]]);
    }

    #[test]
    fn there_is_room_for_a_first_packet_of_any_length() {
        let (pools, mut into) = (Pools::new(100, 100), Received::default());
        let mut intake = Intake::new(&pools, &mut into);
        assert!(intake.space(70_000).is_some() && intake.space(70_001).is_none());
        intake.push(Frame::new(16, 69_984));
        assert_eq!(intake.finish(), 1);
    }

    #[test]
    fn without_packets_there_is_no_slab() {
        let (pools, mut into) = (Pools::new(100, 100), Received::default());
        into.frames.push(Frame::new(16, 0));
        assert_eq!(Intake::new(&pools, &mut into).finish(), 0);
        assert!(matches!(into.slab, Slab::Foreign(_)));
    }
}
