//! Where the value of a field comes from.

use std::net::{Ipv4Addr, Ipv6Addr};

use sluice_core::Frame;
use sluice_wire::addr::Mac;
use sluice_wire::layers::{Proto, Protos};

use super::{Field, Packet};
use crate::expr::Line;
use crate::{Type, Value};

/// Takes the values of a field one by one; true when it wants no more.
pub(crate) type Each<'e> = &'e mut dyn FnMut(Value<'_>) -> bool;

/// A number in a header, most significant byte first: `width` bytes (1 to 4, or 6) at `at`, shifted to the right and
/// masked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub(crate) protos: Protos,
    pub(crate) at: u8,
    pub(crate) width: u8,
    pub(crate) shift: u8,
    pub(crate) mask: u64,
}

impl Number {
    pub(crate) const fn new(proto: Proto, at: u8, width: u8) -> Self {
        Self::bits(proto, at, width, 0, u64::MAX)
    }

    pub(crate) const fn bits(proto: Proto, at: u8, width: u8, shift: u8, mask: u64) -> Self {
        Self { protos: Protos::of(&[proto]), at, width, shift, mask }
    }

    /// The same in headers of this kind too.
    pub(crate) const fn and(mut self, proto: Proto) -> Self {
        self.protos = self.protos.and(proto);
        self
    }

    /// The number in the header that begins at `start`, unless that is cut off before it.
    #[inline(always)]
    pub(crate) fn read(&self, data: &[u8], start: usize) -> Option<u64> {
        match self.width {
            1 => self.load::<1>(data, start),
            2 => self.load::<2>(data, start),
            3 => self.load::<3>(data, start),
            4 => self.load::<4>(data, start),
            _ => self.load::<6>(data, start),
        }
    }

    /// The same for a number that is known to be so wide.
    #[inline(always)]
    pub(crate) fn load<const WIDTH: usize>(&self, data: &[u8], start: usize) -> Option<u64> {
        let bytes: &[u8; WIDTH] = data.get(start + usize::from(self.at)..)?.first_chunk()?;
        let word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        Some(word >> self.shift & self.mask)
    }
}

/// The numbers that are the values of a field.
pub(crate) type Numbers = &'static [Number];

/// Calls `each` with every one of the numbers that the packet has.
#[inline(always)]
pub(crate) fn numbers(packet: &Packet<'_>, numbers: &[Number], mut each: impl FnMut(u64) -> bool) -> bool {
    let data = packet.data.get(..packet.end()).unwrap_or_default();
    for (proto, at) in packet.layers.headers() {
        for number in numbers {
            if number.protos.contains(proto)
                && let Some(value) = number.read(data, at)
                && each(value)
            {
                return true;
            }
        }
    }
    false
}

/// Reads a value out of a header that begins at this offset.
pub(crate) type FromHeader = for<'a> fn(&Packet<'a>, usize, Each<'_>) -> bool;

/// Where the value of a field comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// All bytes of the frame.
    Whole,
    /// Headers of these kinds.
    Headers(Protos),
    /// Numbers in headers; the type of the field says what they stand for.
    Numbers(Numbers),
    /// An address of 16 bytes at these offsets of an IPv6 header.
    V6(&'static [u8]),
    /// Computed from headers of these kinds.
    Header(Protos, FromHeader),
    /// Computed from the packet.
    Packet(for<'a> fn(&Packet<'a>, Each<'_>) -> bool),
    /// A number known about the frame.
    Frame(fn(&Frame) -> Option<u64>),
    /// Something known about a record.
    Record(for<'a> fn(&Line<'a>) -> Value<'a>),
}

impl Field {
    /// What a number of this field stands for.
    #[inline]
    fn value(&self, number: u64) -> Value<'static> {
        match self.kind {
            Type::Bool => Value::Bool(number != 0),
            Type::Mac => {
                let [_, _, mac @ ..] = number.to_be_bytes();
                Value::Mac(Mac(mac))
            }
            Type::Ip => Value::Ip(Ipv4Addr::from_bits(number as u32).into()),
            Type::Time => Value::Time(number as i64),
            _ => Value::Int(number.into()),
        }
    }

    /// Calls `each` with every value that a packet has, outermost first, until it wants no more; whether it did.
    pub(crate) fn of_packet(&self, packet: &Packet<'_>, each: Each<'_>) -> bool {
        match self.source {
            Source::Whole => each(Value::Bytes(packet.data)),
            Source::Headers(protos) => headers(packet, protos).any(|at| each(Value::Bytes(packet.from(at)))),
            Source::Numbers(of) => numbers(packet, of, |number| each(self.value(number))),
            Source::V6(offsets) => headers(packet, Protos::of(&[Proto::Ipv6])).any(|at| {
                let addresses = offsets.iter().filter_map(|offset| v6(packet, at + usize::from(*offset)));
                addresses.into_iter().any(&mut *each)
            }),
            Source::Header(protos, read) => headers(packet, protos).any(|at| read(packet, at, each)),
            Source::Packet(read) => read(packet, each),
            Source::Frame(read) => read(packet.frame).is_some_and(|number| each(self.value(number))),
            Source::Record(_) => false,
        }
    }
}

fn headers(packet: &Packet<'_>, protos: Protos) -> impl Iterator<Item = usize> {
    packet.layers.headers().filter(move |(proto, _)| protos.contains(*proto)).map(|(_, at)| at)
}

/// The IPv6 address at `at`.
pub(crate) fn v6(packet: &Packet<'_>, at: usize) -> Option<Value<'static>> {
    let bytes: &[u8; 16] = packet.data.get(at..packet.end())?.first_chunk()?;
    Some(Value::Ip(Ipv6Addr::from(*bytes).into()))
}

/// The number of up to four bytes at `at`.
pub(crate) fn be(packet: &Packet<'_>, at: usize, width: usize) -> Option<Value<'static>> {
    let bytes = packet.data.get(at..packet.end())?.get(..width)?;
    Some(Value::Int(bytes.iter().fold(0, |word, byte| word << 8 | i128::from(*byte))))
}

impl Field {
    /// The header kinds that it is read from; nothing where it is not read from single headers.
    pub(crate) fn protos(&self) -> Option<Protos> {
        match self.source {
            Source::Headers(protos) | Source::Header(protos, _) => Some(protos),
            Source::Numbers(numbers) => {
                Some(numbers.iter().fold(Protos::NONE, |all, number| all.or(number.protos)))
            }
            Source::V6(_) => Some(Protos::of(&[Proto::Ipv6])),
            Source::Whole | Source::Packet(_) | Source::Frame(_) | Source::Record(_) => None,
        }
    }

    /// The same as [`of_packet`](Self::of_packet), of one header only: 1 is the outermost of its kind, -1 the innermost.
    pub(crate) fn of_header(&self, packet: &Packet<'_>, occurrence: i32, each: Each<'_>) -> bool {
        let Some(protos) = self.protos() else { return false };
        let nth = occurrence.unsigned_abs().saturating_sub(1) as usize;
        let mut all = packet.layers.headers().filter(|(proto, _)| protos.contains(*proto));
        let Some((proto, at)) = (if occurrence > 0 { all.nth(nth) } else { all.rev().nth(nth) }) else {
            return false;
        };
        let data = packet.data.get(..packet.end()).unwrap_or_default();
        match self.source {
            Source::Headers(_) => each(Value::Bytes(packet.from(at))),
            Source::Header(_, read) => read(packet, at, each),
            Source::V6(offsets) => {
                offsets.iter().filter_map(|offset| v6(packet, at + usize::from(*offset))).any(each)
            }
            Source::Numbers(numbers) => numbers
                .iter()
                .filter(|number| number.protos.contains(proto))
                .filter_map(|number| number.read(data, at))
                .any(|number| each(self.value(number))),
            Source::Whole | Source::Packet(_) | Source::Frame(_) | Source::Record(_) => false,
        }
    }

    /// The value of a field of records.
    pub(crate) fn of_record<'a>(&self, line: &Line<'a>) -> Option<Value<'a>> {
        match self.source {
            Source::Record(read) => Some(read(line)),
            _ => None,
        }
    }
}
