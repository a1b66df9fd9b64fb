//! Blocks that move to another section: other byte order, other interface numbers, other clocks.

use std::borrow::Cow;

use crate::order::Order;

use super::clock::Scale;
use super::options::{self, Options};
use super::{close, kind, padding};

/// Where one interface went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    /// Its number there.
    pub(super) number: u32,
    pub(super) from: Scale,
    pub(super) to: Scale,
}

/// How the blocks of one section are told in another.
#[derive(Debug)]
pub(super) struct Translation {
    /// The byte order that they are in; nothing when they are from no pcapng file.
    from: Option<Order>,
    to: Order,
    lanes: Vec<Lane>,
    /// Nothing differs.
    verbatim: bool,
}

impl Translation {
    pub(super) fn new(from: Option<Order>, to: Order, lanes: Vec<Lane>) -> Self {
        let stays = |(at, lane): (usize, &Lane)| lane.number as usize == at && lane.from == lane.to;
        let verbatim = from == Some(to) && lanes.iter().enumerate().all(stays);
        Self { from, to, lanes, verbatim }
    }

    /// The time that the header of a packet of this interface told, where it is told there in the same units.
    pub(super) fn units(&self, interface: u16, headroom: &[u8]) -> Option<u64> {
        let lane = self.lanes.get(usize::from(interface)).filter(|lane| lane.from == lane.to);
        let (from, _) = (self.from?, lane?);
        Some(u64::from(from.u32(headroom, 0)) << 32 | u64::from(from.u32(headroom, 4)))
    }

    /// Whether this block can be told there.
    pub(super) fn holds(&self, block: &[u8]) -> bool {
        let Some(from) = self.from else { return false };
        let kind = from.u32(block, 0);
        from == self.to || matches!(kind, kind::NAMES | kind::STATISTICS | kind::JOURNAL | kind::SECRETS)
    }

    /// Appends this block, unless it cannot be told there.
    pub(super) fn block(&self, out: &mut Vec<u8>, block: &[u8]) {
        let Some(from) = self.from.filter(|_| self.holds(block)) else { return };
        let (to, kind) = (self.to, from.u32(block, 0));
        if self.verbatim || from == to && kind != kind::STATISTICS {
            out.extend_from_slice(block);
            return;
        }
        let body = block.get(8..block.len().saturating_sub(4)).unwrap_or_default();
        let start = out.len();
        out.extend_from_slice(&to.put32(kind));
        out.extend_from_slice(&[0; 4]);
        match kind {
            kind::STATISTICS => self.statistics(out, body, from),
            kind::NAMES => self.names(out, body, from),
            kind::SECRETS => self.secrets(out, body, from),
            _ => out.extend_from_slice(body),
        }
        close(out, start, to);
    }

    /// Appends the options of a block of this kind.
    pub(super) fn options(&self, out: &mut Vec<u8>, kind: u32, options: &[u8]) {
        match self.from {
            Some(from) if from != self.to => self.each_option(out, kind, options, from, |_, value| value),
            _ => out.extend_from_slice(options),
        }
    }

    fn each_option<'a>(
        &self,
        out: &mut Vec<u8>,
        kind: u32,
        options: &'a [u8],
        from: Order,
        change: impl Fn(u16, Cow<'a, [u8]>) -> Cow<'a, [u8]>,
    ) {
        let mut any = false;
        for (code, value) in Options::new(from, options) {
            any = true;
            options::put(out, self.to, code, &change(code, swapped(kind, code, value, from, self.to)));
        }
        if any {
            options::end(out);
        }
    }

    fn statistics(&self, out: &mut Vec<u8>, body: &[u8], from: Order) {
        const FIXED: usize = 12;
        const START_TIME: u16 = 2;
        const END_TIME: u16 = 3;
        let (Some(fixed), Some(options)) = (body.get(..FIXED), body.get(FIXED..)) else {
            return out.extend_from_slice(body);
        };
        let lane = self.lanes.get(from.u32(fixed, 0) as usize);
        let number = lane.map_or_else(|| from.u32(fixed, 0), |lane| lane.number);
        let to = self.to;
        let restamped = |order: Order, bytes: &[u8]| {
            let units = u64::from(order.u32(bytes, 0)) << 32 | u64::from(order.u32(bytes, 4));
            let moved = lane.filter(|lane| lane.from != lane.to);
            let units = moved.and_then(|lane| lane.to.units(lane.from.time(units))).unwrap_or(units);
            [to.put32((units >> 32) as u32), to.put32(units as u32)].concat()
        };
        out.extend_from_slice(&to.put32(number));
        out.extend_from_slice(&restamped(from, fixed.get(4..).unwrap_or_default()));
        self.each_option(out, kind::STATISTICS, options, from, |code, value| match code {
            START_TIME | END_TIME if value.len() == 8 => restamped(to, &value).into(),
            _ => value,
        });
    }

    fn names(&self, out: &mut Vec<u8>, body: &[u8], from: Order) {
        let mut rest = body;
        // Records are built as options are; their values are addresses and text.
        for (code, value) in Options::new(from, body) {
            options::put(out, self.to, code, value);
            rest = rest.get(4 + value.len() + padding(value.len())..).unwrap_or_default();
        }
        if rest.len() >= 4 {
            options::end(out);
            self.options(out, kind::NAMES, rest.get(4..).unwrap_or_default());
        }
    }

    fn secrets(&self, out: &mut Vec<u8>, body: &[u8], from: Order) {
        let (kind, length) = (from.u32(body, 0), from.u32(body, 4) as usize);
        out.extend_from_slice(&self.to.put32(kind));
        out.extend_from_slice(&self.to.put32(length as u32));
        let secrets = body.get(8..).unwrap_or_default();
        let end = length.saturating_add(padding(length)).min(secrets.len());
        let (secrets, options) = secrets.split_at(end);
        out.extend_from_slice(secrets);
        self.options(out, kind::SECRETS, options);
    }
}

/// How an option's value is written.
enum Shape {
    Bytes,
    /// Numbers of so many bytes each.
    Numbers(usize),
    /// A number of 32 bits, then bytes.
    Enterprise,
    /// A byte, then a number of 64 bits in some cases.
    Verdict,
}

fn shape(kind: u32, code: u16) -> Shape {
    match (kind, code) {
        // Custom options are the same everywhere.
        (_, 2988 | 2989 | 19372 | 19373) => Shape::Enterprise,
        (kind::INTERFACE, 8 | 14 | 16 | 17) => Shape::Numbers(8),
        (kind::INTERFACE, 10) => Shape::Numbers(4),
        (kind::ENHANCED, 2 | 6 | 8) | (kind::PACKET, 2) => Shape::Numbers(4),
        (kind::ENHANCED, 4 | 5) => Shape::Numbers(8),
        (kind::ENHANCED, 7) => Shape::Verdict,
        // Times are two numbers of 32 bits.
        (kind::STATISTICS, 2 | 3) => Shape::Numbers(4),
        (kind::STATISTICS, 4..=8) => Shape::Numbers(8),
        _ => Shape::Bytes,
    }
}

/// The value of an option in another byte order.
pub(super) fn swapped(kind: u32, code: u16, value: &[u8], from: Order, to: Order) -> Cow<'_, [u8]> {
    let (start, end, width) = match shape(kind, code) {
        _ if from == to => return value.into(),
        Shape::Bytes => return value.into(),
        Shape::Numbers(width) => (0, value.len(), width),
        Shape::Enterprise => (0, 4, 4),
        Shape::Verdict if value.len() == 9 => (1, 9, 8),
        Shape::Verdict => return value.into(),
    };
    let mut value = value.to_vec();
    if let Some(numbers) = value.get_mut(start..end) {
        numbers.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    value.into()
}
