//! Building batches by hand.

use std::sync::Arc;

use sluice_core::{CaptureInfo, Frame, HEADROOM, PacketBatch, PoolBuf, Pools, Record, RecordBatch};
use sluice_wire::link::LinkType;

/// Pools as a small pipeline has them.
pub fn pools() -> Pools {
    Pools::new(256 * 1024, 16 << 20)
}

/// Collects frames and makes a batch of them.
///
/// Ordinals count up from 0 and times go up by a millisecond, unless they are set.
#[derive(Clone, Debug)]
pub struct Packets {
    link: LinkType,
    ordinal: u64,
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

impl Packets {
    /// No frame yet; Ethernet.
    pub fn new() -> Self {
        Self::of(LinkType::ETHERNET)
    }

    /// No frame yet, of this link type.
    pub fn of(link: LinkType) -> Self {
        Self { link, ordinal: 0, bytes: Vec::new(), frames: Vec::new() }
    }

    /// The ordinal of the next frame; those after it count up from there.
    pub fn from_ordinal(mut self, ordinal: u64) -> Self {
        self.ordinal = ordinal;
        self
    }

    /// Appends a frame.
    pub fn frame(self, bytes: impl AsRef<[u8]>) -> Self {
        self.with(bytes, |_| {})
    }

    /// Appends several frames.
    pub fn frames(self, frames: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        frames.into_iter().fold(self, Packets::frame)
    }

    /// Appends a frame after `adjust` has set its time, wire length, flags or interface.
    pub fn with(mut self, bytes: impl AsRef<[u8]>, adjust: impl FnOnce(&mut Frame)) -> Self {
        let bytes = bytes.as_ref();
        self.bytes.extend_from_slice(&[0; HEADROOM]);
        let mut frame = Frame::new(self.bytes.len() as u32, bytes.len() as u32);
        frame.ordinal = self.ordinal;
        frame.time = self.ordinal as i64 * 1_000_000;
        adjust(&mut frame);
        self.ordinal += 1;
        self.bytes.extend_from_slice(bytes);
        self.frames.push(frame);
        self
    }

    /// The batch, with its bytes in a slab of its own.
    pub fn build(&self) -> PacketBatch {
        self.build_in(&pools())
    }

    /// The batch, from these pools: what a source would make.
    pub fn build_in(&self, pools: &Pools) -> PacketBatch {
        let mut slab = pools.slab(self.bytes.len());
        slab.append(&self.bytes);
        let mut batch = pools.packets();
        batch.fill(slab.into(), Arc::new(CaptureInfo::of(self.link)));
        self.frames.iter().for_each(|frame| batch.push(*frame));
        batch
    }
}

impl Default for Packets {
    fn default() -> Self {
        Self::new()
    }
}

/// A batch of records, one for each line, each ended by a line feed. Ordinals count up from 0.
pub fn records(lines: impl IntoIterator<Item: AsRef<[u8]>>) -> RecordBatch {
    let lines: Vec<_> = lines.into_iter().collect();
    let mut slab = PoolBuf::detached(lines.iter().map(|line| line.as_ref().len() + 1).sum());
    let places: Vec<_> = lines
        .iter()
        .filter_map(|line| Some(slab.append(line.as_ref())?.start..slab.append(b"\n")?.end))
        .collect();
    let mut batch = pools().records();
    batch.fill(slab.into());
    for (ordinal, place) in places.into_iter().enumerate() {
        let mut record = Record::new(place.start as u32, place.len() as u32, 1);
        record.ordinal = ordinal as u64;
        record.time = ordinal as i64 * 1_000_000;
        batch.push(record);
    }
    batch
}

/// The bytes that `text` spells in hexadecimal; everything that is no hexadecimal digit is skipped, as is an odd last one.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_what_was_put_in() {
        let batch =
            Packets::of(LinkType::RAW).from_ordinal(7).frame(hex("45 00")).with([1], |f| f.wire = 9).build();
        let seen: Vec<_> = batch.iter().map(|(f, data)| (f.ordinal, f.wire, data.to_vec())).collect();
        assert_eq!(seen, [(7, 2, vec![0x45, 0]), (8, 9, vec![1])]);
        assert_eq!(batch.info().link(0), LinkType::RAW);

        let batch = records(["one", "", "three"]);
        assert_eq!(
            batch.iter().map(|(_, line)| line.to_vec()).collect::<Vec<_>>(),
            [&b"one"[..], b"", b"three"]
        );
        assert_eq!(batch.runs().collect::<Vec<_>>(), [b"one\n\nthree\n"]);
    }
}
