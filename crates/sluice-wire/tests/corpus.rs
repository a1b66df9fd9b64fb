//! Walks capture files named by `SLUICE_CORPUS`: whatever is in them, nothing panics, and the files whose names tell
//! right from wrong checksums are judged as they are named.

// The exemption of tests from these lints does not reach the helpers of an integration test.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sluice_wire::layers::Layers;
use sluice_wire::link::LinkType;
use sluice_wire::verify::{self, Offload, Verdict};
use sluice_wire::{edit, flow, render};

struct Packet {
    frame: Vec<u8>,
    wire_len: u32,
}

/// The packets of a classic capture file up to the first record that is not whole; `None` for anything else.
fn read(bytes: &[u8]) -> Option<(LinkType, Vec<Packet>)> {
    let word = |at: usize, big: bool| {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    let big = match word(0, false)? {
        0xA1B2_C3D4 | 0xA1B2_3C4D => false,
        0xD4C3_B2A1 | 0x4D3C_B2A1 => true,
        _ => return None,
    };
    let link = LinkType(word(20, big)? as u16);
    let mut packets = vec![];
    let mut at = 24;
    while let (Some(captured), Some(wire_len)) = (word(at + 8, big), word(at + 12, big)) {
        let Some(frame) = bytes.get(at + 16..at + 16 + captured as usize) else { break };
        packets.push(Packet { frame: frame.to_vec(), wire_len });
        at += 16 + captured as usize;
    }
    Some((link, packets))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("SLUICE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: SLUICE_CORPUS does not name a folder of captures");
    }
    folder
}

fn turned(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((!u32::from(address)).into()),
        IpAddr::V6(address) => IpAddr::V6((!u128::from(address)).into()),
    }
}

#[test]
fn every_capture_is_decoded_rendered_and_mapped() {
    let Some(folder) = corpus() else { return };
    let mut paths = vec![];
    files(&folder, &mut paths);
    let mut count = 0;
    for path in paths {
        let Some((link, packets)) = read(&fs::read(&path).unwrap()) else { continue };
        for Packet { mut frame, wire_len } in packets {
            count += 1;
            let mut layers = Layers::decode(link, &frame, wire_len);
            let before = verify::check(&frame, &layers, wire_len, Offload::None);
            if let Some((key, _)) = flow::Key::of(&frame, &layers) {
                assert_eq!(flow::hash(&key), layers.flow_hash());
            }
            let mut out = vec![];
            render::line(&mut out, 0, &frame, &layers, wire_len, Default::default());
            out.clear();
            let (time, ordinal, interface, offload) = (0, 0, 0, Offload::None);
            let packet = render::Packet {
                time,
                ordinal,
                interface,
                frame: &frame,
                layers: &layers,
                wire_len,
                offload,
            };
            render::json(&mut out, &packet);
            serde_json::from_slice::<serde_json::Value>(&out).unwrap();
            render::tree(&mut out, &packet);
            edit::map_addresses(&mut frame, &layers, &mut |address, _| Some(turned(address)));
            layers.rehash(&frame);
            assert_eq!(layers, Layers::decode(link, &frame, wire_len), "{}", path.display());
            let after = verify::check(&frame, &layers, wire_len, Offload::None);
            assert_eq!(before, after, "{} packet {count}", path.display());
        }
    }
    assert!(count > 0, "no capture in {}", folder.display());
    println!("{count} packets");
}

#[test]
fn checksums_are_judged_as_the_files_are_named() {
    let Some(folder) = corpus() else { return };
    let mut paths = vec![];
    files(&folder.join("checksums"), &mut paths);
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some((link, packets)) = read(&fs::read(&path).unwrap()) else { continue };
        let judged = packets.iter().map(|Packet { frame, wire_len }| {
            let layers = Layers::decode(link, frame, *wire_len);
            verify::check(frame, &layers, *wire_len, Offload::None)
        });
        let is_bad = |verdict: verify::Verdicts| [verdict.network, verdict.transport].contains(&Verdict::Bad);
        let bad = judged.clone().filter(|verdict| is_bad(*verdict)).count();
        println!("{name}: {bad} of {} bad, {:?}", packets.len(), judged.clone().next());
        assert_eq!(bad > 0, name.contains("bad"), "{name}");
        if name.contains("good") {
            assert!(judged.clone().all(|verdict| verdict.transport == Verdict::Good), "{name}");
        }
    }
}
