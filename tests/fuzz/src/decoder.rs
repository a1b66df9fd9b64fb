//! The decoder and all that reads through its layers. The first four bytes are the link type and what was on the wire.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_wire::flow;
use sluice_wire::layers::Layers;
use sluice_wire::link::LinkType;
use sluice_wire::render::{self, LineOptions, Packet};
use sluice_wire::verify::{self, Offload};

fuzz_target!(|data: &[u8]| {
    let Some(([a, b, c, d], frame)) = data.split_first_chunk() else { return };
    let (link, more) = (LinkType(u16::from_be_bytes([*a, *b])), u32::from(u16::from_be_bytes([*c, *d])));
    let wire = frame.len() as u32 + more;
    let layers = Layers::decode(link, frame, wire);
    assert!(layers.l3_end() <= frame.len() && layers.payload() <= frame.len());
    assert!(layers.headers().all(|(_, at)| at <= frame.len()));
    if let Some((key, _)) = flow::Key::of(frame, &layers) {
        assert_eq!(flow::hash(&key), layers.flow_hash());
    }
    let mut text = Vec::new();
    let packet = Packet {
        time: i64::from(more),
        ordinal: 0,
        interface: 0,
        frame,
        layers: &layers,
        wire_len: wire,
        offload: Offload::None,
    };
    render::line(&mut text, packet.time, frame, &layers, wire, LineOptions::default());
    render::json(&mut text, &packet);
    render::tree(&mut text, &packet);
    assert!(std::str::from_utf8(&text).is_ok());
    verify::check_all(frame, &layers, wire, Offload::None).for_each(drop);
    // Tunnels end, as each one is behind the header of the one before.
    let mut inner = layers.inner(frame);
    let mut depth = 0;
    while let Some(layers) = inner {
        depth += 1;
        assert!(depth <= frame.len());
        inner = layers.inner(frame);
    }
});
