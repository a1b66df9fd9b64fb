//! Memory that the kernel sees too: where packets arrive, and the rings that tell of them.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::ring::Memory;

/// Pages that are mapped until this is dropped. They are read and written through pointers only, as the kernel writes to them.
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: pages belong to the process and not to a thread, and this is the only handle to them.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(file: Option<BorrowedFd<'_>>, len: usize, offset: i64) -> io::Result<Self> {
        let (kind, file) = match file {
            Some(file) => (libc::MAP_SHARED | libc::MAP_POPULATE, file.as_raw_fd()),
            None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE, -1),
        };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the kernel chooses an address where nothing is yet, so no memory of anybody changes.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, file, offset as _) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(start.cast()).map(|start| Self { start, len }).ok_or_else(|| io::ErrorKind::Other.into())
    }

    /// A pointer to `count` values from this offset on, where they lie inside and are aligned.
    fn at<T>(&self, offset: u64, count: u64) -> io::Result<NonNull<T>> {
        let end = (size_of::<T>() as u64).checked_mul(count).and_then(|size| offset.checked_add(size));
        if end.is_none_or(|end| end > self.len as u64) {
            return Err(io::Error::other("the kernel tells of memory outside of what it gave"));
        }
        // SAFETY: the offset lies inside of the pages, or at their very end.
        let place = unsafe { self.start.add(offset as usize) }.cast::<T>();
        if !place.is_aligned() {
            return Err(io::Error::other("the kernel tells of memory that is not aligned"));
        }
        Ok(place)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: these are the pages that were mapped, and every pointer to them goes with this value.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The chunks that packets arrive in, all of one size.
pub(super) struct Chunks {
    pages: Mapping,
    /// A power of two.
    size: u32,
}

impl Chunks {
    pub(super) fn new(count: u32, size: u32) -> io::Result<Self> {
        Ok(Self { pages: Mapping::new(None, count as usize * size as usize, 0)?, size })
    }

    /// What the kernel is told of them.
    pub(super) fn registration(&self) -> libc::xdp_umem_reg {
        libc::xdp_umem_reg {
            addr: self.pages.start.as_ptr().addr() as u64,
            len: self.pages.len as u64,
            chunk_size: self.size,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        }
    }

    /// The addresses of all chunks.
    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> + use<> {
        (0..self.pages.len as u64).step_by(self.size as usize)
    }

    /// The chunk that an address lies in.
    pub(super) fn chunk(&self, address: u64) -> u64 {
        address & !(u64::from(self.size) - 1)
    }

    /// Copies what lies at an address, as much as `to` has room for; `false` where it lies outside.
    ///
    /// # Safety
    /// The chunk was received and not yet given back, so that the kernel does not write to it.
    pub(super) unsafe fn copy(&self, address: u64, to: &mut [u8]) -> bool {
        let Ok(from) = self.pages.at::<u8>(address, to.len() as u64) else { return false };
        // SAFETY: the source lies inside of the pages, where nobody writes, and the target is ours alone.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_mut_ptr(), to.len()) };
        true
    }
}

/// A ring that the kernel made and mapped.
pub(super) struct Mapped<T> {
    produced: NonNull<AtomicU32>,
    consumed: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    slots: NonNull<T>,
    size: u32,
    /// What all of the above point into.
    _pages: Mapping,
}

// SAFETY: the pointers lead into pages that go along.
unsafe impl<T: Send> Send for Mapped<T> {}

impl<T: Copy> Mapped<T> {
    /// The ring of `size` slots that the socket has at this place in its file.
    pub(super) fn new(
        socket: BorrowedFd<'_>,
        place: i64,
        size: u32,
        offsets: &libc::xdp_ring_offset,
    ) -> io::Result<Self> {
        let slots = u64::from(size) * size_of::<T>() as u64;
        let pages = Mapping::new(Some(socket), (offsets.desc + slots) as usize, place)?;
        Ok(Self {
            produced: pages.at(offsets.producer, 1)?,
            consumed: pages.at(offsets.consumer, 1)?,
            flags: pages.at(offsets.flags, 1)?,
            slots: pages.at(offsets.desc, size.into())?,
            size,
            _pages: pages,
        })
    }

    /// Whether the kernel wants to be woken before it looks into this ring again.
    pub(super) fn needs_wakeup(&self) -> bool {
        // SAFETY: it points into the pages, where the kernel writes to it as one whole number.
        let flags = unsafe { self.flags.as_ref() };
        flags.load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

// SAFETY: size and positions are set once; `slots` has that many, as `new` has looked.
unsafe impl<T: Copy> Memory for Mapped<T> {
    type Item = T;
    type Position = AtomicU32;

    fn size(&self) -> u32 {
        self.size
    }

    fn produced(&self) -> &AtomicU32 {
        // SAFETY: it points into the pages, and both sides use it as an atomic number only.
        unsafe { self.produced.as_ref() }
    }

    fn consumed(&self) -> &AtomicU32 {
        // SAFETY: as for `produced`.
        unsafe { self.consumed.as_ref() }
    }

    unsafe fn get(&self, slot: u32) -> T {
        // SAFETY: the caller says that there is such a slot.
        let place = unsafe { self.slots.add(slot as usize) };
        // SAFETY: the caller says that nobody writes to it meanwhile.
        unsafe { place.read() }
    }

    unsafe fn put(&mut self, slot: u32, item: T) {
        // SAFETY: the caller says that there is such a slot.
        let place = unsafe { self.slots.add(slot as usize) };
        // SAFETY: the caller says that nobody else touches it meanwhile.
        unsafe { place.write(item) };
    }
}
