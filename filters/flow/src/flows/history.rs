//! What happened in a flow, in the order in which it happened first: Zeek's letters.

/// Something that may happen. Its letter is a capital when the side that began the flow did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    /// A SYN without an ACK.
    Syn = 1,
    /// A SYN with an ACK.
    SynAck,
    /// A bare ACK.
    Ack,
    /// Data.
    Data,
    Fin,
    Reset,
    /// Data that the receiver acknowledged and that was not seen.
    Gap,
    /// Data that was sent before.
    Again,
    /// A window of zero.
    ZeroWindow,
    /// Flags that exclude each other: FIN and RST.
    Inconsistent,
    /// Flags that exclude each other: SYN and FIN or RST.
    Mixed,
    /// The first packet came from the side that answers.
    Flipped,
}

const LETTERS: [u8; 12] = *b"shadfrgtwiq^";

/// Each event of each side once, as up to 24 letters of five bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct History {
    seen: [u16; 2],
    words: [u32; 4],
}

/// A word below this has room for a letter.
const ROOM: u32 = 1 << 25;

impl History {
    /// Notes that `side` did this, if it is the first time; 0 is the side that began the flow.
    #[inline]
    pub fn note(&mut self, event: Event, side: usize) {
        let bit = 1 << event as u8;
        match self.seen.get_mut(side) {
            Some(seen) if *seen & bit == 0 => *seen |= bit,
            _ => return,
        }
        let code = event as u32 | if side == 0 { 16 } else { 0 };
        if let Some(word) = self.words.iter_mut().find(|word| **word < ROOM) {
            *word = (*word << 5) | code;
        }
    }

    /// Whether `side` did this.
    pub fn has(&self, event: Event, side: usize) -> bool {
        self.seen.get(side).is_some_and(|seen| seen & (1 << event as u8) != 0)
    }

    /// Which events of the side that began the flow there were, as bits.
    #[inline]
    pub fn seen(&self) -> u16 {
        self.seen[0]
    }

    /// What it consists of.
    pub fn parts(&self) -> ([u32; 4], [u16; 2]) {
        (self.words, self.seen)
    }

    /// The history that consists of this.
    pub fn of(words: [u32; 4], seen: [u16; 2]) -> Self {
        Self { words, seen }
    }

    /// Appends the letters.
    pub fn write(&self, out: &mut Vec<u8>) {
        for word in self.words {
            for at in (0..6).rev() {
                let code = (word >> (5 * at)) & 31;
                let Some(letter) = (code & 15).checked_sub(1).and_then(|at| LETTERS.get(at as usize)) else {
                    continue;
                };
                out.push(if code & 16 == 0 { *letter } else { letter.to_ascii_uppercase() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(history: &History) -> String {
        let mut out = Vec::new();
        history.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_event_stands_once_in_the_order_of_first_times() {
        let mut history = History::default();
        for (event, side) in
            [(Event::Syn, 0), (Event::SynAck, 1), (Event::Ack, 0), (Event::Ack, 0), (Event::Ack, 1)]
        {
            history.note(event, side);
        }
        assert_eq!(letters(&history), "ShAa");
        assert!(history.has(Event::Ack, 1) && !history.has(Event::Data, 1));
    }

    #[test]
    fn there_is_room_for_every_event_of_both_sides() {
        use Event::*;
        let mut history = History::default();
        for event in
            [Flipped, Syn, SynAck, Ack, Data, Fin, Reset, Gap, Again, ZeroWindow, Inconsistent, Mixed]
        {
            history.note(event, 0);
            history.note(event, 1);
        }
        assert_eq!(letters(&history), "^^SsHhAaDdFfRrGgTtWwIiQq");
    }
}
