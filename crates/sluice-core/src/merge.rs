//! The order in which parts of one batch come together again.

/// Calls `take` with a part and the index of its next item, again and again until all are taken: always the item with the
/// lowest ordinal of those that are next in their part, of equal ones the one of the first part.
pub(crate) fn by_ordinal(
    parts: usize,
    length: impl Fn(usize) -> usize,
    ordinal: impl Fn(usize, usize) -> u64,
    mut take: impl FnMut(usize, usize),
) {
    // Of few parts, as there mostly are, the places need no memory of their own.
    let (mut few, mut many) = ([0; 16], Vec::new());
    let heads: &mut [usize] = match few.get_mut(..parts) {
        Some(few) => few,
        None => {
            many.resize(parts, 0);
            &mut many
        }
    };
    let next = |heads: &[usize], part: usize| {
        (heads[part] < length(part)).then(|| (ordinal(part, heads[part]), part))
    };
    loop {
        // The part whose turn it is goes on until another one is due.
        let (mut first, mut second) = (None, None);
        for due in (0..heads.len()).filter_map(|part| next(heads, part)) {
            if first.is_none_or(|first| due < first) {
                (first, second) = (Some(due), first);
            } else if second.is_none_or(|second| due < second) {
                second = Some(due);
            }
        }
        let Some((_, part)) = first else { return };
        while let Some(due) = next(heads, part)
            && second.is_none_or(|second| due < second)
        {
            take(part, heads[part]);
            heads[part] += 1;
        }
    }
}
