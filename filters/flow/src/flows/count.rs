//! A number in six bytes.

/// A counter of 48 bits: 281 terabytes. At its end it stays where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count([u16; 3]);

const MOST: u64 = (1 << 48) - 1;

impl Count {
    #[inline]
    pub fn get(self) -> u64 {
        let [low, middle, high] = self.0;
        u64::from(low) | (u64::from(middle) << 16) | (u64::from(high) << 32)
    }

    #[inline]
    pub fn add(&mut self, more: impl Into<u64>) {
        let sum = self.get().saturating_add(more.into()).min(MOST);
        self.0 = [sum as u16, (sum >> 16) as u16, (sum >> 32) as u16];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_past_32_bits_and_stops_at_its_end() {
        let mut count = Count::default();
        count.add(u32::MAX);
        count.add(5u8);
        assert_eq!(count.get(), u64::from(u32::MAX) + 5);
        count.add(u64::MAX);
        assert_eq!(count.get(), MOST);
        count.add(1u8);
        assert_eq!(count.get(), MOST);
    }
}
