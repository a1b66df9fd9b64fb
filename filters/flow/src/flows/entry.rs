//! One flow: all that is kept of it.

use super::count::Count;
use super::history::{Event, History};
use super::holes::Holes;
use super::key::Key;
use super::packet::{ACK, Kind, SYN, Seen, Sender};
use super::state::{End, Phase};
use super::wheel::{NONE, NOWHERE};

/// What one side sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    pub packets: Count,
    /// Bytes on the wire, of IP packets, and behind transport headers.
    pub wire: Count,
    pub ip: Count,
    pub payload: Count,
}

/// The TCP stream of one side.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Stream {
    /// How far it has come, what was not seen of it included.
    pub length: Count,
    /// What was not seen of it and will not come.
    pub missed: Count,
    /// The sequence number that comes next.
    pub next: u32,
    /// Packets with something that had been there before.
    pub again: u32,
    pub holes: Holes,
}

/// A flow. In memory its fields have this order, so that the ones that every packet needs stand together.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Flow {
    pub key: Key,
    /// When its latest packet and the first one were captured.
    pub last: i64,
    pub first: i64,
    /// What was sent by the side that began it, and by the other one.
    pub sides: [Side; 2],
    pub slot: u16,
    pub phase: Phase,
    pub marks: u8,
    pub ends: [End; 2],
    /// All TCP flags that either side has sent.
    pub flags: [u8; 2],
    pub history: History,
    /// In which interval of updates the last one was told.
    pub updates: u16,
    /// ICMP errors about it.
    pub errors: u16,
    /// From the SYN to the SYN with an ACK, and from there to the ACK, in units of 10 ns; 0 where that is not known.
    pub handshake: [u32; 2],
    /// Neighbours in the list of a slot of the wheel.
    pub next: u32,
    pub prev: u32,
    pub streams: [Stream; 2],
}

/// Of 2 million flows, each may take 250 bytes with its share of the index.
pub(super) const FLOW_BYTES: usize = size_of::<Flow>();
const _: () = assert!(FLOW_BYTES + super::index::BYTES_PER_FLOW <= 250);

/// The upper end of the key began it.
const UPPER_BEGAN: u8 = 1;
/// The sequence numbers of the side that began it are known, and those of the other one.
const STARTED: [u8; 2] = [2, 4];
/// It goes on from a flow that was cut because it was long.
pub(super) const CONTINUED: u8 = 8;
/// A packet came that was older than one that had come before, of any flow.
pub(super) const LATE: u8 = 16;
/// The handshake cannot be timed: something of it was sent twice.
const UNTIMED: u8 = 32;

impl Default for Flow {
    fn default() -> Self {
        Self {
            key: Key::default(),
            last: 0,
            first: 0,
            sides: [Side::default(); 2],
            slot: NOWHERE,
            phase: Phase::Other,
            marks: 0,
            ends: [End::Silent; 2],
            flags: [0; 2],
            history: History::default(),
            updates: 0,
            errors: 0,
            handshake: [0; 2],
            next: NONE,
            prev: NONE,
            streams: [Stream::default(); 2],
        }
    }
}

impl Flow {
    /// A flow that begins with this packet, which is not counted yet. `by_ports` tells which side the sender is on by
    /// ports alone.
    pub fn new(seen: &Seen, by_ports: impl FnOnce(u16, u16) -> Sender) -> Self {
        let is_answer = match (seen.sender, seen.kind) {
            (Sender::Client, _) | (_, Kind::Question) => false,
            (Sender::Server, _) | (_, Kind::Answer | Kind::Error) => true,
            (_, Kind::Tcp | Kind::Sctp) if seen.flags & SYN != 0 => seen.flags & ACK != 0,
            _ if seen.to_many => false,
            _ => {
                let [lower, upper] = seen.key.ends().map(|end| end.port);
                let (from, to) = if seen.forward { (lower, upper) } else { (upper, lower) };
                by_ports(from, to) == Sender::Server
            }
        };
        let mut flow = Self { key: seen.key, first: seen.time, last: seen.time, ..Self::default() };
        if seen.forward == is_answer {
            flow.marks |= UPPER_BEGAN;
        }
        if is_answer && seen.kind != Kind::Error {
            flow.history.note(Event::Flipped, 0);
        }
        flow.phase = Phase::of(&flow);
        flow
    }

    /// Reads something of each cache line that a packet of any kind needs, so that the processor fetches them at once.
    #[inline]
    pub fn touch(&self) -> u64 {
        // From one to the next there are less than 64 bytes.
        self.key.words()[0] ^ self.first as u64 ^ u64::from(self.history.seen())
    }

    /// The same of the lines that a packet of TCP needs besides.
    #[inline]
    pub fn touch_streams(&self) -> u64 {
        let [one, other] = &self.streams;
        u64::from(one.holes.ranges()[0].0) ^ u64::from(other.holes.ranges()[1].1)
    }

    /// Which side sent a packet: 0 for the one that began the flow.
    #[inline]
    pub fn side(&self, forward: bool) -> usize {
        usize::from(forward != (self.marks & UPPER_BEGAN == 0))
    }

    /// The end that began it, and the other one, as in [`Key::ends`].
    pub fn ends_in_order(&self) -> [sluice_wire::flow::Endpoint; 2] {
        let [lower, upper] = self.key.ends();
        if self.marks & UPPER_BEGAN == 0 { [lower, upper] } else { [upper, lower] }
    }

    /// Whether the sequence numbers of a side are known.
    #[inline]
    pub fn is_started(&self, side: usize) -> bool {
        self.marks & STARTED[side & 1] != 0
    }

    #[inline]
    pub fn set_started(&mut self, side: usize) {
        self.marks |= STARTED[side & 1];
    }

    /// Whether the handshake can be timed.
    pub fn is_timed(&self) -> bool {
        self.marks & UNTIMED == 0
    }

    pub fn set_untimed(&mut self) {
        self.marks |= UNTIMED;
    }

    /// Counts a packet that a side sent.
    #[inline]
    pub fn count(&mut self, side: usize, seen: &Seen) {
        self.last = self.last.max(seen.time);
        self.first = self.first.min(seen.time);
        if seen.kind == Kind::Error {
            self.errors = self.errors.saturating_add(1);
            return;
        }
        let side = &mut self.sides[side & 1];
        side.packets.add(1u8);
        side.wire.add(seen.wire);
        side.ip.add(seen.ip);
        side.payload.add(seen.payload);
    }

    /// Begins anew with all counters, as a flow that was cut because it was long: what is known of its state stays.
    pub fn restart(&mut self, time: i64) {
        self.sides = [Side::default(); 2];
        self.streams = self.streams.map(|stream| Stream { next: stream.next, ..Stream::default() });
        (self.first, self.last, self.updates, self.errors) = (time, time, 0, 0);
        self.history = History::default();
        self.handshake = [0; 2];
        self.flags = [0; 2];
        self.marks |= CONTINUED | UNTIMED;
    }

    /// How long it lasted, in ns.
    pub fn duration(&self) -> u64 {
        self.last.abs_diff(self.first)
    }
}
