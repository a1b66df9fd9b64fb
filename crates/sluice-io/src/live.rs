//! Live capture: the packets of one interface or of several, by whatever means they are received.
//!
//! [`Live`] is the source; a [`Line`] is one interface in it, with a receiver and with what is known and counted of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{Timespec, epoll};
use sluice_capture::{Receive, Received};
use sluice_core::{CaptureInfo, Error, Next, Output, Reason, Source, View};
use sluice_expr::bpf::{Machine, Verdict};

mod line;
pub(crate) mod open;

use line::{Line, State};

/// Packets that the kernel had no room for.
pub(crate) static KERNEL_FULL: Reason = Reason::new(
    "kernel_full",
    "the kernel had no room for the packet, as those before it were not yet taken",
);

/// How often it is looked after what does not come by itself, in ns.
const LOOK: i64 = 1_000_000_000;
/// The same while an interface is down, or the last packets are waited for.
const LOOK_SOON: i64 = 50_000_000;
/// How much earlier than now, or than the last packet, the time of a packet may be that is still to come, in ns: processors
/// do not stamp and hand over in the same order.
const LATE: i64 = 100_000_000;
/// How much longer than the kernel keeps packets to itself the last ones are waited for, in ns.
const PATIENCE: i64 = 1_000_000_000;

/// What is known about one interface before its first packet.
pub(crate) struct Opened {
    /// What it is called in messages, without backquotes.
    pub name: String,
    /// Its number, or 0 for all interfaces.
    pub index: u32,
    pub receiver: Box<dyn Receive>,
    /// What has still to be asked of each packet, where the kernel could not: whether it passes, and how much is wanted.
    pub filter: Option<Machine>,
    /// Whether times are those of the interface's own clock, which need not be ours.
    pub own_clock: bool,
}

/// All that is captured on.
#[derive(Default)]
pub(crate) struct AllOpened {
    pub lines: Vec<Opened>,
    pub info: CaptureInfo,
    /// What the user should know of how they were opened.
    pub notices: Vec<String>,
}

/// What becomes of the capture as a whole.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// After how many packets it ends.
    pub count: Option<u64>,
    /// Whether the loss of a packet makes the run end with an error.
    pub forbids_loss: bool,
}

/// Captures packets.
pub(crate) struct Live {
    lines: Vec<Line>,
    /// Becomes readable on the edge when one of the receivers does.
    events: OwnedFd,
    info: Arc<CaptureInfo>,
    rules: Rules,
    /// What there is to tell before the first packet.
    notices: Vec<String>,
    received: Received,
    /// How many packets were given.
    given: u64,
    begun: bool,
    stops: bool,
    /// Whether an event may have been what ended the last wait.
    waited: bool,
    /// When it is looked again after what does not come by itself.
    look: i64,
    /// The last time that was promised.
    watermark: i64,
}

impl Live {
    pub(crate) fn new(opened: AllOpened, rules: Rules) -> Result<Self, Error> {
        let AllOpened { lines: opened, info, notices } = opened;
        let failed = || Error::io("watch the sockets of a capture");
        let events = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| failed()(e.into()))?;
        for (opened, number) in opened.iter().zip(0..) {
            if let Some(fd) = opened.receiver.fd() {
                // A socket stays readable while its last block is held, which is no reason to be woken again.
                let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
                epoll::add(&events, fd, epoll::EventData::new_u64(number), flags)
                    .map_err(|e| failed()(e.into()))?;
            }
        }
        Ok(Self {
            lines: opened.into_iter().map(Line::new).collect(),
            events,
            info: Arc::new(info),
            rules,
            notices,
            received: Received::default(),
            given: 0,
            begun: false,
            stops: false,
            waited: false,
            look: 0,
            watermark: i64::MIN,
        })
    }

    /// Takes what each interface has, once.
    fn turn(&mut self, out: &mut Output) -> Result<Next, Error> {
        if std::mem::take(&mut self.waited) {
            let mut told =
                [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 8];
            // Taken before it is looked, so that what comes after the look is told again. It is no error to hear nothing.
            let _ = epoll::wait(&self.events, &mut told[..], Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        }
        let now = out.now();
        if now >= self.look {
            self.look_after(now, out)?;
        }
        let mut any = false;
        for at in 0..self.lines.len() {
            any |= self.take(at, now, out)?;
            if self.rules.count.is_some_and(|count| self.given >= count) {
                return self.end(out);
            }
        }
        self.promise(now, out);
        if any {
            return Ok(Next::More);
        }
        for line in &mut self.lines {
            line.end_if_done(now, out)?;
        }
        if self.lines.iter().all(|line| line.state == State::Done) {
            return self.end(out);
        }
        self.waited = true;
        let polled = self.lines.iter().any(|line| line.receiver.fd().is_none());
        Ok(Next::Idle(Some(if polled { now + LOOK_SOON / 10 } else { self.look })))
    }

    /// Takes what one interface has; whether that was anything.
    fn take(&mut self, at: usize, now: i64, out: &mut Output) -> Result<bool, Error> {
        let Some(line) = self.lines.get_mut(at) else { return Ok(false) };
        let received = &mut self.received;
        if !line.take(now, received, out)? {
            return Ok(false);
        }
        let mut batch = out.packets();
        batch.fill(std::mem::take(&mut received.slab), Arc::clone(&self.info));
        let left = self.rules.count.map_or(u64::MAX, |count| count - self.given);
        for frame in &mut received.frames {
            if let Some(filter) = &line.filter {
                match filter.run(batch.data(frame), frame.wire) {
                    Verdict::Accept(wanted) => frame.cut(wanted),
                    _ => continue,
                }
            }
            frame.ordinal = self.given + batch.len() as u64;
            batch.push(*frame);
        }
        if batch.len() as u64 > left {
            batch.retain(|at, _| (at as u64) < left);
        }
        if !batch.is_empty() {
            self.given += batch.len() as u64;
            out.emit(batch);
        }
        Ok(true)
    }

    /// Asks what was counted, and after interfaces that are down.
    fn look_after(&mut self, now: i64, out: &mut Output) -> Result<(), Error> {
        for line in &mut self.lines {
            line.count(now, out)?;
            line.look(now, out);
        }
        let settled = self.lines.iter().all(|line| matches!(line.state, State::Up | State::Done));
        self.look = now + if settled { LOOK } else { LOOK_SOON };
        Ok(())
    }

    /// Tells a time before which no packet will be any more: that of an interface from which nothing comes is now, less what
    /// the kernel keeps to itself.
    fn promise(&mut self, now: i64, out: &mut Output) {
        let bound = self.lines.iter().filter_map(|line| line.bound(now)).min();
        let Some(bound) = bound.map(|bound| bound - LATE) else { return };
        // Not with every batch, for each is a message.
        if bound > self.watermark.saturating_add(LATE / 10) {
            self.watermark = bound;
            out.watermark(bound);
        }
    }

    /// The last words.
    fn end(&mut self, out: &mut Output) -> Result<Next, Error> {
        for line in &mut self.lines {
            line.count(out.now(), out)?;
            if self.rules.forbids_loss && line.dropped.total() > 0 {
                let (dropped, name) = (line.dropped.total(), &line.name);
                let packets = if dropped == 1 { "packet" } else { "packets" };
                out.lost(format!(
                    "the kernel dropped {dropped} {packets} of `{name}`, which `loss: forbid` forbids"
                ));
            }
        }
        Ok(Next::End)
    }
}

impl Source for Live {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        if !std::mem::replace(&mut self.begun, true) {
            self.notices.drain(..).for_each(|notice| out.notice(notice));
            for line in &mut self.lines {
                line.start()?;
            }
            self.look = out.now() + LOOK;
        }
        self.turn(out)
    }

    fn stop(&mut self, out: &mut Output) -> Result<Next, Error> {
        if !std::mem::replace(&mut self.stops, true) {
            let now = out.now();
            for line in &mut self.lines {
                line.stop(now)?;
            }
            self.look = now;
        }
        self.turn(out)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.events.as_fd())
    }

    fn view(&self) -> Option<View> {
        let mut view = View::default();
        self.lines.iter().for_each(|line| view.merge(&line.view()));
        Some(view)
    }
}
