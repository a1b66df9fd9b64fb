//! Several captures merged by time.
//!
//! Of the packets that come next in each capture, the earliest goes first; of several at the same time, that of the
//! capture listed first. A capture that is not in order itself keeps its own order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

use sluice_core::{
    CaptureInfo, Emitted, Error, Extra, Frame, HEADROOM, Next, Output, PacketBatch, PoolBuf, Progress, Role,
    Source,
};

use super::union::{Place, Union, adopt, order};
use super::{Feed, open, sum};

/// The type of a block that names an interface in its first word.
const STATISTICS: u32 = 5;

/// Captures that are merged.
#[derive(Debug)]
pub(crate) struct Merge {
    lanes: Vec<Lane>,
    unions: Vec<Union>,
    /// The time of the next packet of each capture that has one, and the number of that capture.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    /// Those captures whose next packet is not known, and which have not ended.
    unknown: Vec<usize>,
    begun: bool,
    copies: Copies,
    packets: u64,
    latest: i64,
    emitted: Vec<Emitted>,
}

/// One of the captures.
#[derive(Debug)]
struct Lane {
    feed: Feed,
    place: Place,
    /// The batch that its next packet is in, and what of that comes next.
    batch: Option<PacketBatch>,
    at: usize,
    extra: usize,
}

impl Lane {
    /// The next packet and the extras that come before it or belong to it; at the end of a batch, extras alone.
    fn item(&self) -> Option<(&PacketBatch, Option<&Frame>, &[Extra])> {
        let batch = self.batch.as_ref()?;
        let extras = batch.extras().get(self.extra..).unwrap_or_default();
        let here = extras.iter().take_while(|extra| extra.before as usize <= self.at).count();
        Some((batch, batch.frames().get(self.at), extras.get(..here).unwrap_or_default()))
    }

    /// The time of the next item. Blocks behind the last packet of a batch wait for nobody.
    fn head(&self) -> Option<i64> {
        match self.item()? {
            (_, Some(frame), _) => Some(frame.time),
            (_, None, extras) => (!extras.is_empty()).then_some(i64::MIN),
        }
    }

    /// Goes on to the next item; whether the one before was a packet.
    fn step(&mut self) -> bool {
        let (packet, extras) =
            self.item().map_or((false, 0), |(_, frame, extras)| (frame.is_some(), extras.len()));
        self.at += usize::from(packet);
        self.extra += extras;
        packet
    }
}

/// Packets copied from several batches, which become one.
#[derive(Debug, Default)]
struct Copies {
    slab: Option<PoolBuf>,
    union: usize,
    frames: Vec<Frame>,
    extras: Vec<Extra>,
}

impl Copies {
    fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.extras.is_empty()
    }

    /// Copies the next item of a capture; false where it does not fit to what is there already.
    fn take(&mut self, lane: &Lane, info: &CaptureInfo, ordinal: u64, out: &Output) -> bool {
        let Some((batch, frame, extras)) = lane.item() else { return true };
        let packet = frame.map_or(0, |frame| HEADROOM + frame.captured() as usize);
        let need = packet + extras.iter().map(|extra| extra.len as usize).sum::<usize>();
        if !self.is_empty() && self.union != lane.place.union {
            return false;
        }
        if self.slab.as_ref().is_none_or(|slab| slab.capacity() - slab.filled().len() < need) {
            if !self.is_empty() {
                return false;
            }
            self.slab = Some(out.pools().slab(out.pools().slab_size().max(need)));
        }
        let Some(slab) = &mut self.slab else { return false };
        self.union = lane.place.union;
        if let Some(frame) = frame
            && let Some(place) = slab.append(batch.headroom(frame)).and(slab.append(batch.data(frame)))
        {
            let mut copy = frame.moved_to(place.start as u32);
            copy.ordinal = ordinal;
            copy.interface = lane.place.interface(frame.interface);
            self.frames.push(copy);
        }
        let before = self.frames.len() - usize::from(frame.is_some());
        for extra in extras {
            if let Some(place) = slab.append(batch.extra(extra)) {
                let copy = Extra { before: before as u32, offset: place.start as u32, ..*extra };
                if extra.role == Role::Block
                    && let Some(block) = slab.filled_mut().get_mut(place)
                {
                    renumber(block, order(info).unwrap_or(false), &lane.place);
                }
                self.extras.push(copy);
            }
        }
        true
    }

    /// What was copied, as a batch.
    fn give(&mut self, info: Arc<CaptureInfo>, out: &Output) -> PacketBatch {
        let mut batch = out.packets();
        batch.fill(self.slab.take().map(Into::into).unwrap_or_default(), info);
        let mut extras = self.extras.drain(..).peekable();
        for (at, frame) in self.frames.drain(..).enumerate() {
            while let Some(extra) = extras.next_if(|extra| extra.before as usize <= at) {
                batch.push_extra(extra.offset, extra.len, extra.role);
            }
            batch.push(frame);
        }
        extras.for_each(|extra| batch.push_extra(extra.offset, extra.len, extra.role));
        batch
    }
}

/// Makes a block that tells about an interface tell about the same one in the union.
fn renumber(block: &mut [u8], big_endian: bool, place: &Place) {
    let word =
        |bytes: [u8; 4]| if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    let is_statistics = block.first_chunk().is_some_and(|kind| word(*kind) == STATISTICS);
    if let Some(number) =
        block.get_mut(8..12).and_then(|bytes| bytes.first_chunk_mut()).filter(|_| is_statistics)
    {
        let moved = u32::from(place.interface(word(*number) as u16));
        *number = if big_endian { moved.to_be_bytes() } else { moved.to_le_bytes() };
    }
}

impl Merge {
    /// Opens the captures, all at once.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, Error> {
        let lane = |path: &PathBuf| {
            let feed = Feed::new(open(path)?);
            Ok(Lane { feed, place: Place::default(), batch: None, at: 0, extra: 0 })
        };
        let lanes: Vec<Lane> = paths.iter().map(lane).collect::<Result<_, Error>>()?;
        Ok(Self {
            unions: Vec::new(),
            heads: BinaryHeap::with_capacity(lanes.len()),
            unknown: (0..lanes.len()).collect(),
            lanes,
            begun: false,
            copies: Copies::default(),
            packets: 0,
            latest: i64::MIN,
            emitted: Vec::new(),
        })
    }

    /// Finds the next packet of every capture; what to wait for, if one is not there yet.
    fn find(&mut self, out: &mut Output) -> Result<Option<Next>, Error> {
        while let Some(number) = self.unknown.last().copied() {
            let Some(lane) = self.lanes.get_mut(number) else { break };
            match lane.feed.pull(out, &mut self.emitted)? {
                Ok(batch) => {
                    (lane.batch, lane.at, lane.extra) = (Some(batch), 0, 0);
                    // One that holds nothing only tells about those to come.
                    if let Some(time) = lane.head() {
                        self.heads.push(Reverse((time, number)));
                        self.unknown.pop();
                    }
                }
                Err(Next::End) => {
                    let known = lane.batch.as_ref().is_none_or(|batch| lane.place.knows(batch.info()));
                    lane.batch = lane.batch.take().filter(|_| !known);
                    self.unknown.pop();
                }
                Err(idle) => return Ok(Some(idle)),
            }
        }
        Ok(None)
    }

    /// Takes in what a capture says about its packets, where that is new.
    fn adopt(&mut self, number: usize) -> Result<(), Error> {
        let info = |lane: &Lane| lane.batch.as_ref().map(|batch| Arc::clone(batch.info()));
        let Some(lane) = self.lanes.get(number) else { return Ok(()) };
        let Some(new) = info(lane).filter(|info| !lane.place.knows(info)) else { return Ok(()) };
        let infos: Vec<Arc<CaptureInfo>> = self.lanes.iter().filter_map(info).collect();
        let all: Vec<&CaptureInfo> = infos.iter().map(|info| &**info).collect();
        match self.lanes.get_mut(number) {
            Some(lane) => adopt(&mut self.unions, &mut lane.place, &new, &all),
            None => Ok(()),
        }
    }

    /// Copies packets of the capture whose turn it is, until it is the turn of another; false once one does not fit.
    fn copy(&mut self, (mut time, number): (i64, usize), out: &Output) -> bool {
        let Some(lane) = self.lanes.get_mut(number) else { return true };
        let Some(union) = self.unions.get(lane.place.union) else { return true };
        let others = self.heads.peek().map(|Reverse(head)| *head);
        loop {
            if !self.copies.take(lane, &union.info, self.packets, out) {
                self.heads.push(Reverse((time, number)));
                return false;
            }
            if lane.step() {
                self.packets += 1;
                self.latest = self.latest.max(time);
            }
            match lane.head() {
                Some(next) => time = next,
                None => {
                    self.unknown.push(number);
                    return true;
                }
            }
            if others.is_some_and(|head| (time, number) > head) {
                self.heads.push(Reverse((time, number)));
                return true;
            }
        }
    }
}

impl Source for Merge {
    fn next(&mut self, out: &mut Output) -> Result<Next, Error> {
        if let Some(idle) = self.find(out)? {
            return Ok(idle);
        }
        for number in 0..self.lanes.len() {
            self.adopt(number)?;
        }
        if !std::mem::replace(&mut self.begun, true) {
            // Captures without packets still have a header, which a copy has to repeat.
            self.unions.iter().for_each(|union| out.emit(self.copies.give(Arc::clone(&union.info), out)));
        }
        while self.unknown.is_empty()
            && let Some(Reverse(head)) = self.heads.pop()
        {
            if !self.copy(head, out) {
                break;
            }
        }
        if let Some(union) = self.unions.get(self.copies.union).filter(|_| !self.copies.is_empty()) {
            let batch = self.copies.give(Arc::clone(&union.info), out);
            let any = !batch.is_empty();
            out.emit(batch);
            if any {
                out.watermark(self.latest);
            }
        }
        Ok(if self.heads.is_empty() && self.unknown.is_empty() { Next::End } else { Next::More })
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.unknown.last().and_then(|number| self.lanes.get(*number)).and_then(|lane| lane.feed.capture.fd())
    }

    fn progress(&self) -> Progress {
        sum(self.lanes.iter().map(|lane| lane.feed.capture.progress()))
    }
}
