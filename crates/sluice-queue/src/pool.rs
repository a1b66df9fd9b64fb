//! Reuse of buffers that are expensive to make.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

/// What a pool can hold.
pub trait Recycle {
    /// Forgets the contents and keeps the capacity. Called on the thread that drops the lease.
    fn recycle(&mut self);
}

/// A lock-free stock of up to `keep` idle values. Clones are handles to the same stock.
///
/// A pool never makes anybody wait: when it is empty, [`take`](Pool::take) makes a new value, so it bounds what lies
/// idle and not what is in use. Once warm, taking and giving back allocate nothing.
pub struct Pool<T: Recycle>(Arc<Home<T>>);

struct Home<T> {
    /// `None` when nothing is to be kept.
    idle: Option<ArrayQueue<Box<T>>>,
    make: fn() -> T,
}

impl<T: Recycle> Pool<T> {
    /// A pool that keeps up to `keep` idle values and makes new ones with `make`. It starts empty.
    pub fn new(keep: usize, make: fn() -> T) -> Self {
        Pool(Arc::new(Home { idle: (keep > 0).then(|| ArrayQueue::new(keep)), make }))
    }

    /// An idle value, or a new one.
    pub fn take(&self) -> Lease<T> {
        let idle = self.0.idle.as_ref().and_then(ArrayQueue::pop);
        let value = idle.unwrap_or_else(|| Box::new((self.0.make)()));
        Lease { value: Some(value), home: Some(self.0.clone()) }
    }
}

impl<T: Recycle> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Pool(self.0.clone())
    }
}

impl<T: Recycle> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.0.idle.as_ref();
        f.debug_struct("Pool")
            .field("idle", &idle.map_or(0, ArrayQueue::len))
            .field("keep", &idle.map_or(0, ArrayQueue::capacity))
            .finish_non_exhaustive()
    }
}

/// A value on loan from a [`Pool`]: recycled and given back on drop, or dropped when the pool is full.
///
/// The value is boxed, so a lease is two pointers and cheap to move.
pub struct Lease<T: Recycle> {
    /// `None` only while the lease is dropped.
    value: Option<Box<T>>,
    home: Option<Arc<Home<T>>>,
}

impl<T: Recycle> Lease<T> {
    /// A lease on a value that belongs to no pool and is dropped with the lease.
    pub fn detached(value: T) -> Lease<T> {
        Lease { value: Some(Box::new(value)), home: None }
    }
}

impl<T: Recycle> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("only drop takes the value"),
        }
    }
}

impl<T: Recycle> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("only drop takes the value"),
        }
    }
}

impl<T: Recycle + fmt::Debug> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Recycle> Drop for Lease<T> {
    fn drop(&mut self) {
        if let (Some(mut value), Some(Home { idle: Some(idle), .. })) =
            (self.value.take(), self.home.as_deref())
        {
            value.recycle();
            // A full pool hands the value back, and it is dropped here.
            drop(idle.push(value));
        }
    }
}
