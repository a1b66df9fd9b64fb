//! Sets of numbers as ranges.

use std::net::IpAddr;

use super::tree::Order;
use crate::Value;

/// A set of numbers.
#[derive(Debug, Clone)]
pub(crate) enum Ranges {
    /// From the first to the second.
    One(u64, u64),
    /// All but those from the first to the second.
    But(u64, u64),
    /// Several ranges, in order, without overlap.
    Many(Box<[(u64, u64)]>),
}

impl Ranges {
    #[inline(always)]
    pub(crate) fn contains(&self, number: u64) -> bool {
        match self {
            Self::One(first, last) => number.wrapping_sub(*first) <= last - first,
            Self::But(first, last) => number.wrapping_sub(*first) > last - first,
            Self::Many(ranges) => {
                let after = ranges.partition_point(|(first, _)| *first <= number);
                after > 0 && ranges.get(after - 1).is_some_and(|(_, last)| number <= *last)
            }
        }
    }

    /// The numbers in any of these ranges.
    pub(crate) fn of(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        match merged[..] {
            [(first, last)] => Self::One(first, last),
            _ => Self::Many(merged.into()),
        }
    }

    /// The numbers that stand so to `value`; `None` where it is not one to compare numbers with.
    pub(crate) fn compared(order: Order, value: &Value<'_>) -> Option<Self> {
        let (first, last) = bounds(value)?;
        let most = i128::from(u64::MAX);
        Some(match order {
            Order::NotEqual => match clamp(first, last) {
                Some((first, last)) => Self::But(first, last),
                None => Self::One(0, u64::MAX),
            },
            Order::Equal => Self::of(clamp(first, last).into_iter().collect()),
            Order::Less => Self::of(clamp(0, first - 1).into_iter().collect()),
            Order::LessEqual => Self::of(clamp(0, last).into_iter().collect()),
            Order::Greater => Self::of(clamp(last + 1, most).into_iter().collect()),
            Order::GreaterEqual => Self::of(clamp(first, most).into_iter().collect()),
        })
    }

    /// The numbers from one value to another.
    pub(crate) fn between(first: &Value<'_>, last: &Value<'_>) -> Option<Option<(u64, u64)>> {
        Some(clamp(bounds(first)?.0, bounds(last)?.1))
    }
}

/// The part of a range that 64 bits without a sign can say.
fn clamp(first: i128, last: i128) -> Option<(u64, u64)> {
    let first = u64::try_from(first.max(0)).ok()?;
    let last = u64::try_from(last.min(u64::MAX.into())).ok()?;
    (first <= last).then_some((first, last))
}

/// A value as the range of numbers that stand for it in a header.
fn bounds(value: &Value<'_>) -> Option<(i128, i128)> {
    let one = |number: i128| Some((number, number));
    match value {
        Value::Int(number) => one(*number),
        Value::Bool(value) => one((*value).into()),
        Value::Mac(mac) => one(mac.0.iter().fold(0, |word, byte| word << 8 | i128::from(*byte))),
        Value::Ip(IpAddr::V4(address)) => one(address.to_bits().into()),
        Value::Net(network) => match network.address() {
            IpAddr::V4(address) => {
                let first = i128::from(address.to_bits());
                Some((first, first + (1i128 << (32 - network.prefix().min(32))) - 1))
            }
            IpAddr::V6(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_contain_what_the_comparison_says() {
        for (order, inside, outside) in [
            (Order::Equal, &[5][..], &[4, 6][..]),
            (Order::NotEqual, &[0, 4, 6, u64::MAX], &[5]),
            (Order::Less, &[0, 4], &[5, u64::MAX]),
            (Order::LessEqual, &[0, 5], &[6]),
            (Order::Greater, &[6, u64::MAX], &[0, 5]),
            (Order::GreaterEqual, &[5, u64::MAX], &[4]),
        ] {
            let ranges = Ranges::compared(order, &Value::Int(5)).unwrap();
            assert!(inside.iter().all(|n| ranges.contains(*n)), "{order:?}");
            assert!(!outside.iter().any(|n| ranges.contains(*n)), "{order:?}");
        }
        let none = Ranges::compared(Order::Less, &Value::Int(-1)).unwrap();
        assert!(!none.contains(0) && !none.contains(u64::MAX));
        let all = Ranges::compared(Order::NotEqual, &Value::Int(-1)).unwrap();
        assert!(all.contains(0) && all.contains(u64::MAX));
    }

    #[test]
    fn overlapping_ranges_become_one() {
        let ranges = Ranges::of(vec![(5, 9), (1, 2), (3, 4), (20, 30), (7, 8)]);
        let found: Vec<u64> = (0..40).filter(|n| ranges.contains(*n)).collect();
        assert_eq!(found, (1..=9).chain(20..=30).collect::<Vec<_>>());
        assert!(!Ranges::of(Vec::new()).contains(0));
    }
}
