//! Fields of TCP, UDP and SCTP, and what was found out about checksums.

use sluice_core::{Flags, Layers};
use sluice_wire::layers::{Proto, Protos};
use sluice_wire::render::tcp_flags;
use sluice_wire::verify::{self, Offload, Verdict};

use super::link::{flag, header, int};
use super::source::{Each, FromHeader, be};
use super::{Field, Number, Packet, Source};
use crate::{Type, Value};

const TCP_SRC: Number = Number::new(Proto::Tcp, 0, 2);
const TCP_DST: Number = Number::new(Proto::Tcp, 2, 2);

const fn tcp(name: &'static str, kind: Type, read: FromHeader, about: &'static str) -> Field {
    Field::new(name, kind, Source::Header(Protos::of(&[Proto::Tcp]), read), about)
}

/// One of the flags, of which the twelve bits after the header's length are made.
const fn tcp_flag(bit: u8) -> Number {
    Number::bits(Proto::Tcp, 12, 2, bit, 1)
}

pub(super) const TCP: &[Field] = &[
    header("tcp", Proto::Tcp, "TCP"),
    int("tcp.srcport", &[TCP_SRC], "the port of the sender"),
    int("tcp.dstport", &[TCP_DST], "the port of the receiver"),
    int("tcp.port", &[TCP_SRC, TCP_DST], "either port"),
    int("tcp.seq_raw", &[Number::new(Proto::Tcp, 4, 4)], "the sequence number as it stands there"),
    int("tcp.ack_raw", &[Number::new(Proto::Tcp, 8, 4)], "the acknowledgement number as it stands there"),
    tcp(
        "tcp.hdr_len",
        Type::Int,
        |packet, at, each| header_len(packet, at).is_some_and(|length| each(Value::Int(length as i128))),
        "the length of the header",
    )
    .unit("bytes"),
    int("tcp.flags", &[Number::bits(Proto::Tcp, 12, 2, 0, 0xFFF)], "all flags, with the reserved ones"),
    tcp(
        "tcp.flags.letters",
        Type::Text,
        |packet, at, each| {
            let mut letters = [0; 8];
            let Some(flags) = packet.data.get(..packet.end()).and_then(|data| data.get(at + 13)) else {
                return false;
            };
            let found =
                letters.iter_mut().zip(tcp_flags(*flags)).map(|(place, letter)| *place = letter).count();
            each(Value::Text(letters.get(..found).unwrap_or_default()))
        },
        "the flags but the first four as tcpdump writes them, such as `S.`",
    ),
    int("tcp.flags.res", &[Number::bits(Proto::Tcp, 12, 2, 9, 7)], "the reserved bits"),
    flag("tcp.flags.ae", &[tcp_flag(8)], "accurate ECN"),
    flag("tcp.flags.cwr", &[tcp_flag(7)], "congestion window reduced"),
    flag("tcp.flags.ece", &[tcp_flag(6)], "congestion was seen"),
    flag("tcp.flags.urg", &[tcp_flag(5)], "there is urgent data"),
    flag("tcp.flags.ack", &[tcp_flag(4)], "the acknowledgement number counts"),
    flag("tcp.flags.push", &[tcp_flag(3)], "the data is to be handed on at once"),
    flag("tcp.flags.reset", &[tcp_flag(2)], "the connection is broken off"),
    flag("tcp.flags.syn", &[tcp_flag(1)], "the connection is opened"),
    flag("tcp.flags.fin", &[tcp_flag(0)], "the sender has no more data"),
    int(
        "tcp.window_size_value",
        &[Number::new(Proto::Tcp, 14, 2)],
        "the window as it stands there, not scaled",
    ),
    int("tcp.checksum", &[Number::new(Proto::Tcp, 16, 2)], "the checksum as it stands there"),
    status("tcp.checksum.status", of_tcp, "whether the checksum is right"),
    int("tcp.urgent_pointer", &[Number::new(Proto::Tcp, 18, 2)], "where urgent data ends"),
    tcp(
        "tcp.len",
        Type::Int,
        |packet, at, each| {
            let length = header_len(packet, at);
            length.is_some_and(|length| {
                each(Value::Int(packet.packet_end(at).saturating_sub(at + length) as i128))
            })
        },
        "the length of the data",
    )
    .unit("bytes"),
    tcp(
        "tcp.payload",
        Type::Bytes,
        |packet, at, each| {
            let data = header_len(packet, at).and_then(|length| packet.from(at).get(length..));
            data.filter(|data| !data.is_empty()).is_some_and(|data| each(Value::Bytes(data)))
        },
        "the data",
    ),
    tcp(
        "tcp.options",
        Type::Bytes,
        |packet, at, each| match options(packet, at) {
            [] => false,
            bytes => each(Value::Bytes(bytes)),
        },
        "the options",
    ),
    tcp(
        "tcp.options.mss_val",
        Type::Int,
        |packet, at, each| option(packet, at, 2, 0..2, each),
        "the largest segment that the sender takes",
    )
    .unit("bytes"),
    tcp(
        "tcp.options.wscale.shift",
        Type::Int,
        |packet, at, each| option(packet, at, 3, 0..1, each),
        "by how many bits the window is to be shifted",
    ),
    tcp(
        "tcp.options.sack_perm",
        Type::Bool,
        |packet, at, each| {
            let mut found = find(options(packet, at), 4);
            found.next().is_some() && each(Value::Bool(true))
        },
        "whether selective acknowledgements are permitted; there or not",
    ),
    tcp(
        "tcp.options.timestamp.tsval",
        Type::Int,
        |packet, at, each| option(packet, at, 8, 0..4, each),
        "the time stamp of the sender",
    ),
    tcp(
        "tcp.options.timestamp.tsecr",
        Type::Int,
        |packet, at, each| option(packet, at, 8, 4..8, each),
        "the time stamp that is sent back",
    ),
];

fn header_len(packet: &Packet<'_>, at: usize) -> Option<usize> {
    let length = usize::from(packet.data.get(at + 12..packet.end())?.first()? >> 4) * 4;
    (length >= 20).then_some(length)
}

fn options<'a>(packet: &Packet<'a>, at: usize) -> &'a [u8] {
    header_len(packet, at).and_then(|length| packet.from(at).get(20..length)).unwrap_or_default()
}

/// The data of every option of this kind.
fn find(mut rest: &[u8], kind: u8) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            match rest {
                [] | [0, ..] => return None,
                [1, after @ ..] => rest = after,
                [found, length, ..] => {
                    let option = rest.get(2..usize::from(*length))?;
                    rest = rest.get(usize::from(*length)..)?;
                    if *found == kind {
                        return Some(option);
                    }
                }
                [_] => return None,
            }
        }
    })
}

fn option(packet: &Packet<'_>, at: usize, kind: u8, part: std::ops::Range<usize>, each: Each<'_>) -> bool {
    find(options(packet, at), kind).any(|data| {
        let bytes = data.get(part.clone());
        bytes.is_some_and(|bytes| {
            each(Value::Int(bytes.iter().fold(0, |word, byte| word << 8 | i128::from(*byte))))
        })
    })
}

// Wireshark counts UDP-Lite as UDP here, too.
const UDP_SRC: Number = Number::new(Proto::Udp, 0, 2).and(Proto::UdpLite);
const UDP_DST: Number = Number::new(Proto::Udp, 2, 2).and(Proto::UdpLite);

pub(super) const UDP: &[Field] = &[
    header("udp", Proto::Udp, "UDP"),
    header("udplite", Proto::UdpLite, "UDP-Lite"),
    int("udp.srcport", &[UDP_SRC], "the port of the sender"),
    int("udp.dstport", &[UDP_DST], "the port of the receiver"),
    int("udp.port", &[UDP_SRC, UDP_DST], "either port"),
    int("udp.length", &[Number::new(Proto::Udp, 4, 2)], "the length of header and data").unit("bytes"),
    int(
        "udp.checksum",
        &[Number::new(Proto::Udp, 6, 2).and(Proto::UdpLite)],
        "the checksum as it stands there; 0 means none",
    ),
    status("udp.checksum.status", of_udp, "whether the checksum is right"),
    int("udp.checksum_coverage", &[Number::new(Proto::UdpLite, 4, 2)], "how much UDP-Lite protects")
        .unit("bytes"),
    Field::new(
        "udp.payload",
        Type::Bytes,
        Source::Header(Protos::of(&[Proto::Udp, Proto::UdpLite]), udp_payload),
        "the data",
    ),
];

fn udp_payload(packet: &Packet<'_>, at: usize, each: Each<'_>) -> bool {
    let claimed = match be(packet, at + 4, 2) {
        Some(Value::Int(length)) => length as usize,
        _ => 0,
    };
    let is_udp = packet.layers.headers().any(|(proto, start)| proto == Proto::Udp && start == at);
    let all = packet.from(at);
    let data = all.get(8..if is_udp && claimed >= 8 { claimed.min(all.len()) } else { all.len() });
    data.filter(|data| !data.is_empty()).is_some_and(|data| each(Value::Bytes(data)))
}

const SCTP_SRC: Number = Number::new(Proto::Sctp, 0, 2);
const SCTP_DST: Number = Number::new(Proto::Sctp, 2, 2);

const fn sctp(name: &'static str, read: FromHeader, about: &'static str) -> Field {
    Field::new(name, Type::Int, Source::Header(Protos::of(&[Proto::Sctp]), read), about)
}

pub(super) const SCTP: &[Field] = &[
    header("sctp", Proto::Sctp, "SCTP"),
    int("sctp.srcport", &[SCTP_SRC], "the port of the sender"),
    int("sctp.dstport", &[SCTP_DST], "the port of the receiver"),
    int("sctp.port", &[SCTP_SRC, SCTP_DST], "either port"),
    int("sctp.verification_tag", &[Number::new(Proto::Sctp, 4, 4)], "the tag of the association"),
    int("sctp.checksum", &[Number::new(Proto::Sctp, 8, 4)], "the checksum as it stands there"),
    status("sctp.checksum.status", of_sctp, "whether the checksum is right"),
    sctp("sctp.chunk_type", |packet, at, each| chunks(packet, at, 0..1, each), "the kinds of its chunks"),
    sctp("sctp.chunk_flags", |packet, at, each| chunks(packet, at, 1..2, each), "the flags of its chunks"),
    sctp("sctp.chunk_length", |packet, at, each| chunks(packet, at, 2..4, each), "the lengths of its chunks")
        .unit("bytes"),
];

/// Part of the head of every chunk.
fn chunks(packet: &Packet<'_>, at: usize, part: std::ops::Range<usize>, each: Each<'_>) -> bool {
    let mut rest = packet.from(at).get(12..).unwrap_or_default();
    while let Some([_, _, high, low]) = rest.first_chunk() {
        let bytes = rest.get(part.clone()).unwrap_or_default();
        if each(Value::Int(bytes.iter().fold(0, |word, byte| word << 8 | i128::from(*byte)))) {
            return true;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low])).max(4);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

/// The verdict on the checksum of headers that `of` picks out of one IP packet.
pub(super) const fn status(
    name: &'static str,
    of: for<'a> fn(&Packet<'a>, Each<'_>) -> bool,
    about: &'static str,
) -> Field {
    Field::new(name, Type::Int, Source::Packet(of), about).words(&[
        ("bad", 0),
        ("good", 1),
        ("unverified", 2),
        ("not present", 3),
        ("offloaded", 4),
    ])
}

/// Calls `each` with the verdict on every IP packet, outermost first, that has one.
fn verdicts(packet: &Packet<'_>, of: fn(&Packet<'_>, &Layers) -> Option<Verdict>, each: Each<'_>) -> bool {
    let packets = std::iter::successors(Some(*packet.layers), |outer| outer.inner(packet.data));
    packets.filter_map(|layers| of(packet, &layers)).any(|verdict| {
        each(Value::Int(match verdict {
            Verdict::Bad => 0,
            Verdict::Good => 1,
            Verdict::Unverifiable => 2,
            Verdict::Absent => 3,
            Verdict::Offloaded => 4,
        }))
    })
}

fn check(packet: &Packet<'_>, layers: &Layers) -> verify::Verdicts {
    let offload = match packet.frame.flags {
        flags if flags.contains(Flags::CHECKSUM_NOT_READY) => Offload::NotReady,
        flags if flags.contains(Flags::CHECKSUM_VALID) => Offload::Valid,
        _ => Offload::None,
    };
    verify::check(packet.data, layers, packet.frame.wire, offload)
}

pub(super) fn of_ip(packet: &Packet<'_>, each: Each<'_>) -> bool {
    let of = |packet: &Packet<'_>, layers: &Layers| {
        let is_v4 = layers.network().is_some_and(|(proto, _)| proto == Proto::Ipv4);
        is_v4.then(|| check(packet, layers).network)
    };
    verdicts(packet, of, each)
}

/// A function that gives the verdicts on transport headers of one kind.
macro_rules! of_transport {
    ($name:ident, $proto:pat) => {
        pub(super) fn $name(packet: &Packet<'_>, each: Each<'_>) -> bool {
            let of = |packet: &Packet<'_>, layers: &Layers| {
                let is_one = layers.transport().is_some_and(|(proto, _)| matches!(proto, $proto));
                is_one.then(|| check(packet, layers).transport)
            };
            verdicts(packet, of, each)
        }
    };
}

of_transport!(of_tcp, Proto::Tcp);
of_transport!(of_udp, Proto::Udp | Proto::UdpLite);
of_transport!(of_sctp, Proto::Sctp);
of_transport!(of_icmp, Proto::Icmpv4);
of_transport!(of_icmpv6, Proto::Icmpv6);
of_transport!(of_igmp, Proto::Igmp);
