//! Packets in fragments.

use sluice_wire::checksum;

/// Where the header behind that of Ethernet ends: IPv4 without options, IPv6 without extension headers.
const V4: usize = 34;
const V6: usize = 54;

/// The fragments of an Ethernet frame with an IP packet, each with at most `size` bytes of it, which is a multiple of 8. IPv4
/// has no options and IPv6 no extension headers; anything else stays as it is.
pub fn fragments(frame: &[u8], size: usize, id: u16) -> Vec<Vec<u8>> {
    let is_v6 = match frame.get(12..15) {
        Some([0x08, 0x00, 0x45]) if frame.len() > V4 => false,
        Some([0x86, 0xDD, _]) if frame.len() > V6 => true,
        _ => return vec![frame.to_vec()],
    };
    let (head, body) = frame.split_at(if is_v6 { V6 } else { V4 });
    let pieces = body.len().div_ceil(size);
    let piece = |(at, bytes): (usize, &[u8])| {
        let (place, more) = ((at * size) as u16, u16::from(at + 1 < pieces));
        if is_v6 {
            v6(head, id, place | more, bytes)
        } else {
            v4(head, id, (place / 8) | (more << 13), bytes)
        }
    };
    body.chunks(size).enumerate().map(piece).collect()
}

fn v4(head: &[u8], id: u16, word: u16, bytes: &[u8]) -> Vec<u8> {
    let mut frame = [head, bytes].concat();
    let length = (V4 - 14 + bytes.len()) as u16;
    for (at, value) in [(16, length), (18, id), (20, word), (24, 0)] {
        frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }
    let sum = checksum::finish(checksum::sum(&frame[14..V4]));
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

fn v6(head: &[u8], id: u16, word: u16, bytes: &[u8]) -> Vec<u8> {
    let mut frame = head.to_vec();
    let next = std::mem::replace(&mut frame[20], 44);
    let [a, b] = word.to_be_bytes();
    let [c, d] = id.to_be_bytes();
    frame.extend([next, 0, a, b, 0, 0, c, d]);
    frame.extend(bytes);
    let length = ((frame.len() - V6) as u16).to_be_bytes();
    frame[18..20].copy_from_slice(&length);
    frame
}
