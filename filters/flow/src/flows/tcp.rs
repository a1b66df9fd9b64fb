//! What a segment of TCP does to its flow.

use super::entry::{Flow, Stream};
use super::history::Event;
use super::packet::{ACK, FIN, Kind, RST, SYN, Seen};
use super::state::End;

/// What is further ahead than any window can reach does not belong to the stream.
const WINDOW: u32 = 1 << 30;

/// Whether a packet begins a new connection between the ends of one that is there.
pub(super) fn begins_anew(flow: &Flow, side: usize, seen: &Seen) -> bool {
    if seen.flags & (SYN | ACK | RST | FIN) != SYN {
        return false;
    }
    let is_over = matches!(flow.ends, [End::Reset, _] | [_, End::Reset] | [End::Closed, End::Closed]);
    match seen.kind {
        Kind::Sctp => is_over,
        Kind::Tcp if !seen.has_numbers => false,
        // The same SYN again is no new connection, whatever became of it.
        Kind::Tcp if flow.is_started(side) => initial(flow, side) != Some(seen.seq),
        // The SYN of the other side, or one that came after its answer.
        Kind::Tcp => {
            let answers = [Event::Syn, Event::SynAck].iter().any(|event| flow.history.has(*event, 1 - side));
            is_over || flow.is_started(1 - side) && !answers
        }
        _ => false,
    }
}

/// The sequence number of the SYN of a side, if there was one.
fn initial(flow: &Flow, side: usize) -> Option<u32> {
    if flow.flags[side] & SYN == 0 {
        return None;
    }
    let Stream { next, length, .. } = flow.streams[side];
    let fin = u32::from(flow.history.has(Event::Fin, side));
    Some(next.wrapping_sub(length.get() as u32).wrapping_sub(1).wrapping_sub(fin))
}

/// Notes what a segment does. The packet is counted already.
pub(super) fn segment(flow: &mut Flow, side: usize, seen: &Seen) {
    if seen.kind == Kind::Tcp && seen.has_numbers {
        events(flow, side, seen);
        // The numbers of a RST may be anything, and it carries no data of the stream.
        if seen.flags & RST == 0 {
            sequence(flow, side, seen);
        }
        if seen.flags & ACK != 0 {
            let other = 1 - side;
            let missed = flow.streams[other].holes.acknowledge(seen.ack);
            miss(flow, other, missed);
        }
    } else if seen.payload > 0 {
        flow.history.note(Event::Data, side);
    }
    if seen.kind == Kind::Sctp {
        events(flow, side, seen);
    }
    time(flow, side, seen);
    ends(flow, side, seen.flags);
    flow.flags[side] |= seen.flags;
}

/// Notes the letters of the history.
fn events(flow: &mut Flow, side: usize, seen: &Seen) {
    let (flags, history) = (seen.flags, &mut flow.history);
    match flags & (SYN | ACK) {
        SYN => history.note(Event::Syn, side),
        both if both == SYN | ACK => history.note(Event::SynAck, side),
        _ => {}
    }
    if flags & SYN != 0 && flags & (FIN | RST) != 0 {
        history.note(Event::Mixed, side);
    }
    if flags & (FIN | RST) == FIN | RST {
        history.note(Event::Inconsistent, side);
    }
    if seen.payload > 0 {
        history.note(Event::Data, side);
    } else if flags & (SYN | ACK | FIN | RST) == ACK {
        history.note(Event::Ack, side);
    }
    if flags & FIN != 0 {
        history.note(Event::Fin, side);
    }
    if flags & RST != 0 {
        history.note(Event::Reset, side);
    } else if seen.kind == Kind::Tcp && seen.window == 0 {
        history.note(Event::ZeroWindow, side);
    }
}

/// Follows the sequence numbers.
fn sequence(flow: &mut Flow, side: usize, seen: &Seen) {
    let control = u32::from(seen.flags & SYN != 0) + u32::from(seen.flags & FIN != 0);
    let (payload, len) = (seen.payload, seen.payload + control);
    let is_started = flow.is_started(side);
    let it = &mut flow.streams[side];
    if !is_started {
        it.next = seen.seq.wrapping_add(len);
        it.length.add(payload);
        flow.set_started(side);
        return;
    }
    let ahead = seen.seq.wrapping_sub(it.next);
    let mut missed = 0;
    if ahead == 0 {
        it.next = it.next.wrapping_add(len);
        it.length.add(payload);
    } else if ahead <= WINDOW {
        missed = it.holes.open(it.next, ahead);
        it.next = seen.seq.wrapping_add(len);
        it.length.add(ahead);
        it.length.add(payload);
    } else if ahead < 0u32.wrapping_sub(WINDOW) || len == 0 {
        // Out of any window, or a bare ACK that comes late.
    } else if ahead == u32::MAX && payload <= 1 && control == 0 {
        // One byte behind: it asks whether the other side is still there.
    } else {
        let end = seen.seq.wrapping_add(len);
        let more = (end.wrapping_sub(it.next) as i32).max(0) as u32;
        let (filled, given_up) = it.holes.fill(seen.seq, end);
        missed = given_up;
        it.next = it.next.wrapping_add(more);
        // What is new at the end is the FIN, if there is one.
        it.length.add(more.saturating_sub(u32::from(seen.flags & FIN != 0)));
        if filled + more < len {
            it.again = it.again.saturating_add(1);
            if payload > 0 {
                flow.history.note(Event::Again, side);
            }
        }
    }
    miss(flow, side, missed);
}

/// Notes that so many bytes of a side will not come.
fn miss(flow: &mut Flow, side: usize, bytes: u32) {
    if bytes > 0 {
        flow.streams[side].missed.add(bytes);
        flow.history.note(Event::Gap, side);
    }
}

/// Times the handshake, unless something of it was sent twice, so that nobody knows which one was answered.
fn time(flow: &mut Flow, side: usize, seen: &Seen) {
    if !flow.is_timed() || flow.handshake[1] > 0 {
        return;
    }
    let span = |from: u64| {
        u32::try_from((seen.time.abs_diff(flow.first) / 10).saturating_sub(from)).unwrap_or(u32::MAX)
    };
    match (side, seen.flags & (SYN | ACK | RST), flow.ends) {
        (0, SYN, [End::Silent, End::Silent]) => {}
        (1, both, [End::Asked, End::Silent]) if both == SYN | ACK => flow.handshake[0] = span(0).max(1),
        (0, ACK, [End::Asked, End::Agreed]) => flow.handshake[1] = span(flow.handshake[0].into()).max(1),
        _ => flow.set_untimed(),
    }
}

/// Brings the ends further.
fn ends(flow: &mut Flow, side: usize, flags: u8) {
    let other = 1 - side;
    let was = flow.ends[side];
    let is_over = flow.ends == [End::Closed; 2];
    if flags & RST != 0 {
        // After both have closed, a reset tells nothing.
        if !is_over && flow.ends[other] != End::Reset {
            flow.ends[side] = End::Reset;
        }
        return;
    }
    if flow.ends.contains(&End::Reset) {
        return;
    }
    if flags & (SYN | ACK) == ACK {
        if flow.ends[other] == End::Agreed {
            flow.ends[other] = End::Open;
        }
        // It goes on, so it has seen an answer, whether or not that was captured.
        if matches!(was, End::Asked | End::Agreed) || was == End::Silent && flow.ends[other] == End::Open {
            flow.ends[side] = End::Open;
        }
    }
    match flags & (SYN | ACK) {
        SYN if was == End::Silent => flow.ends[side] = End::Asked,
        both if both == SYN | ACK && matches!(was, End::Silent | End::Asked) => flow.ends[side] = End::Agreed,
        _ if flow.ends[side] == End::Silent => flow.ends[side] = End::Partial,
        _ => {}
    }
    if flags & FIN != 0 {
        flow.ends[side] = End::Closed;
    }
}
