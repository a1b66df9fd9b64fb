//! Slabs: the bytes that items point into.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sluice_queue::{Lease, Pool, Recycle};

/// A buffer of a slab pool. Always initialised to its full length, so that it can be read into without clearing it.
#[derive(Debug, Default)]
struct Buffer(BytesMut);

impl Recycle for Buffer {
    /// The old bytes stay: clearing them would cost a pass over memory, and `filled` says what counts.
    fn recycle(&mut self) {}
}

/// A buffer that one owner fills, and that goes back to its pool when the last one who reads it lets go.
pub struct PoolBuf {
    buffer: Lease<Buffer>,
    filled: usize,
}

impl PoolBuf {
    /// A zeroed buffer of `capacity` bytes that belongs to no pool.
    pub fn detached(capacity: usize) -> Self {
        Self { buffer: Lease::detached(Buffer(BytesMut::zeroed(capacity))), filled: 0 }
    }

    /// How many bytes it can hold.
    pub fn capacity(&self) -> usize {
        self.buffer.0.len()
    }

    /// The bytes put in so far.
    pub fn filled(&self) -> &[u8] {
        &self.buffer.0[..self.filled]
    }

    /// The bytes put in so far, to change them.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.buffer.0[..self.filled]
    }

    /// The room that is left, to read into; what it holds is meaningless. Tell [`advance`](Self::advance) how much was put in.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.buffer.0[self.filled..]
    }

    /// Counts `bytes` of [`space`](Self::space) as filled, at most all of it.
    pub fn advance(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.capacity());
    }

    /// Takes bytes off the end.
    pub fn truncate(&mut self, filled: usize) {
        self.filled = self.filled.min(filled);
    }

    /// Appends `bytes` and says where they are, or nothing when there is no room for all of them.
    pub fn append(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let range = self.filled..self.filled.checked_add(bytes.len())?;
        self.buffer.0.get_mut(range.clone())?.copy_from_slice(bytes);
        self.filled = range.end;
        Some(range)
    }
}

impl fmt::Debug for PoolBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolBuf({} of {} bytes)", self.filled, self.capacity())
    }
}

/// Bytes that items point into: shared when a batch was copied, editable while it is not.
#[derive(Clone, Debug)]
pub enum Slab {
    /// A buffer of ours. Editable in place as long as nobody else holds it.
    Owned(Arc<PoolBuf>),
    /// Memory of somebody else, such as a block of a kernel ring: read-only.
    Foreign(Bytes),
}

impl Slab {
    /// A slab without bytes; allocates nothing.
    pub const EMPTY: Slab = Slab::Foreign(Bytes::new());

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Slab::Owned(buffer) => buffer.filled(),
            Slab::Foreign(bytes) => bytes,
        }
    }

    /// The buffer, if nobody else holds it.
    pub fn exclusive(&mut self) -> Option<&mut PoolBuf> {
        match self {
            Slab::Owned(buffer) => Arc::get_mut(buffer),
            Slab::Foreign(_) => None,
        }
    }

    /// Whether both are the very same memory.
    pub(crate) fn is(&self, other: &Slab) -> bool {
        match (self, other) {
            (Slab::Owned(a), Slab::Owned(b)) => Arc::ptr_eq(a, b),
            (Slab::Foreign(a), Slab::Foreign(b)) => a.as_ptr_range() == b.as_ptr_range(),
            _ => false,
        }
    }

    /// How much memory it keeps from being used again.
    pub fn weight(&self) -> usize {
        match self {
            Slab::Owned(buffer) => buffer.capacity(),
            Slab::Foreign(bytes) => bytes.len(),
        }
    }
}

impl Default for Slab {
    fn default() -> Self {
        Slab::EMPTY
    }
}

impl From<PoolBuf> for Slab {
    fn from(buffer: PoolBuf) -> Self {
        Slab::Owned(Arc::new(buffer))
    }
}

/// Where slabs come from and go back to: buffers of one size, and of twice that for batches that grew.
#[derive(Clone)]
pub(crate) struct SlabPool {
    pool: Pool<Buffer>,
    twice: Pool<Buffer>,
    size: usize,
}

impl SlabPool {
    pub(crate) fn new(size: usize, keep: usize) -> Self {
        Self { pool: Pool::new(keep, Buffer::default), twice: Pool::new(keep, Buffer::default), size }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A buffer with room for at least `capacity` bytes. Larger ones than twice the size of the pool are not used again.
    pub(crate) fn take(&self, capacity: usize) -> PoolBuf {
        let (pool, size) = match capacity {
            _ if capacity <= self.size => (&self.pool, self.size),
            _ if capacity <= 2 * self.size => (&self.twice, 2 * self.size),
            _ => return PoolBuf::detached(capacity),
        };
        let mut buffer = pool.take();
        if buffer.0.len() != size {
            buffer.0 = BytesMut::zeroed(size);
        }
        PoolBuf { buffer, filled: 0 }
    }
}
