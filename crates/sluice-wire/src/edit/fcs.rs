//! The frame check sequence of Ethernet.

use crate::checksum::crc32;

const LEN: usize = 4;

/// Changes a frame that ends with its check sequence, which stays as right or wrong as it was.
pub fn with_check_sequence<T>(frame: &mut [u8], change: impl FnOnce(&mut [u8]) -> T) -> T {
    let end = frame.len().saturating_sub(LEN);
    let sum = |frame: &[u8]| frame.get(..end).map_or(0, crc32);
    let before = sum(frame);
    let result = change(frame);
    // The code is linear: what the frame's sum changes by is what any other has to change by.
    let difference = before ^ sum(frame);
    if let Some(field) = frame.get_mut(end..).and_then(|field| field.first_chunk_mut::<LEN>()) {
        *field = (u32::from_le_bytes(*field) ^ difference).to_le_bytes();
    }
    result
}
