use std::collections::BTreeSet;

use serde_json::Value as Json;
use sluice_core::{CaptureInfo, Frame, Layers};
use sluice_wire::link::LinkType;
use sluice_wire::render;
use sluice_wire::verify::Offload;

use super::*;

#[test]
fn names_are_unique_and_every_field_says_what_it_is() {
    let mut names = BTreeSet::new();
    for field in all() {
        assert!(names.insert(field.name), "{} is there twice", field.name);
        assert!(!field.about.is_empty() && !field.about.ends_with('.'), "{}", field.name);
        assert!(field.about.starts_with(|c: char| !c.is_lowercase() || c.is_alphabetic()), "{}", field.name);
        let parts = field.name.split('.');
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(parts.into_iter().all(|part| !part.is_empty() && part.chars().all(plain)), "{}", field.name);
        assert!(std::ptr::eq(find(field.name).unwrap(), field));
    }
    assert!(names.len() > 150);
}

#[test]
fn a_number_fits_into_its_field() {
    for field in all() {
        let Source::Numbers(numbers) = field.source else { continue };
        for number in numbers {
            let widest = match field.kind {
                Type::Mac => 6,
                Type::Bool => 2,
                _ => 4,
            };
            assert!((1..=widest).contains(&number.width) && number.width != 5, "{}", field.name);
            // Tests of ranges compare the number itself with 0 and 1.
            assert!(field.kind != Type::Bool || number.mask == 1, "{}", field.name);
        }
    }
}

/// What stands in an object of JSON that is no value of one field: lists of options and headers, packets in packets.
const STRUCTURE: [&str; 5] = ["inner", "quoted", "extensions", "options", "stop"];

/// The first value of a field, as JSON has it.
fn first(field: &Field, packet: &Packet<'_>) -> Option<Json> {
    let mut found = None;
    field.of_packet(packet, &mut |value| {
        found = Some(match value {
            crate::Value::Bool(value) => value.into(),
            crate::Value::Int(value) => (value as u64).into(),
            value => value.to_string().into(),
        });
        true
    });
    found
}

/// JSON is written from the outermost packet, whose values come first.
fn check(packet: &Packet<'_>, link: LinkType) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut text = Vec::new();
    let Frame { time, ordinal, wire, .. } = *packet.frame;
    let (frame, layers) = (packet.data, packet.layers);
    let shown =
        render::Packet { time, ordinal, interface: 0, frame, layers, wire_len: wire, offload: Offload::None };
    render::json(&mut text, &shown);
    let object: Json = serde_json::from_slice(&text).unwrap();
    for (header, fields) in object.as_object().unwrap() {
        if STRUCTURE.contains(&header.as_str()) {
            continue;
        }
        // UDP-Lite shares the names of UDP.
        let group = if header == "udplite" { "udp" } else { header };
        let fields = fields.as_array().map_or(Some(fields), |items| items.first());
        for (key, value) in fields.and_then(Json::as_object).into_iter().flatten() {
            if STRUCTURE.contains(&key.as_str()) {
                continue;
            }
            let name = format!("{group}.{key}");
            let field = find(&name).unwrap_or_else(|| panic!("{name} is in JSON alone: {object}"));
            let found = first(field, packet);
            assert!(
                name == "frame.time" || found.as_ref() == Some(value),
                "{name} is {found:?} for {link:?} {object}"
            );
            names.insert(name);
        }
    }
    names
}

#[test]
fn packets_as_json_have_the_names_and_values_of_fields() {
    let mut names = BTreeSet::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/decoder");
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        // The link type and how much more there was on the wire come before the frame.
        let Some(([a, b, c, d], data)) = bytes.split_first_chunk() else { continue };
        let (link, more) = (LinkType(u16::from_be_bytes([*a, *b])), u32::from(u16::from_be_bytes([*c, *d])));
        let mut frame = Frame::new(0, data.len() as u32);
        frame.wire += more;
        let layers = Layers::decode(link, data, frame.wire);
        let packet = Packet { frame: &frame, data, layers: &layers, info: &CaptureInfo::default() };
        names.extend(check(&packet, link));
    }
    assert!(names.len() > 60, "{names:?}");
}
