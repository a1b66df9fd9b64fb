//! What is known about frames and records besides their bytes, and what is computed from a whole packet.

use sluice_core::{Flags, Frame};
use sluice_wire::layers::Stop;

use super::source::Each;
use super::{Field, Packet, Source};
use crate::{Type, Value};

const fn frame(
    name: &'static str,
    kind: Type,
    read: fn(&Frame) -> Option<u64>,
    about: &'static str,
) -> Field {
    Field::new(name, kind, Source::Frame(read), about)
}

pub(super) const FRAME: &[Field] = &[
    Field::new("frame", Type::Header, Source::Whole, "the frame: all of its captured bytes"),
    frame(
        "frame.number",
        Type::Int,
        |frame| frame.ordinal.checked_add(1),
        "its number in its source, from 1",
    ),
    frame("frame.time", Type::Time, |frame| Some(frame.time as u64), "when it was captured"),
    frame("frame.time_epoch", Type::Time, |frame| Some(frame.time as u64), "the same"),
    frame("frame.len", Type::Int, |frame| Some(frame.wire.into()), "its length on the wire").unit("bytes"),
    frame("frame.cap_len", Type::Int, |frame| Some(frame.captured().into()), "how much of it was captured")
        .unit("bytes"),
    frame(
        "frame.interface_id",
        Type::Int,
        |frame| Some(frame.interface.into()),
        "the number of the interface in its file, from 0",
    ),
    Field::new(
        "frame.interface_name",
        Type::Text,
        Source::Packet(interface_name),
        "the name of the interface",
    ),
    frame(
        "frame.packet_flags_direction",
        Type::Int,
        |frame| match (frame.flags.contains(Flags::INBOUND), frame.flags.contains(Flags::OUTBOUND)) {
            (true, false) => Some(1),
            (false, true) => Some(2),
            _ => None,
        },
        "which way the interface passed it, where the file tells",
    )
    .words(&[("inbound", 1), ("outbound", 2)]),
    frame(
        "frame.mark",
        Type::Int,
        |frame| Some(frame.mark.into()),
        "the mark that a filter set; 0 until then",
    ),
    frame(
        "frame.truncated",
        Type::Bool,
        |frame| Some((frame.wire > frame.captured()).into()),
        "whether less was captured than was on the wire",
    ),
    frame(
        "frame.invalid",
        Type::Bool,
        |frame| Some(frame.flags.contains(Flags::INVALID).into()),
        "whether `validate` found it wrong",
    ),
    frame(
        "frame.from_client",
        Type::Bool,
        |frame| Some(frame.flags.contains(Flags::FROM_CLIENT).into()),
        "whether it was found to come from the client of its connection",
    ),
    frame(
        "frame.from_server",
        Type::Bool,
        |frame| Some(frame.flags.contains(Flags::FROM_SERVER).into()),
        "whether it was found to come from the server of its connection",
    ),
];

fn interface_name(packet: &Packet<'_>, each: Each<'_>) -> bool {
    let interface = packet.info.interfaces.get(usize::from(packet.frame.interface));
    interface
        .and_then(|interface| interface.name.as_ref())
        .is_some_and(|name| each(Value::Text(name.as_bytes())))
}

pub(super) const RECORD: &[Field] = &[
    Field::new(
        "record.number",
        Type::Int,
        Source::Record(|line| Value::Int(i128::from(line.record.ordinal) + 1)),
        "its number in its source, from 1",
    ),
    Field::new("record.time", Type::Time, Source::Record(|line| Value::Time(line.record.time)), "its time"),
    Field::new(
        "record.len",
        Type::Int,
        Source::Record(|line| Value::Int(line.text().len() as i128)),
        "the length of its line without the ending",
    )
    .unit("bytes"),
    Field::new(
        "record.origin",
        Type::Int,
        Source::Record(|line| Value::Int(line.record.origin.into())),
        "the number of the file, socket or host that it came from, in its source",
    ),
    Field::new(
        "record.line",
        Type::Text,
        Source::Record(|line| Value::Text(line.text())),
        "its line without the ending",
    ),
];

pub(super) const FLOW: &[Field] = &[
    Field::new(
        "flow.hash",
        Type::Int,
        Source::Packet(|packet, each| each(Value::Int(packet.layers.flow_hash().into()))),
        "a number that all packets of a flow share, in both directions",
    ),
    Field::new(
        "flow.protocol",
        Type::Int,
        Source::Packet(|packet, each| {
            packet.layers.ip_protocol().is_some_and(|number| each(Value::Int(number.into())))
        }),
        "the protocol that the outermost IP packet finally carries, past all extension headers",
    ),
    Field::new(
        "payload",
        Type::Bytes,
        Source::Packet(|packet, each| match packet.layers.payload_bytes(packet.data) {
            [] => false,
            bytes => each(Value::Bytes(bytes)),
        }),
        "what comes after the last header that was found, without padding",
    ),
    Field::new(
        "decode.stop",
        Type::Text,
        Source::Packet(|packet, each| each(Value::Text(stop(packet.layers.stop()).as_bytes()))),
        "why no further header was found: `payload`, `fragment`, `truncated`, `bad_length`, `unsupported`, `too_deep` or \
         `malformed`",
    ),
];

fn stop(stop: Stop) -> &'static str {
    match stop {
        Stop::Payload => "payload",
        Stop::Fragment => "fragment",
        Stop::Truncated => "truncated",
        Stop::BadLength => "bad_length",
        Stop::Unsupported => "unsupported",
        Stop::TooDeep => "too_deep",
        Stop::Malformed => "malformed",
    }
}
