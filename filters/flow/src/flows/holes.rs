//! The parts of a TCP stream that have not come yet.

/// Up to two ranges of sequence numbers: a start and a length each, the older first. A length of 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holes([(u32, u32); 2]);

impl Holes {
    /// The ranges, and what has these ranges.
    pub fn ranges(&self) -> [(u32, u32); 2] {
        self.0
    }

    pub fn of(ranges: [(u32, u32); 2]) -> Self {
        Self(ranges)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0[0].1 == 0
    }

    /// How many bytes are missing.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(_, len)| u64::from(*len)).sum()
    }

    /// Notes that `len` bytes from `start` have not come. Returns how many bytes are given up for it: those of the older
    /// range where there are two.
    pub fn open(&mut self, start: u32, len: u32) -> u32 {
        let [first, second] = &mut self.0;
        if first.1 == 0 {
            *first = (start, len);
            return 0;
        }
        let given_up = if second.1 == 0 { 0 } else { std::mem::replace(first, *second).1 };
        *second = (start, len);
        given_up
    }

    /// Takes out what lies between `start` and `end`. Returns how many bytes that were, and how many are given up because a
    /// range was split and there is no room for both parts.
    pub fn fill(&mut self, start: u32, end: u32) -> (u32, u32) {
        let (mut filled, mut given_up) = (0, 0);
        let mut rest = [(0, 0); 4];
        let mut count = 0;
        for (at, len) in self.0 {
            // Distances from the start of the range; what begins before it has a negative one.
            let from = (start.wrapping_sub(at) as i32).max(0) as u32;
            let to = (end.wrapping_sub(at) as i32).clamp(0, len.min(i32::MAX as u32) as i32) as u32;
            let parts = if from >= to {
                [(at, len), (0, 0)]
            } else {
                filled += to - from;
                [(at, from), (at.wrapping_add(to), len - to)]
            };
            for part in parts.into_iter().filter(|part| part.1 > 0) {
                rest[count] = part;
                count += 1;
            }
        }
        // The newest two stay.
        let spare = count.saturating_sub(2);
        given_up += rest.iter().take(spare).map(|part| part.1).sum::<u32>();
        self.0 = [rest[spare], rest[spare + 1]];
        (filled, given_up)
    }

    /// Takes out what lies before `ack`: the receiver has it, so it will not come again. Returns how many bytes that were.
    #[inline]
    pub fn acknowledge(&mut self, ack: u32) -> u32 {
        if self.is_empty() { 0 } else { self.fill(ack.wrapping_sub(1 << 30), ack).0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_fills_its_hole() {
        let mut holes = Holes::default();
        assert_eq!(holes.open(100, 50), 0);
        assert_eq!(holes.open(200, 10), 0);
        assert_eq!((holes.fill(100, 120), holes.len()), ((20, 0), 40));
        assert_eq!(holes.fill(90, 250), (40, 0));
        assert!(holes.is_empty());
        assert_eq!(holes.fill(0, 1000), (0, 0));
    }

    #[test]
    fn there_is_room_for_two() {
        let mut holes = Holes::default();
        holes.open(100, 50);
        holes.open(200, 10);
        assert_eq!(holes.open(300, 5), 50);
        assert_eq!(holes.len(), 15);
        // Split in two, of which the older goes.
        assert_eq!(holes.fill(203, 206), (3, 3));
        assert_eq!(holes.len(), 9);
    }

    #[test]
    fn ranges_go_past_the_end_of_the_numbers() {
        let mut holes = Holes::default();
        holes.open(u32::MAX - 4, 10);
        assert_eq!(holes.fill(u32::MAX, 2), (3, 0));
        assert_eq!(holes.len(), 7);
        assert_eq!(holes.acknowledge(3), 5);
        assert_eq!(holes.acknowledge(10), 2);
        assert!(holes.is_empty());
    }
}
