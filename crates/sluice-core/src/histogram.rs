//! Buckets of a histogram: sixteen to each power of two, so that numbers of any size are told within a sixteenth.

/// Parts of each power of two: what is told is at most this part too high.
const STEPS: u64 = 16;
/// How many buckets there are for all numbers.
pub const BUCKETS: usize = STEPS as usize * 61;

/// The bucket of a number, below [`BUCKETS`]. Numbers below 16 have one each.
#[inline]
pub fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - STEPS.ilog2();
    ((u64::from(shift) + 1) * STEPS + (value >> shift) - STEPS) as usize
}

/// The largest number of which so many, counting from the smallest, are no larger, as far as buckets tell; 0 where there are
/// fewer.
pub fn reached(counts: impl IntoIterator<Item = u64>, wanted: u64) -> u64 {
    let mut seen = 0u64;
    let reaches = |count: u64| {
        seen += count;
        seen >= wanted
    };
    counts.into_iter().position(reaches).map_or(0, most)
}

/// The largest number of a bucket.
fn most(bucket: usize) -> u64 {
    let (power, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    match power.checked_sub(1) {
        None => step,
        Some(shift) => {
            let end = u128::from(STEPS + step + 1) << shift;
            u64::try_from(end - 1).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_reached_is_counted_from_the_smallest() {
        let mut counts = [0; BUCKETS];
        [3, 3, 9, 1000].map(bucket).into_iter().for_each(|at| counts[at] += 1);
        assert_eq!([1, 2, 3].map(|wanted| reached(counts, wanted)), [3, 3, 9]);
        assert!((1000..1063).contains(&reached(counts, 4)));
        assert_eq!(reached(counts, 5), 0);
    }

    proptest! {
        #[test]
        fn a_bucket_tells_little_more_than_what_is_in_it(value in prop_oneof![0..2000u64, any::<u64>(), Just(u64::MAX)]) {
            prop_assert!(bucket(value) < BUCKETS);
            let told = most(bucket(value));
            prop_assert!(told >= value && told <= value.saturating_add(value / STEPS), "{}: {}", value, told);
        }
    }
}
