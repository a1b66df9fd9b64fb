//! Keys of packets: the fields one after the other, in one of two forms.
//!
//! A key begins with a bit for each field that the packet has. It is narrow, with four bytes an address, unless there is
//! an IPv6 address in it: so the many have keys that fit into a cache line together with their totals.

use std::cmp::Ordering;
use std::ops::Range;

use sluice_core::Frame;
use sluice_wire::flow::Compact;
use sluice_wire::layers::{MAX_HEADERS, Proto};
use sluice_wire::link::LinkType;

use super::field::{Field, Form, NARROW, Names, Packet, View, WIDE};
use super::page::{Cell, Page};
use super::table::Item;

/// The bytes before the first field.
const HEAD: usize = 2;
/// How many fields there may be.
pub(super) const MOST: usize = 8 * HEAD;

/// Where fields are in keys of one form.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    address: usize,
    places: Vec<Range<usize>>,
    pub length: usize,
}

impl Shape {
    fn new(fields: &[Field], address: usize) -> Self {
        let mut length = HEAD;
        let place = |field: &Field| {
            let start = length;
            length += field.width(address);
            start..length
        };
        let places = fields.iter().map(place).collect();
        Self { address, places, length }
    }
}

/// How keys are made of packets.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    fields: Vec<Field>,
    narrow: Shape,
    wide: Shape,
    has_addresses: bool,
    has_ends: bool,
    has_levels: bool,
    is_flow: bool,
    names: Names,
}

/// Keys on their way into a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Staged {
    pub keys: Vec<u8>,
    pub items: Vec<Item>,
    pub stride: usize,
}

impl Staged {
    pub fn clear(&mut self) {
        self.keys.clear();
        self.items.clear();
    }

    #[inline]
    fn flow(&mut self, flow: Compact, hash: u64, frame: &Frame) {
        self.keys.extend_from_slice(&compact(flow));
        self.items.push(item(frame, hash));
    }
}

impl Keys {
    pub fn new(fields: Vec<Field>) -> Self {
        let any = |is: fn(Field) -> bool| fields.iter().any(|field| is(*field));
        Self {
            narrow: Shape::new(&fields, NARROW),
            wide: Shape::new(&fields, WIDE),
            has_addresses: any(Field::has_addresses),
            has_ends: any(Field::has_ends),
            has_levels: fields.contains(&Field::Hierarchy),
            is_flow: fields == [Field::Flow],
            names: [""; 256],
            fields,
        }
    }

    /// The lengths of narrow and of wide keys.
    pub fn lengths(&self) -> [usize; 2] {
        [self.narrow.length, self.wide.length]
    }

    pub fn columns(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.fields.iter().flat_map(|field| field.columns()).copied()
    }

    /// Does the same with a packet that was not decoded, if that was not needed.
    #[inline]
    pub fn stage_undecoded(
        &self,
        frame: &Frame,
        data: &[u8],
        link: LinkType,
        staged: &mut [Staged; 2],
    ) -> bool {
        let wanted = self.is_flow && link.is_ethernet();
        let flow = if wanted { Compact::of_frame(data) } else { None };
        flow.map(|flow| staged[0].flow(flow, flow.hash(), frame)).is_some()
    }

    /// Puts the keys that a packet counts under into `staged`: narrow ones first, wide ones second.
    #[inline]
    pub fn stage(&mut self, packet: &Packet<'_>, staged: &mut [Staged; 2]) {
        if self.is_flow
            && let Some(flow) = Compact::of(packet.data, packet.layers)
        {
            return staged[0].flow(flow, packet.layers.flow_hash(), packet.frame);
        }
        if self.has_ends || self.has_levels {
            return self.stage_all(packet, staged);
        }
        self.stage_one(packet, View { destination: false, depth: MAX_HEADERS }, staged);
    }

    fn stage_all(&mut self, packet: &Packet<'_>, staged: &mut [Staged; 2]) {
        let count = packet.layers.headers().count().max(1);
        for depth in if self.has_levels { 1..=count } else { count..=count } {
            let (wide, from) = self.stage_one(packet, View { destination: false, depth }, staged);
            let (again, to) = match self.has_ends {
                true => self.stage_one(packet, View { destination: true, depth }, staged),
                false => continue,
            };
            // Both ends are one: the packet counts once.
            let Staged { keys, items, .. } = &mut staged[usize::from(again)];
            if wide == again && keys.get(from..to) == keys.get(to..) {
                keys.truncate(to);
                items.pop();
            }
        }
    }

    /// Tells in which form the key is, and where it begins.
    #[inline]
    fn stage_one(&mut self, packet: &Packet<'_>, view: View, staged: &mut [Staged; 2]) -> (bool, usize) {
        let is_v6 = || matches!(packet.layers.network(), Some((Proto::Ipv6, _)));
        let expected = self.has_addresses && is_v6();
        let (found, start) = self.write(packet, view, expected, staged);
        if found == expected {
            return (found, start);
        }
        let Staged { keys, items, .. } = &mut staged[usize::from(expected)];
        keys.truncate(start);
        items.pop();
        (found, self.write(packet, view, found, staged).1)
    }

    /// Writes a key in the given form, and tells in which form it has to be.
    #[inline]
    fn write(
        &mut self,
        packet: &Packet<'_>,
        view: View,
        wide: bool,
        staged: &mut [Staged; 2],
    ) -> (bool, usize) {
        let shape = if wide { &self.wide } else { &self.narrow };
        let Staged { keys, items, stride } = &mut staged[usize::from(wide)];
        let start = keys.len();
        keys.resize(start + *stride, 0);
        let key = keys.get_mut(start..).unwrap_or_default();
        let mut form = Form { address: shape.address, v6: false };
        let mut present = 0u16;
        for ((field, place), bit) in self.fields.iter().zip(&shape.places).zip((0..MOST).rev()) {
            let Some(room) = key.get_mut(place.clone()) else { continue };
            match field.write(packet, view, &mut self.names, &mut form, room) {
                Some(()) => present |= 1 << bit,
                None => room.fill(0),
            }
        }
        if let Some(head) = key.first_chunk_mut() {
            *head = present.to_be_bytes();
        }
        let hash = match *self.fields {
            // The decoder has hashed flows already.
            [Field::Flow] if present != 0 => packet.layers.flow_hash(),
            _ => hash(key),
        };
        items.push(item(packet.frame, hash));
        (form.v6, start)
    }

    fn has(key: &[u8], field: usize) -> bool {
        key.first_chunk().is_some_and(|head| u16::from_be_bytes(*head) >> (MOST - 1 - field) & 1 == 1)
    }

    /// The bytes of a field in a key, if it has it.
    fn get<'k>(&self, wide: bool, key: &'k [u8], field: usize) -> Option<&'k [u8]> {
        let shape = if wide { &self.wide } else { &self.narrow };
        Self::has(key, field).then(|| key.get(shape.places.get(field)?.clone())).flatten()
    }

    /// The order of two keys, each with whether it is wide: field by field, what is absent first.
    pub fn compare(&self, a: (bool, &[u8]), b: (bool, &[u8])) -> Ordering {
        let fields = self.fields.iter().enumerate();
        let mut orders = fields.map(|(at, field)| {
            let (left, right) = (self.get(a.0, a.1, at), self.get(b.0, b.1, at));
            match (a.0, b.0) {
                (false, true) => left.map(|bytes| field.widen(bytes)).as_deref().cmp(&right),
                (true, false) => left.cmp(&right.map(|bytes| field.widen(bytes)).as_deref()),
                _ => left.cmp(&right),
            }
        });
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Appends the cells of a key.
    pub fn show(&self, wide: bool, key: &[u8], page: &mut Page) {
        for (at, field) in self.fields.iter().enumerate() {
            match self.get(wide, key, at) {
                Some(bytes) => field.show(bytes, &self.names, page),
                None => field.columns().iter().for_each(|_| page.cell(Cell::Nothing)),
            }
        }
    }
}

#[inline]
fn item(frame: &Frame, hash: u64) -> Item {
    Item { hash: (hash >> 32) as u32, bytes: frame.wire, time: frame.time }
}

/// The narrow key of most packets when they are counted by flow alone.
#[inline]
fn compact(flow: Compact) -> [u8; 24] {
    let mut key = [0; 24];
    let (head, rest) = key.split_at_mut(8);
    head.copy_from_slice(&(1 << 63 | flow.lower).to_be_bytes());
    rest[..8].copy_from_slice(&(flow.upper << 16 | u64::from(flow.protocol) << 8).to_be_bytes());
    key
}

/// Spreads a key over 64 bits.
#[inline]
fn hash(key: &[u8]) -> u64 {
    // Odd constants with about as many ones as zeros.
    const K: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93];
    key.as_chunks().0.iter().fold(K[1], |hash, word| {
        let product = u128::from(hash ^ u64::from_le_bytes(*word)) * u128::from(K[0]);
        (product as u64) ^ ((product >> 64) as u64)
    })
}
