//! A bounded pipe between known producer threads and known consumer threads.
//!
//! Who owes what, so that nobody sleeps forever:
//! - While an item lies in the pipe and a consumer waits for it, somebody who is awake owes an announcement: the
//!   sender that pushed silently (until it flushes or is dropped), or a consumer woken for it (until it has popped,
//!   flushes or is dropped).
//! - While there is room and a producer waits for it, the receiver that popped silently owes the announcement.
//! - Who found nobody waiting after its fence owes nothing: whoever starts to wait looks again and sees the change.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::Signal;
use crate::side::Side;
use crate::sync::{Arc, Ring, now};

/// How long an item may lie unannounced while its sender goes on pushing.
const SILENCE: Duration = Duration::from_millis(1);

struct Shared<T> {
    ring: Ring<T>,
    producers: Side,
    consumers: Side,
}

/// Makes a pipe that holds up to `capacity` items, with one sender for each signal in `producers` and one receiver for
/// each in `consumers`, in their order.
///
/// Each signal is that of the thread that will own the endpoint. A side without signals counts as gone from the start.
pub fn pipe<T: Send>(
    capacity: NonZeroUsize,
    producers: &[Signal],
    consumers: &[Signal],
) -> (Vec<Sender<T>>, Vec<Receiver<T>>) {
    let shared = Arc::new(Shared {
        ring: Ring::new(capacity.get()),
        producers: Side::new(producers),
        consumers: Side::new(consumers),
    });
    let senders =
        (0..producers.len()).map(|index| Sender { shared: shared.clone(), index, silent_since: None });
    let receivers = (0..consumers.len()).map(|index| Receiver { shared: shared.clone(), index, silent: 0 });
    (senders.collect(), receivers.collect())
}

/// Why a push was refused; the item comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// There is no room at the moment.
    Full(T),
    /// All receivers are gone, for good.
    Closed(T),
}

/// What a pop found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popped<T> {
    /// The oldest item.
    Item(T),
    /// Nothing at the moment.
    Empty,
    /// Nothing, and nothing will come: all senders are gone and the pipe is drained.
    Closed,
}

/// A producer's end of a pipe. Dropping the last one closes the pipe and wakes all consumers.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
    index: usize,
    /// When the first push was made that consumers asleep may not know of.
    silent_since: Option<Instant>,
}

impl<T> Sender<T> {
    /// Appends `item`, or hands it back.
    ///
    /// A sleeping consumer is woken when the pipe is a quarter full, or a millisecond after this sender's first push that
    /// was not announced. Otherwise the push is silent, and [`flush`](Sender::flush) announces it.
    pub fn try_push(&mut self, item: T) -> Result<(), Refused<T>> {
        if self.is_closed() {
            return Err(Refused::Closed(item));
        }
        self.shared.ring.push(item).map_err(Refused::Full)?;
        self.pushed();
        Ok(())
    }

    /// Appends `item`, evicting the oldest when the pipe is full. The evicted item is returned; the given one is handed
    /// back as the error when the pipe is closed.
    pub fn force_push(&mut self, item: T) -> Result<Option<T>, T> {
        if self.is_closed() {
            return Err(item);
        }
        let evicted = self.shared.ring.force_push(item);
        self.pushed();
        Ok(evicted)
    }

    fn pushed(&mut self) {
        let Shared { ring, consumers, .. } = &*self.shared;
        if !consumers.has_waiter() {
            self.silent_since = None;
        } else if ring.len() >= (ring.capacity() / 4).max(1) {
            self.announce();
        } else {
            // The clock is read only here: a consumer sleeps, and the pipe is nearly empty.
            let now = now();
            if now.saturating_duration_since(*self.silent_since.get_or_insert(now)) >= SILENCE {
                self.announce();
            }
        }
    }

    /// Wakes consumers for what was pushed silently.
    ///
    /// The owner calls it before it waits for anything, and when it turns to long work.
    pub fn flush(&mut self) {
        if self.silent_since.is_some() {
            self.announce();
        }
    }

    fn announce(&mut self) {
        self.silent_since = None;
        self.shared.consumers.wake(self.shared.ring.len());
    }

    /// Whether a push would not have to wait: there is room, or the pipe is closed. What to wait for before a push;
    /// with several producers another may take the room first.
    pub fn has_room(&self) -> bool {
        self.shared.producers.looks(self.index);
        !self.shared.ring.is_full() || self.is_closed()
    }

    /// Whether all receivers are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.consumers.is_gone()
    }

    /// How many items are in the pipe.
    pub fn len(&self) -> usize {
        self.shared.ring.len()
    }

    /// Whether the pipe is empty.
    pub fn is_empty(&self) -> bool {
        self.shared.ring.is_empty()
    }

    /// How many items the pipe holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.flush();
        if self.shared.producers.leave() {
            self.shared.consumers.wake_all();
        }
    }
}

/// A consumer's end of a pipe. Dropping the last one closes the pipe, wakes all producers, and drops what is left in it.
///
/// An item pushed at that very moment is either refused or dropped with the pipe.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    index: usize,
    /// How many items were popped that producers asleep may not know of.
    silent: usize,
}

impl<T> Receiver<T> {
    /// Takes the oldest item.
    ///
    /// Sleeping producers are woken when the pipe is at most half full, or when this receiver has taken half a pipe's
    /// worth since it last woke them (others may have filled it up again). Otherwise the pop is silent, and
    /// [`flush`](Receiver::flush) announces it.
    pub fn try_pop(&mut self) -> Popped<T> {
        if let Some(item) = self.shared.ring.pop() {
            self.popped();
            return Popped::Item(item);
        }
        if self.shared.producers.is_gone() {
            // The last item may have come between the look and the closing.
            return self.shared.ring.pop().map_or(Popped::Closed, Popped::Item);
        }
        // Several consumers may have emptied the pipe without any of them seeing it half full.
        if self.silent > 0 {
            self.announce();
        }
        Popped::Empty
    }

    fn popped(&mut self) {
        let Shared { ring, producers, .. } = &*self.shared;
        if !producers.has_waiter() {
            self.silent = 0;
            return;
        }
        self.silent += 1;
        let half = ring.capacity() / 2;
        if self.silent >= half || ring.len() <= half {
            self.announce();
        }
    }

    /// Wakes producers for room that was made silently, and other consumers for items that this one leaves lying.
    ///
    /// The owner calls it before it waits for anything but this pipe (room further down, another pipe); a pipe that
    /// was popped until it was empty needs no flush.
    pub fn flush(&mut self) {
        if self.silent > 0 {
            self.announce();
        }
        if self.shared.consumers.is_shared() && !self.shared.ring.is_empty() {
            self.shared.consumers.wake(self.shared.ring.len());
        }
    }

    fn announce(&mut self) {
        self.silent = 0;
        self.shared.producers.wake(usize::MAX);
    }

    /// Whether a pop would find an item or the end. What to wait for before a pop; with several consumers another may
    /// take the item first. True forever once the pipe is closed, so stop asking then.
    pub fn is_ready(&self) -> bool {
        self.shared.consumers.looks(self.index);
        !self.shared.ring.is_empty() || self.shared.producers.is_gone()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.flush();
        if self.shared.consumers.leave() {
            self.shared.producers.wake_all();
            while self.shared.ring.pop().is_some() {}
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.ring.len(), self.ring.capacity())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("pipe", &*self.shared)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("pipe", &*self.shared)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}
