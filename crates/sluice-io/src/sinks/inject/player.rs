//! Sends packets when they are due.

use std::array;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use sluice_capture::send::BATCH;
use sluice_capture::{Outgoing, Sent};
use sluice_core::{Batch, Error, Flags, Frame, Output, PacketBatch, Pause, Reason, Sink, View};

use super::reel::Reel;
use super::schedule::Schedule;
use super::tale::Tale;
use super::ways::{Astray, Ways};
use super::{CUT, Cut, LINK_TYPE_DIFFERS, NO_INTERFACE, STOPPED, TOO_LONG, TOO_SHORT};

/// How long to wait for a driver that takes nothing more: less than it needs to send what it has; and for one that goes on so.
const BUSY: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(1)];
/// After this time the user is told that it takes nothing.
const STUCK: Duration = Duration::from_secs(1);

/// Sends packets when they are due.
pub(super) struct Player {
    reel: Reel,
    schedule: Schedule,
    ways: Ways,
    cut: Cut,
    tale: Tale,
    /// What it waits for before it goes on with the batch.
    pause: Pause,
    /// Whether the batch came just now, and when the one before it was done with.
    is_new: bool,
    idle: Duration,
    /// Whether nothing is sent any more.
    stopped: bool,
    /// The way that had no room last.
    full: usize,
    /// Since when a driver has taken nothing.
    busy: Option<Duration>,
    told_busy: bool,
    told_checksums: bool,
}

/// Packets that go out with one call: neighbours that take the same way.
struct Group<'a> {
    way: usize,
    frames: [Outgoing<'a>; BATCH],
    /// When each was captured, and when it is due.
    times: [(i64, Duration); BATCH],
    len: usize,
}

/// What there is to do instead of sending.
enum Instead {
    /// Drop the first packet.
    Drop(&'static Reason),
    /// Wait until it is due.
    Wait(Duration),
}

impl Player {
    pub fn new(reel: Reel, schedule: Schedule, ways: Ways, cut: Cut) -> Self {
        let names = ways.all().iter().map(|way| way.name.clone());
        Self {
            tale: Tale::new(names, schedule.paces()),
            reel,
            schedule,
            ways,
            cut,
            pause: Pause::Until(Duration::ZERO),
            is_new: false,
            idle: Duration::ZERO,
            stopped: false,
            full: 0,
            busy: None,
            told_busy: false,
            told_checksums: false,
        }
    }

    /// The way of a packet and what is sent of it, or why nothing is.
    fn outgoing<'a>(
        &self,
        batch: &'a PacketBatch,
        frame: &Frame,
    ) -> Result<(usize, Outgoing<'a>), &'static Reason> {
        let way = self.ways.of(frame, batch.info()).map_err(|why| match why {
            Astray::None => &NO_INTERFACE,
            Astray::LinkDiffers => &LINK_TYPE_DIFFERS,
        })?;
        let data = batch.data(frame);
        // The interface appends a check sequence of its own.
        let whole = (frame.wire.max(frame.captured()) as usize).saturating_sub(frame.fcs_len.into());
        let outgoing = match (data.get(..whole), self.cut) {
            (Some(data), _) => Outgoing::new(data),
            (None, Cut::Send) => Outgoing::new(data),
            (None, Cut::Pad) => Outgoing::padded(data, whole - data.len()).ok_or(&TOO_LONG)?,
            (None, Cut::Drop) => return Err(&CUT),
        };
        Ok((way, outgoing))
    }

    /// The packets of the batch, from this one on, that can go out now with one call.
    fn group<'a>(&self, batch: &'a PacketBatch, from: usize, now: Duration) -> Result<Group<'a>, Instead> {
        // A copy, for not all of them may go.
        let mut schedule = self.schedule;
        let frames = array::from_fn(|_| Outgoing::new(&[]));
        let mut group = Group { way: 0, frames, times: [(0, Duration::ZERO); BATCH], len: 0 };
        let frames = batch.frames().get(from..).unwrap_or_default();
        for (frame, place) in frames.iter().zip(0..BATCH) {
            let due = schedule.due(frame.time, now);
            match self.outgoing(batch, frame) {
                _ if due > now && place == 0 => return Err(Instead::Wait(due)),
                Err(reason) if place == 0 => return Err(Instead::Drop(reason)),
                Ok((way, outgoing)) if due <= now && (way == group.way || place == 0) => {
                    group.way = way;
                    group.frames[place] = outgoing;
                    group.times[place] = (frame.time, due);
                    group.len = place + 1;
                    schedule.went(frame.time, outgoing.size());
                }
                _ => break,
            }
        }
        Ok(group)
    }

    /// Sends what is due.
    fn send(&mut self, now: Duration, out: &mut Output) -> Result<(), Error> {
        let Some((batch, from)) = self.reel.batch() else { return Ok(()) };
        let first = batch.frames().get(from).map_or(0, |frame| frame.time);
        if std::mem::take(&mut self.is_new) {
            self.schedule.awaited(first, self.idle, now);
        }
        // The first packet of all is due now.
        self.schedule.due(first, now);
        let group = match self.group(batch, from, now) {
            Ok(group) => group,
            Err(Instead::Wait(due)) => {
                self.pause = Pause::Until(due);
                return Ok(());
            }
            Err(Instead::Drop(reason)) => return self.drop_first(reason, out),
        };
        let Some(way) = self.ways.all().get(group.way) else { return Ok(()) };
        let frames = group.frames.get(..group.len).unwrap_or_default();
        let sent = way.sender.send(frames).map_err(Error::io(format!("send through `{}`", way.name)))?;
        match sent {
            Sent::Some(count) => {
                let mut bytes = 0;
                for (frame, (time, due)) in frames.iter().zip(group.times).take(count) {
                    self.schedule.went(time, frame.size());
                    self.tale.late(now.saturating_sub(due));
                    bytes += frame.size() as u64;
                }
                self.tale.sent(group.way, count as u64, bytes, now);
                self.busy = None;
                self.advance(count, now, out)
            }
            Sent::Full => {
                (self.full, self.pause) = (group.way, Pause::Writable);
                Ok(())
            }
            Sent::Busy => {
                let busy = now.saturating_sub(*self.busy.get_or_insert(now));
                let [least, most] = BUSY;
                self.pause = Pause::Until(now + busy.clamp(least, most));
                if busy > STUCK && !std::mem::replace(&mut self.told_busy, true) {
                    out.notice(format!("`{}` takes no packets; has it a carrier?", way.name));
                }
                Ok(())
            }
            Sent::TooLong => self.drop_first(&TOO_LONG, out),
            Sent::TooShort => self.drop_first(&TOO_SHORT, out),
        }
    }

    fn drop_first(&mut self, reason: &Reason, out: &mut Output) -> Result<(), Error> {
        out.dropped(reason, 1);
        self.advance(1, self.idle, out)
    }

    /// So many packets are done with, the last of them now.
    fn advance(&mut self, packets: usize, now: Duration, out: &mut Output) -> Result<(), Error> {
        self.idle = now;
        self.pause = Pause::Until(Duration::ZERO);
        let begun = self.reel.begun();
        self.reel.advance(packets, out)?;
        if self.reel.begun() != begun {
            self.schedule.rewind();
        }
        if self.reel.is_over() {
            out.notice(self.tale.to_string());
        }
        Ok(())
    }
}

impl Sink for Player {
    fn write(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let batch = batch.into_packets()?;
        if self.stopped {
            out.dropped(&STOPPED, batch.len());
            return Ok(());
        }
        let unready = |frame: &Frame| frame.flags.contains(Flags::CHECKSUM_NOT_READY);
        if !self.told_checksums && batch.frames().iter().any(unready) {
            self.told_checksums = true;
            out.notice(
                "some checksums were left to the hardware and are sent as they are; `fix` puts them right",
            );
        }
        self.is_new = true;
        self.pause = Pause::Until(Duration::ZERO);
        self.reel.give(batch)
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        self.reel.finish(out);
        self.schedule.rewind();
        if self.reel.is_over() {
            out.notice(self.tale.to_string());
        }
        Ok(())
    }

    fn pause(&self) -> Option<Pause> {
        self.reel.batch().map(|_| self.pause)
    }

    fn resume(&mut self, moment: Duration, out: &mut Output) -> Result<(), Error> {
        self.tale.at(out.now());
        self.send(moment, out)
    }

    fn stopped(&mut self, out: &mut Output) {
        self.reel.stop();
        // What was captured and need not wait for its time goes still.
        if self.schedule.paces() || !self.reel.is_live() {
            self.stopped = true;
            out.dropped(&STOPPED, self.reel.clear());
            if self.reel.is_over() {
                out.notice(self.tale.to_string());
            }
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.ways.all().get(self.full).map(|way| way.sender.as_fd())
    }

    fn held(&self) -> u64 {
        self.reel.held() as u64
    }

    fn view(&self) -> Option<View> {
        Some(self.tale.view())
    }
}
