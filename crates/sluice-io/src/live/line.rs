//! One interface of a capture.

use std::io;

use sluice_capture::{Interface, Receive, Received};
use sluice_core::{Error, Meter, Output, View};
use sluice_expr::bpf::Machine;

use super::{KERNEL_FULL, Opened, PATIENCE};

/// For how long no packet is dropped before the next one is news again, in ns.
const QUIET: i64 = 60_000_000_000;

/// What comes from an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Packets.
    Up,
    /// Nothing, until it is up again.
    Down,
    /// Nothing but what has come already, waited for until then.
    Ending(i64),
    /// Nothing more.
    Done,
}

/// An interface that is captured.
pub(super) struct Line {
    pub name: String,
    index: u32,
    pub receiver: Box<dyn Receive>,
    pub filter: Option<Machine>,
    own_clock: bool,
    pub state: State,
    /// Packets that the receiver gave.
    seen: Meter,
    /// Packets that came in, those that were dropped among them.
    received: u64,
    /// Packets that the kernel dropped.
    pub dropped: Meter,
    /// How often the ring was full.
    freezes: u64,
    /// When the kernel dropped packets last.
    dropping: Option<i64>,
    /// The time of the latest packet.
    latest: Option<i64>,
    /// Whether there was nothing when it was looked last.
    is_empty: bool,
}

impl Line {
    pub fn new(opened: Opened) -> Self {
        let Opened { name, index, receiver, filter, own_clock } = opened;
        Self {
            name,
            index,
            receiver,
            filter,
            own_clock,
            state: State::Up,
            seen: Meter::default(),
            received: 0,
            dropped: Meter::default(),
            freezes: 0,
            dropping: None,
            latest: None,
            is_empty: true,
        }
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> Error + use<> {
        Error::io(format!("capture on `{}`", self.name))
    }

    pub fn start(&mut self) -> Result<(), Error> {
        let failed = self.failed();
        self.receiver.start().map_err(failed)
    }

    /// Lets nothing more in.
    pub fn stop(&mut self, now: i64) -> Result<(), Error> {
        if matches!(self.state, State::Up | State::Down) {
            self.state = self.ending(now);
            let failed = self.failed();
            self.receiver.stop().map_err(failed)?;
        }
        Ok(())
    }

    fn ending(&self, now: i64) -> State {
        let delay = i64::try_from(self.receiver.delay()).unwrap_or(i64::MAX);
        State::Ending(now.saturating_add(delay).saturating_add(PATIENCE))
    }

    /// Takes what has come; whether that was anything.
    pub fn take(&mut self, now: i64, into: &mut Received, out: &mut Output) -> Result<bool, Error> {
        if self.state == State::Done {
            return Ok(false);
        }
        match self.receiver.receive(out.pools(), into) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NetworkDown => {
                into.clear();
                if self.state == State::Up {
                    self.state = State::Down;
                    self.look(now, out);
                    if self.state == State::Down {
                        out.notice(format!(
                            "`{}` went down; it is waited for until it is up again",
                            self.name
                        ));
                    }
                }
            }
            Err(error) => return Err(self.failed()(error)),
        }
        let count = into.frames.len() as u64;
        self.is_empty = count == 0;
        if self.is_empty {
            return Ok(false);
        }
        self.seen.count(now, count);
        // Nearly in order, so that the last one is near enough.
        self.latest = self.latest.max(into.frames.last().map(|frame| frame.time));
        Ok(true)
    }

    /// Sees whether an interface that is down came up again, or is gone.
    pub fn look(&mut self, now: i64, out: &mut Output) {
        if self.state != State::Down {
            return;
        }
        match Interface::all().into_iter().find(|interface| interface.index == self.index) {
            Some(interface) if interface.is_up() => {
                self.state = State::Up;
                out.notice(format!("`{}` is up again", self.name));
            }
            Some(_) => {}
            None => {
                self.state = self.ending(now);
                out.lost(format!("`{}` is gone; what came before was captured", self.name));
            }
        }
    }

    /// Asks what was counted since it was asked before, and tells what was lost.
    pub fn count(&mut self, now: i64, out: &mut Output) -> Result<(), Error> {
        let told = self.receiver.statistics().map_err(self.failed())?;
        self.received += told.packets;
        self.freezes += told.freezes;
        // The seconds pass, also where nothing comes.
        self.seen.count(now, 0);
        self.dropped.count(now, told.drops);
        if told.drops > 0 {
            out.dropped(&KERNEL_FULL, usize::try_from(told.drops).unwrap_or(usize::MAX));
            if self.dropping.replace(now).is_none_or(|last| now - last > QUIET) {
                out.notice(format!(
                    "the kernel drops packets of `{}`, {} so far: they come faster than they are taken",
                    self.name,
                    self.dropped.total()
                ));
            }
        }
        Ok(())
    }

    /// Whether all has come that was counted, or was waited for long enough.
    pub fn end_if_done(&mut self, now: i64, out: &mut Output) -> Result<(), Error> {
        let State::Ending(until) = self.state else { return Ok(()) };
        self.count(now, out)?;
        let missing = self.received.saturating_sub(self.dropped.total()).saturating_sub(self.seen.total());
        if missing == 0 || now >= until {
            self.state = State::Done;
        }
        if missing > 0 && now >= until {
            out.lost(format!("{missing} packets of `{}` did not come out of the kernel", self.name));
        }
        Ok(())
    }

    /// No packet that comes next has an earlier time, but for what processors do; nothing where nothing more comes, or
    /// where that is not known.
    pub fn bound(&self, now: i64) -> Option<i64> {
        match self.state {
            State::Done => None,
            _ if self.is_empty && !self.own_clock => {
                Some(now.saturating_sub(i64::try_from(self.receiver.delay()).unwrap_or(i64::MAX)))
            }
            _ => Some(self.latest.unwrap_or(i64::MIN / 2)),
        }
    }

    /// What is known of it: figures by the name of the interface, and rates, which those of others are added to.
    pub fn view(&self) -> View {
        let mut view = View::default();
        let name = &self.name;
        let (held, blocks) = self.receiver.blocks();
        view.figure(name, "received", "packets", self.seen.total());
        view.figure(name, "kernel_full", "packets", self.dropped.total());
        view.figure(name, "freezes", "times", self.freezes);
        if blocks > 0 {
            view.figure(name, "blocks_held", "blocks", held as u64);
            view.figure(name, "blocks", "blocks", blocks as u64);
        }
        view.rates.push(self.seen.rate("received", "packets", None));
        view.rates.push(self.dropped.rate("kernel_full", "packets", None));
        view
    }
}
