//! The source `pcap_file` on any file, compressed ones among them: it ends, and it does not panic.

#![no_main]

use std::cell::OnceCell;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use sluice_core::{Next, Registry};
use sluice_io as _;
use sluice_testkit::Harness;

/// In memory where there is such a place, as every input becomes a file.
fn path() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("sluice-fuzz-{}", std::process::id()))
}

thread_local!(static PATH: OnceCell<PathBuf> = const { OnceCell::new() });

fuzz_target!(|data: &[u8]| {
    PATH.with(|cell| {
        let path = cell.get_or_init(path);
        std::fs::write(path, data).expect("a file can be written");
        let registry = Registry::collect().expect("no component is there twice");
        let yaml = format!("- {{source: pcap_file, path: {}}}", path.display());
        let Ok(mut source) = Harness::from_yaml(&registry, &yaml) else { return };
        // What unpacks to very much is left after a while.
        for _ in 0..64 {
            match source.produce() {
                Ok((Next::More, _)) => {}
                _ => return,
            }
        }
    });
});
