//! The order of the bytes of a number.

/// Whether the most significant byte comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) big_endian: bool,
}

impl Order {
    pub(crate) const LITTLE: Order = Order { big_endian: false };

    fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    /// The number at `at`; 0 where there are too few bytes.
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let array = Self::array(bytes, at);
        if self.big_endian { u16::from_be_bytes(array) } else { u16::from_le_bytes(array) }
    }

    /// The number at `at`; 0 where there are too few bytes.
    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let array = Self::array(bytes, at);
        if self.big_endian { u32::from_be_bytes(array) } else { u32::from_le_bytes(array) }
    }

    /// The number at `at`; 0 where there are too few bytes.
    pub(crate) fn u64(self, bytes: &[u8], at: usize) -> u64 {
        let array = Self::array(bytes, at);
        if self.big_endian { u64::from_be_bytes(array) } else { u64::from_le_bytes(array) }
    }

    pub(crate) fn put16(self, number: u16) -> [u8; 2] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    pub(crate) fn put32(self, number: u32) -> [u8; 4] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }
}
