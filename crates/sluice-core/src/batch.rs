//! What travels through a pipe: a batch or a marker, stamped with its place in the stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sluice_queue::{Pool, Signal};

use crate::slab::SlabPool;
use crate::{Error, PacketBatch, PoolBuf, RecordBatch, packets, records};

/// Packets or records, never both.
#[derive(Debug)]
pub enum Batch {
    /// Packets.
    Packets(PacketBatch),
    /// Records.
    Records(RecordBatch),
}

impl Batch {
    /// How many items there are.
    pub fn len(&self) -> usize {
        match self {
            Batch::Packets(batch) => batch.len(),
            Batch::Records(batch) => batch.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all items: captured bytes of packets, lines with their endings.
    pub fn bytes(&self) -> u64 {
        match self {
            Batch::Packets(batch) => batch.bytes(),
            Batch::Records(batch) => batch.bytes(),
        }
    }

    /// How much memory it keeps from being used again.
    pub fn weight(&self) -> usize {
        match self {
            Batch::Packets(batch) => batch.weight(),
            Batch::Records(batch) => batch.weight(),
        }
    }

    /// A second batch with the same items; bytes are shared.
    pub fn duplicate(&self, pools: &Pools) -> Batch {
        match self {
            Batch::Packets(batch) => Batch::Packets(batch.duplicate(pools)),
            Batch::Records(batch) => Batch::Records(batch.duplicate(pools)),
        }
    }

    /// Keeps the items for whose index `keep` says so, in order; returns how many went.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) -> usize {
        match self {
            Batch::Packets(batch) => batch.retain(|at, _| keep(at)),
            Batch::Records(batch) => batch.retain(|at, _| keep(at)),
        }
    }

    /// Divides the items: number `at` goes to part `to[at]`, whose order stays as it is. Bytes are shared. A part that gets
    /// nothing stays as it was.
    pub fn split(self, to: &[u32], parts: &mut [Option<Batch>], pools: &Pools) {
        match self {
            Batch::Packets(batch) => batch.split(to, parts, pools),
            Batch::Records(batch) => batch.split(to, parts, pools),
        }
    }

    /// Whether it and `other` can be [brought together](Self::interleave).
    pub fn joins(&self, other: &Batch) -> bool {
        match (self, other) {
            (Batch::Packets(a), Batch::Packets(b)) => a.joins(b),
            (Batch::Records(_), Batch::Records(_)) => true,
            _ => false,
        }
    }

    /// Brings parts together in one batch: by ordinals, the order within each part as it is. Bytes that lie in the same slab
    /// stay there. All parts must [join](Self::joins) the first; what does not is left out.
    pub fn interleave(parts: &mut Vec<Batch>, pools: &Pools) -> Batch {
        if let [_] = parts.as_slice()
            && let Some(only) = parts.pop()
        {
            return only;
        }
        let mut packets = Vec::with_capacity(parts.len());
        let mut records = Vec::new();
        for part in parts.iter() {
            match part {
                Batch::Packets(part) => packets.push(part),
                Batch::Records(part) => records.push(part),
            }
        }
        let joined = match parts.first() {
            Some(Batch::Records(_)) => RecordBatch::interleave(&records, pools).into(),
            _ => PacketBatch::interleave(&packets, pools).into(),
        };
        parts.clear();
        joined
    }

    /// The packets, for a component whose input port says packets.
    pub fn into_packets(self) -> Result<PacketBatch, Error> {
        match self {
            Batch::Packets(batch) => Ok(batch),
            Batch::Records(_) => Err(Error::Contract("records came to a port that takes packets".into())),
        }
    }

    /// The records, for a component whose input port says records.
    pub fn into_records(self) -> Result<RecordBatch, Error> {
        match self {
            Batch::Records(batch) => Ok(batch),
            Batch::Packets(_) => Err(Error::Contract("packets came to a port that takes records".into())),
        }
    }
}

impl From<PacketBatch> for Batch {
    fn from(batch: PacketBatch) -> Self {
        Batch::Packets(batch)
    }
}

impl From<RecordBatch> for Batch {
    fn from(batch: RecordBatch) -> Self {
        Batch::Records(batch)
    }
}

/// The place of a message in the stream of one source.
///
/// A source numbers what it emits: 0, 1, 2 and so on, batches and markers alike. Every stage passes each number on over
/// each of its ports, with an empty message where it has nothing to say, so that order can always be restored. One
/// number may be spread over several `part`s, the last of which is marked; a message without items may stand for a `span`
/// of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The first of the numbers that it stands for.
    pub sequence: u64,
    /// For how many numbers it stands; above 1 only without items: empty, or the last watermark of them.
    pub span: u32,
    /// Which part of the number it is, from 0.
    pub part: u32,
    /// When the source emitted it, in microseconds since the run began, modulo 2^32; 0 unless somebody measures.
    pub born: u32,
    /// The number of the source in the run.
    pub source: u16,
    /// Whether this is the last part.
    pub last: bool,
    /// Whether more messages of this part follow: in a shard, where parts keep their numbers.
    pub more: bool,
}

impl Stamp {
    /// A whole message with this number.
    pub fn new(source: u16, sequence: u64) -> Self {
        Self { sequence, span: 1, part: 0, born: 0, source, last: true, more: false }
    }
}

/// A fact about the stream that travels in band, is aligned where streams meet, and is never dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// No item of this source with an earlier event time (ns since the epoch) will follow.
    Watermark(i64),
    /// Everything before belongs to this checkpoint.
    Epoch(u64),
    /// Nothing of this source will follow.
    End,
}

/// The content of a message.
#[derive(Debug)]
pub enum Payload {
    /// Items.
    Batch(Batch),
    /// A batch all of whose items went elsewhere.
    Empty,
    /// A marker.
    Marker(Marker),
}

/// What a pipe carries.
#[derive(Debug)]
pub struct Message {
    /// Its place in the stream.
    pub stamp: Stamp,
    /// Its share of the memory that the sources may have in flight.
    pub credit: Credit,
    /// What it says.
    pub payload: Payload,
}

#[derive(Debug)]
struct CreditState {
    limit: usize,
    used: AtomicUsize,
    waiting: Vec<Signal>,
}

impl CreditState {
    fn low(&self) -> usize {
        self.limit - self.limit / 4
    }
}

/// The memory that may be in flight at once. Sources wait for it; filters never do.
#[derive(Clone, Debug)]
pub struct Credits(Arc<CreditState>);

impl Credits {
    /// `limit` bytes, waited for by the threads with these signals.
    pub fn new(limit: usize, waiting: Vec<Signal>) -> Self {
        Self(Arc::new(CreditState { limit, used: AtomicUsize::new(0), waiting }))
    }

    /// Whether a source may go on.
    pub fn available(&self) -> bool {
        self.used() < self.0.limit
    }

    /// Whether enough came back for a source that waits to go on: a quarter of the limit at once, so that it is not
    /// woken for every batch.
    pub fn replenished(&self) -> bool {
        self.used() <= self.0.low()
    }

    /// Bytes that may be in flight.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Bytes in flight.
    pub fn used(&self) -> usize {
        // Acquire: pairs with the release of a credit, so that what was given back is there to be taken.
        self.0.used.load(Ordering::Acquire)
    }

    /// Takes credit without waiting; what is in flight may exceed the limit by one batch per source.
    pub fn take(&self, bytes: usize) -> Credit {
        self.0.used.fetch_add(bytes, Ordering::AcqRel);
        Credit(Share::Own(self.clone(), bytes))
    }
}

/// A share of the memory in flight, given back when dropped. A clone takes the same again.
#[derive(Debug, Default)]
pub struct Credit(Share);

#[derive(Debug, Default)]
enum Share {
    #[default]
    Nothing,
    Own(Credits, usize),
    /// Given back when the last one lets go.
    Joint(Arc<Credit>),
}

impl Credit {
    /// Joint credit for the parts that a batch is divided into, which keep the same memory busy: given back when the last of
    /// them is dropped.
    pub fn divide(self) -> impl Fn() -> Credit {
        let joint = match self.0 {
            Share::Nothing => None,
            _ => Some(Arc::new(self)),
        };
        move || Credit(joint.clone().map_or(Share::Nothing, Share::Joint))
    }
}

impl Clone for Credit {
    fn clone(&self) -> Self {
        match &self.0 {
            Share::Nothing => Self::default(),
            Share::Own(credits, bytes) => credits.take(*bytes),
            Share::Joint(joint) => Credit::clone(joint),
        }
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        if let Share::Own(Credits(state), bytes) = &self.0 {
            let before = state.used.fetch_sub(*bytes, Ordering::AcqRel);
            // One wake-up when the line is crossed on the way down is enough: a source that waits saw it exceeded.
            if before > state.low() && before - bytes <= state.low() {
                state.waiting.iter().for_each(Signal::wake);
            }
        }
    }
}

/// Where batches and slabs come from, and where they go back to when dropped.
#[derive(Clone)]
pub struct Pools {
    packets: Pool<packets::Body>,
    records: Pool<records::Body>,
    slabs: SlabPool,
}

impl Pools {
    /// Pools that keep at most `memory` bytes of slabs of `slab` bytes each, and as many slabs of twice that size,
    /// which batches need that grew.
    pub fn new(slab: usize, memory: usize) -> Self {
        let keep = (memory / slab.max(1)).clamp(4, 65_536);
        Self {
            packets: Pool::new(keep, packets::Body::default),
            records: Pool::new(keep, records::Body::default),
            slabs: SlabPool::new(slab, keep),
        }
    }

    /// An empty batch of packets.
    pub fn packets(&self) -> PacketBatch {
        PacketBatch::new(self.packets.take())
    }

    /// An empty batch of records.
    pub fn records(&self) -> RecordBatch {
        RecordBatch::new(self.records.take())
    }

    /// A buffer with room for at least `capacity` bytes; reused when that is no more than twice the
    /// [`slab_size`](Self::slab_size).
    pub fn slab(&self, capacity: usize) -> PoolBuf {
        self.slabs.take(capacity)
    }

    /// The size of a pooled slab in bytes.
    pub fn slab_size(&self) -> usize {
        self.slabs.size()
    }
}
