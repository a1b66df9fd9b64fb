//! The headers of certain kinds, found in the list without going through it.

use super::{Layers, MAX_HEADERS, Proto};

/// A set of header kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protos(u64);

impl Protos {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// The set of these kinds.
    pub const fn of(protos: &[Proto]) -> Self {
        let mut all = Self::NONE;
        let mut at = 0;
        while at < protos.len() {
            all = all.and(protos[at]);
            at += 1;
        }
        all
    }

    /// The set with one kind more.
    pub const fn and(self, proto: Proto) -> Self {
        Self(self.0 | 1 << proto as u64)
    }

    /// The kinds that are in one of the two sets.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the kind is in the set.
    #[inline(always)]
    pub const fn contains(self, proto: Proto) -> bool {
        self.0 >> proto as u64 & 1 != 0
    }
}

/// Some of the headers that the layers of one frame list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected(u64);

/// A bit for every byte of a word.
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = LOW << 7;

impl Selected {
    /// Whether there is none.
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether there are two or more.
    #[inline(always)]
    pub const fn are_several(self) -> bool {
        self.0 & self.0.wrapping_sub(1) != 0
    }
}

/// The bytes, all below 128 as `byte` is, that are equal to it: as one bit each, in their order.
#[inline(always)]
const fn equal(word: u64, byte: u64) -> u64 {
    // The high bit of a byte stays where nothing differs; the next byte is never borrowed from.
    let same = (HIGH - (word ^ (LOW * byte))) & HIGH;
    // Each bit is brought to a place of its own in the highest byte.
    (same >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Layers {
    /// The headers of these kinds, through all tunnels.
    #[inline(always)]
    pub fn select(&self, kinds: Protos) -> Selected {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = self.protos.map(|proto| proto as u8);
        let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let rest = u64::from(u32::from_le_bytes([i, j, k, l]));
        // There is no kind 64, which is what an empty set begins with.
        let of = |kinds: u64| {
            let kind = u64::from(kinds.trailing_zeros());
            equal(first, kind) | equal(rest, kind) << 8
        };
        let (mut found, mut others) = (of(kinds.0), kinds.0 & kinds.0.wrapping_sub(1));
        while others != 0 {
            found |= of(others);
            others &= others - 1;
        }
        Selected(found & ((1 << self.count) - 1))
    }

    /// Where the outermost of the selected headers begins; where none is selected, that of some header or 0.
    ///
    /// Whoever looks at many frames asks [`Selected::is_empty`] when it is settled which of them count.
    #[inline(always)]
    pub fn first(&self, selected: Selected) -> usize {
        let last = 1 << (MAX_HEADERS - 1);
        let entry = (selected.0 | last).trailing_zeros() as usize;
        self.offsets.get(entry).copied().unwrap_or_default().into()
    }

    /// Where the selected headers begin, outermost first.
    #[inline]
    pub fn starts(&self, selected: Selected) -> impl Iterator<Item = usize> + '_ {
        let mut rest = selected.0;
        std::iter::from_fn(move || {
            let entry = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            self.offsets.get(entry).map(|offset| usize::from(*offset))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::link::LinkType;

    const KINDS: [Proto; 5] = [Proto::Ethernet, Proto::Vlan, Proto::Ipv4, Proto::L2tp, Proto::Tcp];

    fn kind() -> impl Strategy<Value = Proto> {
        prop::sample::select(&KINDS[..])
    }

    proptest! {
        #[test]
        fn what_is_selected_is_what_a_walk_finds(
            headers in prop::collection::vec((kind(), any::<u16>()), MAX_HEADERS),
            count in 0..=MAX_HEADERS,
            kinds in prop::collection::vec(kind(), 0..4),
        ) {
            let mut layers = Layers { count: count as u8, ..Layers::default() };
            for (at, (proto, offset)) in headers.into_iter().enumerate() {
                (layers.protos[at], layers.offsets[at]) = (proto, offset);
            }
            let walked = layers.headers().filter(|(proto, _)| kinds.contains(proto)).map(|(_, at)| at);
            let walked: Vec<_> = walked.collect();
            let selected = layers.select(Protos::of(&kinds));
            prop_assert_eq!(layers.starts(selected).collect::<Vec<_>>(), &walked[..]);
            prop_assert_eq!(selected.is_empty(), walked.is_empty());
            prop_assert_eq!(selected.are_several(), walked.len() > 1);
            if let Some(first) = walked.first() {
                prop_assert_eq!(layers.first(selected), *first);
            }
        }
    }

    #[test]
    fn sets_contain_what_they_were_made_of() {
        let set = Protos::of(&[Proto::Tcp]).and(Proto::L2tp).or(Protos::of(&[Proto::Ethernet]));
        let found: Vec<_> = KINDS.into_iter().filter(|kind| set.contains(*kind)).collect();
        assert_eq!(found, [Proto::Ethernet, Proto::L2tp, Proto::Tcp]);
        let frame = [[2; 12], [0; 12]].concat();
        let layers = Layers::decode(LinkType::ETHERNET, &frame, 24);
        assert!(layers.select(Protos::NONE).is_empty());
    }
}
