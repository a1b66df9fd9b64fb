//! The fragments of one datagram, and whether they are all.

use std::sync::Arc;

use sluice_core::{CaptureInfo, Frame, HEADROOM, Reason};
use sluice_wire::link::LinkType;

use super::fragment::Part;
use super::overlap::{Overlap, Stretch};
use super::{BAD_LENGTH, OVERLAP, TOO_MANY};

/// A fragment that is held: a copy of all of its frame.
pub(super) struct Piece {
    pub part: Part,
    pub frame: Frame,
    pub headroom: [u8; HEADROOM],
    pub bytes: Vec<u8>,
    pub link: LinkType,
    pub info: Arc<CaptureInfo>,
}

pub(super) struct Datagram {
    /// When its first fragment came, and when it is given up; ns since the epoch.
    pub first: i64,
    pub deadline: i64,
    /// Tells it from others with the same deadline.
    pub number: u64,
    /// In the order in which they came. None once it is lost.
    pub pieces: Vec<Piece>,
    /// Why it is lost. It is remembered, so that what still comes of it is lost, too.
    pub lost: Option<&'static Reason>,
    /// Where its last fragment ends, once that came.
    end: Option<u32>,
    /// Where the one ends that reaches furthest.
    furthest: u32,
    /// What of it is there: stretches in order that neither overlap nor touch.
    there: Vec<(u32, u32)>,
}

impl Datagram {
    pub fn new(first: i64, deadline: i64, number: u64, pieces: Vec<Piece>) -> Self {
        let there = Vec::new();
        Self { first, deadline, number, pieces, lost: None, end: None, furthest: 0, there }
    }

    /// Whether this fragment may be added.
    pub fn check(
        &self,
        part: &Part,
        bytes: &[u8],
        overlap: Option<Overlap>,
        max: usize,
    ) -> Result<(), &'static Reason> {
        let end = part.offset + part.len;
        let known = self.end.unwrap_or(u32::MAX);
        if end > known || (!part.more && (end < self.furthest || self.end.is_some_and(|known| known != end)))
        {
            return Err(&BAD_LENGTH);
        }
        if self.pieces.len() >= max {
            return Err(&TOO_MANY);
        }
        let overlaps = self.there.iter().any(|(from, to)| *from < end && *to > part.offset);
        let discards = matches!(overlap, None | Some(Overlap::Discard));
        if discards && overlaps && !self.has(part, bytes) {
            return Err(&OVERLAP);
        }
        Ok(())
    }

    /// Whether the very same fragment came before.
    fn has(&self, part: &Part, bytes: &[u8]) -> bool {
        let same = |piece: &&Piece| {
            (piece.part.offset, piece.part.len, piece.part.more) == (part.offset, part.len, part.more)
        };
        self.pieces.iter().find(same).is_some_and(|piece| piece.part.bytes(&piece.bytes) == part.bytes(bytes))
    }

    pub fn add(&mut self, piece: Piece) {
        let (mut from, mut to) = (piece.part.offset, piece.part.offset + piece.part.len);
        self.furthest = self.furthest.max(to);
        if !piece.part.more {
            self.end = Some(to);
        }
        self.pieces.push(piece);
        let first = self.there.partition_point(|(_, end)| *end < from);
        let last = self.there.partition_point(|(begin, _)| *begin <= to);
        if let Some(joined) = self.there.get(first..last)
            && let (Some((begin, _)), Some((_, end))) = (joined.first(), joined.last())
        {
            (from, to) = (from.min(*begin), to.max(*end));
        }
        self.there.splice(first..last, [(from, to)]);
    }

    pub fn is_whole(&self) -> bool {
        self.end.is_some_and(|end| self.there == [(0, end)])
    }

    /// Which bytes are taken from which piece, in order.
    pub fn stretches(&self, overlap: Overlap, stretches: &mut Vec<Stretch>) {
        stretches.clear();
        let range = |number| self.pieces.get(number as usize).map_or(0..0, |piece| piece.part.range());
        (0..self.pieces.len() as u32).for_each(|number| overlap.add(stretches, range, number));
    }
}
