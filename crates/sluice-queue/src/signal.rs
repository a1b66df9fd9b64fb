//! How one thread sleeps and how others wake it.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use crate::bell::Bell;
use crate::sync::{Arc, Thread, current, fence, park};

/// Where one thread sleeps. Clones are handles to the same place.
///
/// One thread owns a signal: it alone waits on it, for anything and for several things at once. Any thread may wake it.
/// Waiting on one signal from two threads is not unsafe, but one of them may then sleep on.
#[derive(Clone)]
pub struct Signal(Arc<Inner>);

struct Inner {
    bell: Bell,
    bed: Bed,
}

/// What the owner sleeps in.
enum Bed {
    /// The thread's own parking place; the handle is recorded before the flag goes up.
    Park(Mutex<Option<Thread>>),
    /// An eventfd, for an owner that waits for other descriptors too.
    Poll(OwnedFd),
}

/// Why [`Signal::wait_readable`] or [`Signal::wait_writable`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// The descriptor can be read, or written, without blocking; an error or a hang-up counts too, for the call will
    /// report it.
    Fd,
    /// `ready` was true. The descriptor was not looked at.
    Ready,
    /// The deadline passed, and neither was.
    Deadline,
}

impl Signal {
    /// A signal whose owner sleeps by parking its thread.
    pub fn new() -> Signal {
        Signal::in_bed(Bed::Park(Mutex::new(None)))
    }

    /// A signal whose owner sleeps in `poll(2)`, so that it can wait for a descriptor at the same time.
    ///
    /// Fails when the process or the system is out of descriptors.
    pub fn with_eventfd() -> io::Result<Signal> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Signal::in_bed(Bed::Poll(fd)))
    }

    fn in_bed(bed: Bed) -> Signal {
        Signal(Arc::new(Inner { bell: Bell::new(), bed }))
    }

    /// Makes the owner look again, when it sleeps. Call it after the change that the owner waits for.
    ///
    /// Costs a fence and a load when the owner is awake.
    pub fn wake(&self) {
        fence(SeqCst);
        if let Some(turn) = self.0.bell.asleep() {
            self.wake_from(turn);
        }
    }

    /// Wakes the owner from its wait `turn`; true when this call was the one that did.
    pub(crate) fn wake_from(&self, turn: usize) -> bool {
        let claimed = self.0.bell.claim(turn);
        if claimed {
            match &self.0.bed {
                Bed::Park(thread) => {
                    let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    if let Some(thread) = thread {
                        thread.unpark();
                    }
                }
                // The one way to fail is a full counter, and then the descriptor is readable as it is.
                Bed::Poll(fd) => {
                    let _ = rustix::io::write(fd, &1u64.to_ne_bytes());
                }
            }
        }
        claimed
    }

    /// Sleeps until `ready` returns true or `deadline` passes; returns what `ready` said last.
    ///
    /// `ready` is called at least once, before any sleep, and again after every wake-up, so it should be cheap. Each
    /// thing it waits for must be announced by a `wake` after the change, as pipes do. When it returns false it must
    /// have looked at everything that could make it true; `any(|r| r.is_ready())` does.
    ///
    /// A deadline in the past makes this a question: nothing sleeps.
    pub fn wait_until(&self, deadline: Option<Instant>, mut ready: impl FnMut() -> bool) -> bool {
        if let Bed::Park(thread) = &self.0.bed {
            *thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(current());
        }
        let overslept = self.0.bell.wait(&mut ready, || {
            match &self.0.bed {
                Bed::Park(_) if is_past(deadline) => {}
                Bed::Park(_) => park(deadline),
                // Without poll (the kernel is out of memory) the wait becomes a look every millisecond.
                Bed::Poll(fd) => {
                    if poll_for(fd, None, deadline).is_err() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            }
            if is_past(deadline) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        overslept.is_none() || ready()
    }

    /// Sleeps until `fd` can be read, `ready` returns true, or `deadline` passes, and says which.
    ///
    /// `ready` is as in [`wait_until`](Signal::wait_until) and goes first: while it is true the descriptor is not looked
    /// at. With a deadline in the past nothing sleeps, but the descriptor is still looked at once.
    ///
    /// Fails with [`io::ErrorKind::Unsupported`] for a signal made by [`Signal::new`], which cannot wait for
    /// descriptors, and with what `poll(2)` reports.
    pub fn wait_readable(
        &self,
        fd: BorrowedFd<'_>,
        deadline: Option<Instant>,
        ready: impl FnMut() -> bool,
    ) -> io::Result<Readable> {
        self.wait_for((fd, PollFlags::IN), deadline, ready)
    }

    /// The same, for a descriptor that is waited for until it can be written.
    pub fn wait_writable(
        &self,
        fd: BorrowedFd<'_>,
        deadline: Option<Instant>,
        ready: impl FnMut() -> bool,
    ) -> io::Result<Readable> {
        self.wait_for((fd, PollFlags::OUT), deadline, ready)
    }

    fn wait_for(
        &self,
        other: (BorrowedFd<'_>, PollFlags),
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> bool,
    ) -> io::Result<Readable> {
        let Bed::Poll(own) = &self.0.bed else {
            let message = "a signal without an eventfd cannot wait for a descriptor";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        };
        let broke_off = self.0.bell.wait(&mut ready, || match poll_for(own, Some(other), deadline) {
            Ok(true) => ControlFlow::Break(Ok(Readable::Fd)),
            Ok(false) if is_past(deadline) => ControlFlow::Break(Ok(Readable::Deadline)),
            Ok(false) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Err(error)),
        });
        match broke_off {
            None => Ok(Readable::Ready),
            Some(Ok(Readable::Deadline)) if ready() => Ok(Readable::Ready),
            Some(reason) => Ok(reason?),
        }
    }

    /// Whether the owner sleeps or is about to; out of date as soon as it is known.
    pub fn is_sleeping(&self) -> bool {
        self.0.bell.asleep().is_some()
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.0.bell
    }
}

impl Default for Signal {
    fn default() -> Signal {
        Signal::new()
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("sleeping", &self.is_sleeping()).finish_non_exhaustive()
    }
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// Sleeps until a wake-up arrives on `own`, `other` is ready, or `deadline` passes. True when `other` is.
///
/// Consumes the wake-up. A signal handler ends the sleep early, which the caller takes for a wake-up too many.
fn poll_for(
    own: &OwnedFd,
    other: Option<(BorrowedFd<'_>, PollFlags)>,
    deadline: Option<Instant>,
) -> Result<bool, Errno> {
    // A deadline too far away for the kernel's clock is none.
    let timeout = deadline
        .map(|deadline| deadline.saturating_duration_since(Instant::now()))
        .and_then(|left| Timespec::try_from(left).ok());
    let own = own.as_fd();
    // `poll` takes a slice, so without a second descriptor the first stands in for it and is not looked at.
    let (second, flags) = other.unwrap_or((own, PollFlags::IN));
    let mut fds = [PollFd::from_borrowed_fd(own, PollFlags::IN), PollFd::from_borrowed_fd(second, flags)];
    let watched = if other.is_some() { &mut fds[..] } else { &mut fds[..1] };
    match poll(watched, timeout.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(false),
        Err(error) => return Err(error),
    }
    if !fds[0].revents().is_empty() {
        // Nothing to read means that nothing was left to consume.
        let _ = rustix::io::read(own, &mut [0u8; 8]);
    }
    Ok(other.is_some() && !fds[1].revents().is_empty())
}
