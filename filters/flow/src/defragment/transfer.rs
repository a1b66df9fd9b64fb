//! Datagrams on their way from one instance to another.

use std::net::IpAddr;
use std::sync::Arc;

use sluice_core::{CaptureInfo, Error, Flags, Frame, Reason};
use sluice_wire::link::LinkType;

use super::datagram::{Datagram, Piece};
use super::fragment::{Key, Part};
use super::{BAD_LENGTH, CUT, OVERLAP, TINY, TOO_LONG, TOO_MANY};
use crate::state::{self, byte, long, short, take, word};

/// What the state of an instance begins with: the version of this form.
const VERSION: u8 = 1;

/// Why a datagram may be lost, by number from 1; 0 is none.
static LOST: [&Reason; 6] = [&BAD_LENGTH, &CUT, &OVERLAP, &TINY, &TOO_LONG, &TOO_MANY];

/// Appends datagrams to the state of an instance. Of a fragment's interface only the link type goes along.
pub(super) fn write(datagrams: &[(Key, Datagram)], state: &mut Vec<u8>) {
    state::write(VERSION, datagrams, state, |(key, datagram), state| {
        write_key(key, state);
        let lost = datagram.lost.and_then(|reason| LOST.iter().position(|lost| lost.name == reason.name));
        state.push(lost.map_or(0, |at| at as u8 + 1));
        [datagram.first, datagram.deadline].iter().for_each(|time| state.extend(time.to_le_bytes()));
        state.extend((datagram.pieces.len() as u32).to_le_bytes());
        datagram.pieces.iter().for_each(|piece| write_piece(piece, state));
    });
}

fn write_key(key: &Key, state: &mut Vec<u8>) {
    for address in [key.source, key.destination] {
        match address {
            IpAddr::V4(address) => {
                state.push(4);
                state.extend(address.octets());
            }
            IpAddr::V6(address) => {
                state.push(6);
                state.extend(address.octets());
            }
        }
    }
    state.extend(key.id.to_le_bytes());
    state.push(key.protocol);
    state.extend(key.vlans.to_le_bytes());
}

fn write_piece(piece: &Piece, state: &mut Vec<u8>) {
    let Piece { part, frame, headroom, bytes, link, .. } = piece;
    state.extend(frame.ordinal.to_le_bytes());
    state.extend(frame.time.to_le_bytes());
    let words = [frame.wire, frame.mark, part.offset, part.len, part.from, bytes.len() as u32];
    words.iter().for_each(|word| state.extend(word.to_le_bytes()));
    state.extend(frame.flags.bits().to_le_bytes());
    state.extend(link.0.to_le_bytes());
    state.extend([frame.fcs_len, u8::from(part.more)]);
    state.extend(headroom);
    state.extend(bytes);
}

/// The datagrams in a state that [`write`] made.
pub(super) fn read(state: &[u8]) -> Result<Vec<(Key, Datagram)>, Error> {
    state::read(VERSION, state, read_datagram)
}

fn address(rest: &mut &[u8]) -> Option<IpAddr> {
    match byte(rest)? {
        4 => take::<4>(rest).map(IpAddr::from),
        6 => take::<16>(rest).map(IpAddr::from),
        _ => None,
    }
}

fn read_datagram(rest: &mut &[u8]) -> Option<(Key, Datagram)> {
    let (source, destination) = (address(rest)?, address(rest)?);
    let key = Key { source, destination, id: word(rest)?, protocol: byte(rest)?, vlans: long(rest)? };
    let lost = match byte(rest)? {
        0 => None,
        number => Some(*LOST.get(usize::from(number) - 1)?),
    };
    let (first, deadline) = (long(rest)? as i64, long(rest)? as i64);
    let mut datagram = Datagram::new(first, deadline, 0, Vec::new());
    datagram.lost = lost;
    for _ in 0..word(rest)? {
        datagram.add(read_piece(rest)?);
    }
    Some((key, datagram))
}

fn read_piece(rest: &mut &[u8]) -> Option<Piece> {
    let (ordinal, time) = (long(rest)?, long(rest)? as i64);
    let (wire, mark) = (word(rest)?, word(rest)?);
    let (offset, len, from, captured) = (word(rest)?, word(rest)?, word(rest)?, word(rest)?);
    let flags = short(rest)?;
    let link = short(rest).map(LinkType)?;
    let [fcs_len, more] = take(rest)?;
    let headroom = take(rest)?;
    let (bytes, others) = rest.split_at_checked(captured as usize)?;
    *rest = others;
    let mut frame = Frame::new(0, captured);
    (frame.ordinal, frame.time, frame.wire, frame.mark) = (ordinal, time, wire, mark);
    (frame.flags, frame.fcs_len) = (Flags::of_bits(flags), fcs_len);
    let part = Part { offset, len, from, more: more == 1 };
    let info = Arc::new(CaptureInfo::of(link));
    Some(Piece { part, frame, headroom, bytes: bytes.to_vec(), link, info })
}
