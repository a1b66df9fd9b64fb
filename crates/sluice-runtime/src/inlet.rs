//! Where messages come into a segment: one pipe as it is, or several streams brought into one order.

use std::sync::Arc;

use sluice_core::{Batch, Credit, Marker, Message, Payload, Pools, Stamp};
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

/// How far one source's stream has come on one input. The order of the fields is the order of turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    sequence: u64,
    /// The edge that the input belongs to.
    edge: usize,
    part: u32,
    /// Messages of this part that were taken, where it has several.
    round: u32,
    input: usize,
}

impl Position {
    /// What the inputs of one edge bring together in one message: one from each.
    fn turn(self) -> (u64, usize, u32, u32) {
        (self.sequence, self.edge, self.part, self.round)
    }
}

/// The stream of one source, which may arrive over several inputs.
struct Lane {
    source: u16,
    positions: Vec<Position>,
    /// Parts of the present number that were handed on.
    parts: u32,
    /// What the shards have given for the turn that goes on.
    given: Vec<Message>,
    /// Its batches, and their credit; kept so that their memory is used again.
    batches: Vec<Batch>,
    credits: Vec<Credit>,
}

/// Restores the order of each source's messages, and brings what arrives over several edges together: number by number,
/// edges in their order, so that the result depends on nothing but the input, whatever the timing. What shards give for
/// the same part of a number is one batch again, in the order of ordinals.
///
/// While the message that is in turn is not here, it takes whatever comes from every pipe: a writer that waits for room
/// in one pipe may be the one that has to write the other. The credit of the sources bounds what it holds.
pub(crate) struct Gather {
    inputs: Vec<Input>,
    lanes: Vec<Lane>,
    /// The lane to look at first, so that no source starves another.
    turn: usize,
    /// What is ready to be handed on, the last first.
    ready: Vec<Message>,
    /// Whether it stands in a shard. Then every part of every edge is a part of what it gives, with an empty message where
    /// there is nothing: so parts mean the same in all shards, and can be brought together.
    in_shard: bool,
    pools: Pools,
}

impl Gather {
    /// The edges, each with its inputs and the sources that arrive over each.
    pub fn new(edges: Vec<Vec<(Input, Vec<u16>)>>, in_shard: bool, pools: Pools) -> Self {
        let mut lanes: Vec<Lane> = Vec::new();
        let mut inputs = Vec::new();
        for (edge, of) in edges.into_iter().enumerate() {
            for (input, sources) in of {
                for source in sources {
                    let position = Position { sequence: 0, edge, part: 0, round: 0, input: inputs.len() };
                    match lanes.iter_mut().find(|lane| lane.source == source) {
                        Some(lane) => lane.positions.push(position),
                        None => lanes.push(Lane {
                            source,
                            positions: vec![position],
                            parts: 0,
                            given: Vec::new(),
                            batches: Vec::new(),
                            credits: Vec::new(),
                        }),
                    }
                }
                inputs.push(input);
            }
        }
        Self { inputs, lanes, turn: 0, ready: Vec::new(), in_shard, pools }
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
            if !self.ready.is_empty() {
                break;
            }
            let at = (self.turn + offset) % self.lanes.len();
            while let Some(message) = self.lanes[at].take(&mut self.inputs) {
                self.lanes[at].hand_on(message, self.in_shard, &self.pools, &mut self.ready);
                let Some(last) = self.ready.first() else { continue };
                self.turn = at + 1;
                if matches!(last.payload, Payload::Marker(Marker::End)) {
                    self.lanes.remove(at);
                }
                break;
            }
        }
        self.ready.pop()
    }
}

impl Lane {
    /// The position whose turn it is: the furthest behind, of those the first input.
    fn next(&self) -> Option<Position> {
        self.positions.iter().copied().min()
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

    /// Counts the message. When it completes a turn, puts what the turn has to say into `ready`, stamped anew for the
    /// joined stream and the last first.
    fn hand_on(&mut self, message: Message, in_shard: bool, pools: &Pools, ready: &mut Vec<Message>) {
        let Some(before) = self.next() else { return };
        let Some(position) = self.positions.iter_mut().find(|p| p.input == before.input) else { return };
        let stamp = message.stamp;
        (position.sequence, position.part, position.round) = match (stamp.more, stamp.last) {
            (true, _) => (position.sequence, position.part, position.round + 1),
            (false, true) => (position.sequence + u64::from(stamp.span), 0, 0),
            (false, false) => (position.sequence, position.part + 1, 0),
        };
        self.given.push(message);
        let Some(after) = self.next().filter(|after| after.turn() != before.turn()) else { return };

        let done = (after.sequence - before.sequence) as u32;
        let part_done =
            (after.sequence, after.edge, after.part) != (before.sequence, before.edge, before.part);
        let mut marker = None;
        for Message { credit, payload, .. } in self.given.drain(..) {
            match payload {
                Payload::Batch(batch) => {
                    self.batches.push(batch);
                    self.credits.push(credit);
                }
                Payload::Marker(one) => marker = Some(one),
                Payload::Empty => {}
            }
        }
        join(&mut self.batches, &mut self.credits, pools);
        let closing = match marker {
            Some(marker) if done > 0 => Some(Payload::Marker(marker)),
            _ if self.batches.is_empty() && (done > 0 || (in_shard && part_done)) => Some(Payload::Empty),
            _ => None,
        };
        let batches = self.batches.drain(..).map(Payload::Batch).zip(self.credits.drain(..));
        let mut said = batches.chain(closing.map(|closing| (closing, Credit::default()))).peekable();
        while let Some((payload, credit)) = said.next() {
            let is_last = said.peek().is_none();
            let stamp = Stamp {
                sequence: before.sequence,
                span: done.max(1),
                part: self.parts,
                born: stamp.born,
                source: self.source,
                last: done > 0 && is_last,
                more: in_shard && !(part_done && is_last),
            };
            ready.push(Message { stamp, credit, payload });
            self.parts += u32::from(!stamp.more);
        }
        if done > 0 {
            self.parts = 0;
        }
        ready.reverse();
    }
}

/// Makes one batch of what several shards gave, where they fit together; otherwise one stays behind the other. The parts of a
/// divided batch have joint credit, so that of one is that of all.
fn join(batches: &mut Vec<Batch>, credits: &mut Vec<Credit>, pools: &Pools) {
    let [first, others @ ..] = batches.as_slice() else { return };
    if !others.is_empty() && others.iter().all(|other| first.joins(other)) {
        let joined = Batch::interleave(batches, pools);
        batches.push(joined);
        credits.truncate(1);
    }
}

#[cfg(test)]
mod tests;
