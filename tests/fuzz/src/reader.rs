//! The readers of capture files: any bytes are read without a panic, and what was read lies where it says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_pcap::{contents, recognise};

fuzz_target!(|data: &[u8]| {
    recognise(data);
    let Ok(found) = contents(data) else { return };
    assert!(found.done <= data.len());
    for batch in &found.batches {
        for (frame, bytes) in batch.iter() {
            assert_eq!(bytes.len(), frame.captured() as usize);
        }
    }
});
