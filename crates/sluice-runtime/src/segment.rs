//! One thread of a segment: takes messages, calls stages, passes on what they emit.

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sluice_config::OnError;
use sluice_core::{
    Credit, Credits, Emitted, Error, Marker, Message, Next, Pause, Payload, Pools, Stage, Stamp,
};
use sluice_queue::{Readable, Signal};

use crate::cell::Cell;
use crate::control::{Control, Failure};
use crate::counters::{Times, Wait};
use crate::exchange::Exchange;
use crate::inlet::{Came, Inlet};
use crate::latency::Latency;
use crate::outlet::Outlet;
use crate::plan::Target;

/// What every batch weighs at least against the memory limit: its vectors, and its share of the bookkeeping.
const LEAST_WEIGHT: usize = 4096;

/// How long before the end of a pause its thread is awake and looks at the clock: about what it takes to wake up.
const AWAKE: Duration = Duration::from_micros(40);

/// Why a thread ended before its input did.
#[derive(Debug)]
pub(crate) struct Stopped;

/// One thread of a segment.
pub(crate) struct Thread {
    pub signal: Signal,
    pub control: Arc<Control>,
    pub pools: Pools,
    /// None for a source.
    pub inlet: Option<Inlet>,
    /// Where what comes in goes.
    pub entry: Vec<Target>,
    pub cells: Vec<Cell>,
    pub outlets: Vec<Outlet>,
    pub exchanges: Vec<Exchange>,
    pub times: Times,
    /// Where the time that batches take is recorded, if anybody wants to know.
    pub latency: Option<Arc<Latency>>,
    /// The last question for views that was answered.
    pub shown: u64,
    /// Whether it was told to the system that this thread wants to be woken in time.
    pub is_precise: bool,
}

/// What a thread sleeps for, besides the end of the run.
#[derive(Clone, Copy)]
enum Until<'a> {
    /// A message.
    Input,
    /// What the source waits for, at the longest until then, and whether it knows that the run stops.
    Idle(Option<Instant>, bool),
    /// Room in the pipe of this number.
    Room(usize),
    /// Memory, for a source that may know that the run stops.
    Credit(&'a Credits, bool),
    /// The time for which the sink of this number waits; none is never.
    Time(usize, Option<Instant>),
    /// That the sink of this number can write.
    Writable(usize),
}

impl Thread {
    /// Runs a segment that begins with a source.
    pub fn run_source(&mut self, number: u16, credits: &Credits) -> Result<(), Stopped> {
        let mut stamp = Stamp::new(number, 0);
        let mut told = false;
        loop {
            self.show();
            if !credits.available() {
                self.wait(Until::Credit(credits, told))?;
            }
            let cell = &mut self.cells[0];
            let Stage::Source(source) = &mut cell.stage else { break };
            if cell.failed.is_some() {
                break;
            }
            cell.out.set_now(now());
            told = self.control.is_stopping();
            let next = if told { source.stop(&mut cell.out) } else { source.next(&mut cell.out) };
            cell.counters.publish_progress(source.progress());
            let result = cell.collect(false);
            let next = match next.and_then(|next| result.map(|()| next)) {
                Ok(next) => next,
                Err(error) => {
                    self.broke(0, &error)?;
                    break;
                }
            };
            let mut emitted = std::mem::take(&mut self.cells[0].emitted);
            stamp.born = self.latency.as_ref().map_or(0, |latency| latency.now());
            for one in emitted.drain(..) {
                match one {
                    Emitted::Batch(port, batch) => {
                        let credit = credits.take(batch.weight().max(LEAST_WEIGHT));
                        let payload = Payload::Batch(batch);
                        self.cells[0].count_emission(port, &payload);
                        self.spread(0, port..port + 1, Message { stamp, credit, payload })?;
                        // Its other ports learn that this number has nothing for them.
                        for others in [0..port, port + 1..self.cells[0].ports.len()] {
                            let credit = Credit::default();
                            self.spread(0, others, Message { stamp, credit, payload: Payload::Empty })?;
                        }
                    }
                    Emitted::Marker(marker) => self.spread_marker(stamp, marker)?,
                }
                stamp.sequence += 1;
            }
            self.cells[0].emitted = emitted;
            self.cells[0].settle();
            match next {
                Next::More => {}
                Next::Idle(until) => {
                    for at in 1..self.cells.len() {
                        self.flush(at)?;
                    }
                    self.wait(Until::Idle(until.map(instant), told))?;
                }
                Next::End => break,
            }
        }
        self.spread_marker(stamp, Marker::End)
    }

    /// Sends a marker of a source to all its readers.
    fn spread_marker(&mut self, stamp: Stamp, marker: Marker) -> Result<(), Stopped> {
        let all = 0..self.cells[0].ports.len();
        self.spread(0, all, Message { stamp, credit: Credit::default(), payload: Payload::Marker(marker) })
    }

    /// The thread has nothing more to do: the last counters.
    pub fn end(&mut self) {
        self.settle();
        let at = self.times.began.elapsed();
        self.cells.iter().filter(|cell| !cell.is_filter()).for_each(|cell| cell.show(at));
        for cell in &self.cells {
            cell.counters.publish_times(&self.times);
            cell.counters.publish_end(self.times.began.elapsed());
        }
        self.control.asked.answer(u64::MAX, self.cells.iter().map(|cell| &*cell.slot));
    }

    /// Runs a segment that reads pipes.
    pub fn run(&mut self) -> Result<(), Stopped> {
        loop {
            if self.control.is_aborted() {
                return Err(Stopped);
            }
            self.show();
            match self.inlet.as_mut().map_or(Came::Closed, Inlet::next) {
                Came::Message(message) => self.deliver_all(message)?,
                Came::Nothing => {
                    for at in 0..self.cells.len() {
                        self.flush(at)?;
                    }
                    self.wait(Until::Input)?;
                }
                Came::Closed => return Ok(()),
            }
        }
    }

    /// Leaves what its stages show, if somebody asked.
    fn show(&mut self) {
        let question = self.control.asked.question();
        if question == self.shown {
            return;
        }
        self.shown = question;
        let at = self.times.began.elapsed();
        // What a filter showed before its last call stays: that call takes away what there was to see.
        let shows = |cell: &&Cell| cell.slot.shows() && (!cell.watermarks.is_empty() || !cell.is_filter());
        self.cells.iter().filter(shows).for_each(|cell| cell.show(at));
        self.control.asked.answer(question, self.cells.iter().map(|cell| &*cell.slot));
    }

    /// Gives what came in to every reader.
    fn deliver_all(&mut self, message: Message) -> Result<(), Stopped> {
        for at in 1..self.entry.len() {
            let copy = self.copy(&message);
            self.deliver(self.entry[at], copy)?;
        }
        self.entry.first().copied().map_or(Ok(()), |target| self.deliver(target, message))
    }

    /// Gives a message to every reader of some ports of a stage.
    fn spread(&mut self, cell: usize, ports: Range<usize>, message: Message) -> Result<(), Stopped> {
        let mut message = Some(message);
        let mut left: usize = ports.clone().map(|p| self.cells[cell].ports[p].readers.len()).sum();
        for port in ports {
            for reader in 0..self.cells[cell].ports[port].readers.len() {
                let target = self.cells[cell].ports[port].readers[reader];
                left -= 1;
                let next = if left == 0 { message.take() } else { message.as_ref().map(|m| self.copy(m)) };
                if let Some(next) = next {
                    self.deliver(target, next)?;
                }
            }
        }
        Ok(())
    }

    /// The same message once more, for another reader.
    fn copy(&self, message: &Message) -> Message {
        let payload = match &message.payload {
            Payload::Batch(batch) => Payload::Batch(batch.duplicate(&self.pools)),
            Payload::Empty => Payload::Empty,
            Payload::Marker(marker) => Payload::Marker(*marker),
        };
        Message { stamp: message.stamp, credit: message.credit.clone(), payload }
    }

    fn deliver(&mut self, target: Target, message: Message) -> Result<(), Stopped> {
        match target {
            Target::Cell(cell) => self.process(cell, message),
            Target::Pipe(pipe) => self.send(pipe, message),
            Target::Exchange(exchange) => self.divide(exchange, message),
        }
    }

    /// Gives each shard its part of a message.
    fn divide(&mut self, exchange: usize, message: Message) -> Result<(), Stopped> {
        let Message { stamp, credit, payload } = message;
        let marker = if let Payload::Marker(marker) = &payload { Some(*marker) } else { None };
        let joint = credit.divide();
        let exchange_of = &mut self.exchanges[exchange];
        if let Payload::Batch(batch) = payload {
            exchange_of.divide(batch, stamp.sequence, &self.pools);
        }
        for shard in 0..self.exchanges[exchange].pipes.len() {
            let Exchange { parts, pipes, .. } = &mut self.exchanges[exchange];
            let (part, pipe) = (parts[shard].take(), pipes[shard]);
            let (payload, credit) = match (part, marker) {
                (Some(batch), _) => (Payload::Batch(batch), joint()),
                (None, Some(marker)) => (Payload::Marker(marker), Credit::default()),
                (None, None) => (Payload::Empty, Credit::default()),
            };
            self.send(pipe, Message { stamp, credit, payload })?;
        }
        Ok(())
    }

    /// Sends into a pipe, waiting for room if that is its policy.
    fn send(&mut self, pipe: usize, mut message: Message) -> Result<(), Stopped> {
        while let Err(back) = self.outlets[pipe].offer(message) {
            message = back;
            self.wait(Until::Room(pipe))?;
        }
        Ok(())
    }

    /// Gives a message to a stage and passes on what it emits, under the same stamp.
    fn process(&mut self, at: usize, message: Message) -> Result<(), Stopped> {
        let Message { stamp, credit, payload } = message;
        let cell = &mut self.cells[at];
        cell.out.set_now(now());
        let (result, marker) = match payload {
            Payload::Batch(batch) => {
                let result = cell.call(batch);
                let result = self.go_on(at, result)?;
                let cell = &mut self.cells[at];
                if let (Some(latency), Stage::Sink(_)) = (&self.latency, &cell.stage) {
                    latency.record(stamp.born);
                }
                (result, None)
            }
            Payload::Empty => (Ok(()), None),
            Payload::Marker(marker) => {
                let result = cell.mark(stamp.source, marker, || self.times.began.elapsed());
                (self.go_on(at, result)?, Some(marker))
            }
        };
        let cell = &mut self.cells[at];
        let collected = cell.collect(marker.is_some());
        if let Err(error) = result.and(collected) {
            self.broke(at, &error)?;
        }
        while marker == Some(Marker::End) && self.cells[at].is_unfinished() {
            self.pass_on(at, stamp, credit.clone(), None, true)?;
            let cell = &mut self.cells[at];
            let result = cell.finish();
            let collected = cell.collect(true);
            if let Err(error) = result.and(collected) {
                self.broke(at, &error)?;
            }
        }
        self.pass_on(at, stamp, credit, marker, false)
    }

    /// Lets a sink, after a call that gave this, go on until it is done with what it was given.
    fn go_on(&mut self, at: usize, after: Result<(), Error>) -> Result<Result<(), Error>, Stopped> {
        let mut result = after;
        while result.is_ok()
            && let Some(pause) = self.cells[at].pause()
        {
            if self.control.is_aborted() {
                return Err(Stopped);
            }
            if self.gives_up(at) {
                self.cells[at].stop();
                continue;
            }
            self.show();
            self.pause(at, pause)?;
            if self.gives_up(at) {
                continue;
            }
            let cell = &mut self.cells[at];
            cell.out.set_now(now());
            result = cell.resume(self.times.began.elapsed());
            cell.settle();
        }
        Ok(result)
    }

    /// Whether a sink has to be told that the run stops.
    fn gives_up(&self, at: usize) -> bool {
        self.control.is_stopping() && !self.cells[at].told
    }

    /// Waits for what a sink waits for, or until the run stops: asleep, but for the last moments before a time.
    fn pause(&mut self, at: usize, pause: Pause) -> Result<(), Stopped> {
        let Pause::Until(moment) = pause else { return self.wait(Until::Writable(at)) };
        // A time beyond what the clock can tell never comes.
        let until = self.times.began.checked_add(moment);
        let awake = until.and_then(|until| until.checked_sub(AWAKE));
        if awake.is_none_or(|awake| awake > Instant::now()) {
            if !std::mem::replace(&mut self.is_precise, true) {
                // Without that the system wakes it some 50 us late, which is no reason not to go on.
                let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
            }
            self.wait(Until::Time(at, awake))?;
        }
        while until.is_some_and(|until| until > Instant::now()) && !self.gives_up(at) {
            std::hint::spin_loop();
        }
        Ok(())
    }

    /// Sends what the last call emitted to the readers of each port, as parts of one number, the last marked as such unless
    /// there is `more` to come.
    fn pass_on(
        &mut self,
        at: usize,
        stamp: Stamp,
        credit: Credit,
        marker: Option<Marker>,
        more: bool,
    ) -> Result<(), Stopped> {
        let mut emitted = std::mem::take(&mut self.cells[at].emitted);
        for port in 0..self.cells[at].ports.len() {
            let mine = |e: &Emitted| matches!(e, Emitted::Batch(p, _) if *p == port);
            let mut left = emitted.iter().filter(|e| mine(e)).count();
            // A marker closes the number, or an empty message where no batch does.
            let closing = marker.map(Payload::Marker).or((left == 0 && !more).then_some(Payload::Empty));
            for slot in emitted.iter_mut().filter(|e| mine(e)) {
                left -= 1;
                // A filter emits no markers, so the one left in its place is nobody's.
                let Emitted::Batch(_, batch) = std::mem::replace(slot, Emitted::Marker(Marker::End)) else {
                    continue;
                };
                let payload = Payload::Batch(batch);
                let cell = &mut self.cells[at];
                cell.count_emission(port, &payload);
                let stamp = cell.stamp(port, stamp, left == 0 && closing.is_none() && !more);
                self.spread(at, port..port + 1, Message { stamp, credit: credit.clone(), payload })?;
            }
            let cell = &mut self.cells[at];
            if let Some(payload) = closing
                && cell.closes(stamp)
            {
                let stamp = cell.stamp(port, stamp, true);
                self.spread(at, port..port + 1, Message { stamp, credit: Credit::default(), payload })?;
            }
        }
        emitted.clear();
        self.cells[at].emitted = emitted;
        self.cells[at].settle();
        Ok(())
    }

    /// Lets a sink hand on what it buffered.
    fn flush(&mut self, at: usize) -> Result<(), Stopped> {
        let cell = &mut self.cells[at];
        let result = match (&mut cell.stage, cell.failed) {
            (Stage::Sink(sink), None) => sink.flush(&mut cell.out),
            _ => Ok(()),
        };
        cell.settle();
        result.or_else(|error| self.broke(at, &error))
    }

    /// A stage failed: the run ends, or goes on without it.
    fn broke(&mut self, at: usize, error: &Error) -> Result<(), Stopped> {
        let cell = &mut self.cells[at];
        let failure = Failure { stage: cell.id.to_string(), message: error.to_string(), panicked: false };
        match cell.on_error {
            OnError::Stop => {
                self.control.fail(failure);
                Err(Stopped)
            }
            OnError::Continue => {
                self.control.record(failure);
                cell.out.notice(format!("{error}; going on without this stage"));
                cell.failed = Some(cell.stage.held());
                Ok(())
            }
        }
    }

    /// Sleeps until there is reason to go on, and meanwhile shows its stages to whoever asks: none of them is in a call.
    fn wait(&mut self, until: Until<'_>) -> Result<(), Stopped> {
        loop {
            self.show();
            if self.sleep(until)? {
                return Ok(());
            }
        }
    }

    /// Sleeps until there is reason to go on, or until somebody asks for views, and then says no.
    fn sleep(&mut self, until: Until<'_>) -> Result<bool, Stopped> {
        self.settle();
        let for_input = matches!(until, Until::Input | Until::Idle(..));
        self.waiting(if for_input { Wait::Input } else { Wait::Room });
        let Self { signal, control, outlets, inlet, cells, shown, .. } = self;
        // No short cuts in here: who is not asked does not wake us.
        let to_go_on = || {
            control.is_aborted()
                | match until {
                    Until::Input => inlet.as_ref().is_none_or(Inlet::is_ready),
                    Until::Idle(_, told) => control.is_stopping() & !told,
                    Until::Room(pipe) => outlets[pipe].sender.has_room(),
                    Until::Credit(credits, told) => credits.replenished() | (control.is_stopping() & !told),
                    Until::Time(at, _) | Until::Writable(at) => control.is_stopping() & !cells[at].told,
                }
        };
        let asked = || control.asked.question() != *shown;
        let ready = || to_go_on() | asked();
        let fd = match until {
            Until::Idle(..) => cells.first().and_then(|cell| cell.stage.fd()),
            Until::Writable(at) => cells[at].stage.fd(),
            _ => None,
        };
        let why = |why| why != Readable::Ready || to_go_on();
        let waited = match (until, fd) {
            (Until::Idle(deadline, _), Some(fd)) => signal.wait_readable(fd, deadline, ready).map(why),
            (Until::Writable(_), Some(fd)) => signal.wait_writable(fd, None, ready).map(why),
            (Until::Idle(deadline, _) | Until::Time(_, deadline), None) => {
                Ok(!signal.wait_until(deadline, ready) || to_go_on())
            }
            _ => {
                signal.wait_until(None, ready);
                Ok(to_go_on())
            }
        };
        self.waited();
        if self.control.is_aborted() {
            return Err(Stopped);
        }
        waited.or_else(|source| {
            let (at, doing) = match until {
                Until::Writable(at) => (at, "wait until it can write"),
                _ => (0, "wait for input"),
            };
            self.broke(at, &Error::Io { doing: doing.into(), source }).map(|()| true)
        })
    }

    /// Before a wait: announces what was sent and what was taken, and publishes the counters.
    fn settle(&mut self) {
        self.outlets.iter_mut().for_each(|outlet| outlet.flush());
        self.inlet.iter_mut().for_each(Inlet::flush);
        self.cells.iter_mut().for_each(Cell::settle);
    }

    /// Begins a wait: whoever reads the counters meanwhile sees it.
    fn waiting(&mut self, wait: Wait) {
        self.times.begin(wait);
        self.cells.iter().for_each(|cell| cell.counters.publish_times(&self.times));
    }

    fn waited(&mut self) {
        self.times.end();
        self.cells.iter().for_each(|cell| cell.counters.publish_times(&self.times));
    }
}

/// The moment of a wall-clock time in ns since the epoch; now, where that has passed.
fn instant(time: i64) -> Instant {
    Instant::now() + Duration::from_nanos(time.saturating_sub(now()).max(0) as u64)
}

/// Wall-clock time in ns since the epoch.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i64)
}
