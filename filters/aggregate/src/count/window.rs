//! What was counted in one stretch of time, and which stretches are open.

use sluice_core::{Frame, Record};
use sluice_wire::link::LinkType;

use super::field::Packet;
use super::keys::{Keys, Staged};
use super::lines::Lines;
use super::table::{self, Table, Totals};

/// How many items are gathered before they are added.
const STAGED: usize = 64;

/// What was counted by key in one stretch of time.
pub(super) struct Window {
    /// Where it begins, in ns since the epoch; means nothing where there is one window only.
    pub start: i64,
    /// All items, each once.
    pub total: Totals,
    /// Those whose keys found no room.
    pub other: Totals,
    pub lines: Lines,
    /// Narrow keys and wide ones.
    staged: [Staged; 2],
    pub tables: [Box<dyn Table>; 2],
}

impl Window {
    pub fn new(lengths: [usize; 2]) -> Self {
        let [narrow, wide] = lengths.map(table::new);
        let staged = [narrow.0, wide.0].map(|stride| Staged { stride, ..Staged::default() });
        Self {
            start: 0,
            total: Totals::NOTHING,
            other: Totals::NOTHING,
            lines: Lines::default(),
            staged,
            tables: [narrow.1, wide.1],
        }
    }

    #[inline]
    pub fn packet(&mut self, keys: &mut Keys, packet: &Packet<'_>, room: &mut usize) {
        self.total.add(packet.frame.wire, packet.frame.time);
        keys.stage(packet, &mut self.staged);
        self.settle_if_full(room);
    }

    /// Adds a packet that was not decoded, if that was not needed.
    #[inline]
    pub fn undecoded(
        &mut self,
        keys: &Keys,
        frame: &Frame,
        data: &[u8],
        link: LinkType,
        room: &mut usize,
    ) -> bool {
        let staged = keys.stage_undecoded(frame, data, link, &mut self.staged);
        if staged {
            self.total.add(frame.wire, frame.time);
            self.settle_if_full(room);
        }
        staged
    }

    #[inline]
    fn settle_if_full(&mut self, room: &mut usize) {
        if self.staged.iter().any(|staged| staged.items.len() >= STAGED) {
            self.settle(room);
        }
    }

    pub fn record(&mut self, key: &[u8], record: &Record, room: &mut usize) {
        self.total.add(record.bytes(), record.time);
        self.lines.add(key, record.bytes(), record.time, room, &mut self.other);
    }

    /// An item that has no key: all of them are one.
    pub fn alone(&mut self, bytes: u32, time: i64, room: &mut usize) {
        self.total.add(bytes, time);
        self.lines.add(&[], bytes, time, room, &mut self.other);
    }

    /// Adds what was gathered.
    pub fn settle(&mut self, room: &mut usize) {
        for (staged, table) in self.staged.iter_mut().zip(&mut self.tables) {
            table.add(&staged.keys, &staged.items, room, &mut self.other);
            staged.clear();
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.lines.len() + self.tables.iter().map(|table| table.len()).sum::<usize>()
    }

    fn clear(&mut self) {
        (self.total, self.other) = (Totals::NOTHING, Totals::NOTHING);
        self.lines.clear();
        self.tables.iter_mut().for_each(|table| table.clear());
    }
}

/// The open windows.
pub(super) struct Windows {
    /// How long each is, in ns; one without end when absent.
    every: Option<i64>,
    lengths: [usize; 2],
    open: Vec<Window>,
    /// The one that was used last, which is where the next item most likely belongs.
    last: usize,
    spare: Vec<Window>,
    /// How many keys there is room for, in all of them together.
    pub room: usize,
}

impl Windows {
    pub fn new(every: Option<i64>, lengths: [usize; 2], room: usize) -> Self {
        Self { every, lengths, open: Vec::new(), last: 0, spare: Vec::new(), room }
    }

    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether there were keys that found no room.
    pub fn crowded(&self) -> bool {
        self.open.iter().any(|window| window.other.items > 0)
    }

    /// The earliest start of an open window.
    pub fn earliest(&self) -> Option<i64> {
        self.open.iter().map(|window| window.start).min()
    }

    /// The window that an item of this time belongs to, and the room for keys.
    #[inline]
    pub fn at(&mut self, time: i64) -> (&mut Window, &mut usize) {
        let start = match (self.every, self.open.get(self.last)) {
            (None, _) => 0,
            (Some(every), Some(last))
                if time >= last.start && last.start.abs_diff(time) < every.unsigned_abs() =>
            {
                last.start
            }
            (Some(every), _) => time.div_euclid(every).saturating_mul(every),
        };
        if self.open.get(self.last).is_none_or(|window| window.start != start) {
            self.turn_to(start);
        }
        (&mut self.open[self.last], &mut self.room)
    }

    #[cold]
    fn turn_to(&mut self, start: i64) {
        if let Some(window) = self.open.get_mut(self.last) {
            window.settle(&mut self.room);
        }
        self.last = self.open.iter().position(|window| window.start == start).unwrap_or_else(|| {
            let mut window = self.spare.pop().unwrap_or_else(|| Window::new(self.lengths));
            window.start = start;
            self.open.push(window);
            self.open.len() - 1
        });
    }

    /// Adds what was gathered.
    pub fn settle(&mut self) {
        if let Some(window) = self.open.get_mut(self.last) {
            window.settle(&mut self.room);
        }
    }

    /// Takes out the earliest window.
    pub fn close(&mut self) -> Option<Window> {
        self.settle();
        let earliest = self.earliest()?;
        let at = self.open.iter().position(|window| window.start == earliest)?;
        self.last = 0;
        let window = self.open.swap_remove(at);
        self.room += window.len();
        Some(window)
    }

    /// Takes back a window that was read.
    pub fn reuse(&mut self, mut window: Window) {
        if self.spare.is_empty() {
            window.clear();
            self.spare.push(window);
        }
    }
}
