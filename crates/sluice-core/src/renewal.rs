//! What is known about packets, as it is after a filter has changed them.

use std::sync::Arc;

use crate::{CaptureInfo, PacketBatch};

/// For how many sources at once the changed information is kept; more only cost time.
const SOURCES: usize = 8;

/// Changes the capture information of batches, once for each that comes in rather than once for each batch.
pub struct Renewal {
    change: Box<dyn Fn(&mut CaptureInfo) + Send>,
    /// What came in and what it became.
    known: Vec<(Arc<CaptureInfo>, Arc<CaptureInfo>)>,
}

impl Renewal {
    /// Changes it like this.
    pub fn new(change: impl Fn(&mut CaptureInfo) + Send + 'static) -> Self {
        Self { change: Box::new(change), known: Vec::new() }
    }

    /// For packets that grow by so many bytes at most.
    pub fn growth(more: u32) -> Self {
        Self::new(move |info| info.raise_snaplen(more))
    }

    /// Changes what is known about the packets of a batch.
    pub fn apply(&mut self, batch: &mut PacketBatch) {
        let known = self.known.iter().find(|(old, _)| Arc::ptr_eq(old, batch.info()));
        let new = known.map(|(_, new)| Arc::clone(new)).unwrap_or_else(|| {
            let old = Arc::clone(batch.info());
            let mut changed = CaptureInfo::clone(&old);
            (self.change)(&mut changed);
            let new = Arc::new(changed);
            if self.known.len() >= SOURCES {
                self.known.remove(0);
            }
            self.known.push((old, Arc::clone(&new)));
            new
        });
        batch.set_info(new);
    }
}
