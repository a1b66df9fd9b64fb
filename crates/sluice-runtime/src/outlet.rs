//! Where messages leave a segment: a pipe with its policy for when it is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::SegQueue;
use sluice_config::WhenFull;
use sluice_core::{Credit, Marker, Message, Payload, Stamp};
use sluice_queue::{Refused, Sender, Signal};

/// What happened on an edge, written by the threads that push into it.
#[derive(Debug, Default)]
pub(crate) struct EdgeCounters {
    /// Items dropped because the pipe was full.
    pub dropped: AtomicU64,
    /// Batches in the pipe when last looked at.
    pub len: AtomicU64,
}

/// The way round a full pipe that may drop: for the places of dropped batches, and for markers, which are never dropped.
///
/// It has no bound of its own and needs none: a writer joins neighbours before it tells them, and tells them when the
/// reader has taken what was told before, or when the writer is about to wait.
#[derive(Debug)]
pub(crate) struct Bypass {
    queue: SegQueue<Message>,
    readers: Vec<Signal>,
}

impl Bypass {
    pub fn new(readers: Vec<Signal>) -> Self {
        Self { queue: SegQueue::new(), readers }
    }

    pub fn pop(&self) -> Option<Message> {
        self.queue.pop()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn tell(&self, messages: impl Iterator<Item = Message>) {
        messages.for_each(|message| self.queue.push(message));
        self.readers.iter().for_each(Signal::wake);
    }
}

/// The writing side of a pipe.
pub(crate) struct Outlet {
    pub sender: Sender<Message>,
    when_full: WhenFull,
    /// There for a pipe that may drop.
    bypass: Option<Arc<Bypass>>,
    /// What goes round the pipe and was not told yet.
    untold: Vec<Message>,
    counters: Arc<EdgeCounters>,
}

impl Outlet {
    pub fn new(
        sender: Sender<Message>,
        when_full: WhenFull,
        bypass: Option<Arc<Bypass>>,
        counters: Arc<EdgeCounters>,
    ) -> Self {
        Self { sender, when_full, bypass, untold: Vec::new(), counters }
    }

    /// Sends without waiting; what comes back has to wait for room. A reader that is gone takes everything and says
    /// nothing: whoever ended it has told why.
    pub fn offer(&mut self, message: Message) -> Result<(), Message> {
        let result = match self.sender.try_push(message) {
            Ok(()) | Err(Refused::Closed(_)) => Ok(()),
            Err(Refused::Full(message)) => match self.when_full {
                WhenFull::Block => Err(message),
                WhenFull::DropNewest => {
                    self.give_up(message);
                    Ok(())
                }
                WhenFull::DropOldest => {
                    if let Ok(Some(oldest)) = self.sender.force_push(message) {
                        self.give_up(oldest);
                    }
                    Ok(())
                }
            },
        };
        if self.bypass.as_ref().is_some_and(|bypass| bypass.is_empty()) {
            self.tell();
        }
        self.counters.len.store(self.sender.len() as u64, Ordering::Relaxed);
        result
    }

    /// Announces everything that was sent. Call before waiting.
    pub fn flush(&mut self) {
        self.sender.flush();
        self.tell();
    }

    fn tell(&mut self) {
        if let Some(bypass) = &self.bypass
            && !self.untold.is_empty()
        {
            bypass.tell(self.untold.drain(..));
        }
    }

    /// Drops the items, and sends their place in the stream, or the marker, round the pipe.
    fn give_up(&mut self, message: Message) {
        let Message { stamp, payload, .. } = message;
        let payload = match payload {
            Payload::Batch(batch) => {
                self.counters.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
                Payload::Empty
            }
            other => other,
        };
        // A watermark says all that an earlier one said, so a run of places and watermarks is as good as its last one.
        let joins =
            |payload: &Payload| matches!(payload, Payload::Empty | Payload::Marker(Marker::Watermark(_)));
        let whole = |stamp: &Stamp| stamp.part == 0 && stamp.last && !stamp.more;
        match self.untold.last_mut() {
            Some(Message { stamp: before, payload: said, .. })
                if joins(said)
                    && joins(&payload)
                    && whole(before)
                    && whole(&stamp)
                    && before.source == stamp.source
                    && before.sequence + u64::from(before.span) == stamp.sequence =>
            {
                before.span += stamp.span;
                if matches!(payload, Payload::Marker(_)) {
                    *said = payload;
                }
            }
            _ => self.untold.push(Message { stamp, credit: Credit::default(), payload }),
        }
    }
}
