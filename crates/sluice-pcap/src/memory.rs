//! A capture that is in memory as a whole.

use std::sync::Arc;

use sluice_core::{PacketBatch, PoolBuf, Pools, Slab};

use crate::{Reader, Refusal, Stop};

/// What was found in a capture that is in memory as a whole.
#[derive(Debug)]
pub struct Contents {
    /// The packets with all that stood between them.
    pub batches: Vec<PacketBatch>,
    /// What was passed over, as the rest of sentences that begin with the name of the file.
    pub lost: Vec<String>,
    /// Why reading ended: always [`Stop::NeedMore`] or [`Stop::Invalid`].
    pub stop: Stop,
    /// How many bytes were read: all of them, unless the capture is cut off or corrupt.
    pub done: usize,
}

impl Contents {
    /// How many packets there are.
    pub fn packets(&self) -> usize {
        self.batches.iter().map(PacketBatch::len).sum()
    }
}

/// Reads a capture of any format from memory: for tests, fuzz targets and files known to be small. Any bytes are fine.
pub fn contents(file: &[u8]) -> Result<Contents, Refusal> {
    let (mut reader, done) = Reader::begin(file)?;
    let margin = reader.margin();
    let mut slab = PoolBuf::detached(margin + file.len());
    slab.append(&[0; 16][..margin]);
    slab.append(file);
    let slab = Arc::new(slab);
    let pools = Pools::new(4096, 1 << 20);
    let (mut batches, mut lost, mut at) = (Vec::new(), Vec::new(), margin + done);
    let stop = loop {
        let mut batch = pools.packets();
        batch.fill(Slab::Owned(Arc::clone(&slab)), Arc::clone(reader.info()));
        let stop = reader.read(slab.filled(), &mut at, &mut batch);
        batches.push(batch);
        match stop {
            Stop::Changed => {}
            Stop::Lost(what) => lost.push(what),
            stop => break stop,
        }
    };
    Ok(Contents { batches, lost, stop, done: at - margin })
}
