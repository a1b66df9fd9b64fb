//! Where messages come into a segment: one pipe as it is, or several streams brought into one order.

use std::sync::Arc;

use sluice_core::{Marker, Message, Payload, Stamp};
use sluice_queue::{Popped, Receiver};

use crate::outlet::Bypass;

/// What the inlet has for its thread.
#[derive(Debug)]
pub(crate) enum Came {
    /// The next message.
    Message(Message),
    /// Nothing now: wait for [`Inlet::is_ready`].
    Nothing,
    /// Nothing more will come.
    Closed,
}

/// The reading side of a segment's pipes.
pub(crate) enum Inlet {
    /// Takes messages as they come: one stream that is in order, or a thread of several that needs none.
    Direct(Input),
    /// Restores the order.
    Gather(Gather),
}

impl Inlet {
    pub fn next(&mut self) -> Came {
        match self {
            Inlet::Direct(input) => match input.take() {
                Some(message) => Came::Message(message),
                None if input.closed => Came::Closed,
                None => Came::Nothing,
            },
            Inlet::Gather(gather) => gather.next(),
        }
    }

    /// Whether `next` has something else to say than `Nothing`. Looks at every pipe that could change that.
    pub fn is_ready(&self) -> bool {
        match self {
            Inlet::Direct(input) => input.is_ready(),
            // Not `any`: every pipe has to be asked, for a pipe announces only to those who asked it.
            Inlet::Gather(gather) => {
                gather.inputs.iter().filter(|input| !input.closed && input.is_ready()).count() > 0
            }
        }
    }

    /// Announces the room that was made. Call before waiting.
    pub fn flush(&mut self) {
        match self {
            Inlet::Direct(input) => input.receiver.flush(),
            Inlet::Gather(gather) => gather.inputs.iter_mut().for_each(|input| input.receiver.flush()),
        }
    }
}

/// A pipe that is read, with the way round it.
pub(crate) struct Input {
    receiver: Receiver<Message>,
    bypass: Option<Arc<Bypass>>,
    /// Whether its writers are gone and it was drained.
    closed: bool,
    /// What was taken from the pipe before its turn.
    early: Vec<Message>,
}

impl Input {
    pub fn new(receiver: Receiver<Message>, bypass: Option<Arc<Bypass>>) -> Self {
        Self { receiver, bypass, closed: false, early: Vec::new() }
    }

    /// The next message, from the pipe or round it.
    fn take(&mut self) -> Option<Message> {
        let ended = match self.receiver.try_pop() {
            Popped::Item(message) => return Some(message),
            Popped::Empty => false,
            Popped::Closed => true,
        };
        // Looked at last: a writer that is gone has told everything before it went.
        let round = self.bypass.as_ref().and_then(|bypass| bypass.pop());
        self.closed = ended && round.is_none();
        round
    }

    fn is_ready(&self) -> bool {
        self.receiver.is_ready() | self.bypass.as_ref().is_some_and(|bypass| !bypass.is_empty())
    }
}

/// How far one source's stream has come on one input.
#[derive(Clone, Copy, Debug)]
struct Position {
    input: usize,
    sequence: u64,
    part: u32,
}

/// The stream of one source, which may arrive over several inputs.
struct Lane {
    source: u16,
    positions: Vec<Position>,
    /// Parts of the present number that were handed on.
    parts: u32,
}

/// Restores the order of each source's messages, and brings what arrives over several inputs together: number by
/// number, inputs in their order. So the result depends on nothing but the input, whatever the timing.
///
/// While the message that is in turn is not here, it takes whatever comes from every pipe: a writer that waits for room
/// in one pipe may be the one that has to write the other. The credit of the sources bounds what it holds.
pub(crate) struct Gather {
    inputs: Vec<Input>,
    lanes: Vec<Lane>,
    /// The lane to look at first, so that no source starves another.
    turn: usize,
}

impl Gather {
    /// `inputs` with the sources that arrive over each.
    pub fn new(inputs: Vec<(Input, Vec<u16>)>) -> Self {
        let mut lanes: Vec<Lane> = Vec::new();
        for (input, (_, sources)) in inputs.iter().enumerate() {
            for &source in sources {
                let position = Position { input, sequence: 0, part: 0 };
                match lanes.iter_mut().find(|lane| lane.source == source) {
                    Some(lane) => lane.positions.push(position),
                    None => lanes.push(Lane { source, positions: vec![position], parts: 0 }),
                }
            }
        }
        let inputs = inputs.into_iter().map(|(input, _)| input).collect();
        Self { inputs, lanes, turn: 0 }
    }

    fn next(&mut self) -> Came {
        loop {
            if let Some(message) = self.deliver() {
                return Came::Message(message);
            }
            let mut came = false;
            for input in self.inputs.iter_mut().filter(|input| !input.closed) {
                // Both ways: what is missing from a pipe that is never empty may have come round it.
                let round = input.bypass.as_ref().and_then(|bypass| bypass.pop());
                let message = input.take();
                came |= round.is_some() || message.is_some();
                input.early.extend(round.into_iter().chain(message));
            }
            if came {
                continue;
            }
            // A stream that broke off without its end was cut off by the end of the run.
            let dead = |lane: &Lane| lane.next().is_none_or(|position| self.inputs[position.input].closed);
            let over = self.lanes.is_empty() || self.lanes.iter().any(dead);
            return if over { Came::Closed } else { Came::Nothing };
        }
    }

    /// The next message that is in turn, if it is here.
    fn deliver(&mut self) -> Option<Message> {
        for offset in 0..self.lanes.len() {
            let at = (self.turn + offset) % self.lanes.len();
            while let Some(message) = self.lanes[at].take(&mut self.inputs) {
                let Some(message) = self.lanes[at].hand_on(message) else { continue };
                self.turn = at + 1;
                if matches!(message.payload, Payload::Marker(Marker::End)) {
                    self.lanes.remove(at);
                }
                return Some(message);
            }
        }
        None
    }
}

impl Lane {
    /// The position whose turn it is: the furthest behind, of those the first input.
    fn next(&self) -> Option<Position> {
        self.positions.iter().copied().min_by_key(|p| (p.sequence, p.input))
    }

    /// Takes the message whose turn it is out of what came early.
    fn take(&self, inputs: &mut [Input]) -> Option<Message> {
        let next = self.next()?;
        let early = &mut inputs[next.input].early;
        let at = early.iter().position(|message| {
            let stamp = &message.stamp;
            (stamp.source, stamp.sequence, stamp.part) == (self.source, next.sequence, next.part)
        })?;
        Some(early.remove(at))
    }

    /// Counts the message and stamps it anew for the joined stream; nothing when it has nothing to say there.
    fn hand_on(&mut self, mut message: Message) -> Option<Message> {
        let before = self.next()?;
        let position = self.positions.iter_mut().find(|p| p.input == before.input)?;
        if message.stamp.last {
            position.sequence += u64::from(message.stamp.span);
            position.part = 0;
        } else {
            position.part += 1;
        }
        let done = (self.next()?.sequence - before.sequence) as u32;
        if done == 0 && !matches!(message.payload, Payload::Batch(_)) {
            return None;
        }
        message.stamp = Stamp {
            sequence: before.sequence,
            span: done.max(1),
            part: self.parts,
            source: self.source,
            last: done > 0,
        };
        self.parts = if done > 0 { 0 } else { self.parts + 1 };
        Some(message)
    }
}

#[cfg(test)]
mod tests;
