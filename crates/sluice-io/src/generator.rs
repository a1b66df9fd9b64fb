//! Making packets and lines out of nothing but a seed.

mod lines;
mod packets;
mod random;

use std::sync::Arc;

use sluice_core::quantity::Rate;
use sluice_core::{CaptureInfo, Error, Frame, HEADROOM, Next, Output, Record, Source};
use sluice_wire::link::LinkType;

pub(crate) use lines::{LineFormat, Lines};
pub(crate) use packets::{Packets, Traffic};

/// What is made.
#[derive(Clone, Debug)]
pub(crate) enum Make {
    Packets(Packets),
    Lines(Lines),
}

/// How many, when and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// How many items there are in all; without end when absent.
    pub(crate) count: Option<u64>,
    /// Items per second; as fast as they are taken when absent.
    pub(crate) rate: Option<Rate>,
    /// The time of the first item, in ns since the epoch.
    pub(crate) start: i64,
    /// Nanoseconds from one item to the next.
    pub(crate) interval: i64,
    /// Whether items have the time at which they were made instead.
    pub(crate) wall: bool,
}

/// A source of made-up items.
#[derive(Debug)]
pub(crate) struct Generator {
    make: Make,
    course: Course,
    /// When the first item was made, by the clock.
    began: Option<i64>,
    made: u64,
    info: Arc<CaptureInfo>,
    /// The frames and records of the batch that is being made.
    frames: Vec<Frame>,
    records: Vec<Record>,
}

impl Generator {
    pub(crate) fn new(make: Make, course: Course) -> Self {
        let info = Arc::new(CaptureInfo::of(LinkType::ETHERNET));
        Self { make, course, began: None, made: 0, info, frames: Vec::new(), records: Vec::new() }
    }

    /// How many items are due by the clock, and when the next one is.
    fn due(&mut self, now: i64) -> (u64, i64) {
        let began = *self.began.get_or_insert(now);
        let Some(Rate(rate)) = self.course.rate else { return (u64::MAX, now) };
        let at = |item: u64| began.saturating_add((item as f64 * 1e9 / rate) as i64);
        let elapsed = now.saturating_sub(began).max(0) as f64 / 1e9;
        // The first item is due at once. Between the two roundings, the later one decides.
        let due = (elapsed * rate) as u64 + 1;
        (due.saturating_sub(self.made), at(due))
    }

    fn time(course: &Course, made: u64, now: i64) -> i64 {
        if course.wall {
            return now;
        }
        let passed = course.interval.saturating_mul(i64::try_from(made).unwrap_or(i64::MAX));
        course.start.saturating_add(passed)
    }

    /// Emits one batch of at most `want` items, as many as fit into a slab.
    fn emit(&mut self, want: u64, out: &mut Output) {
        let Self { make, course, made, frames, records, info, .. } = self;
        let now = out.now();
        let first = *made;
        let size = out.pools().slab_size();
        match make {
            Make::Packets(packets) => {
                let most = HEADROOM + packets.longest();
                let mut slab = out.pools().slab(size.max(most));
                frames.clear();
                while (frames.len() as u64) < want && slab.capacity() - slab.filled().len() >= most {
                    let start = slab.filled().len() + HEADROOM;
                    let (headroom, space) = slab.space().split_at_mut(HEADROOM);
                    headroom.fill(0);
                    let len = packets.put(space);
                    slab.advance(HEADROOM + len);
                    let mut frame = Frame::new(start as u32, len as u32);
                    (frame.ordinal, frame.time) = (*made, Self::time(course, *made, now));
                    frames.push(frame);
                    *made += 1;
                }
                let mut batch = out.packets();
                batch.fill(slab.into(), Arc::clone(info));
                frames.iter().for_each(|frame| batch.push(*frame));
                out.emit(batch);
            }
            Make::Lines(lines) => {
                let mut slab = out.pools().slab(size);
                records.clear();
                while (records.len() as u64) < want {
                    let time = Self::time(course, *made, now);
                    let line = lines.next(time);
                    if records.is_empty() && line.len() > slab.capacity() {
                        slab = out.pools().slab(line.len());
                    }
                    let Some(place) = slab.append(line) else {
                        lines.put_back();
                        break;
                    };
                    let mut record = Record::new(place.start as u32, place.len() as u32, 1);
                    (record.ordinal, record.time) = (*made, time);
                    records.push(record);
                    *made += 1;
                }
                let mut batch = out.records();
                batch.fill(slab.into());
                records.iter().for_each(|record| batch.push(*record));
                out.emit(batch);
            }
        }
        if *made > first {
            out.watermark(Self::time(course, *made - 1, now));
        }
    }
}

impl Source for Generator {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        let left = self.course.count.map_or(u64::MAX, |count| count - self.made);
        let (due, next) = self.due(out.now());
        let want = due.min(left);
        if want > 0 {
            self.emit(want, out);
        }
        Ok(match self.course.count {
            Some(count) if self.made >= count => Next::End,
            _ if due == 0 => Next::Idle(Some(next)),
            _ => Next::More,
        })
    }
}
