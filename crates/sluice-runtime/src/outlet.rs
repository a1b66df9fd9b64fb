//! Where messages leave a segment: a pipe with its policy for when it is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sluice_config::WhenFull;
use sluice_core::{Credit, Message, Payload, Stamp};
use sluice_queue::{Refused, Sender};

/// What happened on an edge, written by the threads that push into it.
#[derive(Debug, Default)]
pub(crate) struct EdgeCounters {
    /// Items dropped because the pipe was full.
    pub dropped: AtomicU64,
    /// Batches in the pipe when last looked at.
    pub len: AtomicU64,
}

/// The writing side of a pipe.
pub(crate) struct Outlet {
    pub sender: Sender<Message>,
    when_full: WhenFull,
    /// Empty messages in place of dropped ones, to be sent when there is room; neighbours are joined into one.
    owed: Vec<Message>,
    counters: Arc<EdgeCounters>,
}

impl Outlet {
    pub fn new(sender: Sender<Message>, when_full: WhenFull, counters: Arc<EdgeCounters>) -> Self {
        Self { sender, when_full, owed: Vec::new(), counters }
    }

    /// Sends as far as that is possible without waiting; what comes back has to wait for room. A reader that is gone
    /// takes everything and says nothing: whoever ended it has told why.
    pub fn offer(&mut self, message: Message) -> Result<(), Message> {
        let result = if self.pay() { self.push(message) } else { self.while_owing(message) };
        self.counters.len.store(self.sender.len() as u64, Ordering::Relaxed);
        result
    }

    /// Sends what is owed; false while there is no room for it.
    pub fn pay(&mut self) -> bool {
        while let Some(message) = self.owed.pop() {
            if let Err(Refused::Full(message)) = self.sender.try_push(message) {
                self.owed.push(message);
                return false;
            }
        }
        true
    }

    /// Whether anything is still owed.
    pub fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// There is no room, not even for what is owed: new items only make the debt longer, unless the policy is to wait.
    fn while_owing(&mut self, message: Message) -> Result<(), Message> {
        match (self.when_full, &message.payload) {
            (WhenFull::DropNewest, Payload::Batch(_) | Payload::Empty) => {
                self.give_up(message);
                Ok(())
            }
            (WhenFull::DropOldest, _) => {
                self.evict_for(message);
                Ok(())
            }
            _ => Err(message),
        }
    }

    fn push(&mut self, message: Message) -> Result<(), Message> {
        let message = match self.sender.try_push(message) {
            Ok(()) | Err(Refused::Closed(_)) => return Ok(()),
            Err(Refused::Full(message)) => message,
        };
        match (self.when_full, &message.payload) {
            (WhenFull::Block, _) | (WhenFull::DropNewest, Payload::Marker(_)) => Err(message),
            (WhenFull::DropNewest, _) => {
                self.give_up(message);
                Ok(())
            }
            (WhenFull::DropOldest, _) => {
                self.evict_for(message);
                Ok(())
            }
        }
    }

    /// Puts the message in place of the oldest batch in the pipe. Markers are never dropped: one that is evicted takes
    /// the place of the next oldest.
    fn evict_for(&mut self, mut message: Message) {
        // At most once round the pipe: with nothing but markers in it, the last one waits among what is owed.
        for _ in 0..self.sender.capacity() {
            match self.sender.force_push(message) {
                Ok(None) | Err(_) => return,
                Ok(Some(evicted)) if matches!(evicted.payload, Payload::Marker(_)) => message = evicted,
                Ok(Some(evicted)) => return self.give_up(evicted),
            }
        }
        self.owed.insert(0, message);
    }

    /// Drops the items and keeps the place in the stream.
    fn give_up(&mut self, message: Message) {
        if let Payload::Batch(batch) = &message.payload {
            self.counters.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        let stamp = message.stamp;
        let whole = |s: &Stamp| s.part == 0 && s.last;
        match self.owed.first_mut() {
            Some(Message { stamp: s, payload: Payload::Empty, .. })
                if whole(s)
                    && whole(&stamp)
                    && s.source == stamp.source
                    && s.sequence + u64::from(s.span) == stamp.sequence =>
            {
                s.span += stamp.span;
            }
            _ => self.owed.insert(0, Message { stamp, credit: Credit::default(), payload: Payload::Empty }),
        }
    }
}
