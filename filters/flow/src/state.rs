//! The state of an instance on its way to another: a version, and then whatever the filter keeps, one after the other. All
//! numbers have their lowest byte first.

use sluice_core::Error;

/// Appends what `write` makes of each of `items`, behind the version if they are the first.
pub(crate) fn write<T>(
    version: u8,
    items: impl IntoIterator<Item = T>,
    state: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    for item in items {
        if state.is_empty() {
            state.push(version);
        }
        write(item, state);
    }
}

/// Everything in a state of this version, each read by `read`, which takes its bytes off the rest.
pub(crate) fn read<T>(
    version: u8,
    state: &[u8],
    read: impl Fn(&mut &[u8]) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let wrong = |what: &str| Error::Contract(format!("it was given a state {what}"));
    let Some((&found, mut rest)) = state.split_first() else { return Ok(Vec::new()) };
    if found != version {
        return Err(wrong(&format!("of version {found}")));
    }
    let mut items = Vec::new();
    while !rest.is_empty() {
        items.push(read(&mut rest).ok_or_else(|| wrong("that is cut off"))?);
    }
    Ok(items)
}

/// Takes so many bytes off the rest.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

/// Takes a number of eight bytes off the rest.
pub(crate) fn long(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}

/// Takes a number of four bytes off the rest.
pub(crate) fn word(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_le_bytes)
}

/// Takes a number of two bytes off the rest.
pub(crate) fn short(rest: &mut &[u8]) -> Option<u16> {
    take(rest).map(u16::from_le_bytes)
}

/// Takes a byte off the rest.
pub(crate) fn byte(rest: &mut &[u8]) -> Option<u8> {
    take(rest).map(|[byte]| byte)
}
