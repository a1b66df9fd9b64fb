//! Buffers for fragments, of sizes that are powers of two, so that each can be used again for another one.

/// The least size is 2^6 bytes.
const LEAST: u32 = 6;
const SIZES: usize = 26;

pub(super) struct Store {
    free: [Vec<Vec<u8>>; SIZES],
    /// Bytes of the buffers in `free`, and how many of them there may be.
    spare: usize,
    keep: usize,
    /// Bytes of the buffers that were given out.
    pub used: usize,
}

/// Which size `len` bytes take.
fn size(len: usize) -> u32 {
    len.max(1).next_power_of_two().trailing_zeros().max(LEAST)
}

/// How much memory `len` bytes take.
pub(super) fn weight(len: usize) -> usize {
    1 << size(len)
}

impl Store {
    /// Keeps at most `keep` bytes that nobody uses.
    pub fn new(keep: usize) -> Self {
        Self { free: Default::default(), spare: 0, keep, used: 0 }
    }

    /// A copy of `bytes`.
    pub fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let weight = weight(bytes.len());
        self.used += weight;
        let free = self.free.get_mut((size(bytes.len()) - LEAST) as usize);
        let mut buffer = match free.and_then(Vec::pop) {
            Some(buffer) => {
                self.spare -= weight;
                buffer
            }
            None => Vec::with_capacity(weight),
        };
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Counts a buffer, with the bytes that it was asked for, as not used any more.
    pub fn release(&mut self, buffer: &[u8]) {
        self.used -= weight(buffer.len());
    }

    /// Takes back a buffer that was released.
    pub fn give_back(&mut self, buffer: Vec<u8>) {
        let weight = weight(buffer.len());
        if self.spare + weight <= self.keep
            && let Some(free) = self.free.get_mut((size(buffer.len()) - LEAST) as usize)
        {
            self.spare += weight;
            free.push(buffer);
        }
    }
}
